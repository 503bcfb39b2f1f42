"""What a balancer says of a caller, beside another reading of HAProxy's proxy-protocol.txt (wire/proxy.py).

Nobody finds a checksum by trying: where there is one, it is also put right, and spoilt again.
"""

from __future__ import annotations

import struct
import zlib
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, inet_pton

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.hello import HelloError, missing, plaintext_request
from mcpgate.wire.proxy import REST_MOST, ProxyHeader, claims_proxy, read_proxy_header
from tests.fuzz.target import Target

#: How a header may begin, in either version.
MAGIC = bytes.fromhex("0d0a0d0a000d0a515549540a")
OLD = b"PROXY "

FIXED, TLV = struct.Struct("!12sBBH"), struct.Struct("!BH")
TCP4, TCP6 = struct.Struct("!4s4sHH"), struct.Struct("!16s16sHH")
#: What the addresses take, by family and transport; only these may be sent.
BLOCKS = {0x00: 0, 0x11: TCP4.size, 0x12: TCP4.size, 0x21: TCP6.size, 0x22: TCP6.size, 0x31: 216, 0x32: 216}
#: Well formed, but nobody speaks TLS over them.
DATAGRAMS = (0x12, 0x22, 0x32)

#: Length, packed source (empty where the connection's own counts), port, and where checksums are.
Meaning = tuple[int, bytes, int, tuple[int, ...]]


def by_hand(raw: bytes) -> Meaning | int | None:
    """What a header means, or how many bytes it lacks; C{None} for what is none of version 2."""
    if raw[:12] != MAGIC[: len(raw)]:
        return None
    if len(raw) < FIXED.size:
        return FIXED.size - len(raw)
    _, version, family, rest = FIXED.unpack_from(raw)
    if version not in (0x20, 0x21):
        return None
    local = version == 0x20
    block = BLOCKS.get(family)
    if not local and (block is None or block > rest):
        return None
    body = raw[FIXED.size : FIXED.size + rest]
    if len(body) < rest:
        return rest - len(body)
    if local or block is None:
        return FIXED.size + rest, b"", 0, ()
    source, port = b"", 0
    if family in (0x11, 0x21):
        source, _, port, _ = (TCP4 if family == 0x11 else TCP6).unpack_from(body)
    checksums = []
    at = block
    while at < rest:
        if at + TLV.size > rest:
            return None
        kind, size = TLV.unpack_from(body, at)
        at += TLV.size
        if at + size > rest or (kind == 0x03 and size != 4):
            return None
        if kind == 0x03:
            checksums.append(FIXED.size + at)
        at += size
    return FIXED.size + rest, source, port, tuple(checksums)


def crc32c(octets: bytes) -> int:
    """RFC 9260 appendix A: what the division by the polynomial leaves, all bits in the order as sent."""
    bits = int("0" + "".join(f"{octet:08b}"[::-1] for octet in octets), 2) << 32
    bits ^= 0xFFFFFFFF << 8 * len(octets)
    while (over := bits.bit_length() - 33) >= 0:
        bits ^= 0x11EDC6F41 << over
    return int(f"{bits ^ 0xFFFFFFFF:032b}"[::-1], 2)


def with_checksum(header: bytes, at: int) -> bytes:
    """The header with the sum that it must have there."""
    total = crc32c(header[:at] + bytes(4) + header[at + 4 :])
    return header[:at] + struct.pack("!I", total) + header[at + 4 :]


def unwanted(raw: bytes) -> bool:
    """Whether we refuse what the specification leaves us free to refuse."""
    if len(raw) < FIXED.size:
        return False
    _, version, family, rest = FIXED.unpack_from(raw)
    return bool(rest > REST_MOST or (version == 0x21 and family in DATAGRAMS))


def agreed(raw: bytes) -> ProxyHeader | Refusal | int:
    """What is read of these bytes, which is what is read by hand."""
    found, hand = read_proxy_header(raw), by_hand(raw)
    if hand is None or unwanted(raw):
        assert isinstance(found, Refusal) and found.reason is Reason.PROXY_HEADER
    elif isinstance(hand, int):
        assert found == len(raw) + hand
    else:
        length, source, port, checksums = hand
        header = raw[:length]
        if all(with_checksum(header, at) == header for at in checksums):
            assert isinstance(found, ProxyHeader) and found.length == length
            assert (found.source is None) == (not source)
            if found.source is not None:
                address, seen_port = found.source
                assert packed(address) == plain(source) and seen_port == port
        else:
            assert isinstance(found, Refusal) and found.reason is Reason.PROXY_HEADER
    return found


def plain(source: bytes) -> bytes:
    """IPv4 as IPv6 is the same caller by another name."""
    return source.removeprefix(bytes(10) + b"\xff\xff") if len(source) == 16 else source


def packed(text: str) -> bytes:
    """An address, which must be written as everybody writes it: callers are counted by it."""
    assert str(ip_address(text)) == text
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


def check(raw: bytes) -> None:
    """Two readings agree on the whole, on every part that may have come first, and about checksums."""
    final = agreed(raw)
    end = final.length if isinstance(final, ProxyHeader) else len(raw)
    wanted = 0
    for size in range(end):
        early = agreed(raw[:size])
        if isinstance(early, Refusal):
            # For good; before its sixth byte, version 1 is not known for what it is.
            assert early == final or OLD.startswith(raw[:size]) and isinstance(final, Refusal)
            break
        # Whoever looks again when there is that much gets on, and loses nothing of what follows.
        assert isinstance(early, int) and max(wanted, size + 1) <= early
        assert early <= end or isinstance(final, int) or early == FIXED.size
        wanted = early
    assert agreed(raw[:end]) == final
    assert claims_proxy(raw) == raw.startswith((MAGIC, OLD))
    if claims_proxy(raw):
        assert not plaintext_request(raw)
        try:
            missing(raw)
        except HelloError:
            pass
        else:
            raise AssertionError("a header that might be a hello")
    hand = by_hand(raw)
    if isinstance(hand, tuple) and len(hand[3]) == 1:
        right = with_checksum(raw[: hand[0]], hand[3][0])
        assert isinstance(agreed(right), ProxyHeader) or unwanted(right)
        spoilt = bytearray(right)
        spoilt[zlib.crc32(raw) % len(right)] ^= 1 << len(raw) % 8
        agreed(bytes(spoilt))


def header(rest: bytes, family: int = 0x11, version: int = 0x21) -> bytes:
    return FIXED.pack(MAGIC, version, family, len(rest)) + rest


def seeds() -> list[bytes]:
    """Callers of each family, what may follow their addresses, and what is no header."""
    four = TCP4.pack(b"\xc0\0\2\7", b"\xc0\0\2\2", 40123, 443)
    six = TCP6.pack(b"\x20\1\x0d\xb8" + bytes(11) + b"\7", bytes(15) + b"\1", 40123, 443)
    as_six = TCP6.pack(bytes(10) + b"\xff\xff\xc0\0\2\7", bytes(16), 1, 443)
    tlvs = b"\x04\0\0" + b"\x02\0\x09gate.test" + b"\x20\0\x05\1\0\0\0\0"
    blank = header(four + tlvs + b"\3\0\4\0\0\0\0" + b"\5\0\1x")
    two = header(four + b"\3\0\4\0\0\0\0" * 2)
    good = [
        header(four),
        header(six, 0x21),
        header(as_six, 0x21),
        header(six + tlvs, 0x21),
        header(b"", 0x00),
        header(b"", 0x00, 0x20),
        header(b"\3\0\4abcd", 0x00, 0x20),
        header(bytes(216) + tlvs, 0x31),
        with_checksum(blank, len(blank) - 8),
        # As HAProxy 2.6 sends it.
        bytes.fromhex("0d0a0d0a000d0a515549540a211100177f0000037f0000019cbb42690300041503564705000178"),
    ]
    bad = [
        blank,
        with_checksum(two, len(two) - 4),
        header(four, 0x12),
        header(six, 0x22),
        header(bytes(216), 0x32),
        header(four, 0x41),
        header(four, version=0x11),
        header(four, version=0x22),
        header(four[:-1]),
        header(six[:-1], 0x21),
        header(four + b"\4\0"),
        header(four + b"\4\0\1"),
        header(four + b"\3\0\3abc"),
        header(bytes(REST_MOST), 0x00)[:FIXED.size],
        header(bytes(REST_MOST + 1), 0x00)[:FIXED.size],
        b"PROXY TCP4 192.0.2.7 192.0.2.2 40123 443\r\n",
        b"\x16\x03\x01\x02\0\x01",
        b"\r\n\r\nGET / HTTP/1.1\r\n",
    ]
    return [*good, *(raw + b"\x16\x03\x01\x02\0\x01" for raw in good), *bad]


WORDS = (
    *(MAGIC + b"\x21\x11\0\x0c", MAGIC + b"\x21\x21\0\x24", MAGIC + b"\x20\0\0\0", MAGIC + b"\x21\x31\0\xd8"),
    *(b"\3\0\4\0\0\0\0", b"\4\0\0", b"\5\0\1x", b"\x20\0\5\1\0\0\0\0", b"\xff\xff", bytes(10), OLD),
)

TARGET = Target(check, seeds, WORDS, longest=300)
