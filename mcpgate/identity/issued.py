"""Bearer tokens that the gate issues itself.

A token is C{mcpgate_ID_SECRET}: the id (12 hexadecimal digits) finds it and may be shown, the secret
(43 characters, 256 random bits in base64url) proves it and is kept only as its SHA-256. A plain hash
is enough: there is nothing to guess in 256 random bits, and judging runs on every request.

The file is JSON, replaced whole under a lock, so that a reader sees the old set or the new one. A
file that cannot be understood is an error: read as an empty set it would silently revoke everyone,
and hide that somebody edited it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path

import msgspec
from attrs import evolve, field, frozen

from mcpgate.identity.principal import Principal
from mcpgate.identity.replaced import ReplacedFile
from mcpgate.reasons import Reason, Refusal

#: Names go into records and rules: no white space, and never the form of an id.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_ID = re.compile(r"[0-9a-f]{12}")
#: Of one token: somebody in more is better known by an issuer of their own.
GROUPS_MOST = 64
_HASH = re.compile(r"[0-9a-f]{64}")
# RFC 9110 section 11.1: the scheme is case-insensitive, followed by one or more spaces.
_BEARER = re.compile(rb"(?i:bearer)(?: +|$)")
_TOKEN = re.compile(rb"mcpgate_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
#: Compared against when no token has the id, so that both cases take the same steps.
_NO_HASH = "0" * 64

NOT_ISSUED = Refusal(Reason.AUTH_INVALID, "the bearer token was not issued by this gate")
NOT_BEARER = Refusal(Reason.AUTH_MISSING, "the request carries no bearer token")


class TokenFileError(Exception):
    """The token file cannot be read, understood or written, or a request about it makes no sense."""


@frozen
class IssuedToken:
    """
    What is kept of a token. Times are Unix seconds; C{revoked} is C{None} while it is good. C{groups} are
    for rules to name; a file that was written before there were any has none.
    """

    id: str
    name: str
    sha256: str = field(repr=False)
    created: float
    expires: float
    revoked: float | None = None
    groups: tuple[str, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    tokens: tuple[IssuedToken, ...]


@frozen
class IssuedTokens:
    """All tokens of one reading of the file, by id."""

    _by_id: Mapping[str, IssuedToken] = field(factory=dict, repr=False)

    @classmethod
    def from_bytes(cls, raw: bytes) -> IssuedTokens:
        """Read the file's bytes.

        @raise TokenFileError: They are not exactly what L{TokenFile} writes.
        """
        try:
            file = msgspec.json.decode(raw, type=_File)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            # msgspec names types and paths in its messages, never values.
            raise TokenFileError(f"not a token file: {error}") from None
        if file.version != 1:
            raise TokenFileError(f"written by another version (format {file.version}, not 1)")
        by_id = {token.id: token for token in file.tokens}
        if len(by_id) != len(file.tokens):
            raise TokenFileError("not a token file: two tokens have the same id")
        for token in file.tokens:
            if not (_ID.fullmatch(token.id) and _HASH.fullmatch(token.sha256) and _valid_name(token.name)):
                raise TokenFileError("not a token file: a token's id, name or hash is malformed")
            if not all(map(_NAME.fullmatch, token.groups)):
                raise TokenFileError("not a token file: a token's group is malformed")
        return cls(by_id)

    def to_bytes(self) -> bytes:
        """The file's bytes: indented JSON, for people who look."""
        return msgspec.json.format(msgspec.json.encode(_File(1, self.all())), indent=1) + b"\n"

    def all(self) -> tuple[IssuedToken, ...]:
        """Every token, also expired and revoked ones, in the order of issue."""
        return tuple(self._by_id.values())

    def judge(self, authorization: bytes, now: float) -> Principal | Refusal:
        """Judge a whole C{Authorization} value (white space around it already stripped).

        Whether a token has expired or was revoked is only told to who knows its secret.
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
        return Principal(token.name, "token", token.id, token.expires, groups=token.groups)


class TokenFile:
    """The file of issued tokens, and the only writer of it. No file yet means no tokens."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = ReplacedFile(path)

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
        try:
            return IssuedTokens.from_bytes(raw)
        except TokenFileError as error:
            raise TokenFileError(f"{self.path}: {error}") from None

    def all(self) -> tuple[IssuedToken, ...]:
        """Every token in the file, also expired and revoked ones."""
        return self.load().all()

    def issue(
        self, name: str, lifetime: float, now: float, groups: Sequence[str] = ()
    ) -> tuple[IssuedToken, str]:
        """Issue a token for C{lifetime} seconds; the text is returned here and kept nowhere.

        A name may have several tokens at once, so that one can be replaced without a gap.

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
        with self._changing() as tokens:
            known = {token.id for token in tokens}
            id = next(id for id in iter(lambda: secrets.token_hex(6), None) if id not in known)
            secret = secrets.token_urlsafe(32)
            digest = sha256(secret.encode("ascii")).hexdigest()
            kept = tuple(sorted(set(groups)))
            token = IssuedToken(id, name, digest, now, now + lifetime, groups=kept)
            tokens.append(token)
        return token, f"mcpgate_{id}_{secret}"

    def revoke(self, id_or_name: str, now: float) -> tuple[IssuedToken, ...]:
        """Revoke the token with this id, or every good token of this name; returns them.

        @raise TokenFileError: There is no such token that is not already revoked.
        """
        with self._changing() as tokens:
            revoked = []
            for index, token in enumerate(tokens):
                if id_or_name in (token.id, token.name) and token.revoked is None:
                    tokens[index] = evolve(token, revoked=now)
                    revoked.append(tokens[index])
            if not revoked:
                raise TokenFileError(f"{self.path}: no token that could be revoked is named {id_or_name!r}")
        return tuple(revoked)

    @contextmanager
    def _changing(self) -> Iterator[list[IssuedToken]]:
        """The tokens as a list, to be changed; written back when the block ends without an error."""
        try:
            with self._file.locked():
                tokens = list(self.load().all())
                yield tokens
                self._file.replace(IssuedTokens({token.id: token for token in tokens}).to_bytes())
        except OSError as error:
            raise TokenFileError(f"{self.path}: {error.strerror}") from error


def _valid_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and _ID.fullmatch(name) is None
