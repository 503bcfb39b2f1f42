"""What a balancer says of a connection: read exactly, refused in every doubt, over any split."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.proxy import REST_MOST, SIGNATURE, ProxyHeader, claims_proxy, read_proxy_header

PORTS = st.integers(0, 65535)
#: TLVs of types that say nothing about checksums.
TLVS = st.lists(
    st.tuples(st.integers(4, 255), st.binary(max_size=60)).map(
        lambda tlv: bytes([tlv[0]]) + len(tlv[1]).to_bytes(2, "big") + tlv[1]
    ),
    max_size=6,
).map(b"".join)

# As HAProxy 2.6 sent it on loopback ("send-proxy-v2 proxy-v2-options crc32c,unique-id").
WITH_CHECKSUM = bytes.fromhex(
    "0d0a0d0a000d0a515549540a211100177f0000037f0000019cbb4269030004150356470500017878"
)


def header(rest: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest


def tcp4(source: str, port: int, tlvs: bytes = b"") -> bytes:
    """A header about an IPv4 caller."""
    packed = IPv4Address(source).packed + IPv4Address("192.0.2.2").packed
    return header(packed + port.to_bytes(2, "big") + (443).to_bytes(2, "big") + tlvs)


def tcp6(source: str, port: int, tlvs: bytes = b"") -> bytes:
    """A header about an IPv6 caller."""
    packed = IPv6Address(source).packed + IPv6Address("::1").packed
    return header(packed + port.to_bytes(2, "big") + (443).to_bytes(2, "big") + tlvs, family=0x21)


def refused(raw: bytes, words: str) -> None:
    found = read_proxy_header(raw)
    assert isinstance(found, Refusal) and found.reason is Reason.PROXY_HEADER
    assert words in found.detail


@given(st.ip_addresses(v=4).map(str), PORTS, TLVS, st.binary(max_size=40))
def test_an_ipv4_caller_is_read_and_what_follows_is_left(
    source: str, port: int, tlvs: bytes, follows: bytes
) -> None:
    raw = tcp4(source, port, tlvs)
    assert read_proxy_header(raw + follows) == ProxyHeader(len(raw), (source, port))


def test_a_checksum_is_verified_where_there_is_one() -> None:
    """A real balancer's header; every byte that is not the length or the type of something counts."""
    raw = WITH_CHECKSUM[:-1]
    assert read_proxy_header(WITH_CHECKSUM) == ProxyHeader(len(raw), ("127.0.0.3", 40123))
    for at in (*range(16, 28), *range(31, 35), 38):
        spoilt = bytearray(raw)
        spoilt[at] ^= 1
        refused(bytes(spoilt), "checksum")


@given(st.ip_addresses(v=6), PORTS, TLVS)
def test_an_ipv6_caller_is_read(source: IPv6Address, port: int, tlvs: bytes) -> None:
    raw = tcp6(str(source), port, tlvs)
    shown = str(source.ipv4_mapped or source)
    assert read_proxy_header(raw) == ProxyHeader(len(raw), (shown, port))


@given(TLVS, st.binary(max_size=30))
def test_a_header_that_is_not_all_there_says_how_much_to_wait_for(tlvs: bytes, follows: bytes) -> None:
    """Never less than there is, so that nobody goes in circles, and never more than the header."""
    raw = tcp4("192.0.2.7", 1024, tlvs)
    for size in range(len(raw)):
        wanted = read_proxy_header(raw[:size])
        assert isinstance(wanted, int) and size < wanted <= len(raw)
    assert isinstance(read_proxy_header(raw + follows), ProxyHeader)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_or_waited_for(raw: bytes) -> None:
    for candidate in (raw, SIGNATURE + raw):
        found = read_proxy_header(candidate)
        if isinstance(found, ProxyHeader):
            assert 16 <= found.length <= len(candidate)
        elif isinstance(found, int):
            assert len(candidate) < found <= 16 + REST_MOST
        else:
            assert found.reason is Reason.PROXY_HEADER


@pytest.mark.parametrize("rest", [b"", bytes(12), b"\x01\x00\x03abc", b"\xff" * 20])
def test_a_local_connection_is_the_balancers_own_whatever_else_is_said(rest: bytes) -> None:
    """Its health check: the specification has all of the rest ignored."""
    raw = header(rest, command=0x20, family=0x00)
    assert read_proxy_header(raw) == ProxyHeader(len(raw), None)


@pytest.mark.parametrize(("family", "size"), [(0x00, 0), (0x31, 216)])
def test_a_caller_without_an_ip_address_is_known_by_the_sockets(family: int, size: int) -> None:
    """UNSPEC, and a unix socket before the balancer."""
    raw = header(bytes(size), family=family)
    assert read_proxy_header(raw) == ProxyHeader(len(raw), None)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.2 1024 443\r\n", "version 1"),
        (b"\x16\x03\x01\x02\x00\x01", "does not begin with one"),
        (b"\r\n\r\nGET", "does not begin with one"),
        (header(bytes(12), command=0x11), "0x11"),
        (header(bytes(12), command=0x22), "0x22"),
        (header(bytes(12), family=0x12), "0x12"),
        (header(bytes(11)), "too few"),
        (header(bytes(35), family=0x21), "too few"),
        (header(bytes(REST_MOST + 1)), "4097 bytes"),
        (tcp4("192.0.2.7", 1, b"\x04\x00\x05abcd"), "longer than the header"),
        (tcp4("192.0.2.7", 1, b"\x04\x00"), "longer than the header"),
        (tcp4("192.0.2.7", 1, b"\x03\x00\x04abcd"), "checksum"),
        (tcp4("192.0.2.7", 1, b"\x03\x00\x03abc"), "checksum"),
    ],
)
def test_what_is_no_good_header_is_refused_in_words(raw: bytes, words: str) -> None:
    refused(raw, words)


@pytest.mark.parametrize("end", [1, 11, 13, 15])
def test_a_foreign_first_byte_is_refused_without_waiting_for_more(end: int) -> None:
    """A caller that speaks TLS at once would never send more by itself."""
    refused((b"\x16" + bytes(20))[:end], "does not begin with one")


def test_both_versions_are_recognised_from_anybody() -> None:
    assert claims_proxy(tcp4("192.0.2.7", 1))
    assert claims_proxy(b"PROXY TCP4 ")
    assert not claims_proxy(b"POST /mcp HTTP/1.1\r\n")
    assert not claims_proxy(b"\x16\x03\x01")
