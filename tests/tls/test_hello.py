"""The first flight of a client, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from mcpgate.reasons import Reason
from mcpgate.tls.handshake import Offer
from mcpgate.tls.hello import MAX_HELLO, HelloError, missing, plaintext_request, read_offer
from tests import pki
from tests.tls.meeting import HOST, INTERMEDIATE, MODERN, first_flight, foreign_client, outbound

TRUST = pki.Authority.root().trust()

#: What real clients send, taken from real connections: ours under both profiles, OpenSSL's default
#: with a server name and two protocols, and one of TLS 1.0 without any group in common.
HELLOS = {
    "modern": first_flight(outbound(TRUST, MODERN)),
    "intermediate": first_flight(outbound(TRUST, INTERMEDIATE)),
    "address": first_flight(outbound(TRUST, MODERN, host="127.0.0.1")),
    "default": first_flight(foreign_client(sni=b"MCP.Test", alpn=[b"h2", b"http/1.1"])),
    "old": first_flight(foreign_client(newest=SSL.TLS1_VERSION, ciphers=b"AES128-SHA:@SECLEVEL=0")),
}
MODERN_HELLO = HELLOS["modern"]


def records(message: bytes, *sizes: int) -> bytes:
    """A handshake message over several records: of these sizes, and one for the rest."""
    parts, at = [], 0
    for size in (*sizes, len(message)):
        part = message[at : at + size]
        if part:
            parts.append(b"\x16\x03\x01" + len(part).to_bytes(2) + part)
        at += size
    return b"".join(parts)


def hello(*extensions: tuple[int, bytes], ciphers: bytes = b"\x13\x01") -> bytes:
    """A ClientHello of our own making, in one record."""
    block = b"".join(number.to_bytes(2) + len(body).to_bytes(2) + body for number, body in extensions)
    body = b"\x03\x03" + bytes(32) + b"\0" + len(ciphers).to_bytes(2) + ciphers + b"\x01\0"
    body += len(block).to_bytes(2) + block
    return records(b"\x01" + len(body).to_bytes(3) + body)


def server_name(name: bytes, kind: int = 0) -> tuple[int, bytes]:
    """A server_name extension with one entry."""
    entry = bytes([kind]) + len(name).to_bytes(2) + name
    return 0, len(entry).to_bytes(2) + entry


def reason_of(peeked: bytes) -> Reason:
    """Why the reader refuses these bytes."""
    with pytest.raises(HelloError) as raised:
        read_offer(peeked)
    return raised.value.refusal.reason


def test_our_own_hello_offers_exactly_the_modern_profile() -> None:
    assert read_offer(MODERN_HELLO) == Offer(
        sni=HOST,
        versions=("TLSv1.3",),
        ciphers=MODERN.tls13,
        groups=MODERN.groups,
        alpn=("http/1.1",),
    )


def test_the_intermediate_hello_adds_tls_1_2_and_nothing_else() -> None:
    offer = read_offer(HELLOS["intermediate"])
    assert offer is not None
    assert offer.versions == ("TLSv1.3", "TLSv1.2")
    assert offer.groups == INTERMEDIATE.groups
    # OpenSSL adds the signal that it supports secure renegotiation (RFC 5746 §3.3).
    signal = {"TLS_EMPTY_RENEGOTIATION_INFO_SCSV"}
    assert set(offer.ciphers) - signal == {*INTERMEDIATE.tls13, *INTERMEDIATE.tls12}


def test_an_address_is_never_asked_for_by_name() -> None:
    offer = read_offer(HELLOS["address"])
    assert offer is not None
    assert offer.sni is None


def test_a_foreign_hello_is_read_with_its_name_in_lower_case() -> None:
    offer = read_offer(HELLOS["default"])
    assert offer is not None
    assert offer.sni == "mcp.test"
    assert offer.alpn == ("h2", "http/1.1")
    assert offer.groups[0] == "X25519MLKEM768"


def test_an_old_hello_without_the_versions_extension_tells_its_version() -> None:
    offer = read_offer(HELLOS["old"])
    assert offer is not None
    assert offer.versions == ("TLSv1",)
    assert offer.ciphers[0] == "AES128-SHA"


@pytest.mark.parametrize("name", HELLOS)
def test_every_cut_point_waits_for_the_same_offer(name: str) -> None:
    """However the bytes arrive, nothing is read early and the offer comes out the same."""
    whole = HELLOS[name]
    offer = read_offer(whole)
    assert offer is not None
    for cut in range(len(whole)):
        assert read_offer(whole[:cut]) is None
        assert cut < missing(whole[:cut]) <= len(whole)
    assert missing(whole) == 0
    # What follows in the next record (early data, a second hello) is not ours to judge.
    assert read_offer(whole + b"\x17\x03\x03\x00\x01x") == offer


@given(st.lists(st.integers(1, 400), max_size=20), st.sampled_from(sorted(HELLOS)))
def test_a_hello_may_be_spread_over_records(sizes: list[int], name: str) -> None:
    spread = records(HELLOS[name][5:], *sizes)
    assert read_offer(spread) == read_offer(HELLOS[name])
    for cut in range(0, len(spread), 7):
        assert missing(spread[:cut]) > cut


@given(st.integers(0, 1 << 15))
def test_waiting_as_told_gets_there(start: int) -> None:
    """Following the answers of missing() always grows and ends at the whole hello."""
    at = start % len(MODERN_HELLO)
    looks = 0
    while wanted := missing(MODERN_HELLO[:at]):
        assert wanted > at
        at, looks = wanted, looks + 1
    assert at == len(MODERN_HELLO)
    assert looks <= 2


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(octets: bytes) -> None:
    """Nothing but a HelloError ever comes out."""
    check(octets)


@given(st.data())
def test_a_damaged_hello_is_read_or_refused(data: st.DataObject) -> None:
    """The same for real hellos with a few bytes changed, cut out or put in."""
    octets = bytearray(HELLOS[data.draw(st.sampled_from(sorted(HELLOS)))])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        length = data.draw(st.integers(0, 3))
        octets[at : at + length] = data.draw(st.binary(max_size=3))
        if not octets:
            break
    check(bytes(octets))


@given(st.binary(max_size=120))
def test_any_extensions_are_read_or_refused(block: bytes) -> None:
    """Deep inside, where the headers are right and the rest is anything."""
    body = b"\x03\x03" + bytes(32) + b"\0\0\x02\x13\x01\x01\0" + len(block).to_bytes(2) + block
    check(records(b"\x01" + len(body).to_bytes(3) + body))


def check(octets: bytes) -> None:
    """Both functions keep their promises for these bytes."""
    try:
        wanted = missing(octets)
    except HelloError as error:
        assert error.refusal.detail
        with pytest.raises(HelloError):
            read_offer(octets)
        return
    assert wanted == 0 or wanted > len(octets)
    try:
        offer = read_offer(octets)
    except HelloError as error:
        assert wanted == 0
        assert error.refusal.reason is Reason.TLS_HELLO
    else:
        assert (offer is None) == (wanted > 0)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"GET /mcp HTTP/1.1\r\n", Reason.TLS_PLAINTEXT),
        (b"PRI * HTTP/2.0\r\n\r\nSM", Reason.TLS_PLAINTEXT),
        (b"PO", Reason.TLS_PLAINTEXT),
        (b"SSH-2.0-OpenSSH_9.9\r\n", Reason.TLS_NOT_TLS),
        (b"\0\0\0\0", Reason.TLS_NOT_TLS),
        (b"\x16\x02\x00\x00\x10", Reason.TLS_NOT_TLS),
        (b"\x80\x2e\x01\x03\x01\x00\x15", Reason.TLS_VERSION),
        (b"\x15\x03\x01\x00\x02\x02\x28", Reason.TLS_HELLO),
        (b"\x17\x03\x03\x00\x10", Reason.TLS_HELLO),
        (b"\x16\x03\x01\x00\x00", Reason.TLS_HELLO),
        (b"\x16\x03\x01\xff\xff", Reason.TLS_HELLO),
        (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", Reason.TLS_HELLO),
        (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", Reason.TLS_HELLO),
        (records(b"\x01\0\0\x20", 2)[:7] + b"\x14\x03\x03\0\x01\x01", Reason.TLS_HELLO),
        (MODERN_HELLO[:3] + (len(MODERN_HELLO) - 4).to_bytes(2) + MODERN_HELLO[5:] + b"x", Reason.TLS_HELLO),
    ],
    ids=[
        *("http", "h2c", "partial method", "ssh", "zeros", "dtls or ssl 2", "ssl 2 hello", "alert first"),
        *("data first", "empty record", "huge record", "server hello first", "16 MiB hello"),
        *("interrupted by change_cipher_spec", "bytes after the hello"),
    ],
)
def test_what_is_no_hello_is_refused_at_once(octets: bytes, reason: Reason) -> None:
    assert reason_of(octets) is reason


def test_a_refusal_never_quotes_more_than_eight_bytes() -> None:
    with pytest.raises(HelloError) as raised:
        missing(b"\x00secret-token-secret-token")
    assert raised.value.refusal.detail == "the connection begins with the bytes 00 73 65 63 72 65 74 2d"


def test_dribbled_records_come_to_an_end() -> None:
    """One byte a record would make every look dearer than the last."""
    assert reason_of(records(MODERN_HELLO[5:], *([1] * 100))) is Reason.TLS_HELLO


def test_a_hello_may_not_be_larger_than_the_bound() -> None:
    padding = (21, bytes(MAX_HELLO))
    body = b"\x03\x03" + bytes(32) + b"\0\0\x02\x13\x01\x01\0" + bytes(2)
    message = b"\x01" + (len(body) + len(padding[1])).to_bytes(3) + body
    assert reason_of(records(message)) is Reason.TLS_HELLO


@pytest.mark.parametrize(
    "octets",
    [
        hello(server_name(b"a.test"), server_name(b"b.test")),
        hello(server_name(b"")),
        hello(server_name(b"a.test\0.evil")),
        hello(server_name(b"a b")),
        hello(server_name("ä.test".encode())),
        hello(server_name(b"a" * 256)),
        hello(server_name(b"a.test", kind=1)),
        hello((0, server_name(b"a.test")[1] + b"x")),
        hello((0, b"\0\x12" + server_name(b"a.test")[1][2:] * 2)),
        hello((0, b"\0\0")),
        hello((16, b"\0\x01\0")),
        hello((43, b"\x03\x03\x04\x03")),
        hello((10, b"\0\0")),
        hello(ciphers=b""),
        hello(ciphers=b"\x13"),
    ],
    ids=[
        *("two extensions", "empty name", "NUL", "blank", "not ascii", "long", "not a host name"),
        *("bytes after the list", "two names", "no name", "empty protocol", "odd versions", "no groups"),
        *("no suites", "half a suite"),
    ],
)
def test_an_ambiguous_or_broken_hello_is_refused(octets: bytes) -> None:
    """Above all: there is never a doubt about which server name was asked for."""
    assert missing(octets) == 0
    assert reason_of(octets) is Reason.TLS_HELLO


def test_a_hello_without_extensions_is_one() -> None:
    body = b"\x03\x01" + bytes(32) + b"\0\0\x02\0\x2f\x01\0"
    offer = read_offer(records(b"\x01" + len(body).to_bytes(3) + body))
    assert offer == Offer(sni=None, versions=("TLSv1",), ciphers=("AES128-SHA",), groups=(), alpn=())


def test_random_values_that_mean_nothing_are_left_out() -> None:
    """RFC 8701: clients put them in so that servers do not choke on what they do not know."""
    offer = read_offer(hello((10, b"\0\x06\x0a\x0a\x11\xec\xfa\xfb"), ciphers=b"\x1a\x1a\x13\x01"))
    assert offer is not None
    assert offer.groups == ("X25519MLKEM768", "0xfafb")
    assert offer.ciphers == ("TLS_AES_128_GCM_SHA256",)


def test_protocol_names_are_escaped_and_lists_are_bounded() -> None:
    """Nobody can fill the journal, or put control characters into it."""
    names = b"\x02\x1b[" * 500
    offer = read_offer(hello((16, len(names).to_bytes(2) + names), ciphers=b"\x12\x34" * 500))
    assert offer is not None
    assert offer.alpn == ("\\x1b[",) * 128
    assert offer.ciphers == ("0x1234",) * 128


@pytest.mark.parametrize(
    "octets", [b"G", b"GET /", b"POST /mcp HTTP/1.1", b"PRI * HTTP/2.0", b"PRI ", b"PATCH /"]
)
def test_clear_text_requests_are_recognised(octets: bytes) -> None:
    assert plaintext_request(octets)


@pytest.mark.parametrize(
    "octets", [b"", b"\x16\x03\x01", b"SSH-2.0", b"GETX", b"get /", b"EHLO x", b"PRI / HTTP"]
)
def test_other_bytes_are_not(octets: bytes) -> None:
    assert not plaintext_request(octets)
