"""What a configuration says of credentials, with all that it names loaded.

Part of the building of a generation (C{generation.Builder}, by whose hands files are read and problems
noted): nothing of what stands here is used if anything of it is no good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from stat import S_IRWXO
from typing import TYPE_CHECKING, Protocol, TypeVar

from attrs import evolve

from mcpgate.config.forms import InVault, in_vault
from mcpgate.config.secrets import file_of, resolve
from mcpgate.config.tables.credential import CredentialTable, FixedTable
from mcpgate.config.tables.peer import PeerTable
from mcpgate.config.tables.rule import WhoTable
from mcpgate.config.tables.vault import VaultTable
from mcpgate.config.url import read_url
from mcpgate.credentials.assertion import Signer
from mcpgate.credentials.form import Wish
from mcpgate.credentials.terms import Client, CredentialTerms, GrantTerms
from mcpgate.credentials.vault import VaultTerms
from mcpgate.policy.who import Who
from mcpgate.tls.reading import MaterialError, Reading
from mcpgate.tls.trust import TrustStore
from mcpgate.upstream.terms import PeerTerms, UpstreamTerms, fingerprint_of
from mcpgate.wire.http import Headers

if TYPE_CHECKING:
    from mcpgate.identity.issuer import Issuer

T = TypeVar("T")


class Hands(Protocol):
    """Whoever builds a generation."""

    @property
    def reading(self) -> Reading:
        """By which every file is read."""

    def attempt(self, path: str, step: Callable[[], T]) -> T | None:
        """What a step gives; what is wrong with it is noted at that key."""

    def peer(self, kind: str, table: PeerTable, host: str, port: int) -> tuple[PeerTerms, TrustStore] | None:
        """A server's terms, and what its chain must lead to."""


def fixed(hands: Hands, at: str, asked: FixedTable | CredentialTable) -> Headers | None:
    """A secret as it is, as header lines. C{at}: the path of its table."""
    if asked.bearer is not None:
        token = hands.attempt(f"{at}.bearer", partial(_secret, hands, asked.bearer))
        return None if token is None else ((b"authorization", b"Bearer " + token),)
    assert asked.header is not None and asked.value is not None
    value = hands.attempt(f"{at}.value", partial(_secret, hands, asked.value))
    return None if value is None else ((asked.header.lower().encode(), value),)


def mapped(
    hands: Hands,
    table: CredentialTable,
    upstream: UpstreamTerms | None,
    issuers: Mapping[str, Issuer],
    vaults: Sequence[VaultTable],
) -> CredentialTerms | None:
    """One C{[[credential]]} table."""
    at = f"credential.{table.name}"
    who = hands.attempt(f"{at}.who", lambda: Who.compile(table.who or WhoTable()))
    if who is None:
        return None
    most = upstream.table.queue if upstream is not None else 1
    if table.grant is not None:
        grant = _grant(hands, at, table, issuers, most)
        return None if grant is None else CredentialTerms(table, who, grant=grant)
    place = in_vault(table.bearer or table.value or "")
    if place is not None:
        vault = next(vault for vault in vaults if vault.name == place.name)
        kept = _in_vault(hands, table, place, vault, most)
        return None if kept is None else CredentialTerms(table, who, grant=kept)
    lines = fixed(hands, at, table)
    return None if lines is None else CredentialTerms(table, who, lines)


def text_of(hands: Hands, at: str, reference: str | None) -> str | None:
    """The secret that is referred to, as text. C{at}: the path of its key."""
    if reference is None:
        return None
    secret = hands.attempt(at, partial(_secret, hands, reference))
    return None if secret is None else secret.decode("ascii")


def signer_of(hands: Hands, at: str, path: Path | None, kid: str | None = None) -> Signer | None:
    """The key in a file, to sign with. C{at}: the path of its key in the configuration."""
    if path is None:
        return None

    def read() -> Signer:
        if hands.reading.mode(path) & S_IRWXO:
            raise MaterialError(f"{path}: everybody on this machine may use it; chmod o= it")
        try:
            return Signer.read(hands.reading.read(path), kid)
        except ValueError as error:
            raise MaterialError(f"{path}: {error}") from None

    return hands.attempt(at, read)


def _grant(
    hands: Hands, at: str, table: CredentialTable, issuers: Mapping[str, Issuer], most: int
) -> GrantTerms | None:
    assert table.client_id is not None
    peer, demanded = _token_endpoint(hands, table, issuers)
    secret = text_of(hands, f"{at}.client_secret", table.client_secret)
    actor = text_of(hands, f"{at}.actor", table.actor)
    signer = signer_of(hands, f"{at}.assertion_key", table.assertion_key, table.assertion_key_id)
    named = ((table.client_secret, secret), (table.actor, actor), (table.assertion_key, signer))
    if peer is None or any(asked is not None and found is None for asked, found in named):
        return None
    form = evolve(table, name="", upstream="", who=None)
    key = hands.reading.read(table.assertion_key) if table.assertion_key is not None else b""
    # Not the actor's token: it is renewed every few minutes, and says the same each time.
    parts = (table.name, table.upstream, form, secret, hashlib.sha256(key).hexdigest(), demanded)
    return GrantTerms(
        name=table.name,
        upstream=table.upstream,
        peer=peer,
        url=table.token_url,
        issuer=table.issuer,
        client=Client(
            table.client_id, secret, table.client_secret_in == "form", signer, table.assertion_audience
        ),
        wish=Wish(
            table.scope,
            table.audience,
            table.resource,
            table.subject_token_type,
            table.requested_token_type,
            table.actor_token_type,
        ),
        exchange=table.grant == "token_exchange",
        actor=actor,
        fingerprint=hashlib.sha256(repr(parts).encode()).digest(),
        timeout=table.answer_timeout,
        queue=most,
    )


def _token_endpoint(
    hands: Hands, table: CredentialTable, issuers: Mapping[str, Issuer]
) -> tuple[PeerTerms | None, bytes]:
    """What the server that is asked for tokens is verified by, and a digest of that."""
    if table.token_url is None:
        issuer = issuers.get(table.issuer or "")
        return (None, b"") if issuer is None else (issuer.peer, issuer.fingerprint)
    url = read_url(table.token_url)
    loaded = hands.peer("credential", table, url.host, url.port)
    return (None, b"") if loaded is None else (loaded[0], fingerprint_of(*loaded))


def _in_vault(
    hands: Hands, table: CredentialTable, place: InVault, vault: VaultTable, most: int
) -> VaultTerms | None:
    url = read_url(vault.url)
    loaded = hands.peer("vault", vault, url.host, url.port)
    token = text_of(hands, f"vault.{vault.name}.token", vault.token)
    if loaded is None or token is None:
        return None
    # Not the token: an agent renews it, and what was read by the old one is the same.
    parts = (table.name, table.upstream, table.header, place, vault, fingerprint_of(*loaded))
    return VaultTerms(
        name=table.name,
        upstream=table.upstream,
        header=(table.header or "authorization").lower().encode(),
        scheme=b"" if table.header else b"Bearer ",
        peer=loaded[0],
        fingerprint=hashlib.sha256(repr(parts).encode()).digest(),
        timeout=vault.answer_timeout,
        queue=most,
        url=f"{vault.url}/v1/{place.mount}/data/{place.path}",
        place=f"{place.mount}/{place.path}",
        member=place.member,
        token=token,
        namespace=vault.namespace,
        refresh=vault.refresh,
        stale=vault.stale,
    )


def _secret(hands: Hands, reference: str) -> bytes:
    # Read here first, so that a change between the two readings is noticed by confirm.
    file = file_of(reference)
    if file is not None:
        hands.reading.read(file)
    return resolve(reference)
