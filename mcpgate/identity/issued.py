"""Bearer tokens that the gate issues itself.

A token is C{mcpgate_ID_SECRET}: the id (12 hexadecimal digits) finds it and may be shown, the secret
(43 characters, 256 random bits in base64url) proves it and is kept only as its SHA-256. A plain hash
is enough: there is nothing to guess in 256 random bits, and judging runs on every request.

The file is JSON, replaced whole under a lock, so that a reader sees the old set or the new one. A
file that cannot be understood is an error: read as an empty set it would silently revoke everyone,
and hide that somebody edited it. What a token is bound to (C{identity.bound}) and what is denied of other
issuers' tokens (C{identity.denied}) are parts of it that it had not in its first form, so a file with
either is of a second one: no gate of before reads it, and takes a token for unbound.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

import msgspec
from attrs import evolve, field, frozen

from mcpgate.identity.bound import NOWHERE, UNBOUND, Bound, Presented
from mcpgate.identity.denied import Denials, Denied
from mcpgate.identity.principal import Principal
from mcpgate.identity.replaced import ReplacedFile
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate

#: Names go into records and rules: no white space, and never the form of an id.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_ID = re.compile(r"[0-9a-f]{12}")
#: Of one token: somebody in more is better known by an issuer of their own.
GROUPS_MOST = 64
#: Seconds: a token that was leaked and not missed ends by itself; a month is as long as anybody should have
#: to wait for that, and often enough to renew by habit. Those of before keep what they were given.
LIFETIME_MOST = 30 * 86400.0
#: Seconds: until then a denial is kept at the most, as nothing that an issuer gives a caller is good longer.
DENIED_MOST = 366 * 86400.0
_HASH = re.compile(r"[0-9a-f]{64}")
# RFC 9110 section 11.1: the scheme is case-insensitive, followed by one or more spaces.
_BEARER = re.compile(rb"(?i:bearer)(?: +|$)")
_TOKEN = re.compile(rb"mcpgate_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
#: Compared against when no token has the id, so that both cases take the same steps.
_NO_HASH = "0" * 64

# RFC 6750 section 2.1.
_CREDENTIALS = re.compile(rb"(?i:bearer) +[A-Za-z0-9\-._~+/]++=*")

NOT_CREDENTIALS = Refusal(Reason.AUTH_HEADER, "what follows Bearer is not one token")
NOT_ISSUED = Refusal(Reason.AUTH_INVALID, "the bearer token was not issued by this gate")
NOT_FOREIGN = Refusal(Reason.AUTH_INVALID, "only tokens of issuers are accepted here")
NOT_BEARER = Refusal(Reason.AUTH_MISSING, "the request carries no bearer token")


#: For who gives a token itself, which is not quoted.
NO_ID = (
    "a token is revoked by its name or by its id, the 12 digits behind mcpgate_; what others have issued, or "
    "was granted for an assertion, by its proof as records show it"
)


class TokenFileError(Exception):
    """The token file cannot be read, understood or written, or a request about it makes no sense."""


def is_malformed(authorization: bytes) -> bool:
    """Whether a whole C{Authorization} value says that it brings a bearer token and does not."""
    return _BEARER.match(authorization) is not None and not _CREDENTIALS.fullmatch(authorization)


def foreign_token(authorization: bytes) -> bytes | None:
    """The bearer token in a whole C{Authorization} value, if it is not one of the gate's own."""
    scheme = _BEARER.match(authorization)
    if scheme is None:
        return None
    token = authorization[scheme.end() :]
    return None if token.startswith(b"mcpgate_") else token


@frozen
class IssuedToken:
    """
    What is kept of a token. Times are Unix seconds; C{revoked} is C{None} while it is good. C{groups} are
    for rules to name; a file that was written before there were any has none. C{bound}: what it is bound to.
    """

    id: str
    name: str
    sha256: str = field(repr=False)
    created: float
    expires: float
    revoked: float | None = None
    groups: tuple[str, ...] = ()
    bound: Bound = UNBOUND

    def good(self, now: float) -> bool:
        """Whether it is neither revoked nor over."""
        return self.revoked is None and now < self.expires


# As they stand in the file. A key that we do not know might be a binding, so it is no small matter.


class _Bound(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    routes: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


class _Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str
    sha256: str
    created: float
    expires: float
    revoked: float | None = None
    groups: tuple[str, ...] = ()
    bound: _Bound | msgspec.UnsetType = msgspec.UNSET


class _Denied(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    since: float
    until: float
    id: str | None = None
    issuer: str | None = None
    subject: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    tokens: tuple[_Token, ...]
    denied: tuple[_Denied, ...] | msgspec.UnsetType = msgspec.UNSET


class _Form(msgspec.Struct, frozen=True):
    version: int


@frozen
class IssuedTokens:
    """All tokens of one reading of the file, by id, and what is denied of others'."""

    _by_id: Mapping[str, IssuedToken] = field(factory=dict, repr=False)
    denied: Denials = Denials()

    @classmethod
    def from_bytes(cls, raw: bytes) -> IssuedTokens:
        """Read the file's bytes.

        @raise TokenFileError: They are not exactly what L{TokenFile} writes.
        """
        try:
            file = msgspec.json.decode(raw, type=_File)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            _judge_version(_version(raw))
            # msgspec names types and paths in its messages, never values.
            raise TokenFileError(f"not a token file: {error}") from None
        _judge_version(file.version)
        by_id = {token.id: _kept(token) for token in file.tokens}
        if len(by_id) != len(file.tokens):
            raise TokenFileError("not a token file: two tokens have the same id")
        for token in by_id.values():
            if not (_ID.fullmatch(token.id) and _HASH.fullmatch(token.sha256) and _valid_name(token.name)):
                raise TokenFileError("not a token file: a token's id, name or hash is malformed")
            if not all(map(_NAME.fullmatch, token.groups)):
                raise TokenFileError("not a token file: a token's group is malformed")
            for fault in token.bound.faults() if token.bound is not UNBOUND else ():
                raise TokenFileError(f"not a token file: {fault}")
        denied = tuple(
            Denied(one.since, one.until, one.id, one.issuer, one.subject) for one in file.denied or ()
        )
        if not all(one.sound for one in denied):
            raise TokenFileError("not a token file: what is denied is malformed")
        return cls(by_id, Denials(denied))

    def to_bytes(self) -> bytes:
        """The file's bytes: indented JSON, for people who look."""
        tokens = tuple(map(_written, self.all()))
        denied = tuple(
            _Denied(one.since, one.until, one.id, one.issuer, one.subject) for one in self.denied
        )
        # Of the first form wherever it says all there is to say: gates of before read it.
        version = 2 if denied or any(token.bound != UNBOUND for token in self.all()) else 1
        file = _File(version, tokens, denied or msgspec.UNSET)
        return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"

    def all(self) -> tuple[IssuedToken, ...]:
        """Every token, also expired and revoked ones, in the order of issue."""
        return tuple(self._by_id.values())

    @cached_property
    def by_address(self) -> bool:
        """Whether any token is bound to addresses: then somebody has to look where callers connect from."""
        return any(token.bound.addresses for token in self._by_id.values())

    def is_by_address(self, principal: Principal) -> bool:
        """Whether what proved a principal is good from some addresses only."""
        if not self.by_address or principal.how != "token":
            return False
        token = self._by_id.get(principal.id)
        return token is None or bool(token.bound.addresses)

    def denies(
        self, principal: Principal, now: float, certificate: Certificate | None = None
    ) -> Refusal | None:
        """
        Whether what somebody else has issued was revoked here.

        @param certificate: the client's, whatever else has proved who it is.
        """
        return self.denied.denies(principal, now, certificate.sha256 if certificate is not None else None)

    def revokes(
        self, principal: Principal, now: float, certificate: Certificate | None = None
    ) -> Refusal | None:
        """
        Whether what proved a principal was revoked since, whoever has issued it: then somebody wants it to
        have nothing more. What is only over was good when it was presented.
        """
        if principal.how == "token":
            token = self._by_id.get(principal.id)
            if token is None or token.revoked is not None:
                return Refusal(Reason.AUTH_REVOKED, f"token {principal.id} of {principal.name} was revoked")
        return self.denies(principal, now, certificate)

    def strays(
        self,
        routes: Collection[str],
        rules: Collection[str],
        certified: bool,
        now: float,
        issuers: Collection[str] = (),
    ) -> tuple[str, ...]:
        """
        What good tokens are bound to and is not there, in sentences; and which subjects are denied whom
        nobody vouches for: a mistyped name denies nobody.

        @param routes: the names that there are, as of C{issuers}; C{rules}: of those that allow.
        @param certified: whether any listener asks for client certificates.
        """
        bound = (
            f"token {token.id} of {token.name} {said}"
            for token in self._by_id.values()
            if token.bound != UNBOUND and token.good(now)
            for said in token.bound.strays(routes, rules, certified)
        )
        denied = (
            f"{one.told} is denied, and there is no issuer of that name"
            for one in self.denied
            if one.issuer is not None and now < one.until and one.issuer not in issuers
        )
        return (*bound, *denied)

    def judge(
        self, authorization: bytes, now: float, presented: Presented = NOWHERE
    ) -> Principal | Refusal:
        """Judge a whole C{Authorization} value (white space around it already stripped).

        Whether a token has expired or was revoked, or is for somewhere else, is only told to who knows its
        secret.
        """
        scheme = _BEARER.match(authorization)
        if scheme is None:
            return NOT_BEARER
        match = _TOKEN.fullmatch(authorization, scheme.end())
        if match is None:
            return NOT_ISSUED
        token = self._by_id.get(match[1].decode("ascii"))
        # The text is hashed, not the bytes it encodes: the last character of 43 has two spare bits.
        proved = compare_digest(sha256(match[2]).hexdigest(), token.sha256 if token else _NO_HASH)
        if token is None or not proved:
            return NOT_ISSUED
        if token.revoked is not None:
            return Refusal(Reason.AUTH_REVOKED, f"token {token.id} of {token.name} was revoked")
        if not now < token.expires:
            return Refusal(Reason.AUTH_EXPIRED, f"token {token.id} of {token.name} has expired")
        bound = token.bound
        if bound is UNBOUND and not presented.demanded:
            return Principal(token.name, "token", token.id, token.expires, groups=token.groups)
        refusal = bound.refuses(presented)
        if refusal is not None:
            return Refusal(refusal.reason, f"token {token.id} of {token.name} {refusal.detail}")
        return Principal(
            token.name,
            "token",
            token.id,
            token.expires,
            groups=token.groups,
            scopes=frozenset(bound.scopes),
            rules=frozenset(bound.rules) if bound.rules else None,
        )


def _version(raw: bytes) -> int | None:
    """What a file that cannot be read says of itself."""
    try:
        return msgspec.json.decode(raw, type=_Form).version
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _judge_version(version: int | None) -> None:
    if version not in (None, 1, 2):
        raise TokenFileError(f"written by another version (format {version}, not 1 or 2)")


def _kept(token: _Token) -> IssuedToken:
    bound = token.bound
    return IssuedToken(
        token.id,
        token.name,
        token.sha256,
        token.created,
        token.expires,
        token.revoked,
        token.groups,
        # Most are not, and one value for all of those is told by its identity.
        UNBOUND
        if bound is msgspec.UNSET or bound == _Bound()
        else Bound(bound.routes, bound.rules, bound.addresses, bound.certificates, bound.scopes),
    )


def _written(token: IssuedToken) -> _Token:
    bound = token.bound
    return _Token(
        token.id,
        token.name,
        token.sha256,
        token.created,
        token.expires,
        token.revoked,
        token.groups,
        msgspec.UNSET
        if bound == UNBOUND
        else _Bound(bound.routes, bound.rules, bound.addresses, bound.certificates, bound.scopes),
    )


class TokenFile:
    """The file of issued tokens, and the only writer of it. No file yet means no tokens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = ReplacedFile(path)
        # What was read last, and what it was: it is looked at every gate.watch, and changes rarely.
        self._read: tuple[bytes, IssuedTokens] | None = None

    def load(self) -> IssuedTokens:
        """Read the file as it is now.

        @raise TokenFileError: It cannot be read or understood, or others than its owner may write it.
        """
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o022:
                    raise TokenFileError(f"{self.path}: others may write it; run chmod 600 on it")
                raw = file.read()
        except FileNotFoundError:
            return IssuedTokens()
        except OSError as error:
            raise TokenFileError(f"{self.path}: {error.strerror}") from error
        if self._read is None or self._read[0] != raw:
            try:
                self._read = raw, IssuedTokens.from_bytes(raw)
            except TokenFileError as error:
                raise TokenFileError(f"{self.path}: {error}") from None
        return self._read[1]

    def all(self) -> tuple[IssuedToken, ...]:
        """Every token in the file, also expired and revoked ones."""
        return self.load().all()

    def issue(
        self, name: str, lifetime: float, now: float, groups: Sequence[str] = (), bound: Bound = UNBOUND
    ) -> tuple[IssuedToken, str]:
        """Issue a token for C{lifetime} seconds; the text is returned here and kept nowhere.

        A name may have several tokens at once, so that one can be replaced without a gap.

        @param bound: as L{Bound.to} makes it.
        @raise TokenFileError: The name, a group or the lifetime cannot be used, or the file cannot be
            changed.
        """
        if not _valid_name(name):
            raise TokenFileError(
                f"{name!r} cannot be a token's name: up to 64 of A-Z a-z 0-9 . _ @ + -, beginning with "
                "a letter or digit, and not 12 hexadecimal digits, which would look like a token's id"
            )
        for group in groups:
            if not _NAME.fullmatch(group):
                raise TokenFileError(
                    f"{group!r} cannot be a group: up to 64 of A-Z a-z 0-9 . _ @ + -, beginning with a "
                    "letter or digit"
                )
        if len(groups) > GROUPS_MOST:
            raise TokenFileError(f"a token can be in {GROUPS_MOST} groups at most")
        if not 0 < lifetime < float("inf"):
            raise TokenFileError("a token's lifetime must be a positive number of seconds")
        if lifetime > LIFETIME_MOST:
            raise TokenFileError(
                f"a token is good for {LIFETIME_MOST / 86400:g} days at the most; issue another one then"
            )
        with self._changing(now) as known:
            ids = {token.id for token in known.tokens}
            id = next(id for id in iter(lambda: secrets.token_hex(6), None) if id not in ids)
            secret = secrets.token_urlsafe(32)
            digest = sha256(secret.encode("ascii")).hexdigest()
            kept = tuple(sorted(set(groups)))
            token = IssuedToken(id, name, digest, now, now + lifetime, groups=kept, bound=bound)
            known.tokens.append(token)
        return token, f"mcpgate_{id}_{secret}"

    def revoke(self, id_or_name: str, now: float) -> tuple[IssuedToken, ...]:
        """Revoke the token with this id, or every good token of this name; returns them.

        @raise TokenFileError: There is no such token that is not already revoked.
        """
        with self._changing(now) as known:
            revoked, tokens = [], known.tokens
            for index, token in enumerate(tokens):
                if id_or_name in (token.id, token.name) and token.revoked is None:
                    tokens[index] = evolve(token, revoked=now)
                    revoked.append(tokens[index])
            if not revoked and (id_or_name.startswith("mcpgate_") or not _NAME.fullmatch(id_or_name)):
                # Perhaps a token that is good somewhere, and errors are kept in logs.
                raise TokenFileError(f"{self.path}: {NO_ID}")
            if not revoked:
                raise TokenFileError(f"{self.path}: no token that could be revoked is named {id_or_name!r}")
        return tuple(revoked)

    def deny(self, denied: Denied) -> None:
        """
        Have what somebody else has issued be good no more; in the place of what was said of the same before.

        @raise TokenFileError: It makes no sense, or the file cannot be changed.
        """
        if not denied.sound:
            raise TokenFileError(f"{denied.told} cannot be revoked: it is no proof's id, or no subject")
        if not 0 < denied.until - denied.since <= DENIED_MOST:
            raise TokenFileError(f"it can be kept for {DENIED_MOST / 86400:g} days at the most")
        with self._changing(denied.since) as known:
            others = [one for one in known.denied if not one.same(denied)]
            known.denied[:] = [*others, denied]

    def readmit(self, denied: Denied) -> None:
        """
        Take back what was denied.

        @raise TokenFileError: It is not, or the file cannot be changed.
        """
        with self._changing(denied.since) as known:
            others = [one for one in known.denied if not one.same(denied)]
            if len(others) == len(known.denied):
                raise TokenFileError(f"{self.path}: {denied.told} is not revoked here")
            known.denied[:] = others

    @contextmanager
    def _changing(self, now: float) -> Iterator[_Known]:
        """All there is, without what is over by now, to be changed; written back when the block ends without
        an error."""
        try:
            with self._file.locked():
                loaded = self.load()
                known = _Known(list(loaded.all()), list(loaded.denied.after(now)))
                yield known
                tokens = {token.id: token for token in known.tokens}
                self._file.replace(IssuedTokens(tokens, Denials(tuple(known.denied))).to_bytes())
        except OSError as error:
            raise TokenFileError(f"{self.path}: {error.strerror}") from error


@frozen
class _Known:
    tokens: list[IssuedToken]
    denied: list[Denied]


def _valid_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and _ID.fullmatch(name) is None
