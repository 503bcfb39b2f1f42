"""What arrives on the TLS port and is not, or not yet, a judged TLS connection."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import time
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from mcpgate.identity.bound import Bound
from mcpgate.identity.peer import principal_of
from mcpgate.tls.localca import write_pair
from tests.running import World, call
from tests.waiting import PATIENCE

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def connect(world: World) -> socket.socket:
    return socket.create_connection(("127.0.0.1", world.port), timeout=PATIENCE)


def asking(world: World, mode: str) -> str:
    """The lines of a listener that asks for client certificates."""
    return f'client_certificates = "{mode}"\nclient_ca = "{world.authority}"'


def drain(sock: socket.socket) -> bytes:
    received = b""
    try:
        while more := sock.recv(65536):
            received += more
    except ConnectionError:
        pass
    return received


@pytest.mark.parametrize(
    ("lines", "exposed"),
    [
        ("", False),
        ("Authorization: Bearer very-secret\r\n", True),
        ("Cookie: session=very-secret\r\n", True),
        ("X-Other: x\r\n", False),
    ],
)
def test_http_in_clear_is_told_so_and_recorded_without_the_credential(
    world: World, lines: str, exposed: bool
) -> None:
    """400 in words; the record says whether a credential crossed the wire, never which."""
    world.start()
    with connect(world) as sock:
        raw = f"POST /mcp?x=y HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: 2\r\n\r\n{{}}".encode()
        # In two pieces: the first byte alone does not say what it is.
        sock.sendall(raw[:1])
        sock.sendall(raw[1:])
        answer = drain(sock)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"accepts only TLS" in answer
    (record,) = world.wait_for(world.records)
    assert (record["type"], record["outcome"], record["reason"]) == ("handshake", "refused", "tls.plaintext")
    assert record["extra"] == {"credential_exposed": exposed}
    assert "very-secret" not in json.dumps(world.records())
    assert world.upstream.requests == []


def test_an_http2_preface_in_clear_is_plaintext_too(world: World) -> None:
    world.start()
    with connect(world) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert drain(sock).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "tls.not_tls"),
        (b"\x00\x01\x02\x03\x04\x05", "tls.not_tls"),
        (b"\x16\x03\x01\xff\xff" + b"\x01" * 100, "tls.hello"),
    ],
)
def test_bytes_that_are_not_tls_are_closed_and_recorded(world: World, raw: bytes, reason: str) -> None:
    world.start()
    with connect(world) as sock:
        sock.sendall(raw)
        drain(sock)
    (record,) = world.wait_for(world.records)
    assert (record["outcome"], record["reason"]) == ("refused", reason)


def test_silence_ends_at_the_handshake_deadline(world: World) -> None:
    world.start(world.config(more='[limits]\nhandshake_timeout = "300ms"'))
    with connect(world) as silent, connect(world) as dribbling:
        dribbling.sendall(b"\x16\x03\x01\x02")
        assert drain(silent) == b"" and drain(dribbling) == b""
    records = world.wait_for(lambda: len(world.records()) == 2 and world.records())
    assert {record["reason"] for record in records} == {"tls.timeout"}


def test_a_hello_cut_into_pieces_is_waited_for(world: World) -> None:
    """Also one that comes byte by byte."""
    world.start()
    context = ssl.create_default_context(cafile=str(world.authority))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with connect(world) as sock:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    sock.sendall(bytes([byte]))
                incoming.write(sock.recv(65536))
        sock.sendall(outgoing.read())
    (record,) = world.wait_for(world.records)
    assert record["outcome"] == "ok"


def test_a_failed_handshake_is_recorded_with_what_was_offered(world: World) -> None:
    """An old client is refused, and the operator can see what it can do."""
    world.start()
    context = ssl.create_default_context(cafile=str(world.authority))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with connect(world) as sock, pytest.raises(ssl.SSLError):
        context.wrap_socket(sock, server_hostname="localhost")
    (record,) = world.wait_for(world.records)
    assert (record["outcome"], record["reason"]) == ("refused", "tls.version")
    assert record["offer"]["sni"] == "localhost"
    assert "TLSv1.2" in record["offer"]["versions"]
    assert record["offer"]["groups"]


def test_the_certificate_is_chosen_by_server_name(world: World) -> None:
    """Several certificates on one listener; an unknown name gets the default one."""
    now = datetime.now(UTC)
    other = world.ca.server(["other.test", "*.wild.test"], now)
    write_pair(other, world.certificates / "other.crt", world.certificates / "other.key")
    world.start()
    for name, expected in (
        ("other.test", other.facts.serial),
        ("a.wild.test", other.facts.serial),
        ("gate.test", None),
    ):
        with world.caller(sni=name) as caller:
            serial = (caller.sock.getpeercert() or {})["serialNumber"].lower().lstrip("0")
        assert (serial == other.facts.serial) is (expected is not None)


def test_a_client_certificate_is_a_principal(world: World) -> None:
    """Required: without one there is no handshake; with one it names the caller."""
    now = datetime.now(UTC)
    pair = world.ca.client("spiffe://example.org/ci", now)
    files = world.directory / "client.crt", world.directory / "client.key"
    write_pair(pair, *files)
    world.start(
        world.config(
            listener=f'client_certificates = "required"\nclient_ca = "{world.authority}"\ntokens = false'
        )
    )
    with world.caller(client=files) as caller:
        assert caller.post(call("get_x"), token=False).json()[0] == 200
    with world.caller() as caller, pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        caller.post(PING).json()
    opened = world.records("open")
    assert (opened[0]["how"], opened[0]["principal"]) == ("certificate", "spiffe://example.org/ci")
    refused = world.wait_for(lambda: [r for r in world.records("handshake") if r["outcome"] == "refused"])
    assert refused[0]["reason"] == "tls.client_certificate"


def test_a_presented_token_must_be_good_even_with_a_certificate(world: World) -> None:
    """There is no falling back from a bad proof to another."""
    now = datetime.now(UTC)
    files = world.directory / "client.crt", world.directory / "client.key"
    pair = world.ca.client("ci.example", now)
    write_pair(pair, *files)
    assert not hasattr(principal_of(pair.facts), "reason")
    world.start(world.config(listener=asking(world, "optional")))
    with world.caller(client=files) as caller:
        assert caller.post(PING, token=False).json()[0] == 200
        assert caller.post(PING, "Authorization: Bearer nonsense", token=False).json()[0] == 401


def test_both_proofs_count_together_and_their_rules_see_both(world: World) -> None:
    """A token that is bound to a certificate is good beside that one; a rule that asks for both sees both."""
    now = datetime.now(UTC)
    ours, theirs = (
        (world.directory / f"{name}.crt", world.directory / f"{name}.key") for name in ("ci", "other")
    )
    for files, name in ((ours, "spiffe://example.org/ci"), (theirs, "spiffe://example.org/other")):
        write_pair(world.ca.client(name, now), *files)
    bound = Bound.to(certificates=["spiffe://example.org/ci"])
    free, held = world.token, world.issued_file.issue("ci", 60.0, time.time(), bound=bound)[1]
    rule = '[[rule]]\nname = "both"\nverdict = "allow"\non = { name = "both_x" }\n'
    rule += 'who = { token = "ci", certificate = "spiffe://example.org/ci" }'
    world.start(
        world.config(listener=asking(world, "required") + "\ncertificate_and_token = true", more=rule)
    )
    with world.caller(client=ours) as caller:
        for world.token in (free, held):
            assert "result" in caller.post(call("both_x")).json()[1]
        assert caller.post(call("both_x"), token=False).json()[0] == 401
    with world.caller(client=theirs) as caller:
        world.token = free
        assert "result" in caller.post(call("get_x")).json()[1]
        assert "Unknown tool" in caller.post(call("both_x")).json()[1]["error"]["message"]
        world.token = held
        status, said = caller.post(call("get_x")).json()
        assert (status, said["error"]["data"]["reason"]) == (401, "auth.binding")


def test_another_list_of_names_counts_for_connections_that_are_open(world: World) -> None:
    """At the next request; the handshake is not what decides."""
    files = world.directory / "client.crt", world.directory / "client.key"
    write_pair(world.ca.client("ci.example", datetime.now(UTC)), *files)

    def listing(name: str) -> str:
        return world.config(listener=asking(world, "optional") + f'\nclient_names = "{name}"')

    world.start(listing("CI.example"))
    with world.caller(client=files) as caller:
        assert caller.post(call("get_x"), token=False).json()[0] == 200
        world.reload(listing("*.build.example"))
        status, said = caller.post(call("get_x"), token=False).json()
        assert (status, said["error"]["data"]["reason"]) == (403, "auth.certificate")


def test_a_client_certificate_of_another_ca_is_refused(world: World) -> None:
    now = datetime.now(UTC)
    stranger = type(world.ca).create("stranger", now)
    files = world.directory / "client.crt", world.directory / "client.key"
    write_pair(stranger.client("ci.example", now), *files)
    world.start(world.config(listener=asking(world, "optional")))
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        with world.caller(client=files) as caller:
            caller.post(PING).json()
    (record,) = world.wait_for(world.records)
    assert (record["outcome"], record["reason"]) == ("refused", "tls.unknown_ca")


def test_a_revoked_client_certificate_is_refused(world: World) -> None:
    now = datetime.now(UTC)
    pair = world.ca.client("ci.example", now)
    files = world.directory / "client.crt", world.directory / "client.key"
    write_pair(pair, *files)
    crl = world.directory / "crl.pem"
    crl.write_bytes(world.ca.crl([pair.chain[0]], now).public_bytes(Encoding.PEM))
    world.start(world.config(listener=asking(world, "optional") + f'\nclient_crl = "{crl}"'))
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        with world.caller(client=files) as caller:
            caller.post(PING).json()
    (record,) = world.wait_for(world.records)
    assert record["reason"] == "tls.revoked"


def test_a_reload_in_the_middle_of_a_handshake_counts_for_it(world: World) -> None:
    """A certificate that is revoked meanwhile does not slip in with the old trust."""
    now = datetime.now(UTC)
    pair = world.ca.client("ci.example", now)
    files = world.directory / "client.crt", world.directory / "client.key"
    write_pair(pair, *files)
    crl = world.directory / "crl.pem"
    crl.write_bytes(world.ca.crl([], now).public_bytes(Encoding.PEM))
    world.start(world.config(listener=asking(world, "required") + f'\nclient_crl = "{crl}"'))
    context = ssl.create_default_context(cafile=str(world.authority))
    context.load_cert_chain(*files)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with connect(world) as sock:
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        sock.sendall(outgoing.read())
        incoming.write(sock.recv(65536))
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                incoming.write(sock.recv(65536))
        # Our last flight, with the certificate, is not sent yet.
        crl.write_bytes(world.ca.crl([pair.chain[0]], now).public_bytes(Encoding.PEM))
        world.look()
        sock.sendall(outgoing.read())
        drain(sock)
    (record,) = world.wait_for(world.records)
    assert (record["outcome"], record["reason"]) == ("refused", "tls.revoked")


def test_handshakes_that_the_gate_gives_up_are_recorded(world: World) -> None:
    """Nothing happens off the record, not even at the end."""
    world.start()
    with connect(world) as sock:
        sock.sendall(b"\x16\x03\x01\x02")
        world.wait_for(lambda: world.listening.arrivals)
        world.stop()
        assert drain(sock) == b""
    (record,) = world.records()
    assert (record["outcome"], record["reason"]) == ("refused", "gate.draining")


@pytest.mark.parametrize("raw", [b"\x16\x03\x01\x02", b"GET /mcp HT"])
def test_a_peer_that_resets_in_the_middle_is_let_go_at_once(world: World, raw: bytes) -> None:
    """Its bytes and its reset are found together; it does not wait for the handshake's deadline."""
    world.start()
    sock = connect(world)
    # A reset instead of a FIN (socket(7), SO_LINGER with no time).
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def both_at_once() -> None:
        sock.sendall(raw)
        sock.close()

    world.loop.call(both_at_once)
    (record,) = world.wait_for(world.records)
    assert record["reason"] in ("tls.closed", "tls.plaintext")
    world.wait_for(lambda: not world.listening.arrivals)
