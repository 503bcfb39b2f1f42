"""What pyOpenSSL has no public name for: a few calls into its bindings, and nowhere else.

Each is used through the public name where there is one. C{selftest.self_test} proves at start that
the groups had their effect, and that records are written and read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.bindings._rust import openssl as _openssl
from OpenSSL import SSL
from OpenSSL._util import ffi as _ffi
from OpenSSL._util import lib as _lib

#: A TLS record carries at most 16 KiB (RFC 8446 5.1); reading less would leave bytes inside OpenSSL
#: that no readiness set can see.
RECORD = 16 * 1024

_read, _write, _error = _lib.SSL_read, _lib.SSL_write, _lib.SSL_get_error
_WANT_READ, _WANT_WRITE = _lib.SSL_ERROR_WANT_READ, _lib.SSL_ERROR_WANT_WRITE

#: Empty this thread's queue of OpenSSL errors. Before OpenSSL 4, SSL_get_error(3) demands an empty
#: queue before every operation, but when a system call failed (a reset, a broken pipe) pyOpenSSL
#: raises SysCallError and leaves OpenSSL's entry in the queue (26.4, C{_raise_ssl_error}). The next
#: read that merely finds nothing, on whichever connection, would then be taken for an error: one
#: peer's reset would end another peer's connection. So whoever catches an error calls this.
clear_errors: Callable[[], None] = _lib.ERR_clear_error


def fips() -> bool:
    """Whether OpenSSL was told to use only what is approved by FIPS 140."""
    return bool(_openssl.is_fips_enabled())


def set_groups(context: SSL.Context, groups: tuple[str, ...]) -> None:
    """Restrict a context's key exchange to these groups, in this order.

    pyOpenSSL 26.4 has no public way to; its successor has C{Context.set_groups} (pyOpenSSL #1477).

    @raise ValueError: if this OpenSSL does not know one of them, or if there are none.
    """
    if not groups:
        raise ValueError("a context without groups would get OpenSSL's own")
    names = ":".join(groups).encode("ascii")
    if hasattr(context, "set_groups"):
        context.set_groups(names)
    elif _lib.SSL_CTX_set1_curves_list(context._context, _ffi.new("char[]", names)) != 1:
        raise ValueError(f"this OpenSSL does not know all of the groups {names.decode()}")


def session_reused(connection: SSL.Connection) -> bool:
    """Whether a finished handshake resumed a session, so that it verified no certificate of its own."""
    return bool(_lib.SSL_session_reused(connection._ssl))


def forget_arguments(connection: SSL.Connection) -> None:
    """
    Let go of what pyOpenSSL keeps until a handshake is over: the ALPN that was chosen, and the way from
    OpenSSL's callbacks to the connection. None of them is called any more: there is no renegotiation.
    """
    if getattr(connection, "_alpn_select_callback_args", None) is not None:
        connection._alpn_select_callback_args = None
    known = getattr(SSL.Connection, "_reverse_mapping", None)
    if known is not None:
        known.pop(connection._ssl, None)


class Scratch:
    """Where OpenSSL puts a record before it becomes bytes: one for all connections of one thread.

    Never for two threads: OpenSSL runs without the interpreter's lock, so one's record could become
    another's.
    """

    __slots__ = ("buffer", "content")

    def __init__(self) -> None:
        self.buffer = _ffi.new("char[]", RECORD)
        self.content = _ffi.buffer(self.buffer)


class Records:
    """
    The records of one connection on a socket, after its handshake.

    pyOpenSSL's C{recv} and C{send} make a buffer for each call, and an exception for each read that
    finds nothing, which is how every request ends: together half of what a small request costs. Here
    "not now" is a value; whatever else OpenSSL says is raised by pyOpenSSL, as its own.
    """

    __slots__ = ("_buffer", "_connection", "_content", "_ssl")

    def __init__(self, connection: SSL.Connection, scratch: Scratch) -> None:
        self._connection: Any = connection
        self._ssl = self._connection._ssl
        self._buffer = scratch.buffer
        self._content = scratch.content

    def read(self) -> bytes | None:
        """
        What the next record carries; C{None} when none has arrived.

        @raise SSL.Error: as C{Connection.recv}, but for C{WantReadError}.
        """
        count = _read(self._ssl, self._buffer, RECORD)
        if count > 0:
            data: bytes = self._content[:count]
            return data
        if _error(self._ssl, count) != _WANT_READ:
            self._connection._raise_ssl_error(self._ssl, count)
        return None

    def write(self, data: bytes) -> int:
        """
        Send as one or more records; how many bytes of C{data} went out, 0 when the kernel takes none.

        What was not taken is to be sent again, the same bytes first.

        @param data: at least one byte; of more than a record, one may go out alone.
        @raise SSL.Error: as C{Connection.send}, but for C{WantWriteError}.
        """
        count: int = _write(self._ssl, data, len(data))
        if count > 0:
            return count
        if _error(self._ssl, count) not in (_WANT_WRITE, _WANT_READ):
            self._connection._raise_ssl_error(self._ssl, count)
        return 0
