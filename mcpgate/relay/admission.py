"""What the end of a request's head decides, before a byte of the body is read.

Host, Origin, route, caller, form of the body: a caller that cannot be served is told so before it has
sent anything, and before C{100 Continue} invites it to. Revision and session are found here too; what is
wrong with them is told with the request's id, so the body is waited for. A browser's question what a
page may send (a preflight) is answered here, as it comes without a proof of who asks.
"""

from __future__ import annotations

from attrs import evolve, field, frozen

from mcpgate.credentials.terms import Choice, choose
from mcpgate.evidence.exchanges import caller_facts
from mcpgate.generation import Generation, ListenerTerms, RouteTerms
from mcpgate.identity.accepts import Accepts, Pending
from mcpgate.identity.bound import Presented
from mcpgate.identity.granted import granted_token
from mcpgate.identity.issued import NOT_CREDENTIALS, NOT_FOREIGN, foreign_token, is_malformed
from mcpgate.identity.peer import principal_of
from mcpgate.identity.principal import Principal
from mcpgate.policy.echo import Secrets
from mcpgate.policy.rules import Callers
from mcpgate.policy.scopes import lacking
from mcpgate.policy.who import Address, Caller
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.own import Own, place_at
from mcpgate.sessions.sealed import Kind, Session
from mcpgate.tls.handshake import Certificate, Handshake
from mcpgate.wire.forward import request_for_upstream
from mcpgate.wire.http import RequestHead, judge_content
from mcpgate.wire.origin import preflight
from mcpgate.wire.revision import ASSUMED, Revision, revision_of

#: What follows a route's path where the old HTTP+SSE transport (2024-11-05) has a client POST to.
ENDPOINT = b"?session="

#: What counts against the address of a caller (limits.failures). Not a missing proof: with that OAuth
#: clients begin.
FAILURES = frozenset(
    {
        Reason.AUTH_INVALID,
        Reason.AUTH_EXPIRED,
        Reason.AUTH_REVOKED,
        Reason.AUTH_HEADER,
        Reason.AUTH_MALFORMED,
        Reason.AUTH_ALGORITHM,
        Reason.AUTH_KEY,
        Reason.AUTH_SIGNATURE,
        Reason.AUTH_TYPE,
        Reason.AUTH_ISSUER,
        Reason.AUTH_AUDIENCE,
        Reason.AUTH_EARLY,
        Reason.AUTH_LIFETIME,
        Reason.AUTH_CLAIM,
        Reason.AUTH_INACTIVE,
        Reason.AUTH_BINDING,
        Reason.AUTH_PLACE,
        Reason.AUTH_REPLAYED,
        Reason.AUTH_ASSERTION,
    }
)

#: A caller on a loopback listener that asks for no proof (C{unsafe_anonymous}).
ANONYMOUS = Principal(name="anonymous", how="anonymous", id="", expires=None)


@frozen(eq=False)
class Admission:
    """A head that was judged, reusable for the next identical one while nothing changed."""

    head: RequestHead
    host: str
    route: RouteTerms
    principal: Principal
    #: The same with what else rules may ask of a caller, and the class of callers to which it belongs.
    caller: Caller
    callers: Callers
    #: The head for the upstream without its Content-Length and its end.
    forward: bytes = field(repr=False)
    #: The caller's part of an C{open} line.
    facts: str
    #: Header lines for the answer, if the caller is a page in a browser (C{wire.origin}).
    cors: bytes
    revision: Revision
    #: What its head is refused for, to be told with the request's id once the body is there.
    refusal: Refusal | None
    #: The session that it belongs to, and the text by which the caller has it.
    session: Session | None
    sealed: bytes = field(repr=False)
    #: Unix seconds after which the proof of who calls, or the session, is over.
    expires: float | None
    generation: Generation
    accepts: Accepts
    #: Whether something of the connection went into it that is no part of the head: an address.
    only_here: bool = True
    #: What the upstream is shown for this caller; C{None}: its own credential, if it has one.
    choice: Choice | None = None
    #: What of all that it is shown it may not show again, so far as that has not to be asked for.
    shown: Secrets | None = None

    def still_good(
        self, generation: Generation, accepts: Accepts, sni: str | None, now: float
    ) -> bool:
        """Whether judging the same head again would say the same.

        @param sni: the name that the connection was opened for; the listener and the client certificate
            are those of the first time.
        """
        expires = self.expires
        return (
            self.generation is generation
            and self.accepts is accepts
            and (sni is None or sni == self.host)
            and (expires is None or now < expires)
        )

    def seal(self, kind: Kind, upstream_id: bytes, now: float) -> bytes:
        """A session's id as this caller gets it.

        @raise ValueError: The upstream's is none that MCP allows.
        """
        keys = self.generation.session_keys
        return keys.seal(kind, upstream_id, self.principal, self.route.place, now)

    def unseal(self, sealed: bytes, kind: Kind, now: float) -> Session | None:
        """What this caller's id stands for; C{None} for what is not this caller's, or nobody's."""
        keys = self.generation.session_keys
        return keys.unseal(sealed, self.principal, self.route.place, now, kind=kind)

    def denied(self, refusal: Refusal) -> Denial:
        """What becomes of it when the body is refused before it is whole."""
        return Denial(refusal, self.route, self.principal, self.cors)


@frozen(eq=False)
class Denial:
    """A head that was refused, and what had been found by then, for the record."""

    refusal: Refusal
    route: RouteTerms | None = None
    principal: Principal | None = None
    cors: bytes = b""


@frozen(eq=False)
class Preflight:
    """A browser's question, with its whole answer. The route is for the record; there may be none."""

    answer: bytes
    route: RouteTerms | None


def unasked(head: RequestHead, refusal: Refusal, terms: ListenerTerms, generation: Generation) -> Denial:
    """What becomes of a head that was waiting to be admitted, and is waited for no more."""
    cors = terms.origins.judge(head.get(b"origin"), head.host, head.port, head.get(b"sec-fetch-site"))
    route = generation.route(head.host.decode("latin-1"), head.path.partition(ENDPOINT)[0])
    return Denial(refusal, route, cors=b"" if isinstance(cors, Refusal) else cors)


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
    accepts: Accepts,
    sni: str | None,
    peer: Certificate | None,
    now: float,
    address: Address | None = None,
    handshake: Handshake | None = None,
) -> Admission | Denial | Preflight | Own | Pending:
    """
    Judge a head.

    @param peer: the client's certificate, whose chain was verified; C{None} without one.
    @param address: where the caller connects from: asked for only if rules do, or tokens are bound to
        addresses. C{handshake}: what its leg negotiated; only if rules do (C{Regard.connection}).
    @param now: Unix seconds.
    """
    host = head.host.decode("latin-1")
    misdirected = terms.judge_host(host, sni)
    if misdirected is not None:
        return Denial(misdirected)
    cors = terms.origins.judge(head.get(b"origin"), head.host, head.port, head.get(b"sec-fetch-site"))
    if isinstance(cors, Refusal):
        return Denial(cors)
    route = generation.route(host, head.path.partition(ENDPOINT)[0])
    asked = preflight(head, cors)
    if asked is not None:
        # Also where there is no route: its page can read the 404 to the request itself, but of a
        # refused preflight nothing.
        return Preflight(asked, route)
    place = place_at(head, host, terms, generation)
    if isinstance(place, Refusal):
        return Denial(place, cors=cors)
    if place is not None:
        return Own(head, host, place, cors, terms, generation)
    if route is None:
        return Denial(Refusal(Reason.ROUTE_UNKNOWN), cors=cors)
    bearer = head.get(b"authorization")
    principal = identify(bearer, terms, accepts, peer, now, route=route, host=host, address=address)
    if isinstance(principal, Pending):
        return principal
    if isinstance(principal, Refusal):
        return Denial(principal, route, cors=cors)
    if route.table.scopes:
        scarce = lacking(route.scopes, principal.scopes, f"the route {route.name}")
        if scarce is not None:
            return Denial(scarce, route, principal, cors)
    refusal = _judge_body(head, generation)
    if refusal is not None:
        return Denial(refusal, route, principal, cors)
    revision = revision_of(head.get(b"mcp-protocol-version"))
    if isinstance(revision, Refusal):
        refusal, revision = revision, ASSUMED
    elif revision.modern and head.method != b"POST":
        refusal = Refusal(Reason.MCP_STATELESS)
    keys, session = generation.session_keys, None
    held = _held(head, revision)
    if held is not None:
        session = keys.unseal(held[1], principal, route.place, now, kind=held[0])
        if session is None and refusal is None:
            # Unknown, somebody else's, or over: nobody is told which.
            refusal = Refusal(Reason.SESSION_UNKNOWN)
    upstream = route.upstream
    caller = Caller(principal, address, handshake)
    choice = choose(upstream, caller)
    target, lines = upstream.target, upstream.credential if choice is None else choice.lines
    if session is not None and session.kind == "endpoint":
        target = session.upstream_id
    elif session is not None:
        lines = (*lines, (b"mcp-session-id", session.upstream_id))
    forward = request_for_upstream(
        head, target=target, host=upstream.authority, credential=lines, length=None, hidden=upstream.proofs
    )
    return Admission(
        head=head,
        host=host,
        route=route,
        principal=principal,
        caller=caller,
        callers=generation.policy.callers(caller),
        forward=forward[:-2],
        choice=choice,
        shown=upstream.secrets,
        facts=caller_facts(
            principal,
            listener=terms.name,
            route=route.name,
            upstream=upstream.name,
            http=head.method.decode(),
            revision=revision.text if b"mcp-protocol-version" in head.fields else None,
            session=session.digest if session is not None else None,
        ),
        cors=cors,
        revision=revision,
        refusal=refusal,
        session=session,
        sealed=held[1] if held is not None else b"",
        expires=_sooner(
            principal.expires, session.opened + keys.lifetime if session is not None else None
        ),
        generation=generation,
        accepts=accepts,
        only_here=generation.policy.regard.connection or accepts.issued.is_by_address(principal),
    )


def _held(head: RequestHead, revision: Revision) -> tuple[Kind, bytes] | None:
    """What a caller holds of a session. 2026-07-28 has none, and such headers are to be ignored."""
    _, named, endpoint = head.path.partition(ENDPOINT)
    if named:
        return "endpoint", endpoint
    sealed = None if revision.modern else head.get(b"mcp-session-id")
    return None if sealed is None else ("session", sealed)


def _sooner(one: float | None, other: float | None) -> float | None:
    return min((time for time in (one, other) if time is not None), default=None)


def identify(
    authorization: bytes | None,
    terms: ListenerTerms,
    accepts: Accepts,
    peer: Certificate | None,
    now: float,
    *,
    route: RouteTerms,
    host: str,
    address: Address | None = None,
) -> Principal | Refusal | Pending:
    """
    Who the caller proved to be. What was presented must be good: there is no falling back.

    @param host: the name by which the route was asked for, one of ours.
    """
    if terms.table.client_certificates == "off":
        # A connection that is older than the configuration may have one that nobody asks for any more.
        peer = None
    shown = _certified(terms, peer, now) if peer is not None else None
    if isinstance(shown, Refusal) and _matters(shown, terms, authorization):
        return shown
    holder = shown.name if isinstance(shown, Principal) else None
    presented = Presented(route.name, address, peer, holder, route.table.bound)
    principal = _proved(authorization, terms, accepts, shown, now, presented, route, host)
    if not isinstance(principal, Principal):
        return principal
    if peer is not None and principal is not shown:
        # Rules may ask for both, and the token may be bound to it: so it holds for as long as both do.
        expires = _sooner(principal.expires, peer.not_after.timestamp())
        principal = evolve(principal, certificate=holder, expires=expires)
    return accepts.issued.denies(principal, now, peer) or principal


def _certified(terms: ListenerTerms, peer: Certificate, now: float) -> Principal | Refusal:
    """Who the client certificate names."""
    if not now < peer.not_after.timestamp():
        return Refusal(Reason.AUTH_EXPIRED, "the client certificate has expired since the handshake")
    return principal_of(peer, terms.client_names)


def _matters(refusal: Refusal, terms: ListenerTerms, authorization: bytes | None) -> bool:
    """Whether a certificate that is no proof is one too much. Where nobody has said whose certificates
    are known here, one that names nobody may come beside a good token."""
    return (
        authorization is None
        or refusal.reason is not Reason.AUTH_CERTIFICATE
        or terms.table.certificate_and_token
        or not terms.client_names.every
    )


def _proved(
    authorization: bytes | None,
    terms: ListenerTerms,
    accepts: Accepts,
    shown: Principal | Refusal | None,
    now: float,
    presented: Presented,
    route: RouteTerms,
    host: str,
) -> Principal | Refusal | Pending:
    both = terms.table.certificate_and_token
    if both and shown is None:
        # Those who came before it was demanded; the handshake lets in nobody without one.
        return Refusal(Reason.AUTH_MISSING, "a client certificate is demanded beside the token")
    if authorization is not None and terms.authorization_servers and is_malformed(authorization):
        return NOT_CREDENTIALS
    if authorization is not None and terms.grants is not None:
        granted = granted_token(authorization)
        if granted is not None and presented.demanded:
            return Refusal(Reason.AUTH_BINDING, "a token for an assertion is bound to no client certificate")
        if granted is not None:
            return terms.grants.judge(granted, presented.route, now)
    if authorization is not None and terms.issuers and accepts.issuers is not None:
        bearer = foreign_token(authorization)
        if bearer is not None:
            return accepts.issuers.judge(
                bearer,
                terms.issuers,
                resource=terms.resource(host, route.table.path),
                certificate=presented.certificate,
                now=now,
                bound=route.table.bound,
            )
    if authorization is not None and terms.table.tokens:
        return accepts.issued.judge(authorization, now, presented)
    if authorization is not None and terms.issuers:
        return NOT_FOREIGN
    if shown is not None and not both:
        return shown
    open_to_all = terms.table.unsafe_anonymous and not terms.table.tokens
    if open_to_all and terms.table.client_certificates == "off" and not presented.demanded:
        # Only a loopback listener may be configured so; config.load refuses it elsewhere.
        return ANONYMOUS
    return Refusal(Reason.AUTH_MISSING, "a token is demanded beside the certificate" if both else "")


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
