"""What must hold between the keys of a configuration: names, references, and combinations (pure).

Each check reads sound values only and reports at the key that somebody would change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mcpgate.config.draft import Draft, Place, Sheet
from mcpgate.config.endpoint import read_endpoint
from mcpgate.config.judge_alerts import judge_alerts
from mcpgate.config.judge_credentials import judge_credentials, judge_fixed
from mcpgate.config.judge_issuers import accepted, judge_issuers
from mcpgate.config.judge_saml import judge_saml
from mcpgate.config.problem import did_you_mean, quoted
from mcpgate.policy.sought import NAMES
from mcpgate.wire.oauth import WELL_KNOWN

Drafts = Mapping[str, Sequence[Draft]]


def judge(sheet: Sheet, drafts: Drafts) -> None:
    """Report everything that is wrong between keys that are each right by themselves."""
    for kind in ("listener", "route"):
        if not drafts[kind] and kind not in sheet.unread:
            what = "accepts" if kind == "listener" else "forwards"
            sheet.report(Place((), kind, kind), f"there is none, so the gate {what} nothing; add [[{kind}]]")
    # A route that is there twice most often has its name twice too, by default: that is one mistake.
    for kind, tables in {**drafts, "route": _addressed(drafts["route"])}.items():
        _names(kind, tables)
    _sockets(drafts["listener"])
    for listener in drafts["listener"]:
        _embedded(listener)
        _client_certificates(listener)
        _balancers(listener)
        # Assertions are for the URL of a token endpoint, and without a public_url there is none.
        vouching = drafts["saml"] if listener.get("public_url") is not None else ()
        issuers = bool(accepted(listener, [*drafts["issuer"], *vouching]))
        issuers = issuers or not sheet.unread.isdisjoint(("issuer", "saml"))
        _somebody_is_asked(listener, issuers)
        _both_are_asked(listener, issuers)
    for issuer in drafts["issuer"]:
        _client_key(issuer)
    judge_issuers(drafts, all_read=sheet.unread.isdisjoint(("issuer", "saml")))
    for upstream in drafts["upstream"]:
        _client_key(upstream)
        if "credential" in upstream.inner:
            judge_fixed(upstream.inner["credential"])
    upstreams = [str(upstream.get("name") or "") for upstream in drafts["upstream"]]
    # Where a name could not be read, any name that is asked for may be that one.
    if all(upstreams) and "upstream" not in sheet.unread:
        for route in drafts["route"]:
            _leads_somewhere(route, upstreams)
    judge_credentials(sheet, drafts)
    for vault in drafts["vault"]:
        _client_key(vault)
    for credential in drafts["credential"]:
        _client_key(credential)
        _who(credential)
    for alert in drafts["alert"]:
        _client_key(alert)
    judge_alerts(drafts["alert"])
    for route in drafts["route"]:
        if str(route.get("path") or "").startswith(WELL_KNOWN):
            route.report("path", f"is below {WELL_KNOWN}, where the gate itself says what clients must know")
    routes = [route_name(route) for route in drafts["route"]]
    if all(routes) and "route" not in sheet.unread:
        for rule in (*drafts["rule"], *drafts["budget"]):
            _is_about_routes(rule, routes)
    judge_saml(sheet, drafts, routes if all(routes) and "route" not in sheet.unread else ())
    detectors = [*sorted(NAMES), *(str(detector.get("name") or "") for detector in drafts["detector"])]
    for detector in drafts["detector"]:
        _detector(detector)
    for rule in drafts["rule"]:
        _says_something(rule)
        _who(rule)
        _whole_arguments(rule)
        if all(detectors) and "detector" not in sheet.unread:
            _finds(rule, detectors)
    for budget in drafts["budget"]:
        _who(budget)
        _limits_something(budget)


def route_name(route: Draft) -> str:
    """A route's name: its own, else its upstream's; "" when neither is sound."""
    if route.get("name") is None and route.sound("name", "upstream"):
        return str(route.get("upstream"))
    return str(route.get("name") or "")


def _names(kind: str, tables: Sequence[Draft]) -> None:
    first: dict[str, Draft] = {}
    for table in tables:
        name = route_name(table) if kind == "route" else str(table.get("name") or "")
        if not name:
            continue
        if name not in first:
            first[name] = table
        elif kind == "route" and table.get("name") is None:
            line = _at(first[name], "upstream")
            table.report("name", f"is {quoted(name)} by default, like another route's{line}; give it one")
        else:
            where = _at(first[name], "name", table.sheet)
            table.report("name", f"another {kind} is named {quoted(name)}{where}")


def _at(table: Draft, key: str, read: Sheet | None = None) -> str:
    """Where it stands. C{read}: the file that this is said of, which may be one that is included."""
    line = table.line(key)
    if line and read is not None and read.file and not table.sheet.file:
        line += " of the file that includes it"
    return f" ({line})" if line else ""


def _sockets(listeners: Iterable[Draft]) -> None:
    first: dict[tuple[str, ...], Draft] = {}
    for listener in listeners:
        listen = str(listener.get("listen") or "")
        if not listen or read_endpoint(listen).chosen_later or read_endpoint(listen).embedded:
            continue
        place = read_endpoint(listen).place
        if first.setdefault(place, listener) is not listener:
            listener.report("listen", f"another listener listens there{_at(first[place], 'listen')}")


def _embedded(listener: Draft) -> None:
    """Where an application holds the gate, the certificates are its own, and so are the connections."""
    if not listener.sound("listen", "certificates") or listener.get("listen") is None:
        return
    if not read_endpoint(str(listener.get("listen"))).embedded:
        if listener.get("certificates") is None:
            what = "is missing. A PEM file, or a directory of PEM pairs chosen by SNI."
            listener.report("certificates", what)
        return
    for key in ("certificates", "proxy_from"):
        if listener.get(key):
            listener.report(key, 'has no effect with listen = "embedded": connections are the application\'s')
    if listener.sound("public_url") and listener.get("public_url") is None:
        what = "is missing: without certificates of its own the gate must be told by which name callers come"
        listener.report("public_url", what)


def _client_certificates(listener: Draft) -> None:
    mode, trust = listener.get("client_certificates"), listener.get("client_ca")
    if listener.sound("client_certificates", "client_ca"):
        if mode != "off" and trust is None:
            listener.report("client_certificates", f"{quoted(str(mode))} needs client_ca to check them by")
        elif mode == "off" and trust is not None:
            listener.report("client_ca", 'has no effect while client_certificates is "off"; require them')
    if listener.sound("client_certificates") and mode == "off" and listener.get("client_names"):
        listener.report("client_names", 'has no effect while client_certificates is "off"; require them')
    if listener.sound("client_crl", "client_ca") and listener.get("client_crl") is not None and trust is None:
        listener.report("client_crl", "has no effect without client_ca")


def _balancers(listener: Draft) -> None:
    listen = listener.get("listen")
    if listen is not None and listener.get("proxy_from") and read_endpoint(str(listen)).kind == "unix":
        listener.report("proxy_from", "has no effect on a unix socket: who connects there has no address")


def _somebody_is_asked(listener: Draft, issuers: bool) -> None:
    """A caller proves who it is, on loopback as anywhere, or somebody has said in so many words that on
    loopback nobody needs to."""
    if not listener.sound("tokens", "client_certificates", "unsafe_anonymous", "issuers"):
        return
    asked = bool(listener.get("tokens")) or issuers or listener.get("client_certificates") != "off"
    if asked:
        if listener.get("unsafe_anonymous"):
            listener.report("unsafe_anonymous", "has no effect where callers can prove who they are")
        return
    if not listener.get("unsafe_anonymous"):
        listener.report(
            "tokens",
            "is false and client_certificates is off, so anybody who reaches this listener could call; "
            "ask for one of them, or say so on loopback (unsafe_anonymous = true)",
        )
    elif listener.get("listen") is not None and not read_endpoint(str(listener.get("listen"))).loopback:
        listener.report(
            "unsafe_anonymous",
            "is only for listeners on loopback (tcp:PORT:interface=127.0.0.1): others are reached by anybody",
        )


def _both_are_asked(listener: Draft, issuers: bool) -> None:
    if not listener.get("certificate_and_token") or not listener.sound("tokens", "client_certificates"):
        return
    if listener.get("client_certificates") != "required":
        what = 'needs client_certificates = "required", or the handshake would let in whoever has none'
        listener.report("certificate_and_token", what)
    if not listener.get("tokens") and not issuers:
        what = "can be met by nobody while tokens is false and tokens of no issuer are accepted"
        listener.report("certificate_and_token", what)


def _client_key(upstream: Draft) -> None:
    if upstream.sound("client_certificate", "client_key"):
        if upstream.get("client_key") is not None and upstream.get("client_certificate") is None:
            upstream.report("client_key", "has no effect without client_certificate")


def _addressed(routes: Iterable[Draft]) -> Sequence[Draft]:
    """The routes whose names count: all but those that stand at another's address by a default name."""
    first: dict[tuple[str, object], Draft] = {}
    count = []
    for route in routes:
        address = str(route.get("path")), route.get("host")
        known = route.get("path") is not None and route.sound("host")
        if known and first.setdefault(address, route) is not route:
            route.report("path", f"another route has this path and host{_at(first[address], 'path')}")
            if route.get("name") is None:
                continue
        count.append(route)
    return count


def _leads_somewhere(route: Draft, upstreams: Sequence[str]) -> None:
    name = route.get("upstream")
    if name is not None and str(name) not in upstreams:
        guess = did_you_mean(str(name), upstreams)
        route.report("upstream", f"no upstream is named {quoted(str(name))}{guess}")
        route.unsound.add("upstream")


def _is_about_routes(rule: Draft, routes: Sequence[str]) -> None:
    on = rule.inner.get("on")
    names = on.get("route") if on is not None else None
    if on is None or not isinstance(names, tuple):
        return
    place = on.place.key("route")
    for index, name in enumerate(names):
        if name not in routes:
            at = place.item(index) if len(names) > 1 else place
            on.sheet.report(at, f"no route is named {quoted(name)}{did_you_mean(name, routes)}")


def _detector(detector: Draft) -> None:
    name = detector.get("name")
    if name in NAMES:
        detector.report("name", f"{quoted(str(name))} is a detector that is built in; choose another name")
    if detector.sound("regex", "path"):
        if (detector.get("regex") is None) is (detector.get("path") is None):
            detector.sheet.report(detector.place, "needs either regex or path: what to look for, or where")


def _says_something(rule: Draft) -> None:
    """A rule has a verdict, or lists of detectors, or says that bodies are recorded; what belongs to one kind
    stands in no other."""
    if not rule.sound("verdict", "mask", "block", "record"):
        return
    verdict, lists = rule.get("verdict"), [key for key in ("mask", "block") if rule.get(key)]
    if verdict is None and not lists and rule.get("record") is None:
        rule.report("verdict", "is missing: allow, block or hold, or else mask or block with detectors")
    if rule.get("record") is not None and rule.get("shadow") is True:
        rule.report("record", "has no effect with shadow = true, which only records what would be said")
    if verdict is not None and lists:
        rule.report(lists[0], "stands beside a verdict; make it a rule of its own, as masks add up")
    if "require" in rule.inner and verdict != "allow":
        rule.report("require", 'has no effect but with verdict = "allow"')
    for key in ("wait", "said"):
        if key in rule.values and verdict != "hold":
            rule.report(key, 'has no effect but with verdict = "hold"')


def _who(rule: Draft) -> None:
    who = rule.inner.get("who")
    if who is None or not who.sound("issuer", "subject", "claims") or who.get("issuer"):
        return
    claims = who.get("claims")
    named = ["subject"] if who.get("subject") else []
    named += [f"claim.{path}" for path, _ in claims] if isinstance(claims, tuple) else []
    for key in named:
        what = "is what an issuer says, and another may say the same of somebody else; name the issuer too"
        who.report(key, what)


def _whole_arguments(rule: Draft) -> None:
    """C{arguments.min = 5} without quotes is a range for all arguments together."""
    where = rule.inner.get("where")
    if where is None:
        return
    conditions = where.get("conditions")
    for path, condition in conditions if isinstance(conditions, tuple) else ():
        if path == "arguments" and condition.present is None:
            hint = 'name one of them, in quotes: "arguments.NAME"'
            where.report(path, f"is all arguments together, an object; {hint}")


def _finds(rule: Draft, detectors: Sequence[str]) -> None:
    for key in ("mask", "block"):
        names = rule.get(key)
        for name in names if isinstance(names, tuple) else ():
            if name not in detectors:
                hint = did_you_mean(name, detectors) or "; add a [[detector]] of that name"
                rule.report(key, f"no detector is named {quoted(name)}{hint}")


LIMITS = ("calls", "bytes", "concurrent", "result_size")


def _limits_something(budget: Draft) -> None:
    on = budget.inner.get("on")
    if on is not None and on.values.get("direction"):
        on.report("direction", "has no effect in a budget: it is about what callers ask, with its answers")
    if budget.sound(*LIMITS) and all(budget.get(limit) is None for limit in LIMITS):
        budget.sheet.report(budget.place, "limits nothing; give it calls, bytes, concurrent or result_size")
