"""The lines of a journal as the index takes them: typed, and nothing that is not named here (pure).

A line that does not fit is refused by C{ValueError}; so whatever stands in a journal, what comes out of
here fits a database: whole numbers of 64 bits, no NUL, keys that are not too long.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from mcpgate.evidence.record import READABLE

#: Longest text by which rows are found. PostgreSQL takes no more than 2,704 bytes into an index, and a
#: character is up to four; the journal has up to 1,024 characters of a name that a caller made up.
FOUND_BY_MOST = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Ids are ours and have 32 characters; names of the configuration and of groups and suites have some dozen.
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Name = Annotated[str, msgspec.Meta(max_length=300)]
Whole = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]

#: Lines that are told besides, and what of them stays out: the sealed text of bodies, which nobody can
#: search, and certificates, which have rows of their own.
TOLD = frozenset(
    "dropped echo answered definition decision issuer repair segment generation reload handshakes gap "
    "expired clock payload".split()
)
_LEFT_OUT = frozenset({"v", "type", "id", "time", "exchange", "seq", "prev", "sealed", "certificates"})


class Opened(msgspec.Struct, kw_only=True, gc=False):
    """An C{open} line."""

    id: Id
    time: str
    inbound: Id | None = None
    outbound: Id | None = None
    principal: str | None = None
    how: Name | None = None
    proof: Name | None = None
    issuer: str | None = None
    subject: str | None = None
    listener: Name | None = None
    route: Name | None = None
    upstream: Name | None = None
    http: Name | None = None
    revision: Name | None = None
    session: str | None = None
    method: str | None = None
    name: str | None = None
    verdict: Name | None = None
    rule: Name | None = None
    masked: dict[str, Whole] | None = None
    calls: list[dict[str, Any]] | None = None
    shadow: dict[str, str] | None = None
    own: str | None = None
    hold: str | None = None
    decided: str | None = None
    by: str | None = None
    trace: str | None = None


class Closed(msgspec.Struct, kw_only=True, gc=False):
    """A C{close} line."""

    id: Id
    time: str
    inbound: Id | None = None
    outbound: Id | None = None
    outcome: Name
    status: Whole | None = None
    reason: Name | None = None
    detail: str | None = None
    bytes_in: Whole = 0
    bytes_out: Whole = 0
    seconds: float | None = None
    waited: float | None = None
    masked: dict[str, Whole] | None = None
    over: list[str] | None = None


class Certificate(msgspec.Struct, kw_only=True, gc=False):
    """A certificate in a line about handshakes, or about what is in force."""

    subject: str
    issuer: str
    serial: str
    sha256: Name
    spki_pin: str
    not_before: str
    not_after: str
    key: str
    dns_names: list[str] = []
    uris: list[str] = []
    addresses: list[str] = []
    #: Of one that is in force.
    names: list[str] = []
    role: Name | None = None
    where: Name = ""


class Shaken(msgspec.Struct, kw_only=True, gc=False):
    """What a finished handshake came to."""

    version: Name
    cipher: Name
    cipher_bits: Whole | None = None
    group: Name | None = None
    post_quantum: bool = False
    alpn: str | None = None
    sni: str | None = None
    peer: Certificate | None = None
    peer_chain_pins: list[str] = []
    pinned: bool | None = None
    own: Certificate | None = None
    milliseconds: float | None = None
    generation: Whole | None = None


class Offer(msgspec.Struct, kw_only=True, gc=False):
    """What a client offered."""

    sni: str | None = None
    versions: list[str] = []
    ciphers: list[str] = []
    groups: list[str] = []
    alpn: list[str] = []


class Handshake(msgspec.Struct, kw_only=True, gc=False):
    """A C{handshake} line."""

    id: Id
    time: str
    leg: Name
    outcome: Name
    where: Name
    peer: str = ""
    local: str = ""
    reason: Name | None = None
    detail: str | None = None
    handshake: Shaken | None = None
    offer: Offer | None = None
    extra: dict[str, Any] | None = None


class Other(msgspec.Struct, kw_only=True, gc=False):
    """
    Any other line.

    @ivar facts: What it says, where it is of a kind that is known; else nothing.
    @ivar certificates: Those in force, of a C{generation} line, and C{number}: which one.
    @ivar count: Of a C{handshakes} line: how many were refused that were only counted.
    """

    type: Name
    id: Id
    time: str
    exchange: Id | None = None
    what: Name | None = None
    decided: Name | None = None
    upstream: Name | None = None
    issuer: Name | None = None
    where: Name | None = None
    reason: Name | None = None
    count: Whole = 0
    certificates: list[Certificate] = []
    number: Whole | None = None
    facts: dict[str, Any] = {}


class _Head(msgspec.Struct, gc=False):
    v: int
    type: str


Line = Opened | Closed | Handshake | Other

_head = msgspec.json.Decoder(_Head).decode
_DECODERS: Mapping[str, msgspec.json.Decoder[Opened | Closed | Handshake]] = {
    "open": msgspec.json.Decoder(Opened),
    "close": msgspec.json.Decoder(Closed),
    "handshake": msgspec.json.Decoder(Handshake),
}
_other = msgspec.json.Decoder(Other).decode
_whole = msgspec.json.Decoder(dict[str, Any]).decode


def read_line(line: bytes) -> Line:
    """
    What a line says.

    @raise ValueError: It is none of a version that is known, or says something that does not fit.
    """
    if b"\\u0000" in line:
        # No database has it in a text. (The other \\u0000, of an escaped backslash, is left as it is.)
        line = msgspec.json.encode(_mended(msgspec.json.decode(line)))
    head = _head(line)
    if head.v not in READABLE:
        raise ValueError(f"a record of version {head.v}")
    decoder = _DECODERS.get(head.type)
    if decoder is not None:
        return decoder.decode(line)
    other = _other(line)
    # Of a kind that is not known, nobody here can say what must not be copied.
    other.facts = (
        {key: value for key, value in _whole(line).items() if key not in _LEFT_OUT}
        if other.type in TOLD
        else {}
    )
    return other


def _mended(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mended(item) for item in value]
    return value


@lru_cache(maxsize=1024)
def micros(text: str) -> int:
    """
    A time as a record has it, in microseconds since 1970.

    @raise ValueError: It is none, or does not say which zone's it is.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} says no zone")
    try:
        return (time - _EPOCH) // _MICROSECOND
    except OverflowError:
        raise ValueError(f"{text!r} is no time") from None


def when(time: int) -> datetime:
    """The time that L{micros} has made a number of."""
    return _EPOCH + time * _MICROSECOND


def found_by(text: str | None) -> str | None:
    """A text by which rows are found, as much of it as there is room for."""
    return text if text is None or len(text) <= FOUND_BY_MOST else text[:FOUND_BY_MOST]


def json_of(value: object) -> str:
    """Any of the values above as JSON."""
    return msgspec.json.encode(value).decode()
