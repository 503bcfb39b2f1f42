"""What must hold between C{[[saml]]} tables and the rest of a configuration (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcpgate.config.draft import Draft, Sheet
from mcpgate.config.problem import did_you_mean, quoted

Drafts = Mapping[str, Sequence[Draft]]


def judge_saml(sheet: Sheet, drafts: Drafts, routes: Sequence[str]) -> None:
    """
    Report what is wrong with them.

    @param routes: the names of all routes; none where some could not be read.
    """
    tables, listeners = drafts["saml"], drafts["listener"]
    # One that is unsound may be right once it is mended.
    served = [one for one in listeners if one.get("public_url") is not None or not one.sound("public_url")]
    for table in tables:
        if routes:
            _known_routes(table, routes)
        _own_name(table, drafts.get("issuer", ()))
        if not served and "listener" not in sheet.unread:
            said = "has no effect: assertions are for the URL of a token endpoint, so a listener needs a"
            table.report("metadata", f"{said} public_url")
    for listener in listeners:
        if not tables and "saml" not in sheet.unread and "token_endpoint" in listener.values:
            listener.report("token_endpoint", "has no effect without a [[saml]]")
        for route in drafts["route"] if tables else ():
            if route.get("path") is not None and route.get("path") == listener.get("token_endpoint"):
                line = route.line("path")
                where = f" ({line})" if line else ""
                listener.report("token_endpoint", f"is the path of a route{where}; choose another one")


def _known_routes(table: Draft, routes: Sequence[str]) -> None:
    names = table.get("routes")
    for index, name in enumerate(names if isinstance(names, tuple) else ()):
        if name not in routes:
            place = table.place.key("routes").item(index)
            table.sheet.report(place, f"no route is named {quoted(name)}{did_you_mean(name, routes)}")


def _own_name(table: Draft, issuers: Sequence[Draft]) -> None:
    """Rules name both by C{who.issuer}: one name must not be two."""
    name = table.get("name")
    if name is not None and any(issuer.get("name") == name for issuer in issuers):
        table.report("name", f"an issuer is named {quoted(str(name))}; rules could not tell them apart")
