"""C{[[vault]]}: where secrets are kept that credentials refer to by C{vault:}."""

from __future__ import annotations

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import SHORTEST, option
from mcpgate.config.tables.peer import PeerTable


@frozen
class VaultTable(PeerTable):
    """C{[[vault]]}: a server with the key-value engine, version 2, of HashiCorp Vault or OpenBao. What is in
    it is read when it is needed, and kept in memory only."""

    name: str = option("The vault's name in references and messages.", forms.name(), example='"main"')
    url: str = option(
        "The server's https URL, without a path.",
        forms.public_url(),
        example='"https://vault.example.com:8200"',
    )
    token: str = option(
        "Reference to the token by which secrets may be read: file:PATH, env:NAME or credential:NAME. A file "
        "may be one that an agent renews.",
        forms.reference(),
        example='"file:/run/vault/token"',
    )
    namespace: str | None = option(
        "The namespace, where the server has several (X-Vault-Namespace).",
        forms.text("a namespace"),
        default=None,
        example='"team-a"',
    )
    # As soon as somebody who rotates a secret may want to see it used; a read costs a vault next to nothing.
    refresh: float = option(
        "How old a secret may become before it is read again.",
        forms.duration("1s", "1d"),
        default=300.0,
        example='"1m"',
    )
    # A secret does not expire with the server that tells it; but who takes one back there wants it gone.
    stale: float = option(
        "For how long it is shown while it cannot be read again.",
        forms.duration("1s", "7d"),
        default=3600.0,
        example='"15m"',
    )
    answer_timeout: float = option(
        "For a secret, from the first packet to the last of the answer.",
        forms.duration(SHORTEST, "1m"),
        default=5.0,
        example='"2s"',
    )
