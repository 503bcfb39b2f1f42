"""What must hold between C{[admin]} and the rest of a configuration (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcpgate.config.draft import Draft, Sheet
from mcpgate.config.endpoint import Endpoint, read_endpoint
from mcpgate.config.problem import did_you_mean, quoted

Drafts = Mapping[str, Sequence[Draft]]

#: What is about TLS, or about who logs in over it: on a unix socket whoever may open it is known.
_OF_TLS = (
    "certificates",
    "public_url",
    "profile",
    "client_ca",
    "viewers",
    "approvers",
    "issuer",
    "client_id",
    "client_secret",
    "session",
)


def judge_admin(sheet: Sheet, drafts: Drafts) -> None:
    """Report what is wrong with it."""
    for admin in drafts["admin"]:
        if not admin.sound("listen"):
            continue
        listen = admin.get("listen")
        if listen is None:
            for key in admin.values:
                admin.report(key, "has no effect without listen: then there is no dashboard")
            continue
        endpoint = read_endpoint(str(listen))
        _apart(admin, endpoint, drafts["listener"])
        if endpoint.embedded:
            admin.report("listen", 'cannot be "embedded": the dashboard is served by a process of its own')
            continue
        if endpoint.kind == "unix":
            _socket(admin, endpoint)
            continue
        if admin.get("certificates") is None and admin.sound("certificates"):
            admin.report("certificates", "is missing: the dashboard is served over TLS only, or on unix:PATH")
        _provider(admin, drafts["issuer"], all_read="issuer" not in sheet.unread)
        _somebody(admin)


def _socket(admin: Draft, endpoint: Endpoint) -> None:
    for name in endpoint.arguments:
        if name not in ("address", "backlog"):
            what = f"has {quoted(name)}, and the socket is always its owner's alone; leave it out"
            admin.report("listen", what)
    for key in _OF_TLS:
        if key in admin.values:
            admin.report(key, "has no effect on a unix socket: whoever may open that may do everything")


def _apart(admin: Draft, endpoint: Endpoint, listeners: Sequence[Draft]) -> None:
    if endpoint.chosen_later or endpoint.embedded:
        return
    for listener in listeners:
        listen = listener.get("listen")
        if listen is not None and read_endpoint(str(listen)).place == endpoint.place:
            line = listener.line("listen")
            admin.report("listen", f"a listener listens there{f' ({line})' if line else ''}")


def _somebody(admin: Draft) -> None:
    """Whoever can prove something has to be on one of the lists, and the lists have to be about a proof."""
    if not admin.sound("client_ca", "issuer", "viewers", "approvers"):
        return
    proofs = admin.get("client_ca") is not None or admin.get("issuer") is not None
    if proofs and not admin.get("viewers") and not admin.get("approvers"):
        key = "client_ca" if admin.get("client_ca") is not None else "issuer"
        admin.report(key, "lets nobody in: say who may look (viewers) or decide (approvers)")
    for key in ("viewers", "approvers"):
        if admin.get(key) and not proofs:
            admin.report(key, "has no effect: nobody can prove a name without client_ca or issuer")


def _provider(admin: Draft, issuers: Sequence[Draft], *, all_read: bool) -> None:
    name = admin.get("issuer")
    if not admin.sound("issuer"):
        return
    if name is None:
        for key in ("client_id", "client_secret"):
            if admin.get(key) is not None:
                admin.report(key, "has no effect without issuer")
        return
    for key, what in (("client_id", "who the dashboard is there"), ("public_url", "where it sends people")):
        if admin.sound(key) and admin.get(key) is None:
            admin.report(key, f"is missing: the issuer has to know {what}")
    names = [str(issuer.get("name") or "") for issuer in issuers]
    if name not in names:
        # Where a name could not be read, it may be that one.
        if all_read and all(names):
            guess = did_you_mean(str(name), names) or "; add an [[issuer]] of that name"
            admin.report("issuer", f"no issuer is named {quoted(str(name))}{guess}")
        return
    table = issuers[names.index(str(name))]
    if table.get("jwks") is not None:
        what = "has jwks and no discovery document, and so it is not known where people log in"
        admin.report("issuer", what)
