"""A gate that accepts tokens of an issuer's whom nobody asks: a token is what its scopes are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from mcpgate.identity.principal import Principal
from mcpgate.identity.terms import IssuerTerms
from mcpgate.reasons import Reason, Refusal
from tests.running import World

SERVER = "https://login.test/oauth2/default"
LISTENER = 'public_url = "https://localhost:8443"\norigins = ["https://app.test"]'


class Scoped:
    """
    In the place of C{identity.issuers}: C{Bearer a+b.c} is somebody's whose token has the scopes a and b:c,
    C{Bearer -} one without any, and C{Bearer ~} is for another resource. C{resources}: what was asked for.
    """

    def __init__(self) -> None:
        self.resources: list[str] = []

    def judge(
        self, bearer: bytes, accepted: Sequence[IssuerTerms], *, resource: str, **_: object
    ) -> Principal | Refusal:
        """As what it stands for."""
        assert [terms.name for terms in accepted] == ["login"]
        self.resources.append(resource)
        token = bearer.decode()
        if token == "~":
            return Refusal(Reason.AUTH_AUDIENCE, "made for somebody else")
        scopes = frozenset(token.replace(".", ":").split("+")) - {"-"}
        return Principal("login/joe", "jwt", token, None, issuer="login", subject="joe", scopes=scopes)

    def facts(self) -> list[Any]:
        """For the status."""
        return []


def issuer(server: str = SERVER) -> str:
    """A table for an issuer that is never asked."""
    return f'[[issuer]]\nname = "login"\nissuer = "{server}"\naddress = "127.0.0.1:9"\n'


def accept_others(world: World) -> Scoped:
    """From now on a running gate takes whatever its issuer would have to vouch for."""
    judge: Any = Scoped()

    def change() -> None:
        force = world.listening.force
        force.accepts = evolve(force.accepts, issuers=judge)

    world.loop.call(change)
    assert isinstance(judge, Scoped)
    return judge
