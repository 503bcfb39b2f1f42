"""What a verified token says, and whether that is what is demanded of its issuer's (RFC 9068, RFC 8725).

The order is from what the token is to whom it is about, and each fault has its own reason. Nothing is
converted: a time is a whole number, a name is a text, and anything else in their place is refused.
"""

from __future__ import annotations

import re
from binascii import hexlify
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from mcpgate.identity.document import DocumentError, read_base64url
from mcpgate.identity.jose import Unverified, quoted
from mcpgate.identity.principal import Principal
from mcpgate.identity.terms import IssuerTerms
from mcpgate.policy.who import VALUES_MOST, texts_at
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate

#: Characters. OpenID Connect says 255; those of CI jobs are made of three names of up to 100.
SUBJECT_MOST = 512
#: Of one token: a resource of its own each.
AUDIENCES_MOST = 32
#: What claims are called that name the client for which a token was made: OpenID Connect and Keycloak,
#: RFC 9068, Entra's first version, Okta.
PARTIES = ("azp", "client_id", "appid", "cid")

# RFC 6749 section 3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
#: What only ID tokens have (OpenID Connect Core 2, 3.1.3.6, 3.3.2.11; FAPI's s_hash).
_OF_ID_TOKENS = ("nonce", "at_hash", "c_hash", "s_hash")
#: Claims by which some say what a token is (Keycloak; Cognito, Hydra), and what they call an access token.
_KINDS = {"typ": ("bearer", "at+jwt", "jwt", "dpop"), "token_use": ("access", "access_token")}

#: What issuers call the type of a token that whoever has it may use. Some say that it is an access token.
_BY_BEARER = frozenset({"bearer", "access_token"})


class _Refused(Exception):
    """Ends the judgement. Never leaves this file."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.refusal = Refusal(reason, detail)


def issuer_of(token: Unverified, issuers: Iterable[IssuerTerms]) -> IssuerTerms | Refusal:
    """Which issuer a token says that it is of, if that one signs by its algorithm at all. Never raises."""
    for terms in issuers:
        if terms.is_of(token.claims):
            if token.alg not in terms.algorithms:
                return Refusal(
                    Reason.AUTH_ALGORITHM, f"{token.alg} is not among the algorithms of {terms.name}"
                )
            return terms
    if "iss" not in token.claims:
        return Refusal(Reason.AUTH_ISSUER, "the token has no iss")
    return Refusal(Reason.AUTH_ISSUER, f"no issuer here is spelled {quoted(token.claims['iss'])}")


def judge(
    claims: Mapping[str, object],
    header: Mapping[str, object] | None,
    terms: IssuerTerms,
    *,
    id: str,
    resource: str,
    now: float,
    certificate: Certificate | None,
    bound: bool = False,
    how: str = "jwt",
) -> Principal | Refusal:
    """
    Judge what a token says whose signature was verified. Never raises.

    @param header: C{None} for a token that has none: its issuer has told what it says.
    @param id: what becomes the principal's; never the token.
    @param resource: the URL of the route that is asked for.
    @param now: Unix seconds.
    @param certificate: what the caller's leg was authenticated with, verified by the handshake.
    @param bound: whether only tokens that are bound to a certificate are accepted.
    @param how: as C{Principal.how}.
    """
    try:
        said_access = _judge_kind(claims, terms)
        if header is not None:
            _judge_type(claims, header, terms, said_access)
        elif str(claims.get("token_type") or "bearer").lower() not in _BY_BEARER:
            # RFC 7662 section 2.2: how it is to be shown, such as with a proof (DPoP).
            kind = quoted(claims["token_type"])
            raise _Refused(Reason.AUTH_TYPE, f"its token_type is {kind}, and it was shown as a bearer token")
        if not terms.is_of(claims):
            raise _Refused(Reason.AUTH_ISSUER, f"{quoted(claims.get('iss'))} is not {terms.name}")
        expires = _judge_times(claims, terms, now)
        _judge_audience(claims, terms, resource)
        _judge_party(claims, terms)
        _judge_demanded(claims, terms)
        subject = _subject(claims, terms)
        groups = _groups(claims, terms)
        scopes = _scopes(claims, terms)
        _judge_binding(claims, certificate, bound)
    except _Refused as refused:
        return refused.refusal
    return Principal(
        name=f"{terms.name}/{subject}",
        how=how,
        id=id,
        expires=expires,
        issuer=terms.name,
        subject=subject,
        groups=groups,
        claims=MappingProxyType(dict(claims)),
        scopes=scopes,
    )


def _judge_kind(claims: Mapping[str, object], terms: IssuerTerms) -> bool:
    """
    Whether it is called something else than an access token, also by who was asked about it: a refresh token
    is active, too.

    @return: whether it is called an access token.
    """
    said_access = False
    for name, access in _KINDS.items():
        kind = claims.get(name)
        if kind is None:
            continue
        if not isinstance(kind, str):
            raise _Refused(Reason.AUTH_TYPE, f"its claim {name} is no text")
        if kind.lower() in access:
            said_access = True
        elif not (terms.id_tokens and kind.lower() == "id"):
            raise _Refused(Reason.AUTH_TYPE, f"its claim {name} calls it {quoted(kind)}")
    if "events" in claims:
        # RFC 8417: what has happened to somebody, such as a logout. All of its claims are somebody's else.
        raise _Refused(Reason.AUTH_TYPE, "it tells of events and proves nobody")
    return said_access


def _judge_type(
    claims: Mapping[str, object], header: Mapping[str, object], terms: IssuerTerms, said_access: bool
) -> None:
    """Whether it is an access token. One that says so (RFC 9068) is believed; the rest is looked at."""
    typ = str(header.get("typ", "")).lower().removeprefix("application/")
    if typ not in terms.types:
        said = f"its typ is {quoted(typ)}" if typ else "it has no typ"
        raise _Refused(Reason.AUTH_TYPE, f"{said}, which is not accepted of {terms.name}")
    said_access = said_access or typ == "at+jwt"
    if not said_access and not terms.id_tokens:
        for name in _OF_ID_TOKENS:
            if name in claims:
                raise _Refused(Reason.AUTH_TYPE, f"it is an ID token: it has {name}")


def _judge_times(claims: Mapping[str, object], terms: IssuerTerms, now: float) -> float:
    """Until when it holds, skew included: as a clock that is late by so much would see it."""
    exp, nbf, iat = (_time(claims, name) for name in ("exp", "nbf", "iat"))
    if exp is None:
        raise _Refused(Reason.AUTH_CLAIM, "it has no exp")
    for name, time in (("nbf", nbf), ("iat", iat)):
        if time is not None and time > now + terms.skew:
            raise _Refused(Reason.AUTH_EARLY, f"its {name} is {time - now:.0f} s in the future")
    # A token that does not say since when it holds may not go on for longer than one that begins now.
    since = iat if iat is not None else nbf if nbf is not None else now
    if exp - since > terms.max_lifetime:
        most = f"{terms.max_lifetime:.0f} are allowed"
        raise _Refused(Reason.AUTH_LIFETIME, f"it holds for {exp - since:.0f} s, and {most}")
    if not now < exp + terms.skew:
        raise _Refused(Reason.AUTH_EXPIRED, f"it has expired {now - exp:.0f} s ago")
    return exp + terms.skew


def _time(claims: Mapping[str, object], name: str) -> int | None:
    value = claims.get(name)
    # bool is a subclass of int, and a float that is not whole is a time that somebody computed.
    if value is None and name not in claims:
        return None
    if type(value) is not int or value < 0:
        raise _Refused(Reason.AUTH_CLAIM, f"its {name} is not a whole number of seconds")
    return value


def _judge_audience(claims: Mapping[str, object], terms: IssuerTerms, resource: str) -> None:
    aud = claims.get("aud")
    if aud is None:
        raise _Refused(Reason.AUTH_AUDIENCE, "it has no aud")
    named = [aud] if isinstance(aud, str) else aud
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise _Refused(Reason.AUTH_AUDIENCE, "its aud is neither a text nor a list of texts")
    if len(named) > AUDIENCES_MOST:
        raise _Refused(Reason.AUTH_AUDIENCE, f"it is for {len(named)} audiences at once")
    if resource not in named and terms.audience.isdisjoint(named):
        shown = ", ".join(quoted(each) for each in named[:3]) or "nobody"
        raise _Refused(Reason.AUTH_AUDIENCE, f"it is for {shown}, not for {quoted(resource)}")


def _judge_party(claims: Mapping[str, object], terms: IssuerTerms) -> None:
    if not terms.parties:
        return
    found = [(name, claims[name]) for name in PARTIES if name in claims]
    if not found:
        raise _Refused(Reason.AUTH_CLAIM, "it does not say for which client it was made (azp, client_id)")
    for name, party in found:
        if not isinstance(party, str) or party not in terms.parties:
            raise _Refused(Reason.AUTH_CLAIM, f"its {name}, {quoted(party)}, is none of the parties")


def _judge_demanded(claims: Mapping[str, object], terms: IssuerTerms) -> None:
    for path, steps, patterns in terms.claims:
        texts = texts_at(claims, steps)
        if not any(map(patterns.match, texts)):
            # What it says may be somebody's address; which claim it is, is enough to look it up.
            said = "says something else" if texts else "is missing or no text"
            raise _Refused(Reason.AUTH_CLAIM, f"its claim {path} {said}")


def _subject(claims: Mapping[str, object], terms: IssuerTerms) -> str:
    """What its issuer calls who it is about. C{/} stands in no UUID, of which those of several are made."""
    named = [(name, claims.get(name)) for name in terms.subject]
    for name, value in named:
        if not isinstance(value, str) or not value:
            raise _Refused(Reason.AUTH_CLAIM, f"its {name} is missing or no text")
        if len(value) > SUBJECT_MOST or not value.isprintable():
            raise _Refused(Reason.AUTH_CLAIM, f"its {name} is too long, or cannot be shown on a line")
    return "/".join(str(value) for _, value in named)


def _groups(claims: Mapping[str, object], terms: IssuerTerms) -> tuple[str, ...]:
    """The groups, all of them: with some left out, a rule that blocks a group would not hold."""
    if not terms.groups:
        return ()
    first = terms.groups[0]
    # OpenID Connect Core 5.6.2: somebody has to be asked for them. Entra does so above 200 groups.
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and first in elsewhere or claims.get("hasgroups") is True:
        raise _Refused(Reason.AUTH_CLAIM, "its subject is in more groups than its issuer lists")
    value: object = claims
    for step in terms.groups:
        value = value.get(step) if isinstance(value, Mapping) else None
    if value is None:
        return ()
    listed: object = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise _Refused(Reason.AUTH_CLAIM, f"its claim {'.'.join(terms.groups)} is no list of texts")
    if len(listed) > VALUES_MOST:
        raise _Refused(Reason.AUTH_CLAIM, f"its subject is in {len(listed)} groups")
    return tuple(listed)


def _scopes(claims: Mapping[str, object], terms: IssuerTerms) -> frozenset[str]:
    found: set[str] = set()
    for name in terms.scopes:
        value = claims.get(name)
        if value is None:
            continue
        # Apart by spaces and nothing else, of which Python knows some thirty.
        listed: Sequence[object] = value.split(" ") if isinstance(value, str) else _list(value, name)
        for scope in listed:
            if scope == "" and isinstance(value, str):
                continue
            if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
                raise _Refused(Reason.AUTH_CLAIM, f"its {name} has something in it that is no scope")
            found.add(scope)
    return frozenset(found)


def _list(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        raise _Refused(Reason.AUTH_CLAIM, f"its {name} is neither a text nor a list")
    return value


def _judge_binding(claims: Mapping[str, object], certificate: Certificate | None, bound: bool) -> None:
    """
    RFC 7800: who shows the token must prove that a key is theirs. The only proof that we take is that of the
    leg itself, a client certificate (RFC 8705 section 3).
    """
    if "cnf" not in claims:
        if bound:
            raise _Refused(Reason.AUTH_BINDING, "its route demands a token that is bound to a certificate")
        return
    cnf = claims["cnf"]
    if not isinstance(cnf, Mapping) or "x5t#S256" not in cnf:
        raise _Refused(Reason.AUTH_BINDING, "it is bound to something else than a certificate (cnf)")
    # Of several ways each would have to be proven.
    for name in cnf:
        if name != "x5t#S256":
            raise _Refused(Reason.AUTH_BINDING, f"it is bound by {quoted(name)} (cnf), too")
    if certificate is None:
        raise _Refused(Reason.AUTH_BINDING, "it is bound to a client certificate, and there is none")
    if _thumbprint(cnf["x5t#S256"]) != certificate.sha256:
        raise _Refused(Reason.AUTH_BINDING, "it is bound to another certificate than the caller's")


def _thumbprint(value: object) -> str | None:
    """A certificate's SHA-256 as ours is written; C{None} for what cannot be one."""
    if not isinstance(value, str) or not value.isascii():
        return None
    try:
        return hexlify(read_base64url(value.encode("ascii"))).decode("ascii")
    except DocumentError:
        return None
