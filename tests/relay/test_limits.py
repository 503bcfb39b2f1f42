"""Every limit of a running gate: who is beyond it is cut off with its reason, and nobody else notices."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcpgate.evidence.floods import WHOLE_APART, WHOLE_MOST
from mcpgate.identity.issued import TokenFile
from tests.running import (
    STREAM,
    Caller,
    Request,
    World,
    call,
    chunked,
    event,
    held,
    last_event,
    reply,
    sized,
    whole,
)
from tests.waiting import PATIENCE

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
#: A PROXY header about a caller at 192.0.2.7:1024.
RELAYED = bytes.fromhex("0d0a0d0a000d0a515549540a 2111 000c c0000207 c0000202 0400 01bb")
#: A balancer's own, without any address.
LOCAL = bytes.fromhex("0d0a0d0a000d0a515549540a 2000 0000")


def limited(world: World, limits: str, **tables: str) -> World:
    """The gate runs, with these limits."""
    return world.start(world.config(more=f"[limits]\n{limits}", **tables))


def connect(world: World, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", world.port), PATIENCE, source_address=(source, 0))


def is_closed(sock: socket.socket) -> bool:
    """Whether it is closed without a word."""
    try:
        return sock.recv(65536) == b""
    except ConnectionError:
        return True


def refusals(world: World, reason: str) -> list[dict[str, Any]]:
    """The handshakes' records with a reason, once there is one."""
    found: list[dict[str, Any]] = world.wait_for(
        lambda: [record for record in world.records("handshake") if record["reason"] == reason]
    )
    return found


def turned_away(world: World, **named: Any) -> bool:
    """Whether somebody who would like to shake hands cannot."""
    try:
        world.caller(**named).sock.close()
    except (ConnectionError, ssl.SSLError):
        return True
    return False


@contextlib.contextmanager
def dribbling(caller: Caller, piece: bytes, pause: float = 0.05) -> Iterator[None]:
    """Piece by piece, until the gate has something to say."""
    caller.sock.settimeout(pause)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            caller._more()
            break
        with contextlib.suppress(OSError):
            caller.send(piece)
    caller.sock.settimeout(PATIENCE)
    yield


# A request on its way in.


def test_a_head_that_dribbles_in_is_cut_off_at_its_deadline(world: World) -> None:
    """However steadily it comes."""
    limited(world, 'head_timeout = "500ms"')
    with world.caller() as caller:
        caller.send(b"POST /mcp HTTP/1.1\r\nX-Slow: ")
        with dribbling(caller, b"x"):
            status, answer = caller.json()
    assert (status, answer["error"]["data"]["reason"]) == (408, "frame.timeout")


def test_a_body_that_dribbles_in_is_cut_off_by_its_pace(world: World) -> None:
    """Long before the deadline of a body."""
    limited(world, 'body_rate = "1KiB"\nbody_grace = "300ms"')
    with world.caller() as caller:
        caller.send(world.post(b"{" + b" " * 5000 + b"}")[:-5000])
        with dribbling(caller, b" "):
            status, headers, body = caller.answer()
    assert status == 408 and b"frame.body_rate" in body and headers[b"connection"] == b"close"
    assert world.closes(1)[0]["reason"] == "frame.body_rate"


def test_chunks_are_held_to_the_same_pace(world: World) -> None:
    limited(world, 'body_rate = "1KiB"\nbody_grace = "300ms"')
    head = world.post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with world.caller() as caller:
        caller.send(head)
        with dribbling(caller, b"1\r\nx\r\n"):
            assert b"frame.body_rate" in caller.answer()[2]


def test_a_body_that_keeps_the_pace_may_take_its_time(world: World) -> None:
    """Several times the grace, at twice the rate."""
    limited(world, 'body_rate = "500B"\nbody_grace = "300ms"')
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'.ljust(1500)
    raw = world.post(body)
    with world.caller() as caller:
        caller.send(raw[:-1500])
        for at in range(0, 1500, 100):
            caller.send(body[at : at + 100])
            time.sleep(0.1)
        assert caller.json()[0] == 200


def test_the_pace_of_a_body_is_its_own(world: World) -> None:
    """Its head may be known from a request of another length."""
    limited(world, 'body_rate = "1KiB"\nbody_grace = "300ms"')
    ping = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    small, large = world.post(ping.ljust(60)), world.post(ping.ljust(8000))
    with world.caller() as caller:
        assert caller.send(small).json()[0] == 200
        # Half of it is ahead of the pace for four seconds.
        caller.send(large[:-4000])
        time.sleep(0.8)
        assert caller.send(large[-4000:]).json()[0] == 200
        began = time.monotonic()
        caller.send(small[:-30])
        assert b"frame.body_rate" in caller.answer()[2]
        assert time.monotonic() - began < 4


def test_chunks_that_keep_the_pace_may_take_their_time(world: World) -> None:
    """As a body with a length may: several times the grace, at twice the rate."""
    limited(world, 'body_rate = "500B"\nbody_grace = "300ms"')
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'.ljust(1500)
    with world.caller() as caller:
        caller.send(world.post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"))
        for at in range(0, 1500, 100):
            caller.send(b"64\r\n%b\r\n" % body[at : at + 100])
            time.sleep(0.1)
        assert caller.send(b"0\r\n\r\n").json()[0] == 200


def test_no_pace_is_good_enough_beyond_the_deadline_of_a_body(world: World) -> None:
    limited(world, 'body_rate = "1B"\nbody_timeout = "600ms"')
    with world.caller() as caller:
        caller.send(world.post(b"{" + b" " * 5000 + b"}")[:-5000])
        with dribbling(caller, b" " * 10):
            assert b"frame.timeout" in caller.answer()[2]


def test_tiny_chunks_are_counted(world: World) -> None:
    limited(world, "chunks = 4")
    head = world.post(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with world.caller() as caller:
        caller.send(head + b"1\r\n \r\n" * 6)
        status, _, body = caller.answer()
    assert status == 400 and b"frame.chunk_count" in body


# Upstreams.


def test_when_the_queue_is_full_the_next_is_told_so_at_once(world: World) -> None:
    """And when to come again; those who wait are served."""
    world.start(world.config(upstream="connections = 1\nqueue = 1"))
    with held(world.upstream) as release, contextlib.ExitStack() as stack:
        first, second, third = (stack.enter_context(world.caller()) for _ in range(3))
        first.post(call("get_x"))
        world.wait_for(lambda: world.upstream.requests)
        second.post(call("get_x"))
        world.wait_for(lambda: world.status()["upstreams"][0]["connections"]["waiting"] == 1)
        status, headers, body = third.post(call("get_x")).answer()
        assert (status, headers[b"retry-after"]) == (503, b"1")
        assert b"upstream.queue" in body
        release()
        assert first.json()[0] == second.json()[0] == 200
    assert world.status()["refused"] == {"upstream.queue": 1}


def test_a_stream_that_is_quiet_for_too_long_is_ended(world: World) -> None:
    """So that its connections are somebody else's; an event starts the time anew."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        for _ in range(4):
            time.sleep(0.3)
            sock.sendall(chunked(event()))
        sock.recv(1)

    world.upstream.behave = behave
    world.start(world.config(upstream='quiet_timeout = "800ms"'))
    with world.caller() as caller:
        caller.post(call("get_x")).read_head()
        for _ in range(4):
            assert caller.read_chunk() == event()
        with pytest.raises((EOFError, OSError)):
            caller.read_chunk()
    (closed,) = world.closes(1)
    assert (closed["outcome"], closed["reason"]) == ("timeout", "upstream.quiet")


def too_large(world: World, *, after: int) -> None:
    """The gate runs; after so many events there is one that it does not pass on, and it comes bit by bit."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM)
        for number in range(after):
            sock.sendall(chunked(event(number, 500)))
        large = last_event(request, 2000)
        for at in range(0, len(large), 100):
            sock.sendall(chunked(large[at : at + 100]))
            time.sleep(0.01)
        sock.recv(1)

    world.upstream.behave = behave
    limited(world, 'event_size = "1KiB"')


@pytest.mark.parametrize("after", [0, 20])
def test_an_event_that_grows_too_large_ends_its_stream(world: World, after: int) -> None:
    """Events within the limit pass, however many; of one beyond it nothing does, and the caller is told."""
    too_large(world, after=after)
    with world.caller() as caller:
        status, _, body = caller.post(call("get_x", id="q")).answer()
    assert status == 200
    *passed, last, nothing = body.split(b"\n\n")
    assert nothing == b"" and [each + b"\n\n" for each in passed] == [event(at, 500) for at in range(after)]
    error = json.loads(last.partition(b"data: ")[2])
    assert (error["id"], error["error"]["data"]["reason"]) == ("q", "upstream.event_size")
    (closed,) = world.closes(1)
    assert (closed["outcome"], closed["reason"]) == ("upstream_failed", "upstream.event_size")
    world.wait_for(world.upstream.gone.is_set)


def test_a_stream_of_no_request_is_cut_where_an_event_is_too_large(world: World) -> None:
    """There is no id by which its caller could be told."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM + chunked(event(0, 500)))
        with contextlib.suppress(OSError):
            for _ in range(3):
                sock.sendall(chunked(event(1, 2000)[:500]))
        sock.recv(1)

    world.upstream.behave = behave
    limited(world, 'event_size = "1KiB"')
    with world.caller() as caller:
        caller.send(world.bare("GET")).read_head()
        assert caller.read_chunk() == event(0, 500)
        with pytest.raises((EOFError, OSError)):
            caller.read_chunk()
    assert world.closes(1)[0]["reason"] == "upstream.event_size"


def test_a_stream_is_one_however_its_type_is_spelt(world: World) -> None:
    """Media types are compared without regard to case (RFC 9110 8.3.1), and clients do."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        sock.sendall(STREAM.replace(b"text/event-stream", b"Text/Event-Stream"))
        sock.sendall(chunked(event(0, 2000)))
        sock.recv(1)

    world.upstream.behave = behave
    limited(world, 'event_size = "1KiB"')
    with world.caller() as caller:
        assert b"upstream.event_size" in caller.post(call("get_x")).answer()[2]
    assert world.closes(1)[0]["reason"] == "upstream.event_size"


def test_an_answer_beyond_the_limit_is_not_passed_on(world: World) -> None:
    """Its caller is told, whatever its framing; one that just fits is passed on."""

    def behave(sock: ssl.SSLSocket, request: Request) -> None:
        how, size = request.headers[b"x-how"], int(request.headers[b"x-size"])
        raw = whole(reply(request, size))
        if how == b"chunked":
            head = sized(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
            raw = head + chunked(reply(request, size)) + b"0\r\n\r\n"
        sock.sendall(raw)

    world.upstream.behave = behave
    limited(world, 'answer_size = "4KiB"')
    for how in ("length", "chunked"):
        with world.caller() as caller:
            assert len(caller.post(call("get_x"), f"X-How: {how}", "X-Size: 4096").answer()[2]) == 4096
            status, answer = caller.post(call("get_x", id="q"), f"X-How: {how}", "X-Size: 4097").json()
        assert (status, answer["id"]) == (502, "q")
        assert answer["error"]["data"]["reason"] == "upstream.answer_size"


# Connections.


def test_a_full_gate_closes_newcomers_at_once_and_serves_those_inside(world: World) -> None:
    """Until somebody leaves."""
    limited(world, "connections = 2")
    with world.caller() as inside:
        with world.caller():
            assert turned_away(world)
            assert inside.post(PING).json()[0] == 200
            (record,) = refusals(world, "limit.connections")
            assert record["peer"].startswith("127.0.0.1:")
            callers = world.status()["callers"]
            assert (callers["connections"], callers["most"]) == (2, 2)
        world.wait_for(lambda: world.status()["callers"]["connections"] == 1)
        with world.caller() as another:
            assert another.post(PING).json()[0] == 200


def test_an_address_has_its_share_and_leaves_others_theirs(world: World) -> None:
    limited(world, "connections_per_address = 2")
    with world.caller(source="127.0.0.2") as one, world.caller(source="127.0.0.2") as two:
        assert turned_away(world, source="127.0.0.2")
        with world.caller(source="127.0.0.3") as other:
            for caller in (one, two, other):
                assert caller.post(PING).json()[0] == 200
            callers = world.status()["callers"]
            assert (callers["addresses"], callers["most_of_one_address"]) == (2, 2)
    refusals(world, "limit.address")
    world.wait_for(lambda: world.status()["callers"]["addresses"] == 0)


def test_a_connection_counts_until_its_socket_is_closed(world: World) -> None:
    """Also while its last words are on their way: it still holds a descriptor."""
    limited(world, "connections = 1")
    with world.caller() as caller:
        caller.post(PING, "Connection: close").answer()
        assert world.status()["callers"]["connections"] == 1
        assert world.status()["listeners"][0]["connections"] == 0
    world.wait_for(lambda: world.status()["callers"]["connections"] == 0)


def test_silent_connections_make_room_for_those_who_speak(world: World) -> None:
    """The oldest first; nobody has to wait for a handshake's deadline."""
    limited(world, "handshakes = 2")
    with contextlib.ExitStack() as stack:
        silent = []
        for _ in range(2):
            silent.append(stack.enter_context(connect(world)))
            world.wait_for(lambda: world.status()["callers"]["handshakes"] == len(silent))
        with world.caller() as caller:
            assert caller.post(PING).json()[0] == 200
        assert is_closed(silent[0])
        assert world.status()["callers"]["handshakes"] == 1
    assert len(refusals(world, "limit.handshakes")) == 1


def test_when_every_handshake_has_begun_and_none_ends_the_newcomer_has_to_go(world: World) -> None:
    """After a second."""
    limited(world, "handshakes = 1")
    context = ssl.create_default_context(cafile=str(world.authority))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    with connect(world) as slow:
        slow.sendall(outgoing.read())
        # The gate's own hello: ours has been read.
        assert slow.recv(1, socket.MSG_PEEK)
        assert turned_away(world)
        incoming.write(slow.recv(65536))
        client.do_handshake()
        slow.sendall(outgoing.read())
        world.wait_for(lambda: world.listening.connections)
    assert len(refusals(world, "limit.handshakes")) == 1


def test_callers_who_all_come_at_once_wait_for_each_other(world: World) -> None:
    """As after an outage: none is refused, though far fewer may shake hands at a time."""
    limited(world, "handshakes = 2")
    context = ssl.create_default_context(cafile=str(world.authority))
    with contextlib.ExitStack() as stack:
        all_of_them = []

        def all_at_once() -> None:
            for _ in range(20):
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
                with contextlib.suppress(ssl.SSLWantReadError):
                    client.do_handshake()
                sock = stack.enter_context(connect(world))
                sock.sendall(outgoing.read())
                all_of_them.append((sock, client, incoming, outgoing))

        # In the reactor's own thread: the gate finds all of them in one turn.
        world.loop.call(all_at_once)
        for sock, client, incoming, outgoing in all_of_them:
            incoming.write(sock.recv(65536))
            client.do_handshake()
            sock.sendall(outgoing.read())
        world.wait_for(lambda: len(world.listening.connections) == 20)
    assert world.status()["refused"] == {}


def test_a_flood_of_refusals_leaves_few_records_and_an_exact_count(world: World) -> None:
    limited(world, "connections = 1")
    with world.caller():
        begun = time.monotonic()
        for _ in range(100):
            with connect(world) as sock:
                assert is_closed(sock)
        assert world.status()["refused"] == {"limit.connections": 100}

        def counted() -> int:
            return sum(line["count"] for line in world.records("handshakes"))

        recorded = refusals(world, "limit.connections")
        assert len(recorded) <= WHOLE_MOST + (time.monotonic() - begun) / WHOLE_APART
        world.wait_for(lambda: len(recorded) + counted() == 100)


def test_a_flood_of_failing_handshakes_leaves_some_kilobytes(world: World) -> None:
    """With what some of them offered, and how many there were."""
    world.start()
    before = sum(path.stat().st_size for path in (world.state / "journal").glob("*.jsonl"))
    for _ in range(200):
        with connect(world) as sock, contextlib.suppress(ConnectionError):
            sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while sock.recv(4096):
                pass

    def told() -> int:
        whole = sum(one["outcome"] == "refused" for one in world.records("handshake"))
        return whole + sum(one["count"] for one in world.records("handshakes"))

    world.wait_for(lambda: told() == 200)
    after = sum(path.stat().st_size for path in (world.state / "journal").glob("*.jsonl"))
    assert after - before < 24 * 1024
    assert {one["where"] for one in world.records("handshakes")} == {"public"}
    assert {one["addresses"] for one in world.records("handshakes")} == {1}


# Failures.


def failing(world: World, source: str = "127.0.0.2") -> tuple[int, dict[bytes, bytes], str]:
    """One bad token: the answer's status, headers and reason."""
    with world.caller(source=source) as caller:
        caller.post(PING, "Authorization: Bearer nonsense", token=False)
        status, headers, body = caller.answer()
        assert caller.closed()
    return status, headers, "limit.failures" if b"limit.failures" in body else "auth"


def test_an_address_that_fails_too_often_is_told_to_wait(world: World) -> None:
    """With 429 and the seconds; another address is not, and a good token from the same one is served."""
    limited(world, 'failures = 3\nfailures_period = "1m"')
    assert [failing(world)[0] for _ in range(3)] == [401] * 3
    status, headers, reason = failing(world)
    assert (status, reason) == (429, "limit.failures")
    assert 1 <= int(headers[b"retry-after"]) <= 20
    assert failing(world, source="127.0.0.3")[0] == 401
    with world.caller(source="127.0.0.2") as neighbour:
        assert neighbour.post(PING).json()[0] == 200
        assert neighbour.post(call("get_x")).json()[0] == 200
    status = world.status()
    assert status["callers"]["throttled"] == 1
    assert status["refused"]["limit.failures"] == 1
    assert [closed["reason"] for closed in world.closes(7)].count("limit.failures") == 1


def test_a_caller_without_a_token_is_never_told_to_wait(world: World) -> None:
    """That is how clients of OAuth begin."""
    limited(world, "failures = 1")
    failing(world)
    failing(world)
    with world.caller(source="127.0.0.2") as caller:
        for _ in range(5):
            assert caller.post(PING, token=False).json()[0] == 401


def test_a_revoked_token_counts_as_a_failure(world: World) -> None:
    limited(world, "failures = 1")
    TokenFile(world.state / "tokens.json").revoke("ci", time.time())
    world.look()
    statuses = []
    for _ in range(2):
        with world.caller() as caller:
            statuses.append(caller.post(PING).json()[0])
    assert statuses == [401, 429]


def test_plaintext_beyond_the_budget_is_closed_without_a_word(world: World) -> None:
    """Its first byte is enough; bytes that are neither count as well, and TLS is still served."""
    limited(world, "failures = 2")
    with connect(world, "127.0.0.2") as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 400 ")
    for raw in (b"SSH-2.0-x\r\n", b"G", b"SSH-2.0-x\r\n"):
        with connect(world, "127.0.0.2") as sock:
            sock.sendall(raw)
            assert is_closed(sock)
    assert refusals(world, "limit.failures")
    refused = world.status()["refused"]
    assert refused == {"tls.plaintext": 1, "tls.not_tls": 1, "limit.failures": 2}
    with world.caller(source="127.0.0.2") as caller:
        assert caller.post(PING).json()[0] == 200


def test_an_address_beyond_its_budget_may_have_few_unfinished_handshakes(world: World) -> None:
    """Those that say nothing make room: a neighbour behind the same NAT is served all the same."""
    limited(world, "failures = 1")
    failing(world)
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(connect(world, "127.0.0.2")) for _ in range(5)]
        assert is_closed(silent[0])
        assert world.status()["callers"]["handshakes"] == 4
        with world.caller(source="127.0.0.2") as neighbour:
            assert neighbour.post(PING).json()[0] == 200
        assert is_closed(silent[1])
        with world.caller() as other:
            assert other.post(PING).json()[0] == 200


# Balancers.


def behind(world: World, balancer: str = "127.0.0.2", limits: str = "") -> World:
    """The gate runs behind a balancer."""
    return limited(world, limits, listener=f'proxy_from = ["{balancer}"]')


def test_the_caller_behind_a_balancer_is_the_peer(world: World) -> None:
    """And the balancer is named beside it."""
    behind(world)
    with world.caller(source="127.0.0.2", preface=RELAYED) as caller:
        # Without a proof, so that there is no handshake with the upstream.
        assert caller.post(PING, token=False).json()[0] == 401
    (record,) = world.records("handshake")
    assert (record["outcome"], record["peer"]) == ("ok", "192.0.2.7:1024")
    assert record["extra"]["via"].startswith("127.0.0.2:")


def test_a_balancers_header_may_come_byte_by_byte(world: World) -> None:
    """And the hello behind it in the same segment as its end."""
    behind(world, "127.0.0.0/30")
    context = ssl.create_default_context(cafile=str(world.authority))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with connect(world, "127.0.0.2") as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in RELAYED[:-1]:
            sock.sendall(bytes([byte]))
        sock.sendall(RELAYED[-1:] + outgoing.read())
        incoming.write(sock.recv(65536))
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                incoming.write(sock.recv(65536))
        sock.sendall(outgoing.read())
        (record,) = world.wait_for(lambda: world.records("handshake"))
    assert (record["outcome"], record["peer"]) == ("ok", "192.0.2.7:1024")


def test_a_balancers_own_connection_is_its_own(world: World) -> None:
    """A health check over TLS."""
    behind(world)
    with world.caller(source="127.0.0.2", preface=LOCAL) as caller:
        # Without a proof, so that there is no handshake with the upstream.
        assert caller.post(PING, token=False).json()[0] == 401
    (record,) = world.records("handshake")
    assert record["peer"].startswith("127.0.0.2:") and record["extra"] is None


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.2 1024 443\r\n", "version 1"),
        (b"\x16\x03\x01\x02\x00\x01\x00", "does not begin with one"),
        (RELAYED[:13] + b"\x12" + RELAYED[14:], "0x12"),
    ],
)
def test_a_balancer_without_a_good_header_is_refused(world: World, raw: bytes, words: str) -> None:
    behind(world)
    with connect(world, "127.0.0.2") as sock:
        sock.sendall(raw)
        assert is_closed(sock)
    (record,) = refusals(world, "proxy.header")
    assert words in record["detail"]


@pytest.mark.parametrize("raw", [b"", RELAYED[:20]])
def test_a_balancers_header_has_to_come_in_time(world: World, raw: bytes) -> None:
    behind(world, limits='handshake_timeout = "300ms"')
    with connect(world, "127.0.0.2") as sock:
        sock.sendall(raw)
        assert is_closed(sock)
    (record,) = refusals(world, "proxy.header")
    assert "within 0.3 s" in record["detail"]


@pytest.mark.parametrize("raw", [b"", RELAYED[:20]])
def test_a_balancer_that_leaves_early_is_let_go_at_once(world: World, raw: bytes) -> None:
    """Many only open the port to see whether somebody is there."""
    behind(world)
    with connect(world, "127.0.0.2") as sock:
        sock.sendall(raw)
    (record,) = refusals(world, "proxy.header")
    assert f"closed after {len(raw)} bytes" in record["detail"]
    world.wait_for(lambda: not world.listening.arrivals)


@pytest.mark.parametrize("raw", [RELAYED, b"PROXY TCP4 192.0.2.7 192.0.2.2 1024 443\r\n"])
def test_nobody_else_may_say_who_he_is(world: World, raw: bytes) -> None:
    """Not on a listener that has balancers either."""
    behind(world)
    with connect(world, "127.0.0.3") as sock:
        sock.sendall(raw)
        assert is_closed(sock)
    (record,) = refusals(world, "proxy.untrusted")
    assert record["peer"].startswith("127.0.0.3:")


def test_callers_behind_a_balancer_are_limited_each_by_itself(world: World) -> None:
    """Connections and failures are theirs, not the balancer's."""
    behind(world, limits="connections_per_address = 1\nfailures = 1")
    other = RELAYED.replace(bytes([192, 0, 2, 7]), bytes([192, 0, 2, 8]))
    with world.caller(source="127.0.0.2", preface=RELAYED) as first:
        assert turned_away(world, source="127.0.0.2", preface=RELAYED)
        (record,) = refusals(world, "limit.address")
        assert record["peer"] == "192.0.2.7:1024" and record["extra"]["via"].startswith("127.0.0.2:")
        with world.caller(source="127.0.0.2", preface=other) as second:
            assert first.post(PING).json()[0] == second.post(PING).json()[0] == 200
    statuses = []
    for preface in (RELAYED, RELAYED, other):
        world.wait_for(lambda: world.status()["callers"]["addresses"] == 0)
        with world.caller(source="127.0.0.2", preface=preface) as caller:
            caller.post(PING, "Authorization: Bearer nonsense", token=False)
            statuses.append(caller.json()[0])
    assert statuses == [401, 429, 401]
