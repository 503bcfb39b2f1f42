"""Reading a client's first flight without taking part in it (pure).

The listener peeks at the bytes of a new connection before OpenSSL sees them. That answers three
questions OpenSSL cannot be asked: is this TLS at all, or a request in clear text; which name is
asked for, so that the right certificate's context can be used from the start; and what a client
had offered whose handshake failed. The bytes stay in the socket, and OpenSSL reads and judges them
again: this reader is strict, because the two must never disagree about the server name.

Layout: RFC 8446 §4.1.2 (ClientHello), §4.2 (extensions), §5.1 (records).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from struct import unpack
from typing import Protocol, TypeVar

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.codepoints import CIPHERS, GROUPS, VERSIONS, is_grease
from mcpgate.tls.handshake import Offer

#: Largest first flight that is waited for, in bytes. Post-quantum hellos are about 1.5 KB; one that
#: also resumes with large tickets stays far below this.
MAX_HELLO = 64 * 1024

#: RFC 8446 §5.1: the largest plaintext fragment of a record.
_MAX_FRAGMENT = 1 << 14

#: Most records a hello may be spread over. Clients that split it on purpose use a handful; without a
#: bound, one-byte records would make every look at them dear.
_MAX_RECORDS = 64

_RECORD_HEADER = 5
_HANDSHAKE_HEADER = 4
#: The content type of the record that a connection begins with (RFC 8446 §5.1).
HANDSHAKE = 22
_CLIENT_HELLO = 1
#: change_cipher_spec, alert, application_data: TLS, but not how a connection begins.
_OTHER_RECORDS = {20: "a change_cipher_spec", 21: "an alert", 23: "application data"}

_SERVER_NAME, _SUPPORTED_GROUPS, _ALPN, _SUPPORTED_VERSIONS = 0, 10, 16, 43

#: Names of one kind that are kept for the record; `openssl s_client -cipher ALL` offers about 100.
_MOST = 128

# Fields that are remembered with what they mean: clients send the same few, and reading them anew took
# longer than all else that is done in Python for a handshake. Longer ones are read each time.
_REMEMBERED, _REMEMBERED_LENGTH = 256, 512

# RFC 1035 §2.3.4 for the length. No host name has blanks, control characters or bytes outside ASCII.
_HOST_NAME = re.compile(rb"[\x21-\x7e]{1,255}")

#: What clear-text requests begin with: RFC 9110 §9, PATCH (RFC 5789), and HTTP/2's preface.
_METHODS = (
    *(b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"CONNECT ", b"OPTIONS ", b"TRACE ", b"PATCH "),
    b"PRI * HTTP/2.0",
)


T = TypeVar("T")
_Out = TypeVar("_Out", covariant=True)


class _Remembering(Protocol[_Out]):
    """A reader of fields under C{lru_cache}."""

    def __call__(self, octets: bytes, /) -> _Out: ...

    @property
    def __wrapped__(self) -> Callable[[bytes], _Out]: ...


class HelloError(Exception):
    """The first flight is not a well-formed ClientHello; C{refusal} says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def missing(peeked: bytes) -> int:
    """How many bytes the first flight must have grown to before it is worth looking again.

    @return: 0 if C{peeked} holds a whole ClientHello; else a total number of bytes to wait for,
        more than C{len(peeked)}: the end of the record that is arriving.
    @raise HelloError: if this will not become a ClientHello, or one larger than L{MAX_HELLO}.
    """
    return _first_message(peeked)[1]


def read_offer(peeked: bytes) -> Offer | None:
    """What the ClientHello offers; C{None} while it is incomplete.

    @raise HelloError: if it is not a well-formed ClientHello.
    """
    message, wanted = _first_message(peeked)
    return None if wanted else _offer(_Reader(message, "the hello"))


def plaintext_request(peeked: bytes) -> bool:
    """Whether this looks like HTTP in clear text, or like the beginning of it."""
    return bool(peeked) and any(peeked.startswith(method) or method.startswith(peeked) for method in _METHODS)


def _first_message(peeked: bytes) -> tuple[bytes, int]:
    """The body of the ClientHello and 0, or nothing and what L{missing} returns."""
    message = b""
    length: int | None = None
    at = records = 0
    while length is None or len(message) < length:
        if at >= MAX_HELLO or records == _MAX_RECORDS:
            raise _malformed(f"the hello does not end within {MAX_HELLO} bytes and {_MAX_RECORDS} records")
        header = peeked[at : at + _RECORD_HEADER]
        _judge_header(header, first=at == 0, peeked=peeked)
        if len(header) < _RECORD_HEADER:
            return b"", at + _RECORD_HEADER
        end = at + _RECORD_HEADER + int.from_bytes(header[3:])
        # Judged on the fragment that is there, so that nobody waits for a message that cannot fit.
        message += peeked[at + _RECORD_HEADER : end]
        length = _message_length(message)
        if end > len(peeked):
            return b"", end
        at, records = end, records + 1
    if len(message) > length:
        # RFC 8446 §5.1: nothing may follow a message that is followed by a change of keys.
        raise _malformed("bytes follow the hello in its record")
    return message[_HANDSHAKE_HEADER:], 0


def _judge_header(header: bytes, *, first: bool, peeked: bytes) -> None:
    """Refuses a record header, as far as it is there, that no ClientHello can have."""
    if not header:
        return
    if header[0] != HANDSHAKE or header[1:2] not in (b"", b"\x03"):
        if not first:
            raise _malformed(f"the hello is interrupted by a record of type {header[0]}")
        raise HelloError(_not_a_handshake(peeked))
    if len(header) < _RECORD_HEADER:
        return
    length = int.from_bytes(header[3:])
    if length == 0:
        raise _malformed("a record of the hello is empty")
    if length > _MAX_FRAGMENT:
        raise _malformed(f"a record of the hello claims {length} bytes")


def _not_a_handshake(peeked: bytes) -> Refusal:
    if plaintext_request(peeked):
        return Refusal(Reason.TLS_PLAINTEXT, "an HTTP request in clear text")
    if peeked[0] in _OTHER_RECORDS and peeked[1:2] in (b"", b"\x03"):
        return Refusal(Reason.TLS_HELLO, f"the connection begins with {_OTHER_RECORDS[peeked[0]]} record")
    if peeked[0] & 0x80 and peeked[2:3] == b"\x01":  # RFC 5246 §E.2
        return Refusal(Reason.TLS_VERSION, "the client sent a hello of SSL 2.0")
    # Eight bytes are enough to recognise a protocol (SSH-2.0-), and too few to hold a secret.
    return Refusal(Reason.TLS_NOT_TLS, f"the connection begins with the bytes {peeked[:8].hex(' ')}")


def _message_length(message: bytes) -> int | None:
    """Header and body of the handshake message together, in bytes; C{None} while unknown."""
    if message and message[0] != _CLIENT_HELLO:
        raise _malformed(f"the first handshake message has type {message[0]}, not client_hello")
    if len(message) < _HANDSHAKE_HEADER:
        return None
    length = _HANDSHAKE_HEADER + int.from_bytes(message[1:_HANDSHAKE_HEADER])
    if length > MAX_HELLO:
        raise _malformed(f"the hello claims {length} bytes")
    return length


class _Reader:
    """Reads fields off the front of a byte string; a field that is cut off is a L{HelloError}."""

    __slots__ = ("_at", "_bytes", "_what")

    def __init__(self, octets: bytes, what: str) -> None:
        self._bytes, self._what, self._at = octets, what, 0

    def __bool__(self) -> bool:
        return self._at < len(self._bytes)

    def take(self, count: int) -> bytes:
        taken = self._bytes[self._at : self._at + count]
        if len(taken) < count:
            raise _malformed(f"{self._what} ends too early")
        self._at += count
        return taken

    def number(self, octets: int) -> int:
        return int.from_bytes(self.take(octets))

    def vector(self, octets: int) -> bytes:
        """A vector with a length of so many octets (RFC 8446 §3.4)."""
        return self.take(self.number(octets))

    def only_vector(self, octets: int) -> bytes:
        """A vector that everything else consists of."""
        inside = self.vector(octets)
        if self:
            raise _malformed(f"bytes follow the end of {self._what}")
        return inside


def _offer(hello: _Reader) -> Offer:
    legacy_version = hello.take(2)
    hello.take(32)  # random
    hello.vector(1)  # legacy_session_id
    ciphers = hello.vector(2)
    hello.vector(1)  # legacy_compression_methods
    # A hello of TLS 1.2 may end here, without extensions (RFC 5246 §7.4.1.2).
    extensions = _extensions(hello.only_vector(2)) if hello else {}
    if _SUPPORTED_VERSIONS in extensions:
        versions = _known(_versions, extensions[_SUPPORTED_VERSIONS])
    else:
        versions = _known(_named_versions, legacy_version)
    return Offer(
        sni=_known(_server_name, extensions[_SERVER_NAME]) if _SERVER_NAME in extensions else None,
        versions=versions,
        ciphers=_known(_ciphers, ciphers),
        groups=_known(_groups, extensions[_SUPPORTED_GROUPS]) if _SUPPORTED_GROUPS in extensions else (),
        alpn=_known(_protocols, extensions[_ALPN]) if _ALPN in extensions else (),
    )


def _known(read: _Remembering[T], octets: bytes) -> T:
    """What C{read} makes of a field, looked up unless it is unusually long."""
    return read(octets) if len(octets) <= _REMEMBERED_LENGTH else read.__wrapped__(octets)


def _extensions(block: bytes) -> Mapping[int, bytes]:
    found: dict[int, bytes] = {}
    at, end = 0, len(block)
    while at < end:
        number, after = int.from_bytes(block[at : at + 2]), at + 4 + int.from_bytes(block[at + 2 : at + 4])
        if after > end or at + 4 > end:
            raise _malformed("the extensions end too early")
        if number in found:  # RFC 8446 §4.2; two server names would be a way to be two hosts
            raise _malformed(f"the extension {number} is there twice")
        found[number] = block[at + 4 : after]
        at = after
    return found


@lru_cache(_REMEMBERED)
def _server_name(extension: bytes) -> str:
    """The one host name of a server_name extension, in lower case (RFC 6066 §3)."""
    entry = _Reader(_Reader(extension, "server_name").only_vector(2), "server_name")
    if entry.number(1) != 0:
        raise _malformed("server_name holds something other than a host name")
    name = entry.only_vector(2)
    if not _HOST_NAME.fullmatch(name):
        raise _malformed("the server name is not a host name")
    return name.decode("ascii").lower()


@lru_cache(_REMEMBERED)
def _protocols(extension: bytes) -> tuple[str, ...]:
    return tuple(_protocol_names(extension))[:_MOST]


def _protocol_names(extension: bytes) -> Iterator[str]:
    names = _Reader(_Reader(extension, "ALPN").only_vector(2), "ALPN")
    while names:
        name = names.vector(1)
        if not name:
            raise _malformed("ALPN holds an empty name")
        # Unprintable names are legal (RFC 7301 §3.1; GREASE uses them), and escaped for the record.
        yield "".join(chr(octet) if 0x20 < octet < 0x7F else f"\\x{octet:02x}" for octet in name)


@lru_cache(_REMEMBERED)
def _versions(extension: bytes) -> tuple[str, ...]:
    return _named_versions.__wrapped__(_Reader(extension, "supported_versions").only_vector(1))


@lru_cache(_REMEMBERED)
def _groups(extension: bytes) -> tuple[str, ...]:
    return _named(_Reader(extension, "supported_groups").only_vector(2), "supported_groups", GROUPS)


@lru_cache(_REMEMBERED)
def _ciphers(octets: bytes) -> tuple[str, ...]:
    return _named(octets, "cipher_suites", CIPHERS)


@lru_cache(_REMEMBERED)
def _named_versions(octets: bytes) -> tuple[str, ...]:
    return _named(octets, "supported_versions", VERSIONS)


def _named(octets: bytes, what: str, names: Mapping[int, str]) -> tuple[str, ...]:
    """What a list of 16-bit numbers names, without those that mean nothing."""
    if not octets or len(octets) % 2:
        raise _malformed(f"{what} is not a list of 16-bit numbers")
    meant = [number for number in unpack(f">{len(octets) // 2}H", octets) if not is_grease(number)]
    return tuple(names.get(number) or f"0x{number:04x}" for number in meant[:_MOST])


def _malformed(what: str) -> HelloError:
    return HelloError(Refusal(Reason.TLS_HELLO, what))
