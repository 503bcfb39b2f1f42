"""First flights: the server name that we read is the one that OpenSSL reads (tls/hello.py)."""

from __future__ import annotations

from OpenSSL import SSL

from mcpgate.reasons import Refusal
from mcpgate.tls.handshake import Offer
from mcpgate.tls.hello import MAX_HELLO, HelloError, missing, plaintext_request, read_offer
from tests.fuzz.target import Target


def found(peeked: bytes) -> Offer | Refusal | None:
    """What is read of these bytes; both questions must have one answer."""
    try:
        wanted = missing(peeked)
    except HelloError as error:
        try:
            read_offer(peeked)
        except HelloError as again:
            assert again.refusal == error.refusal
            return error.refusal
        raise AssertionError("a hello was read that will not become one") from error
    try:
        offer = read_offer(peeked)
    except HelloError as error:
        assert wanted == 0
        return error.refusal
    assert (offer is None) == (wanted > 0)
    if wanted:
        assert len(peeked) < wanted <= MAX_HELLO + (1 << 14) + 5
    return offer


def name_by_openssl(flight: bytes) -> tuple[bool, bytes | None]:
    """Whether OpenSSL got as far as to ask for a certificate for a name, and for which."""
    names: list[bytes | None] = []
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_tlsext_servername_callback(lambda connection: names.append(connection.get_servername()))
    connection = SSL.Connection(context, None)
    connection.set_accept_state()
    connection.bio_write(flight)
    try:
        connection.do_handshake()
    except SSL.Error:
        pass
    return bool(names), names[0] if names else None


def check(flight: bytes) -> None:
    """No cut is judged early, records may be cut anew, and OpenSSL is asked for the same name."""
    offer = found(flight)
    plain = plaintext_request(flight)
    if isinstance(offer, Refusal):
        assert offer.reason.value in ("tls.hello", "tls.version", "tls.not_tls", "tls.plaintext")
        assert plain == (offer.reason.value == "tls.plaintext")
        return
    assert not plain or not flight
    # Nothing before the end is refused that is not refused at the end.
    for cut in {len(flight) // 7 * part for part in range(8)} | set(range(min(len(flight), 12))):
        early = found(flight[:cut])
        assert early is None or early == offer
    if offer is None:
        return
    assert offer.sni is None or (offer.sni == offer.sni.lower() and offer.sni.isascii() and offer.sni)
    message = hello_in(flight)
    for size in (1 + len(message) // 50, 400):
        assert found(in_records(message, size)) == offer
    asked, name = name_by_openssl(flight)
    if asked:
        assert (name or b"").lower() == (offer.sni or "").encode()


def hello_in(flight: bytes) -> bytes:
    """The first handshake message, its records joined."""
    message, at = b"", 0
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4]):
        end = at + 5 + int.from_bytes(flight[at + 3 : at + 5])
        message += flight[at + 5 : end]
        at = end
    return message


def in_records(message: bytes, size: int) -> bytes:
    """A message in records of so many bytes."""
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2) + part for part in parts)


def _first_flight(**how: object) -> bytes:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    if "newest" in how:
        context.set_max_proto_version(how["newest"])
        context.set_cipher_list(b"ALL:@SECLEVEL=0")
    if "alpn" in how:
        context.set_alpn_protos(how["alpn"])
    connection = SSL.Connection(context, None)
    connection.set_connect_state()
    if "sni" in how:
        connection.set_tlsext_host_name(how["sni"])
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        pass
    return connection.bio_read(1 << 16)


def seeds() -> list[bytes]:
    """What OpenSSL sends in different moods, cut and joined; and what is no hello."""
    flights = [
        _first_flight(sni=b"Gate.Test"),
        _first_flight(sni=b"a.test", alpn=[b"h2", b"http/1.1"]),
        _first_flight(),
        _first_flight(sni=b"gate.test", newest=SSL.TLS1_2_VERSION),
        _first_flight(newest=SSL.TLS1_VERSION),
    ]
    small = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x04\x13\x01\x0a\x0a" + b"\x01\0"
    name = b"\0\0\0\x0e\0\x0c\0\0\x09gate.test"
    for block in (
        b"",
        name,
        name + b"\0\x2b\0\x03\x02\x03\x04",
        name + b"\0\x10\0\x05\0\x03\x02h2",
        name + name,
    ):
        body = small + (len(block).to_bytes(2) + block if block else b"")
        flights.append(in_records(b"\x01" + len(body).to_bytes(3) + body, 1 << 14))
    return [
        *flights,
        *(in_records(hello_in(flight), size) for flight in flights for size in (50, 2)),
        *(
            b"GET / HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n",
            b"SSH-2.0-x\r\n",
            b"\x80\x2e\x01\x03\x01",
            b"\x15\x03\x03",
        ),
    ]


WORDS = (
    *(b"\x16\x03\x01", b"\x16\x03\x03", b"\x01\x00", b"\x13\x01", b"\x00\x00", b"\x00\x0a", b"\x00\x10"),
    *(b"\x00\x2b", b"\x03\x04", b"\x0a\x0a", b"\x00\x0c\x00\x0a\x00\x00\x07", b"gate.test", b"POST ", b"h2"),
)

TARGET = Target(check, seeds, WORDS)
