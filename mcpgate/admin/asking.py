"""Who asks for a page: by the cookie of a login, by a client certificate, or by the unix socket."""

from __future__ import annotations

from time import monotonic
from typing import Any

from twisted.internet.interfaces import IUNIXTransport

from mcpgate.admin.listening import AdminTransport
from mcpgate.admin.login import Login, Logins
from mcpgate.admin.roles import Person, Role
from mcpgate.admin.terms import AdminTerms
from mcpgate.ops.control import peer_of

#: The cookie of a login. By its prefix browsers take it from this very host only, over TLS, for all of it.
COOKIE = "__Host-mcpgate"
#: That of somebody who is on the way to a provider.
AWAY_COOKIE = "__Host-mcpgate-login"


def transport_of(request: Any) -> Any:
    """What a request came over."""
    return request.channel.transport if request.channel is not None else None


def source_of(request: Any) -> str:
    """Who the failures of a request count for."""
    transport = transport_of(request)
    return transport.source if isinstance(transport, AdminTransport) else ""


def asker(request: Any, logins: Logins, terms: AdminTerms, wall: float) -> Login | None:
    """
    Who asks; C{None}: somebody who may not, or has not said who they are.

    @param wall: Unix seconds.
    """
    now = monotonic()
    transport = transport_of(request)
    if IUNIXTransport.providedBy(transport):
        # Whoever may open the socket may decide by the command line, too.
        who = peer_of(request.channel.transport.getHandle())
        return Login(Person(who, "socket", Role.APPROVER), now, logins.mark(f"socket {who}"))
    cookie = cookie_of(request, COOKIE)
    login = logins.find(cookie, now) if cookie else None
    if login is not None:
        return login
    if terms.table.client_ca is None or not isinstance(transport, AdminTransport):
        # Whoever came while certificates counted may still be connected.
        return None
    proof = transport.proof
    found = terms.roles.of(proof.names) if proof is not None and wall < proof.expires else None
    if proof is None or found is None:
        return None
    role, name = found
    # Browsers show certificates by themselves, as they do cookies: forms have to say where they come from.
    return Login(Person(name, "certificate", role), now, logins.mark(f"certificate {proof.sha256}"))


def cookie_of(request: Any, name: str) -> str:
    """A cookie's value; "" where there is none."""
    value = request.getCookie(name.encode())
    return value.decode("latin-1") if isinstance(value, bytes) else ""


def set_cookie(request: Any, name: str, value: str, *, seconds: float) -> None:
    """
    Give a browser a cookie that no script reads and no other site's request brings.

    Lax, not Strict: who comes back from a provider, or follows a link in an alert, comes from another site,
    and would be shown a login although they are logged in. Nothing is decided by such a request: forms
    count only if our own page sent them.
    """
    line = f"{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={int(seconds)}"
    request.responseHeaders.addRawHeader(b"Set-Cookie", line.encode())
