"""The authorization servers that clients are sent to for a token (RFC 9728): those of accepted issuers.

Clients ask the first that is named, and mostly no other. So those that give tokens to their own jobs only,
whom no client can ask, come last; they are named all the same, as what is accepted.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcpgate.identity.issuer import Issuer, authorization_server

#: They put a token into the environment of a job.
OF_JOBS = frozenset({"github-actions", "gitlab"})


def servers_of(issuers: Iterable[Issuer]) -> tuple[str, ...]:
    """The authorization servers of issuers, each once."""
    ordered = sorted(issuers, key=lambda issuer: issuer.table.preset in OF_JOBS)
    found = (authorization_server(issuer) for issuer in ordered)
    return tuple(dict.fromkeys(server for server in found if server is not None))
