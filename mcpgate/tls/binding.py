"""What pyOpenSSL has no public name for: two calls into its bindings, and nowhere else.

Each is used through the public name where there is one. C{selftest.self_test} proves at start that
the groups had their effect.
"""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL
from OpenSSL._util import ffi as _ffi
from OpenSSL._util import lib as _lib

#: Empty this thread's queue of OpenSSL errors. Before OpenSSL 4, SSL_get_error(3) demands an empty
#: queue before every operation, but when a system call failed (a reset, a broken pipe) pyOpenSSL
#: raises SysCallError and leaves OpenSSL's entry in the queue (26.4, C{_raise_ssl_error}). The next
#: read that merely finds nothing, on whichever connection, would then be taken for an error: one
#: peer's reset would end another peer's connection. So whoever catches an error calls this.
clear_errors: Callable[[], None] = _lib.ERR_clear_error


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
