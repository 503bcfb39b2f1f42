"""Two connections without sockets shake hands, in this thread and in no time."""

from __future__ import annotations

from OpenSSL import SSL

#: Most turns of a handshake in memory; a full one with a retry takes four.
_TURNS = 10

#: Largest piece moved at once, in bytes; a flight with post-quantum certificates has some 20 KB.
_PIECE = 1 << 16


def converse(client: SSL.Connection, server: SSL.Connection) -> tuple[SSL.Error | None, SSL.Error | None]:
    """Lets two connections without sockets shake hands; what each side raised, if it did."""
    errors: list[SSL.Error | None] = [None, None]
    sides = (client, server)
    for _ in range(_TURNS):
        for number, side in enumerate(sides):
            if errors[number] is None:
                errors[number] = _step(side)
            _move(side, sides[1 - number])
    return errors[0], errors[1]


def _step(side: SSL.Connection) -> SSL.Error | None:
    try:
        side.do_handshake()
    except SSL.WantReadError:
        return None
    except SSL.Error as error:
        return error
    return None


def _move(side: SSL.Connection, other: SSL.Connection) -> None:
    try:
        octets = side.bio_read(_PIECE)
    except SSL.WantReadError:
        return
    try:
        other.bio_write(octets)
    except SSL.Error:
        return
