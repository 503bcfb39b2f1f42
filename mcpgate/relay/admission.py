"""What the end of a request's head decides, before a byte of the body is read.

Host, route, caller, then the form of the body: a caller that cannot be served is told so before it
has sent anything, and before C{100 Continue} invites it to.
"""

from __future__ import annotations

from attrs import evolve, frozen

from mcpgate.evidence.record import caller_facts
from mcpgate.generation import Generation, ListenerTerms, RouteTerms
from mcpgate.identity.issued import IssuedTokens
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.forward import request_for_upstream
from mcpgate.wire.http import RequestHead, judge_content

#: What counts against the address of a caller (limits.failures). Not a missing proof: with that OAuth
#: clients begin.
FAILURES = frozenset({Reason.AUTH_INVALID, Reason.AUTH_EXPIRED, Reason.AUTH_REVOKED})

#: A caller on a loopback listener that asks for no proof.
ANONYMOUS = Principal(name="anonymous", how="anonymous", id="", expires=None)


@frozen(eq=False)
class Admission:
    """A head that was judged, reusable for the next identical one while nothing changed."""

    head: RequestHead
    host: str
    route: RouteTerms
    principal: Principal
    #: The head for the upstream without its Content-Length and its end.
    forward: bytes
    #: The caller's part of an C{open} line.
    facts: str
    revision: bytes | None
    generation: Generation
    tokens: IssuedTokens

    def still_good(
        self, generation: Generation, tokens: IssuedTokens, sni: str | None, now: float
    ) -> bool:
        """Whether judging the same head again would say the same.

        @param sni: the name that the connection was opened for; the listener and the client certificate
            are those of the first time.
        """
        expires = self.principal.expires
        return (
            self.generation is generation
            and self.tokens is tokens
            and (sni is None or sni == self.host)
            and (expires is None or now < expires)
        )


@frozen(eq=False)
class Denial:
    """A head that was refused, and what had been found by then, for the record."""

    refusal: Refusal
    route: RouteTerms | None = None
    principal: Principal | None = None


def too_often(denial: Denial, wait: int) -> Denial:
    """
    What becomes of a failure whose address has failed too often.

    @param wait: seconds.
    """
    detail = f"{denial.refusal}, and too many failures of this address before it"
    return evolve(denial, refusal=Refusal(Reason.LIMIT_FAILURES, detail, wait))


def admit(
    head: RequestHead,
    *,
    terms: ListenerTerms,
    generation: Generation,
    tokens: IssuedTokens,
    sni: str | None,
    certificate: Principal | Refusal | None,
    now: float,
) -> Admission | Denial:
    """
    Judge a head.

    @param certificate: who the client certificate names, C{None} without one.
    @param now: Unix seconds.
    """
    host = head.host.decode("latin-1")
    misdirected = terms.judge_host(host, sni)
    if misdirected is not None:
        return Denial(misdirected)
    route = generation.route(host, head.path)
    if route is None:
        return Denial(Refusal(Reason.ROUTE_UNKNOWN))
    principal = identify(head.get(b"authorization"), terms, tokens, certificate, now)
    if isinstance(principal, Refusal):
        return Denial(principal, route)
    refusal = _judge_body(head, generation)
    if refusal is not None:
        return Denial(refusal, route, principal)
    upstream = route.upstream
    forward = request_for_upstream(
        head, target=upstream.target, host=upstream.authority, credential=upstream.credential, length=None
    )
    return Admission(
        head=head,
        host=host,
        route=route,
        principal=principal,
        forward=forward[:-2],
        facts=caller_facts(
            principal,
            listener=terms.name,
            route=route.name,
            upstream=upstream.name,
            http=head.method.decode(),
        ),
        revision=head.get(b"mcp-protocol-version"),
        generation=generation,
        tokens=tokens,
    )


def identify(
    authorization: bytes | None,
    terms: ListenerTerms,
    tokens: IssuedTokens,
    certificate: Principal | Refusal | None,
    now: float,
) -> Principal | Refusal:
    """Who the caller proved to be. A token that was presented must be good: there is no falling back."""
    if authorization is not None and terms.table.tokens:
        return tokens.judge(authorization, now)
    asked = terms.table.client_certificates != "off"
    # A connection that is older than the configuration may have one that nobody asks for any more.
    if certificate is not None and asked:
        if (
            isinstance(certificate, Principal)
            and certificate.expires is not None
            and now >= certificate.expires
        ):
            return Refusal(Reason.AUTH_EXPIRED, "the client certificate has expired since the handshake")
        return certificate
    if terms.table.tokens or asked:
        return Refusal(Reason.AUTH_MISSING)
    # Only a loopback listener may be configured so; config.load refuses it elsewhere.
    return ANONYMOUS


def _judge_body(head: RequestHead, generation: Generation) -> Refusal | None:
    if head.method == b"POST":
        refusal = judge_content(head)
        if refusal is not None:
            return refusal
        if head.length > generation.config.limits.body_size:
            return Refusal(Reason.FRAME_BODY_SIZE, f"{head.length} bytes are announced")
    elif head.method not in (b"GET", b"DELETE"):
        return Refusal(Reason.FRAME_METHOD)
    return None
