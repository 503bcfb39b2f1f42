"""The groups that we demand are those that are offered and agreed on, and no others."""

from __future__ import annotations

import contextlib
import socket

import pytest
from OpenSSL import SSL
from OpenSSL._util import lib

from mcpgate.tls import contexts
from mcpgate.tls.binding import RECORD, Records, Scratch, clear_errors, forget_arguments, set_groups
from mcpgate.tls.hello import missing, read_offer
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.rehearsal import converse
from mcpgate.tls.verify import Note
from tests import pki
from tests.tls.meeting import first_flight

ROOT = pki.Authority.root()
TRUST = ROOT.trust()
GOOD = ROOT.issue("mcp.test")


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


def on_sockets() -> tuple[Records, Records, socket.socket, socket.socket]:
    """Two ends that shook hands over a socket pair, with a scratch for both as in one thread."""
    client = contexts.client_context(PROFILES["modern"], TRUST, pair=None)
    server = contexts.server_context(PROFILES["modern"], GOOD, clients=None, require_client=False)
    sockets = socket.socketpair()
    for sock in sockets:
        sock.setblocking(False)
    ends = (
        contexts.client_connection(client, sockets[0], host="mcp.test", pins=None, note=Note()),
        contexts.server_connection(server, sockets[1], note=Note()),
    )
    for _ in range(3):
        for one in ends:
            with contextlib.suppress(SSL.WantReadError):
                one.do_handshake()
    scratch = Scratch()
    records = Records(ends[0], scratch), Records(ends[1], scratch)
    assert records[0].read() is None  # takes in the tickets
    return (*records, *sockets)


def test_what_is_written_is_read_record_by_record() -> None:
    """And where nothing has arrived, that is a value and no exception."""
    ours, theirs, *_ = on_sockets()
    assert theirs.read() is None
    assert ours.write(b"one") == 3
    assert ours.write(b"two") == 3
    assert (theirs.read(), theirs.read(), theirs.read()) == (b"one", b"two", None)


def test_a_full_kernel_takes_nothing_and_loses_nothing() -> None:
    """The same bytes are sent again, from another buffer, and come out once."""
    ours, theirs, sock, _ = on_sockets()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sent = b""
    for number in range(1000):
        piece = b"%016d" % number * 256
        if not ours.write(bytes(piece)):
            break
        sent += piece
    else:
        raise AssertionError("the kernel took everything")
    seen = b""
    while more := theirs.read():
        seen += more
    assert ours.write(bytes(piece)) == len(piece)
    while more := theirs.read():
        seen += more
    assert seen == sent + piece


def test_of_more_than_a_record_one_goes_out_alone() -> None:
    """The caller of C{write} sends the rest."""
    ours, theirs, *_ = on_sockets()
    assert ours.write(b"x" * (RECORD + 1)) == RECORD
    assert theirs.read() == b"x" * RECORD


def test_the_end_of_a_connection_is_pyopenssls_own_error() -> None:
    """A goodbye, a bare FIN and a broken pipe are told apart as everywhere else."""
    ours, theirs, *_ = on_sockets()
    ours._connection.shutdown()
    with pytest.raises(SSL.ZeroReturnError):
        theirs.read()
    ours, theirs, sock, other = on_sockets()
    sock.close()
    with pytest.raises(SSL.SysCallError, match="Unexpected EOF"):
        theirs.read()
    clear_errors()
    ours, theirs, sock, other = on_sockets()
    other.close()
    with pytest.raises(SSL.SysCallError):
        ours.write(b"x")
    clear_errors()


def test_a_connection_goes_on_without_what_its_handshake_needed() -> None:
    """Records still flow both ways, and nothing leads from OpenSSL to it any more."""
    ours, theirs, *_ = on_sockets()
    forget_arguments(theirs._connection)
    assert theirs._connection._ssl not in SSL.Connection._reverse_mapping
    ours.write(b"one")
    assert theirs.read() == b"one"
    theirs.write(b"two")
    assert ours.read() == b"two"
