"""What is always the same of well-known issuers, and how a table of the file becomes terms.

A preset fills in what the table leaves out, and refuses what is a mistake with this issuer: whatever stands
in the table is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Protocol

from attrs import frozen

from mcpgate.config.condition import EACH, read_path
from mcpgate.identity.terms import TENANT, IssuerTerms
from mcpgate.policy.patterns import Patterns


class Table(Protocol):
    """What of an C{[[issuer]]} terms are made of. C{None} and C{()} mean that the file does not say."""

    @property
    def name(self) -> str: ...
    @property
    def preset(self) -> str | None: ...
    @property
    def issuer(self) -> str | None: ...
    @property
    def discovery(self) -> str | None: ...
    @property
    def jwks(self) -> str | None: ...
    @property
    def audience(self) -> Sequence[str]: ...
    @property
    def algorithms(self) -> Sequence[str]: ...
    @property
    def max_lifetime(self) -> float | None: ...
    @property
    def skew(self) -> float: ...
    @property
    def types(self) -> Sequence[str]: ...
    @property
    def id_tokens(self) -> bool: ...
    @property
    def parties(self) -> Sequence[str]: ...
    @property
    def tenants(self) -> Sequence[str]: ...
    @property
    def groups(self) -> str | None: ...
    @property
    def claims(self) -> Sequence[tuple[str, Sequence[str]]]: ...
    @property
    def stale(self) -> float: ...


@frozen
class Preset:
    """
    What is always the same of one issuer.

    @ivar issuers: What it is called where the table does not say.
    @ivar spelled: Other spellings of the same issuer, by the first.
    @ivar demanded: Anybody in the world gets tokens of this issuer, for any audience: claims of which the
        table must demand one, so that not all of them are callers.
    """

    issuers: tuple[str, ...] = ()
    spelled: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    max_lifetime: float | None = None
    id_tokens: bool = False
    groups: str | None = None
    subject: tuple[str, ...] = ("sub",)
    scopes: tuple[str, ...] = ("scope", "scp")
    demanded: tuple[str, ...] = ()


#: Nearly all access tokens that are made live for as long.
LIFETIME: Final = 3600.0
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384")
#: In lower case; "" for none. RFC 9068 has the first; few issuers write it yet.
TYPES: Final = ("at+jwt", "jwt", "")
GROUPS: Final = "groups"

_ENTRA = "https://login.microsoftonline.com/{tenantid}/v2.0"
_ENTRA_1 = "https://sts.windows.net/{tenantid}/"
# Tenants of Entra are UUIDs.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# What stands in the tenant's place of where people sign in; and its name, or its id in capitals: tokens have
# the id, as it is shown.
_WHOSE = re.compile(
    r"https://(?:login\.microsoftonline\.com|sts\.windows\.net)/(?!\{)(?![0-9a-f-]{36}(?:/|$)).*"
)

PRESETS: Final[Mapping[str, Preset]] = {
    "okta": Preset(algorithms=("RS256",)),
    # Of both versions: which one an application gets is a switch in its registration. They live for 60 to 90
    # minutes by chance, and begin five minutes before they are made. People are tid and oid: names and
    # addresses can be chosen by the administrators of any tenant, and sub differs from client to client.
    # Applications without a user have roles instead of scopes.
    "entra": Preset(
        issuers=(_ENTRA, _ENTRA_1),
        algorithms=("RS256",),
        max_lifetime=6000.0,
        subject=("tid", "oid"),
        scopes=("scp", "roles"),
    ),
    # Its access tokens are opaque and say nothing of an audience; what proves somebody is the ID token.
    "google": Preset(
        issuers=("https://accounts.google.com",),
        spelled=("accounts.google.com",),
        algorithms=("RS256",),
        id_tokens=True,
        demanded=("hd", "sub"),
    ),
    "github-actions": Preset(
        issuers=("https://token.actions.githubusercontent.com",),
        algorithms=("RS256",),
        demanded=("repository_owner_id", "repository_owner", "repository_id", "repository", "sub"),
    ),
    "gitlab": Preset(
        issuers=("https://gitlab.com",),
        algorithms=("RS256",),
        demanded=("namespace_id", "namespace_path", "project_id", "project_path", "sub"),
    ),
}
_NONE: Final = Preset()


def faults(table: Table) -> Iterator[tuple[str, str]]:
    """
    What is wrong with a table as a whole: a key of it, and the rest of a sentence that begins there.

    Where there is nothing, L{terms_of} makes terms of it.
    """
    preset = PRESETS.get(table.preset or "", _NONE)
    if table.issuer is None and not preset.issuers:
        said = f"the preset {table.preset}" if table.preset else "a table without a preset"
        yield "issuer", f"is missing; {said} needs the exact iss of its tokens"
        return
    issuers, tenants = _issuers(table, preset)
    named = preset.issuers if table.issuer is None else (table.issuer,)
    if table.tenants and not any(TENANT in issuer for issuer in named):
        yield "tenants", f"is only for an issuer with {TENANT} in it"
    elif any(TENANT in issuer for issuer in issuers):
        if not tenants:
            yield "tenants", f"is missing: the issuer has {TENANT} in it, so name those whose tokens count"
        elif table.preset != "entra" and len(tenants) > 1 and not (table.discovery or table.jwks):
            yield "discovery", f"is missing: where it is cannot be told of an issuer with {TENANT} in it"
        elif table.preset == "entra" and not all(map(_UUID.fullmatch, tenants)):
            yield "tenants", "has something in it that is no tenant's id (a UUID in lower case)"
    if table.preset == "entra" and _WHOSE.fullmatch(str(table.issuer)):
        yield (
            "issuer",
            "is where people sign in, and the iss of no token: want that of a tenant, with its id (a UUID in "
            f"lower case) or with {TENANT} and tenants",
        )
    if table.preset == "okta" and "/oauth2/" not in str(table.issuer):
        yield (
            "issuer",
            "is Okta's organization itself, whose access tokens nobody else can verify; want that of a "
            "custom authorization server, such as https://acme.okta.com/oauth2/default",
        )
    world = _of_everybody(table, preset)
    # Where one of the patterns is for everything, the claim is no matter.
    narrow = {path for path, texts in table.claims if all(text.strip("*") for text in texts)}
    if world and narrow.isdisjoint(world):
        wanted = ", ".join(f"claim.{name}" for name in world)
        yield (
            "issuer" if table.preset is None else "preset",
            f"is of an issuer that gives tokens to anybody; say whose count by one of {wanted}",
        )
    if table.preset == "github-actions" and any(
        audience.startswith("https://github.com/") for audience in table.audience
    ):
        yield (
            "audience",
            "has the one that GitHub puts in by itself, as for every other service that a job calls; "
            "have the job ask for one of its own",
        )


def _of_everybody(table: Table, preset: Preset) -> tuple[str, ...]:
    """The claims of which one must be demanded, where anybody in the world gets tokens of the issuer: however
    it is spelled, and with a preset or without. Somebody's own server is not the whole world's."""
    if table.issuer is None:
        return preset.demanded
    named = (one for one in PRESETS.values() if table.issuer in (*one.issuers, *one.spelled))
    return next((one.demanded for one in named), ())


def terms_of(table: Table) -> IssuerTerms:
    """What tokens of an issuer are judged by. The table has no L{faults}."""
    preset = PRESETS.get(table.preset or "", _NONE)
    issuers, tenants = _issuers(table, preset)
    groups = table.groups or preset.groups or GROUPS
    return IssuerTerms(
        name=table.name,
        issuers=issuers,
        audience=frozenset(table.audience),
        tenants=tenants,
        # Keys say the second version's, whichever version the token is of; those of the first say none.
        key_issuers=(_ENTRA,) if table.preset == "entra" else (),
        algorithms=frozenset(table.algorithms or preset.algorithms or ALGORITHMS),
        max_lifetime=_first(table.max_lifetime, preset.max_lifetime, LIFETIME),
        skew=table.skew,
        types=frozenset(typ.lower().removeprefix("application/") for typ in table.types or TYPES),
        id_tokens=table.id_tokens or preset.id_tokens,
        parties=frozenset(table.parties),
        groups=_steps(groups),
        claims=tuple((path, _steps(path), Patterns.compile(texts)) for path, texts in table.claims),
        subject=preset.subject,
        scopes=preset.scopes,
        discovery=_discovery(table, issuers[0], tenants),
        jwks=table.jwks,
        stale=table.stale,
    )


def _issuers(table: Table, preset: Preset) -> tuple[tuple[str, ...], frozenset[str]]:
    """How C{iss} may be spelled, and the tenants that it may be of."""
    if table.issuer is None:
        return (*preset.issuers, *preset.spelled), frozenset(table.tenants)
    if table.preset == "entra" and TENANT not in table.issuer:
        # One tenant's: its keys may be for it alone, so the token's tid has to be the same one.
        found = _UUID.search(table.issuer)
        if found is not None:
            return (table.issuer.replace(found[0], TENANT),), frozenset({found[0]})
    if table.issuer in (*preset.issuers, *preset.spelled) and preset.spelled:
        return (*preset.issuers, *preset.spelled), frozenset(table.tenants)
    return (table.issuer,), frozenset(table.tenants)


def _discovery(table: Table, issuer: str, tenants: frozenset[str]) -> tuple[str, ...]:
    """Where a discovery document may be: OpenID Connect's place, then that of RFC 8414 (section 3.1)."""
    if table.jwks is not None:
        return ()
    if table.discovery is not None:
        return (table.discovery,)
    # Of several tenants: Entra's document that is nobody's has the template, and each key its tenant.
    tenant = next(iter(tenants)) if len(tenants) == 1 else "organizations"
    url = issuer.replace(TENANT, tenant).rstrip("/")
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return (
        f"{url}/.well-known/openid-configuration",
        f"{scheme}://{host}/.well-known/oauth-authorization-server{slash}{path}",
    )


def _steps(path: str) -> tuple[str, ...]:
    return tuple(str(step) for step in read_path(path) if step is not EACH)


def _first(*values: float | None) -> float:
    return next(value for value in values if value is not None)
