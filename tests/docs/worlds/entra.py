"""A gate that knows no issuer yet, and Entra with a tenant of ours and one of somebody else's."""

from __future__ import annotations

from collections.abc import Mapping

from tests.docs import running
from tests.docs.hosts import Answer, Request
from tests.docs.issuers import Issuer
from tests.docs.place import Place

HOST = "login.microsoftonline.com"
OURS = "9f4f1c5e-0d1b-4d0e-9a41-6f3f7f0f7a01"
THEIRS = "0b7d2c88-5a6e-4f43-8f55-1d9c3a9b6e02"
#: The application that stands for the gate.
APPLICATION = "5c6e0f3a-7d2b-4c15-9e0a-2f8b1a6d4c03"


class Tenant(Issuer):
    """One tenant, version 2: the keys say whose tokens they sign; an application has roles and no scopes."""

    def __init__(self, tenant: str) -> None:
        super().__init__(
            f"https://{HOST}/{tenant}/v2.0",
            keys=f"/{tenant}/discovery/v2.0/keys",
            tokens=f"/{tenant}/oauth2/v2.0/token",
            key={"issuer": f"https://{HOST}/{tenant}/v2.0"},
            claims={
                "ver": "2.0",
                "tid": tenant,
                "aud": APPLICATION,
                "azp": "11f3b8a4-6d0c-4f5b-9a51-0c8f6b1f2d05",
                "oid": "d3b0c1a2-4e5f-4a6b-8c7d-9e0f1a2b3c04",
                "sub": "d3b0c1a2-4e5f-4a6b-8c7d-9e0f1a2b3c04",
            },
        )

    def granted(self, asked: Mapping[str, str]) -> dict[str, object]:
        """What its token endpoint gives."""
        return {"roles": ["mcp.call"]}


def build(place: Place) -> None:
    """Build it."""
    tenants = [Tenant(OURS), Tenant(THEIRS)]

    def respond(request: Request) -> Answer:
        of = tenants[THEIRS in request.path]
        return of.respond(request)

    place.serve(HOST, respond)
    running.stage(place)
