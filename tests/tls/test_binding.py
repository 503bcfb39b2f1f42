"""The groups that we demand are those that are offered and agreed on, and no others."""

from __future__ import annotations

import pytest
from OpenSSL import SSL
from OpenSSL._util import lib

from mcpgate.tls.binding import clear_errors, set_groups
from mcpgate.tls.hello import missing, read_offer
from mcpgate.tls.rehearsal import converse
from tests import pki
from tests.tls.meeting import first_flight

GOOD = pki.Authority.root().issue("mcp.test")


def end(method: int, groups: tuple[str, ...]) -> SSL.Connection:
    """An end that believes everybody, with these groups."""
    context = SSL.Context(method)
    set_groups(context, groups)
    if method == SSL.TLS_SERVER_METHOD:
        context.use_certificate(GOOD.chain[0])
        context.use_privatekey(GOOD.key)
    connection = SSL.Connection(context, None)
    (connection.set_accept_state if method == SSL.TLS_SERVER_METHOD else connection.set_connect_state)()
    return connection


def agreed(client: tuple[str, ...], server: tuple[str, ...]) -> str | None:
    """What the two agree on; C{None} for nothing."""
    ends = end(SSL.TLS_CLIENT_METHOD, client), end(SSL.TLS_SERVER_METHOD, server)
    errors = converse(*ends)
    return None if any(errors) else ends[0].get_group_name()


@pytest.mark.parametrize(
    ("client", "server", "group"),
    [
        (("X25519",), ("X25519",), "x25519"),
        (("X25519",), ("secp384r1", "X25519"), "x25519"),
        (("secp384r1", "X25519"), ("secp384r1",), "secp384r1"),
        (("X25519MLKEM768", "X25519"), ("X25519MLKEM768", "X25519"), "X25519MLKEM768"),
        (("X25519",), ("secp384r1",), None),
        (("secp521r1",), ("X25519MLKEM768", "X25519", "secp384r1"), None),
    ],
)
def test_only_a_group_that_both_ends_have_is_agreed_on(
    client: tuple[str, ...], server: tuple[str, ...], group: str | None
) -> None:
    """On either side: a peer cannot talk an end into another one."""
    found = agreed(client, server)
    assert (found.lower() if found else None) == (group.lower() if group else None)


def test_a_client_offers_exactly_its_groups_in_their_order() -> None:
    """As they are on the wire, which is what scanners see."""
    hello = first_flight(end(SSL.TLS_CLIENT_METHOD, ("secp384r1", "X25519MLKEM768", "X25519")))
    assert missing(hello) == 0
    offer = read_offer(hello)
    assert offer is not None
    assert [group.lower() for group in offer.groups] == ["secp384r1", "x25519mlkem768", "x25519"]


@pytest.mark.parametrize("groups", [("X25519", "no-such-group"), ("no-such-group",)])
def test_an_unknown_group_is_refused(groups: tuple[str, ...]) -> None:
    """Rather than passed over: what remained would not be what was demanded."""
    with pytest.raises((ValueError, SSL.Error)):
        set_groups(SSL.Context(SSL.TLS_METHOD), groups)


def test_the_queue_of_errors_can_be_emptied() -> None:
    """It is the thread's; a stale entry would be taken for the next connection's error."""
    with pytest.raises((ValueError, SSL.Error)):
        set_groups(SSL.Context(SSL.TLS_METHOD), ("no-such-group",))
    clear_errors()
    assert lib.ERR_peek_error() == 0


def test_no_groups_at_all_are_refused() -> None:
    """Or the context would offer whatever OpenSSL has."""
    with pytest.raises(ValueError, match="without groups"):
        set_groups(SSL.Context(SSL.TLS_CLIENT_METHOD), ())
