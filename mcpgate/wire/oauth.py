"""What clients of OAuth are told, and where: the names of a resource's metadata, what stands in them, and the
challenge that leads there.

A protected resource has its metadata at a place that is made of its own URL (RFC 9728 section 3.1); MCP
has clients look there also without a challenge, and at the root of the host besides.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

#: All that stands here is the gate's own (RFC 8615), and no route can.
WELL_KNOWN = "/.well-known/"
RESOURCE = "/.well-known/oauth-protected-resource"
#: Of a server that is called by the origin of its URL, as a gate is (RFC 8414 section 3).
SERVER = "/.well-known/oauth-authorization-server"
#: RFC 7522 section 2.1.
SAML_GRANT = "urn:ietf:params:oauth:grant-type:saml2-bearer"


#: The scheme of challenges where there is no metadata to lead to.
_REALM = 'realm="mcpgate"'


@frozen
class Guide:
    """
    Where a caller learns how to get a token for a route.

    @ivar metadata: The URL of the route's metadata.
    @ivar scopes: What a token must have for anything on the route.
    """

    metadata: str
    scopes: tuple[str, ...] = ()


def challenge(guide: Guide | None, *, error: str = "", description: str = "", scope: str = "") -> str:
    """
    A challenge (RFC 6750 section 3, RFC 9728 section 5.1).

    @param guide: C{None} where no tokens of issuers are accepted, so that nobody can be led to one.
    @param error: what was wrong with what the caller showed, if it showed anything.
    @param scope: the scopes that are needed; by default those of the route. Without any, clients ask for all
        that the metadata name.
    """
    scope = scope or (" ".join(guide.scopes) if guide is not None else "")
    said = [_REALM] if guide is None else [f'resource_metadata="{guide.metadata}"']
    named = (("scope", scope), ("error", error), ("error_description", description))
    said += [f'{name}="{value}"' for name, value in named if value]
    return "Bearer " + ", ".join(said)


def metadata_path(path: str) -> str:
    """Where the metadata of the resource at a path are, on the same host."""
    # A slash that is the whole path goes (RFC 9728 section 3.1).
    return RESOURCE if path == "/" else RESOURCE + path


def resource_paths(asked: str) -> tuple[str, ...] | None:
    """
    Whose metadata are asked for: the paths that it may be about, the likeliest first; empty for the root of
    the host, and C{None} where no metadata of a resource are.
    """
    if not asked.startswith(RESOURCE):
        return None
    path = asked.removeprefix(RESOURCE)
    if not path:
        return ()
    # The official TypeScript client leaves out a slash at the end.
    return (path, f"{path}/") if path.startswith("/") else None


def resource_metadata(
    resource: str, *, name: str, servers: Iterable[str], scopes: Iterable[str], bound: bool
) -> dict[str, object]:
    """
    The metadata of a resource (RFC 9728 section 2).

    @param servers: the issuers that its tokens can be had from; clients ask the first.
    @param bound: whether only tokens are accepted that are bound to a client certificate (RFC 8705).
    """
    said: dict[str, object] = {
        "resource": resource,
        "authorization_servers": list(servers),
        "bearer_methods_supported": ["header"],
        "resource_name": name,
    }
    known = sorted(set(scopes))
    if known:
        said["scopes_supported"] = known
    if bound:
        said["tls_client_certificate_bound_access_tokens"] = True
    return said


def server_metadata(issuer: str, token_endpoint: str, scopes: Iterable[str]) -> dict[str, object]:
    """
    The metadata of an authorization server that exchanges assertions and does nothing else (RFC 8414
    section 2). Clients need not prove themselves: the assertion speaks for its subject.
    """
    said: dict[str, object] = {
        "issuer": issuer,
        "token_endpoint": token_endpoint,
        "grant_types_supported": [SAML_GRANT],
        "token_endpoint_auth_methods_supported": ["none"],
        "response_types_supported": [],
    }
    known = sorted(set(scopes))
    if known:
        said["scopes_supported"] = known
    return said
