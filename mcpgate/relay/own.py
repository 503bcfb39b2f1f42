"""What the gate serves itself, beside its routes, to anybody who asks: a L{Place} for each of its paths.

Nobody has to prove anything to ask there: what clients need before they have a token is told here. Host and
Origin are judged as for routes, bodies are bounded, and every request has its lines in the record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from mcpgate.generation import Generation, ListenerTerms, RouteTerms
from mcpgate.identity.accepts import Accepts
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import answer
from mcpgate.relay.granting import FORM_MOST, grant
from mcpgate.wire.http import RequestHead
from mcpgate.wire.oauth import SERVER, resource_metadata, resource_paths, server_metadata

if TYPE_CHECKING:
    from mcpgate.relay.exchange import Exchange

#: Seconds for which a client may keep metadata: after a change, nobody is sent to the wrong issuer for
#: longer than it takes an operator to look twice.
KEPT = 60


@frozen(eq=False)
class Served:
    """
    What was served.

    @ivar raw: The whole answer.
    @ivar refusal: What was wrong, if that is what it says.
    @ivar principal: Who it was served to, where somebody proved to be anybody.
    """

    raw: bytes
    refusal: Refusal | None = None
    principal: Principal | None = None


class Place(Protocol):
    """Something of the gate's own at some path."""

    @property
    def name(self) -> str:
        """What records call it."""

    @property
    def methods(self) -> tuple[bytes, ...]:
        """The HTTP methods that it has."""

    @property
    def most(self) -> int:
        """How many bytes a body may have."""

    @property
    def route(self) -> RouteTerms | None:
        """What it is about, for the record."""

    def serve(self, own: Own, body: bytes, exchange: Exchange) -> Served | Refusal:
        """Answer a request; a L{Refusal} is answered as any other."""


@frozen(eq=False)
class Own:
    """A head by which something of the gate's own is asked for."""

    head: RequestHead
    host: str
    place: Place
    #: Header lines for the answer, if the caller is a page in a browser (C{wire.origin}).
    cors: bytes
    terms: ListenerTerms
    generation: Generation

    def still_good(self, generation: Generation, accepts: Accepts, sni: str | None, now: float) -> bool:
        """Whether judging the same head again would say the same. (The parameters are an admission's.)"""
        return self.generation is generation


def place_at(
    head: RequestHead, host: str, terms: ListenerTerms, generation: Generation
) -> Place | Refusal | None:
    """What of the gate's own is asked for; C{None}: nothing."""
    place = _find(head.path, host, terms, generation)
    if place is None:
        return None
    if head.method not in place.methods:
        allow = b", ".join(place.methods).decode()
        return Refusal(Reason.FRAME_METHOD, f"{place.name} has {allow}", told={"allow": allow})
    if head.length > place.most:
        return Refusal(Reason.FRAME_BODY_SIZE, f"{head.length} bytes are announced")
    return place


def _find(path: bytes, host: str, terms: ListenerTerms, generation: Generation) -> Place | None:
    if terms.grants is not None:
        if path == terms.table.token_endpoint.encode():
            return TokenEndpoint()
        if path == SERVER.encode():
            return ServerMetadata()
    paths = resource_paths(path.decode("ascii"))
    if paths is not None and terms.authorization_servers:
        route = _about(paths, host, generation)
        return ResourceMetadata(route) if route is not None else None
    return None


def _about(paths: tuple[str, ...], host: str, generation: Generation) -> RouteTerms | None:
    """The route that metadata are asked of."""
    found = (generation.route(host, path.encode()) for path in paths or ("/",))
    route = next((route for route in found if route is not None), None)
    if route is None and not paths:
        # Clients look at the root last. Where there is one route only, no other can be meant.
        here = {path for at, path in generation.routes if at is None or at == host}
        return generation.route(host, here.pop()) if len(here) == 1 else None
    return route


@frozen(eq=False)
class ResourceMetadata:
    """What clients must know to get a token for a route (RFC 9728)."""

    route: RouteTerms
    name = "metadata"
    methods = (b"GET", b"HEAD")
    most = 0

    def serve(self, own: Own, body: bytes, exchange: Exchange) -> Served:
        """The document."""
        table = self.route.table
        said = resource_metadata(
            own.terms.resource(own.host, table.path),
            name=self.route.name,
            servers=own.terms.authorization_servers,
            scopes=(*table.scopes, *own.generation.policy.scopes_at(self.route.name)),
            bound=table.bound,
        )
        return Served(answer.own_bytes(200, said, b"max-age=%d" % KEPT))


@frozen(eq=False)
class ServerMetadata:
    """What clients must know of the gate as the authorization server that it is for SAML (RFC 8414)."""

    route: RouteTerms | None = None
    name = "server-metadata"
    methods = (b"GET", b"HEAD")
    most = 0

    def serve(self, own: Own, body: bytes, exchange: Exchange) -> Served:
        """The document."""
        assert own.terms.grants is not None
        scopes = {scope for one in own.terms.grants.granting.values() for scope in one.scopes}
        said = server_metadata(
            str(own.terms.public), own.terms.resource(own.host, own.terms.table.token_endpoint), scopes
        )
        return Served(answer.own_bytes(200, said, b"max-age=%d" % KEPT))


@frozen(eq=False)
class TokenEndpoint:
    """Where an assertion becomes a token (C{relay.granting})."""

    route: RouteTerms | None = None
    name = "token"
    methods = (b"POST",)
    most = FORM_MOST

    def serve(self, own: Own, body: bytes, exchange: Exchange) -> Served | Refusal:
        """Judge it, and answer as RFC 6749 says."""
        inbound = exchange.inbound
        witness = inbound.force.witness
        if not witness.settle():
            # Nothing could be granted, and the assertion would be used up.
            return Refusal(Reason.GATE_JOURNAL, witness.failure or "")
        if inbound.spent():
            # Before anything is computed: whoever fails so often must not keep us busy.
            detail = "too many failures of this address came before it"
            return Refusal(Reason.LIMIT_FAILURES, detail, inbound.failing() or 1)
        found = grant(own.head, body, own.host, own.terms, own.generation, inbound.force)
        return Served(answer.own_bytes(found.status, found.said, b"no-store"), found.refusal, found.principal)
