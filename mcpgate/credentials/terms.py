"""What one generation shows an upstream on behalf of whom: secrets as they are, and ways to tokens."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from attrs import field, frozen

from mcpgate.config.tables.credential import CredentialTable
from mcpgate.credentials.assertion import Signer
from mcpgate.credentials.form import Form, Wish, basic, client_credentials, signed, token_exchange
from mcpgate.identity.principal import Principal
from mcpgate.policy.who import Caller, Who
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import Headers

if TYPE_CHECKING:
    from mcpgate.upstream.terms import PeerTerms, UpstreamTerms

#: How those prove themselves whose proof is a token of an issuer's, which another server may take.
_EXCHANGEABLE = frozenset({"jwt", "opaque"})

_SCHEME = b"bearer "


@frozen(eq=False)
class Client:
    """
    Who the gate is at a token endpoint, and how it proves it.

    @ivar secret: C{None} for one that proves itself by what it signs, or by its TLS certificate.
    @ivar in_form: Whether the secret stands in the form, not in a header.
    @ivar audience: Who assertions are made out for, if not for the URL that they are sent to.
    """

    id: str
    secret: str | None = field(default=None, repr=False)
    in_form: bool = False
    signer: Signer | None = None
    audience: str | None = None

    def prove(self, form: Form, url: str, now: float) -> tuple[Form, Form]:
        """The form with the proof, and the header lines that go with it. C{now}: Unix seconds."""
        if self.signer is not None:
            return (*form, *signed(self.id, self.signer.assertion(self.id, self.audience or url, now))), ()
        if self.secret is None:
            # RFC 8705 section 2: the id says which client the certificate is for.
            return (*form, ("client_id", self.id)), ()
        if self.in_form:
            return (*form, ("client_id", self.id), ("client_secret", self.secret)), ()
        return form, (("Authorization", basic(self.id, self.secret)),)


@frozen(eq=False, kw_only=True)
class Grant:
    """
    One way to what has to be asked for.

    @ivar upstream: To which upstream it is shown, in which C{header}, and behind which C{scheme} there.
    @ivar peer: What the server that is asked is verified by.
    @ivar exchange: Whether it is had in exchange for the caller's own token.
    @ivar fingerprint: Covers all of it: what was got in another way is not shown.
    @ivar timeout: Seconds for one answer.
    @ivar queue: Most callers that wait for it.
    """

    name: str
    upstream: str
    header: bytes = b"authorization"
    scheme: bytes = b"Bearer "
    peer: PeerTerms
    exchange: bool = False
    fingerprint: bytes = field(repr=False)
    timeout: float
    queue: int

    @property
    def kind(self) -> str:
        """What C{status} calls it."""
        raise NotImplementedError

    @property
    def whom(self) -> str:
        """Who is asked, in messages."""
        raise NotImplementedError

    def key(self, principal: Principal) -> Key:
        """What is got is kept by that: never what two callers have by one."""
        return (self.fingerprint,)


@frozen(eq=False, kw_only=True)
class GrantTerms(Grant):
    """
    One way to tokens of a token endpoint.

    @ivar url: Where it is; C{None}: where the discovery document of C{issuer} says.
    @ivar wish: What is asked for.
    @ivar actor: A token that says who acts for the caller.
    """

    url: str | None
    issuer: str | None = None
    client: Client
    wish: Wish
    actor: str | None = field(default=None, repr=False)

    @property
    def kind(self) -> str:
        return "token_exchange" if self.exchange else "client_credentials"

    @property
    def whom(self) -> str:
        return "the token endpoint"

    def form(self, subject: str | None) -> Form:
        """What is asked. C{subject}: the caller's token."""
        if not self.exchange:
            return client_credentials(self.wish)
        assert subject is not None
        return token_exchange(self.wish, subject, self.actor)

    def key(self, principal: Principal) -> Key:
        # An exchanged token says what the very token says that it was got for: another one of the same
        # caller's may say less.
        if not self.exchange:
            return (self.fingerprint,)
        return (self.fingerprint, principal.how, principal.name, principal.id)


Key = tuple[Hashable, ...]


@frozen(eq=False)
class CredentialTerms:
    """
    One C{[[credential]]} table.

    @ivar lines: Header lines, where it is a secret as it is.
    """

    table: CredentialTable
    who: Who
    lines: Headers = field(default=(), repr=False)
    grant: Grant | None = None

    @property
    def name(self) -> str:
        """The credential's name."""
        return self.table.name


@frozen(eq=False)
class Choice:
    """
    What an upstream is shown for one caller.

    @ivar name: That of its table; "" for the upstream's own credential, or none at all.
    @ivar lines: Header lines that are known already.
    @ivar grant: How the rest is come by, and C{key} what it is kept by.
    @ivar refusal: Why there is nothing to show.
    @ivar ready: Whether C{lines} is all of it.
    """

    name: str = ""
    lines: Headers = field(default=(), repr=False)
    grant: Grant | None = None
    key: Key = ()
    refusal: Refusal | None = None
    ready: bool = field(init=False)

    @ready.default
    def _is_ready(self) -> bool:
        return self.grant is None and self.refusal is None


def choose(upstream: UpstreamTerms, caller: Caller) -> Choice | None:
    """What there is for a caller; C{None}: the upstream's own credential, if it has one."""
    for terms in upstream.mapped:
        if terms.who.matches(caller):
            return chosen(terms, caller.principal)
    if upstream.mapped and upstream.table.credential is None:
        return Choice(refusal=Refusal(Reason.UPSTREAM_CREDENTIAL, "no credential is for this caller"))
    return None


def chosen(terms: CredentialTerms, principal: Principal) -> Choice:
    """What one table has for a caller."""
    grant = terms.grant
    if grant is None:
        return Choice(terms.name, terms.lines)
    if grant.exchange and principal.how not in _EXCHANGEABLE:
        why = f"{terms.name}: this caller has shown no token that could be exchanged"
        return Choice(terms.name, refusal=Refusal(Reason.UPSTREAM_CREDENTIAL, why))
    return Choice(terms.name, grant=grant, key=grant.key(principal))


def subject_of(authorization: bytes | None) -> str | None:
    """The caller's token in its Authorization header, which was judged before."""
    if authorization is None or authorization[:7].lower() != _SCHEME:
        return None
    return authorization[7:].strip(b" ").decode("latin-1")
