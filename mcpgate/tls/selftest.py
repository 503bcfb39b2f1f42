"""Proofs by handshake, in memory: that OpenSSL does what the contexts asked it to.

Group restrictions go through a private binding and verification depends on callbacks; both fail
silently if a library changes under us. So the gate shakes hands with itself before it opens a port.
"""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import evolve
from OpenSSL import SSL

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.contexts import client_connection, client_context, server_connection, server_context
from mcpgate.tls.failure import failure
from mcpgate.tls.localca import LocalCA
from mcpgate.tls.material import Pair
from mcpgate.tls.profile import PROFILES, Profile
from mcpgate.tls.rehearsal import converse
from mcpgate.tls.trust import TrustStore
from mcpgate.tls.verify import Note

#: A group that no profile has, and every OpenSSL.
_FOREIGN_GROUP = "secp521r1"


def try_handshake(context: SSL.Context, host: str) -> Refusal | None:
    """Whether a listener's context can shake hands at all when it is asked for that host.

    The client believes everybody and shows no certificate: who would be believed is judged
    elsewhere, this is about the pair, the suites and the groups.
    """
    nobody = TrustStore(certificates=(), crls=(), label="nobody")
    note = Note()
    client = client_connection(
        client_context(PROFILES["intermediate"], nobody, pair=None), None, host=host, pins=None, note=note
    )
    # With a callback: without one OpenSSL would go on calling the one that pyOpenSSL has just freed
    # (SSL_set_verify(3) leaves it in place for NULL).
    client.set_verify(SSL.VERIFY_NONE, _believe)
    server = server_connection(context, None, note=note)
    server.set_verify(SSL.VERIFY_NONE, _believe)
    client_error, server_error = converse(client, server)
    error = server_error or client_error
    return None if error is None else failure(error, note, leg="inbound")


def _believe(*_: object) -> bool:
    return True


def self_test() -> None:
    """Proves what the promises of this room rest on. It takes some 20 ms.

    @raise RuntimeError: naming what does not hold; the gate must not start then.
    """
    now = datetime.now(UTC)
    authority = LocalCA.create("mcpgate self test", now)
    pair, nameless = authority.server(["localhost"], now), authority.nameless(now)
    for profile in PROFILES.values():
        name, best = profile.name, profile.groups[0]
        client, note = _meet(authority, profile, profile, pair, "localhost")
        if client.get_group_name() != best:
            raise RuntimeError(
                f"TLS self test: two ends under {name} agreed on {client.get_group_name()},"
                f" not on {best} ({note.refusal or 'nothing was refused'})"
            )
        client, _ = _meet(authority, evolve(profile, groups=(_FOREIGN_GROUP,)), profile, pair, "localhost")
        if client.get_group_name() is not None:
            raise RuntimeError(
                f"TLS self test: {name} accepts {_FOREIGN_GROUP}, so groups are not restricted"
            )
        _, note = _meet(authority, profile, profile, pair, "elsewhere.invalid")
        if note.refusal is None or note.refusal.reason is not Reason.TLS_NAME:
            raise RuntimeError(f"TLS self test: {name} accepts a certificate for another host")
        _, note = _meet(authority, profile, profile, nameless, "localhost")
        if note.refusal is None or note.refusal.reason is not Reason.TLS_NO_SAN:
            raise RuntimeError(f"TLS self test: {name} accepts a certificate without names")


def _meet(
    authority: LocalCA, ours: Profile, theirs: Profile, pair: Pair, host: str
) -> tuple[SSL.Connection, Note]:
    """A client under one profile meets a server under another: the client, and what it noted."""
    note = Note()
    connecting = client_context(ours, authority.trust(), pair=None)
    client = client_connection(connecting, None, host=host, pins=None, note=note)
    accepting = server_context(theirs, pair, clients=None, require_client=False)
    converse(client, server_connection(accepting, None, note=Note()))
    return client, note
