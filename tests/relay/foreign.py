"""A gate that accepts tokens of an issuer's, without the issuer: a token is what its scopes are."""

from __future__ import annotations

from attrs import evolve

from mcpgate.identity.accepts import Accepts
from mcpgate.identity.bound import NOWHERE, Presented
from mcpgate.identity.issued import IssuedTokens
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from tests.running import World

SERVER = "https://login.test/oauth2/default"
LISTENER = 'public_url = "https://localhost:8443"\norigins = ["https://app.test"]'


class Scoped(IssuedTokens):
    """C{Bearer a+b} is somebody's whose token has the scopes a and b; C{Bearer !} is nobody's."""

    def judge(
        self, authorization: bytes, now: float, presented: Presented = NOWHERE
    ) -> Principal | Refusal:
        token = authorization.decode().removeprefix("Bearer ")
        if token == "!":
            return Refusal(Reason.AUTH_AUDIENCE, "made for somebody else")
        scopes = frozenset(token.split("+")) - {"-"}
        return Principal("login/joe", "jwt", token, None, issuer="login", subject="joe", scopes=scopes)


def accept_others(world: World, server: str = SERVER) -> None:
    """From now on, until the next reload. C{server}: who clients are sent to."""

    def change() -> None:
        force = world.listening.force
        listeners = dict(force.generation.listeners)
        listeners["public"] = evolve(listeners["public"], authorization_servers=(server,))
        force.generation = evolve(force.generation, listeners=listeners)
        force.accepts = Accepts(issued=Scoped())

    world.loop.call(change)
