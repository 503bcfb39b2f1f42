"""Peers that a port on a network meets: who say nothing, nonsense, or too little too slowly.

They call from addresses of their own in 127.0.0.0/8, so that what a gate holds against them is not
held against the callers of a test.
"""

import random
import socket
import ssl
from collections.abc import Iterator

from tests.e2e.lab import GateProcess
from tests.e2e.wire import knock

#: How many addresses they have: with a thousand of them, fifty each.
ADDRESSES = 20


def address(number: int) -> str:
    """Where the stranger of that number calls from."""
    return f"127.66.0.{1 + number % ADDRESSES}"


def hello() -> bytes:
    """What a client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def garbage(count: int) -> Iterator[bytes]:
    """What is no handshake, or not one that comes to anything; the same every time."""
    chance = random.Random(3)
    good = hello()
    for number in range(count):
        noise = chance.randbytes(chance.randrange(1, 600))
        match number % 10:
            case 0:
                yield noise
            case 1:
                yield b"GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n"
            case 2:
                yield b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n"
            case 3:
                yield good[: chance.randrange(1, len(good))]
            case 4:
                # A record's header with anything in it.
                yield b"\x16\x03\x01" + len(noise).to_bytes(2, "big") + noise
            case 5:
                # A hello with a few bits turned.
                turned = bytearray(good)
                for _ in range(3):
                    turned[chance.randrange(9, len(good))] ^= 1 << chance.randrange(8)
                yield bytes(turned)
            case 6:
                yield good + noise
            case 7:
                # More than a record may hold, and an alert, and SSL 2.
                yield b"\x16\x03\x01\xff\xff" + noise
            case 8:
                yield b"\x15\x03\x01\x00\x02\x02\x28"
            case 9:
                yield b"\x80\x2e\x01\x00\x02" + noise


def strangers(gate: GateProcess, count: int) -> Iterator[socket.socket]:
    """So many connections on which nothing was said yet."""
    for number in range(count):
        yield knock(gate.port, address(number))
