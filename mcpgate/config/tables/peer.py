"""What is demanded of any server that the gate opens a connection to: the same keys wherever one is named."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import SHORTEST, option


@frozen
class PeerTable:
    """A server: where it is dialled, and by what it is verified."""

    name: str = option("The server's name in records and messages.", forms.name(), example='"login"')
    address: str | None = option(
        "Where to dial, host:port; the name that is checked stays the URL's.",
        forms.dial(),
        default=None,
        example='"10.0.0.7:443"',
    )
    trust: str = option(
        "system, or a PEM file of CAs.", forms.trust(), default="system", example='"/etc/mcpgate/ca.pem"'
    )
    crl: Path | None = option(
        "PEM file of revocation lists; with it, every certificate is checked.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/ca.crl"',
    )
    pins: tuple[str, ...] = option(
        "SPKI pins, sha256/BASE64, on top of chain and name.",
        forms.many(forms.pin()),
        default=(),
        example='["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]',
    )
    pin_at: str = option(
        "Which certificates of the verified chain a pin may match: leaf, issuer or any.",
        forms.word("place for a pin", ("leaf", "issuer", "any")),
        default="any",
        example='"leaf"',
    )
    pin_mode: str = option(
        "enforce, or report_only: a mismatch is recorded but not refused.",
        forms.word("pin mode", ("enforce", "report_only")),
        default="enforce",
        example='"report_only"',
    )
    profile: str = option(
        "modern or intermediate.",
        forms.word("profile", ("modern", "intermediate")),
        default="modern",
        example='"intermediate"',
    )
    require_pq: bool = option(
        "Accept only post-quantum key exchange.", forms.switch(), default=False, example="true"
    )
    client_certificate: Path | None = option(
        "PEM file with the certificate shown to the server.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/gate.pem"',
    )
    client_key: Path | None = option(
        "PEM file with its key, where it is not in the same file.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/gate.key"',
    )
    connect_timeout: float = option(
        "For name resolution and TCP.", forms.duration(SHORTEST, "5m"), default=5.0, example='"2s"'
    )
    handshake_timeout: float = option(
        "For the TLS handshake.", forms.duration(SHORTEST, "5m"), default=10.0, example='"5s"'
    )
