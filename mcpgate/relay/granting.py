"""What becomes of a request to the token endpoint (RFC 6749 section 3.2): a token for a SAML assertion.

In this order, so that what costs little comes first: the form, the grant and what it is for; then the
assertion and its signature; then that it was not used before; and then only there is a token. What is
answered follows RFC 6749 section 5; what exactly was wrong is for the record.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BinasciiError
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

from attrs import frozen
from twisted.logger import Logger

from mcpgate.config.url import read_url
from mcpgate.generation import Generation, ListenerTerms
from mcpgate.identity.granted import Grant, Granting, Grants, TooLarge, principal_of
from mcpgate.identity.once import CannotNote
from mcpgate.identity.principal import Principal
from mcpgate.reasons import ANSWERS, Reason, Refusal
from mcpgate.wire.form import CONTENT_TYPE, read_form
from mcpgate.wire.http import RequestHead
from mcpgate.wire.oauth import SAML_GRANT

if TYPE_CHECKING:
    from mcpgate.relay.force import InForce

#: The largest assertion in base64, and the rest of the form.
FORM_MOST = 96 * 1024
#: Assertions that a worker looks into in vain within a second, of all callers together: the worst takes some
#: 5 ms, so they take a tenth of a processor. Addresses that fail too often are told to wait before that.
FORGED_MOST = 20
FORGED_PERIOD = 1.0

_ASSERTION = re.compile(r"[A-Za-z0-9_-]+=*")
# RFC 6749 section 3.3.
_SCOPES = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
#: What may be there once (RFC 6749 section 3.2); others are not ours to judge.
_SINGLE = ("grant_type", "assertion", "scope", "client_id")

log = Logger()


@frozen
class Granted:
    """An answer: what it says, what was wrong, and who got a token."""

    status: int
    said: Mapping[str, object]
    refusal: Refusal | None = None
    principal: Principal | None = None


class _Refused(Exception):
    """No token is granted. C{error} is what RFC 6749 calls it."""

    def __init__(self, error: str, refusal: Refusal, later: str = "") -> None:
        """
        @param later: words for the caller where trying again may help.
        """
        super().__init__(error)
        # What is wrong with an assertion is for the record alone: who forges one learns nothing by it.
        told = Reason.AUTH_ASSERTION if error == "invalid_grant" else refusal.reason
        self.refusal = refusal
        self.status = 503 if later else 400
        self.said = {"error": error, "error_description": later or ANSWERS[told].words}


def grant(
    head: RequestHead, body: bytes, host: str, terms: ListenerTerms, generation: Generation, force: InForce
) -> Granted:
    """
    Judge a request.

    @param host: the name by which the listener was called.
    """
    try:
        return _grant(head, body, host, terms, generation, force)
    except _Refused as refused:
        return Granted(refused.status, refused.said, refused.refusal)


def _grant(
    head: RequestHead, body: bytes, host: str, terms: ListenerTerms, generation: Generation, force: InForce
) -> Granted:
    grants, now = terms.grants, force.wall()
    assert grants is not None
    form = _form(head, body)
    if form.get("grant_type") != (SAML_GRANT,):
        error = "unsupported_grant_type" if form.get("grant_type") else "invalid_request"
        raise _Refused(error, Refusal(Reason.AUTH_REQUEST, "the grant type is not that of SAML assertions"))
    raw = _decoded(form.get("assertion"))
    scopes = _scopes(form.get("scope"))
    routes = _routes(form.get("resource", ()), terms, generation)
    limits = FORGED_MOST, FORGED_PERIOD
    if force.forged.spent("", monotonic(), *limits):
        refusal = Refusal(Reason.LIMIT_FAILURES, "too many assertions of all callers were just refused")
        raise _Refused("temporarily_unavailable", refusal, "Too many requests have failed; try again.")
    recipient = terms.resource(host, terms.table.token_endpoint)
    vouched = grants.assertions.judge(raw, recipient, now)
    if isinstance(vouched, Refusal):
        force.forged.fail("", monotonic(), *limits)
        raise _Refused("invalid_grant", vouched)
    granting = grants.granting[vouched.terms.name]
    given = _given(scopes, granting)
    if routes is not None and granting.routes is not None and not granting.routes.issuperset(routes):
        refusal = Refusal(Reason.AUTH_REQUEST, f"tokens of {granting.name} are not for that resource")
        raise _Refused("invalid_target", refusal)
    expires = min(now + granting.lifetime, vouched.until if vouched.until is not None else float("inf"))
    made = Grant(
        issuer=granting.name,
        subject=vouched.subject,
        expires=expires,
        groups=vouched.groups,
        claims=dict(vouched.claims),
        scopes=given,
        routes=routes,
    )
    token = _sealed(grants, made, now)
    whom = principal_of(made, token)
    denied = force.accepts.issued.denies(whom, now)
    if denied is not None:
        # The token would be good for nothing; whoever is to be kept out is not told that it is let in.
        raise _Refused("invalid_grant", denied)
    _use(force, vouched.id, vouched.over, now)
    said: dict[str, object] = {
        "access_token": token.decode(),
        "token_type": "Bearer",
        "expires_in": max(int(expires - now), 0),
    }
    if given:
        said["scope"] = " ".join(given)
    return Granted(200, said, principal=whom)


def _form(head: RequestHead, body: bytes) -> Mapping[str, tuple[str, ...]]:
    if not CONTENT_TYPE.fullmatch(head.get(b"content-type") or b""):
        raise _Refused("invalid_request", Refusal(Reason.AUTH_REQUEST, "the body is no form by its type"))
    if head.get(b"content-encoding") is not None:
        raise _Refused("invalid_request", Refusal(Reason.AUTH_REQUEST, "the body is compressed"))
    form = read_form(body)
    if isinstance(form, Refusal):
        raise _Refused("invalid_request", form)
    for name in _SINGLE:
        if len(form.get(name, ())) > 1:
            raise _Refused("invalid_request", Refusal(Reason.AUTH_REQUEST, f"{name} is there twice"))
    return form


def _decoded(given: tuple[str, ...] | None) -> bytes:
    """The assertion. RFC 7522 section 2.1 would rather have no padding, and accepts it."""
    text = given[0] if given else ""
    if not text:
        raise _Refused("invalid_request", Refusal(Reason.AUTH_REQUEST, "there is no assertion"))
    try:
        if not _ASSERTION.fullmatch(text):
            raise BinasciiError
        bare = text.rstrip("=")
        raw = urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
        if urlsafe_b64encode(raw).rstrip(b"=") != bare.encode():
            raise BinasciiError
    except BinasciiError:
        refusal = Refusal(Reason.AUTH_REQUEST, "the assertion is not base64url")
        raise _Refused("invalid_request", refusal) from None
    return raw


def _scopes(given: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The scopes that are asked for; C{None}: those that there are."""
    if given is None or not given[0]:
        return None
    if not _SCOPES.fullmatch(given[0]):
        raise _Refused("invalid_scope", Refusal(Reason.AUTH_REQUEST, "the scope is not well-formed"))
    return tuple(dict.fromkeys(given[0].split(" ")))


def _given(asked: tuple[str, ...] | None, granting: Granting) -> tuple[str, ...]:
    if asked is None:
        return granting.scopes
    if not set(asked) <= set(granting.scopes):
        detail = f"a scope is asked for that saml.{granting.name} does not have"
        refusal = Refusal(Reason.AUTH_REQUEST, detail)
        raise _Refused("invalid_scope", refusal)
    return asked


def _routes(
    resources: tuple[str, ...], terms: ListenerTerms, generation: Generation
) -> tuple[str, ...] | None:
    """The routes that the token is asked for (RFC 8707); C{None}: all that it may be for."""
    if not resources:
        return None
    names = []
    for resource in resources:
        try:
            url = read_url(resource)
        except ValueError:
            url = None
        route = None
        if url is not None and terms.judge_host(url.host, None) is None:
            # As we would write it, to the letter: a token is for what it says.
            if terms.resource(url.host, url.path) == resource:
                route = generation.route(url.host, url.path.encode())
        if route is None:
            refusal = Refusal(Reason.AUTH_REQUEST, "the resource is not the URL of a route here")
            raise _Refused("invalid_target", refusal)
        names.append(route.name)
    return tuple(dict.fromkeys(names))


def _sealed(grants: Grants, made: Grant, now: float) -> bytes:
    try:
        return grants.seal(made, now)
    except TooLarge as error:
        detail = f"{error}: take attributes out of saml.{made.issuer}, or have it vouch for fewer groups"
        raise _Refused("invalid_grant", Refusal(Reason.AUTH_ASSERTION, detail)) from None


def _use(force: InForce, id: str, over: float, now: float) -> None:
    try:
        assert force.once is not None
        first = force.once.use(id, over, now)
    except CannotNote as error:
        log.error("no assertion is exchanged, as its use cannot be noted: {why}", why=str(error))
        refusal = Refusal(Reason.AUTH_UNAVAILABLE, f"its use cannot be noted: {error}")
        later = "The use of the assertion cannot be noted now, so it was not used; try again later."
        raise _Refused("temporarily_unavailable", refusal, later) from None
    if not first:
        refusal = Refusal(Reason.AUTH_REPLAYED, f"the assertion {id[:16]} was used before")
        raise _Refused("invalid_grant", refusal)
