"""C{[[route]]}: what leads where."""

from __future__ import annotations

from attrs import Factory, frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import option


@frozen
class RouteTable:
    """C{[[route]]}: which path (and host) leads to which upstream."""

    path: str = option("The exact path that callers use.", forms.path(), example='"/github"')
    upstream: str = option("The upstream's name.", forms.name(), example='"github"')
    name: str = option(
        "The route's name in rules and records; the upstream's name by default.",
        forms.name(),
        default=Factory(lambda self: self.upstream, takes_self=True),
        example='"github-read"',
    )
    bound: bool = option(
        "Accept only tokens that are bound to the caller's client certificate (RFC 8705; of the gate's own, "
        "those that were issued for one).",
        forms.switch(),
        default=False,
        example="true",
    )
    host: str | None = option(
        "Only requests for this host name.", forms.host(), default=None, example='"mcp.example.com"'
    )
    scopes: tuple[str, ...] = option(
        "Scopes that a caller's token must have for anything on the route; clients ask for these first.",
        forms.many(forms.scope(), lone=True),
        default=(),
        example='["mcp"]',
    )
