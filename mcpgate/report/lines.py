"""Lines of the journal as reports read them: the frequent ones typed, for speed; the others as they are
(pure).

Nothing here knows a line only by its version: a member that an older gate did not write has a default, and
one that is of another type than it must be makes the line faulty.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from mcpgate.evidence.record import READABLE, parse_line


class Certificate(msgspec.Struct, frozen=True, gc=False):
    """What a line says of a certificate."""

    sha256: str
    subject: str = ""
    issuer: str = ""
    serial: str = ""
    spki_pin: str = ""
    not_before: str = ""
    not_after: str = ""
    key: str = ""
    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


class Negotiated(msgspec.Struct, frozen=True, gc=False):
    """What a handshake came to."""

    version: str
    cipher: str
    cipher_bits: int = 0
    group: str | None = None
    post_quantum: bool = False
    alpn: str = ""
    sni: str | None = None
    peer: Certificate | None = None
    peer_chain_pins: tuple[str, ...] = ()
    pinned: bool | None = None
    own: Certificate | None = None
    generation: int = 0


class Offered(msgspec.Struct, frozen=True, gc=False):
    """What a ClientHello offered."""

    sni: str | None = None
    versions: tuple[str, ...] = ()
    ciphers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()


class Shake(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="handshake"):
    """One leg's handshake, finished or refused."""

    v: int
    id: str
    time: str
    leg: str
    outcome: str
    where: str
    peer: str = ""
    local: str = ""
    reason: str | None = None
    detail: str | None = None
    handshake: Negotiated | None = None
    offer: Offered | None = None
    extra: dict[str, object] | None = None


class Call(msgspec.Struct, frozen=True, gc=False):
    """One of several messages of an exchange."""

    method: str | None = None
    name: str | None = None
    verdict: str | None = None
    rule: str | None = None
    masked: dict[str, int] | None = None


class Opened(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="open"):
    """The beginning of an exchange."""

    v: int
    id: str
    time: str
    inbound: str | None = None
    outbound: str | None = None
    principal: str | None = None
    how: str | None = None
    proof: str | None = None
    issuer: str | None = None
    subject: str | None = None
    listener: str | None = None
    route: str | None = None
    upstream: str | None = None
    http: str = ""
    revision: str | None = None
    session: str | None = None
    method: str | None = None
    name: str | None = None
    verdict: str | None = None
    rule: str | None = None
    calls: tuple[Call, ...] = ()
    masked: dict[str, int] | None = None
    own: str | None = None
    hold: str | None = None
    decided: str | None = None
    by: str | None = None
    trace: str | None = None


class Closed(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="close"):
    """The end of an exchange."""

    v: int
    id: str
    time: str
    inbound: str | None = None
    outbound: str | None = None
    outcome: str = ""
    status: int | None = None
    reason: str | None = None
    detail: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    seconds: float = 0.0
    waited: float | None = None
    masked: dict[str, int] | None = None
    over: tuple[str, ...] = ()


#: A line of which there are few.
Event = Mapping[str, object]
Line = Shake | Opened | Closed | Event

_FREQUENT: msgspec.json.Decoder[Shake | Opened | Closed] = msgspec.json.Decoder(Shake | Opened | Closed)
#: The types that are read as such or not at all.
_TYPED = frozenset({"handshake", "open", "close"})


def read_line(line: bytes) -> Line:
    """
    A line, read.

    @raise ValueError: It is no line of a version that we read.
    """
    try:
        typed = _FREQUENT.decode(line)
    except msgspec.ValidationError:
        record = parse_line(line)
        if record.get("type") in _TYPED or not _has_place(record):
            raise
        return record
    if typed.v not in READABLE:
        raise ValueError("not a record of a version that is known")
    return typed


def _has_place(record: Event) -> bool:
    """Whether it begins as every line does."""
    return all(isinstance(record.get(key), str) for key in ("type", "id", "time"))


class _Timed(msgspec.Struct, frozen=True, gc=False):
    time: str


_TIMED = msgspec.json.Decoder(_Timed)


def time_of(line: bytes) -> str | None:
    """When a line was written; C{None} if it does not say so."""
    try:
        return _TIMED.decode(line).time
    except ValueError:
        return None


def text_of(record: Event, key: str) -> str | None:
    """A member that is text; C{None} if it is anything else."""
    value = record.get(key)
    return value if isinstance(value, str) else None


def number_of(record: Event, key: str) -> int:
    """A member that is a count; 0 if it is anything else."""
    value = record.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
