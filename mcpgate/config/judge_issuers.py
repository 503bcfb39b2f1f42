"""What must hold within and between issuers, and between them and listeners (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcpgate.config.draft import Draft
from mcpgate.config.problem import did_you_mean, quoted
from mcpgate.config.tables.issuer import IssuerTable
from mcpgate.config.url import read_url
from mcpgate.identity.presets import faults, terms_of
from mcpgate.identity.terms import TENANT

#: What C{listener.issuers} says for none of them.
NONE = "none"


def accepted(listener: Draft, issuers: Sequence[Draft]) -> Sequence[Draft]:
    """The issuers whose tokens a listener accepts, of those that there are."""
    names = listener.get("issuers")
    if not listener.sound("issuers"):
        return ()
    return [issuer for issuer in issuers if not isinstance(names, tuple) or issuer.get("name") in names]


def judge_issuers(drafts: Mapping[str, Sequence[Draft]], *, all_read: bool) -> None:
    """
    Report what is wrong with issuers, and with where they are accepted.

    @param all_read: whether there are no more issuers than these.
    """
    for issuer in drafts["issuer"]:
        if issuer.get("name") == NONE:
            issuer.report("name", f"{quoted(NONE)} means none of them in listener.issuers; choose another")
        _one_place(issuer)
        _asked_about_tokens(issuer)
        if not issuer.unsound:
            _whole(issuer)
    # Whoever vouches by assertions is an issuer to rules and listeners.
    names = [str(one.get("name") or "") for one in (*drafts["issuer"], *drafts["saml"])]
    for listener in drafts["listener"]:
        if all_read and all(names):
            _named(listener, names)
        _told_apart(listener, accepted(listener, drafts["issuer"]))


def _one_place(issuer: Draft) -> None:
    if issuer.sound("jwks", "discovery") and issuer.get("jwks") is not None:
        if issuer.get("discovery") is not None:
            issuer.report("jwks", "stands beside discovery, which says where the keys are; leave one out")
            issuer.unsound.add("jwks")


def _asked_about_tokens(issuer: Draft) -> None:
    keys = ("introspection", "client_id", "client_secret", "assertion_key", "client_certificate")
    if not issuer.sound(*keys):
        return
    asked, client = issuer.get("introspection"), issuer.get("client_id")
    proofs = [key for key in keys[2:] if issuer.get(key) is not None]
    if asked is None:
        for key in ("client_id", "client_secret", "assertion_key"):
            if issuer.get(key) is not None:
                issuer.report(key, "has no effect without introspection")
        return
    # RFC 7662 section 2.1: else anybody could try tokens out.
    if client is None:
        issuer.report("client_id", "is missing: the issuer is asked about tokens by somebody whom it knows")
    if not proofs:
        what = "needs client_secret, assertion_key or client_certificate, for the gate to prove itself"
        issuer.report("introspection", what)
    elif "client_secret" in proofs and "assertion_key" in proofs:
        issuer.report("assertion_key", "stands beside client_secret; the gate proves itself in one way")


def _whole(issuer: Draft) -> None:
    table = issuer.build()
    assert isinstance(table, IssuerTable)
    found = list(faults(table))
    for key, what in found:
        issuer.report(key, what)
        issuer.unsound.add(key)
    if found:
        return
    for place in terms_of(table).discovery:
        try:
            read_url(place, query=True)
        except ValueError:
            what = "is not an https URL with a discovery document below it; say where the keys are (jwks)"
            issuer.report("discovery" if table.discovery is not None else "issuer", what)
            return


def _named(listener: Draft, names: Sequence[str]) -> None:
    wanted = listener.get("issuers")
    for name in wanted if isinstance(wanted, tuple) else ():
        if name == NONE:
            if len(wanted) > 1:  # type: ignore[arg-type]
                listener.report("issuers", f"{quoted(NONE)} stands beside others; leave it out, or them")
        elif name not in names:
            guess = did_you_mean(name, names) or "; add an [[issuer]] of that name"
            listener.report("issuers", f"no issuer is named {quoted(name)}{guess}")


def _told_apart(listener: Draft, issuers: Sequence[Draft]) -> None:
    """Tokens of issuers are for a URL, and each says, or cannot say, whose it is."""
    if not issuers:
        return
    if listener.sound("public_url") and listener.get("public_url") is None:
        listener.report(
            "public_url",
            "is missing: tokens of issuers, which are accepted here, are made for the URL of a route "
            f'(issuers = "{NONE}" accepts none)',
        )
    first: dict[str, Draft] = {}
    asked: Draft | None = None
    for issuer in issuers:
        if issuer.unsound:
            continue
        table = issuer.build()
        assert isinstance(table, IssuerTable)
        terms = terms_of(table)
        # Where the tenant stands in it, tables are about different issuers if their tenants are.
        made = ((each, tenant) for each in terms.issuers for tenant in sorted(terms.tenants) or [TENANT])
        for spelled in dict.fromkeys(template.replace(TENANT, tenant) for template, tenant in made):
            other = first.setdefault(spelled, issuer)
            if other is not issuer:
                what = f"{quoted(str(other.get('name')))} has the same iss, and listener"
                what += f" {quoted(str(listener.get('name')))} could not tell their tokens apart"
                issuer.report("issuer", what)
                break
        if table.introspection is not None and asked is not None:
            what = f"{quoted(str(asked.get('name')))} is asked about opaque tokens, too, and at listener"
            what += f" {quoted(str(listener.get('name')))} nobody could say whose one is"
            issuer.report("introspection", what)
        elif table.introspection is not None:
            asked = issuer
