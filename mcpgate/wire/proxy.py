"""What a balancer says of a connection before the caller's first byte: the PROXY protocol, version 2.

After HAProxy's C{doc/proxy-protocol.txt}, section 2.2. Version 1, which is text, is recognised so
that the refusal can say so; of version 2 all that is not understood is refused. The TLVs that may
follow the addresses are stepped over, but for the checksum.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from attrs import frozen

from mcpgate.reasons import Reason, Refusal

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1 = b"PROXY "
_FIXED = len(SIGNATURE) + 4

#: Addresses and TLVs together. The specification asks receivers to take 536 bytes; certificates in TLVs
#: (which we do not read) make more. 4 KiB is nothing to hold for the time of a round trip.
REST_MOST = 4096

_LOCAL, _PROXY = 0x20, 0x21
# Family and transport: the bytes that the addresses take. Only the first two tell of a caller by IP;
# UDP (2 in the low half) never carries TLS as we speak it.
_TCP4, _TCP6 = 0x11, 0x21
_SIZES = {0x00: 0, _TCP4: 12, _TCP6: 36, 0x31: 216}

_CRC32C = 0x03


@frozen
class ProxyHeader:
    """
    A header.

    @ivar length: How many bytes it takes: the caller's own begin there.
    @ivar source: The caller's address and port; C{None} where the socket's own is meant (LOCAL, such
        as a balancer's health check) or where the caller has none (a unix socket before the balancer).
    """

    length: int
    source: tuple[str, int] | None


def claims_proxy(peeked: bytes) -> bool:
    """Whether this begins as a PROXY header of either version does. No TLS, and no HTTP, begins so."""
    return peeked.startswith((SIGNATURE, _V1))


def read_proxy_header(peeked: bytes) -> ProxyHeader | Refusal | int:
    """
    Read the header at the beginning of a connection.

    @return: How many bytes there must be before it is worth looking again, if it is not all there.
    """
    if not peeked.startswith(SIGNATURE[: len(peeked)]):
        if peeked.startswith(_V1):
            return _refuse("version 1 (text); have the balancer send version 2")
        return _refuse("the connection does not begin with one")
    if len(peeked) < _FIXED:
        return _FIXED
    command, family = peeked[12], peeked[13]
    rest = int.from_bytes(peeked[14:16], "big")
    if command not in (_LOCAL, _PROXY):
        return _refuse(f"version and command 0x{command:02x}")
    if rest > REST_MOST:
        return _refuse(f"{rest} bytes are announced")
    length = _FIXED + rest
    size = _SIZES.get(family)
    if command == _PROXY:
        if size is None:
            return _refuse(f"address family and transport 0x{family:02x}")
        if rest < size:
            return _refuse(f"{rest} bytes are too few for its addresses")
    if len(peeked) < length:
        return length
    if size is None or command == _LOCAL:
        # Whatever a LOCAL header says beyond its length is to be ignored (section 2.2).
        return ProxyHeader(length, None)
    problem = _judge_tlvs(peeked[:length], _FIXED + size)
    if problem is not None:
        return _refuse(problem)
    return ProxyHeader(length, _source(family, peeked[_FIXED : _FIXED + size]))


def _source(family: int, addresses: bytes) -> tuple[str, int] | None:
    if family == _TCP4:
        return str(IPv4Address(addresses[:4])), int.from_bytes(addresses[8:10], "big")
    if family == _TCP6:
        address = IPv6Address(addresses[:16])
        return str(address.ipv4_mapped or address), int.from_bytes(addresses[32:34], "big")
    return None


def _judge_tlvs(header: bytes, at: int) -> str | None:
    """What is wrong with what follows the addresses."""
    while at < len(header):
        size = int.from_bytes(header[at + 1 : at + 3], "big")
        value = at + 3
        if value + size > len(header):
            return "a TLV that is longer than the header"
        if header[at] == _CRC32C:
            stated = header[value : value + size]
            if size != 4 or _crc32c(header[:value] + bytes(4) + header[value + 4 :]) != stated:
                return "its checksum is wrong"
        at = value + size
    return None


def _crc32c(octets: bytes) -> bytes:
    """RFC 3720 appendix B.4, bit by bit: balancers send a checksum only where they are asked to."""
    crc = 0xFFFFFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "big")


def _refuse(why: str) -> Refusal:
    return Refusal(Reason.PROXY_HEADER, f"no good PROXY header: {why}")
