"""A gate that knows no issuer yet, and an Okta with two authorization servers, I{default} and I{other}."""

from __future__ import annotations

from collections.abc import Mapping

from tests.docs import running
from tests.docs.hosts import Answer, Request
from tests.docs.issuers import Issuer
from tests.docs.place import Place

HOST = "acme.okta.com"


class AuthorizationServer(Issuer):
    """One of them: the audience is the server's own, whatever is asked for; the client is C{cid}."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"https://{HOST}/oauth2/{name}",
            keys=f"/oauth2/{name}/v1/keys",
            tokens=f"/oauth2/{name}/v1/token",
            claims={"ver": 1, "aud": "api://mcp", "cid": "0oa1b2c3d4", "sub": "0oa1b2c3d4"},
        )

    def granted(self, asked: Mapping[str, str]) -> dict[str, object]:
        """What its token endpoint gives."""
        # There are no groups in it: by client credentials nobody comes who could be in one.
        return {"scp": asked.get("scope", "").split()}


def build(place: Place) -> None:
    """Build it."""
    servers = [AuthorizationServer("default"), AuthorizationServer("other")]

    def respond(request: Request) -> Answer:
        of = servers[request.path.startswith("/oauth2/other/")]
        return of.respond(request)

    place.serve(HOST, respond)
    running.stage(place)
