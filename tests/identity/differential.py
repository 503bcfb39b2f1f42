"""Mutated tokens, judged by us and by joserfc: C{python -m tests.identity.differential 100000 [SEED]}.

Two that were written apart agree on a token, or the token is one of those below on which they are known to
differ; each of these is told from the token itself, and not from what either says of it. joserfc is asked
as strictly as it can be: the same algorithms, keys, issuer, audience and skew.
"""

from __future__ import annotations

import json
import sys
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from random import Random
from time import perf_counter
from typing import Any

from attrs import Factory, frozen
from joserfc import jwk as joserfc_jwk
from joserfc import jwt
from joserfc.jws import JWSRegistry

from mcpgate.identity.jwks import read_keys
from mcpgate.reasons import Reason, Refusal
from tests.identity.judging import TERMS, judged
from tests.identity.minting import (
    ISSUER,
    NOW,
    RESOURCE,
    Minter,
    Private,
    base64url,
    compact,
    dumped,
    ec_key,
    rsa_key,
    sign,
)

MINTER = Minter(keys={"k1": rsa_key(), "e1": ec_key(), "e3": ec_key(1, "P-384"), "e2": ec_key(2)})
KEYS = read_keys(MINTER.jwks())
ALGORITHMS = {"k1": ("RS256", "PS256"), "e1": ("ES256",), "e3": ("ES384",), "e2": ("ES256",)}
SKEW = int(TERMS.skew)
LONGEST = int(TERMS.max_lifetime)

_THEIRS = joserfc_jwk.KeySet.import_key_set(json.loads(MINTER.jwks()))
_REGISTRY = JWSRegistry(algorithms=sorted(TERMS.algorithms))
_DEMANDED = jwt.JWTClaimsRegistry(
    now=NOW,
    leeway=SKEW,
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": RESOURCE},
    sub={"essential": True},
    exp={"essential": True},
)


def joserfc(token: bytes) -> str:
    """What joserfc says: "" where it accepts, else what it raises."""
    try:
        # It takes no key at all for a token that names none, where the set has several.
        nameless = b'"kid"' not in urlsafe_b64decode(token.split(b".")[0] + b"===")
    except ValueError:
        nameless = False
    said = ""
    for keys in [*_THEIRS.keys] if nameless else [_THEIRS]:
        try:
            found = jwt.decode(token, keys, registry=_REGISTRY)
            _DEMANDED.validate(found.claims)
            return ""
        except Exception as error:
            # Not only its own errors come out of it: whatever does, it did not accept.
            said = type(error).__name__
    return said


@frozen
class Seen:
    """
    A token, read as laxly as Python does: what the differences are told by.

    @ivar members: all names of members that stand in it, each object's by itself.
    """

    token: bytes
    raw_header: bytes
    raw_claims: bytes
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    objects: list[list[str]] = Factory(list)
    values: list[Any] = Factory(list)
    depth: int = 0


def look(token: bytes) -> Seen | None:
    """C{None} for what not even the laxest reader takes for a token."""
    objects: list[list[str]] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        objects.append([name for name, _ in pairs])
        return dict(pairs)

    try:
        raw = [urlsafe_b64decode(part + b"===") for part in token.split(b".")[:2]]
        header, claims = (json.loads(part, object_pairs_hook=note) for part in raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        return None
    values = [*_values(header, 1), *_values(claims, 1)]
    return Seen(
        token,
        *raw,
        header,
        claims,
        objects,
        [value for value, _ in values],
        max(depth for _, depth in values),
    )


def _values(value: Any, depth: int) -> Iterator[tuple[Any, int]]:
    yield value, depth
    for inner in (
        (*value, *value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from _values(inner, depth + 1)


def _lone_surrogate(value: Any) -> bool:
    return isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value)


def _no_number(value: Any) -> bool:
    return isinstance(value, float) and (value != value or value in (float("inf"), float("-inf")))


def _utf8(raw: bytes) -> bool:
    try:
        return not raw.decode("utf-8").startswith("\ufeff") and b"\0" not in raw
    except UnicodeDecodeError:
        return False


def _texts(value: Any) -> bool:
    return isinstance(value, str) or isinstance(value, list) and all(isinstance(each, str) for each in value)


def _long(seen: Seen) -> bool:
    times = [seen.claims.get(name) for name in ("iat", "nbf")]
    since = next((time for time in times if time is not None), NOW)
    exp = seen.claims.get("exp")
    return isinstance(exp, int | float) and isinstance(since, int | float) and exp - since > LONGEST


def _no_access_token(seen: Seen) -> bool:
    typ = str(seen.header.get("typ", "")).lower().removeprefix("application/")
    marks = {"nonce", "at_hash", "c_hash", "s_hash", "events", "typ", "token_use"}
    return typ not in ("at+jwt", "jwt", "") or not marks.isdisjoint(seen.claims)


def _times(seen: Seen) -> list[Any]:
    return [seen.claims[name] for name in ("exp", "nbf", "iat") if name in seen.claims]


def _unshown(seen: Seen) -> bool:
    sub = seen.claims.get("sub")
    return isinstance(sub, str) and (len(sub) > 512 or not sub.isprintable())


def _odd_groups(seen: Seen) -> bool:
    groups = seen.claims.get("groups")
    elsewhere = seen.claims.get("_claim_names")
    listed = isinstance(elsewhere, dict) and "groups" in elsewhere
    return listed or (groups is not None and not _texts(groups))


def _odd_scopes(seen: Seen) -> bool:
    said = [seen.claims[name] for name in ("scope", "scp") if name in seen.claims]
    return not all(_texts(value) for value in said) or any(
        not (0x21 <= ord(letter) < 0x7F and letter not in '"\\')
        for value in said
        for text in ([value] if isinstance(value, str) else value)
        for letter in (text.replace(" ", "") if isinstance(value, str) else text or " ")
    )


@frozen
class Difference:
    """
    Tokens on which we and joserfc are known to differ.

    @ivar reason: for what we refuse them; C{None} where it is joserfc that does.
    @ivar told: whether a token is one of them.
    """

    name: str
    reason: Reason | None
    why: str
    told: Callable[[Seen], bool]


_MALFORMED, _CLAIM = Reason.AUTH_MALFORMED, Reason.AUTH_CLAIM
DIFFERENCES = (
    Difference("lives for too long", Reason.AUTH_LIFETIME, "joserfc knows no longest lifetime", _long),
    Difference(
        "is no access token", Reason.AUTH_TYPE, "joserfc does not judge kinds of tokens", _no_access_token
    ),
    Difference(
        "is bound", Reason.AUTH_BINDING, "joserfc does not judge cnf", lambda seen: "cnf" in seen.claims
    ),
    Difference(
        "is for very many",
        Reason.AUTH_AUDIENCE,
        "joserfc has no limit",
        lambda seen: isinstance(seen.claims.get("aud"), list) and len(seen.claims["aud"]) > 32,
    ),
    Difference(
        "has a time that is no whole number",
        _CLAIM,
        "joserfc takes fractions, and times before 1970",
        lambda seen: any(not isinstance(time, int) or time < 0 for time in _times(seen)),
    ),
    Difference("has groups of another form", _CLAIM, "joserfc does not read them", _odd_groups),
    Difference("has scopes of another form", _CLAIM, "joserfc does not read them", _odd_scopes),
    Difference("has a subject that cannot be shown", _CLAIM, "joserfc takes any text", _unshown),
    Difference(
        "says something twice",
        _MALFORMED,
        "joserfc takes the last of two members",
        lambda seen: any(len(set(names)) != len(names) for names in seen.objects),
    ),
    Difference(
        "has headers that bring or name keys",
        _MALFORMED,
        "joserfc reads them, if it does not follow them",
        lambda seen: not seen.header.keys() <= {"alg", "typ", "kid", "x5t", "x5t#S256"},
    ),
    Difference(
        "is not in UTF-8",
        _MALFORMED,
        "Python's json guesses the encoding",
        lambda seen: not (_utf8(seen.raw_header) and _utf8(seen.raw_claims)),
    ),
    Difference(
        "has half of a surrogate pair",
        _MALFORMED,
        "Python's json lets it through",
        lambda seen: any(map(_lone_surrogate, [*seen.values, *chain(*seen.objects)])),
    ),
    Difference(
        "has a number that is none",
        _MALFORMED,
        "Python's json takes NaN, and 1e400",
        lambda seen: any(map(_no_number, seen.values)),
    ),
    Difference(
        "has a number beyond 64 bits",
        _MALFORMED,
        "Python has no largest one",
        lambda seen: any(type(value) is int and abs(value) >= 2**63 for value in seen.values),
    ),
    Difference(
        "is nested deeper than eight", _MALFORMED, "joserfc has no limit", lambda seen: seen.depth > 8
    ),
    Difference(
        "is longer than 8 KiB", _MALFORMED, "joserfc reads 128 KiB", lambda seen: len(seen.token) > 8192
    ),
    Difference(
        "has a jti that is no text",
        None,
        "we do not read it",
        lambda seen: not isinstance(seen.claims.get("jti", ""), str),
    ),
    Difference(
        "has a header beyond 512 bytes",
        None,
        "joserfc's own limit; ours is that of the whole",
        lambda seen: len(seen.token.split(b".")[0]) > 512,
    ),
)


_NAMES = (
    "iss sub aud exp nbf iat jti scope scp groups cnf nonce typ token_use events azp email tid x _claim_names"
).split()
_HEADERS = "alg typ kid x5t x5t#S256 jku jwk x5u x5c crit b64 zip cty url".split()
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Mutator:
    """Makes tokens from good ones; of one seed the same, but for what is random in keys and signatures."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._good: list[bytes] = []

    def token(self) -> bytes:
        """One token, changed in none, one or a few ways."""
        kind = self.random.random()
        if kind < 0.4:
            return self._resigned()
        if kind < 0.55:
            return self._rewritten()
        token = self._resigned() if kind < 0.6 or len(self._good) < 50 else self.random.choice(self._good)
        if len(self._good) < 50:
            self._good.append(self._minted({}, {}))
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            token = self.random.choice((self._letter, self._parts, self._bytes))(token)
        return token

    def _signer(self) -> tuple[str, str, Private]:
        # Signing by RSA takes twenty times as long.
        kid = self.random.choice(("e1", "e1", "e1", "e2", "e3")) if self.random.random() < 0.9 else "k1"
        return kid, self.random.choice(ALGORITHMS[kid]), MINTER.keys[kid]

    def _minted(self, header: Mapping[str, Any], claims: Mapping[str, Any]) -> bytes:
        kid, alg, key = self._signer()
        return MINTER.mint(kid, alg, key=key, header=header, **claims)

    def _resigned(self) -> bytes:
        """A token that says something else, and is signed by its issuer."""
        said = {
            self.random.choice(_NAMES): self._value() for _ in range(self.random.choice((0, 1, 1, 1, 2, 3)))
        }
        about: dict[str, Any] = {}
        if self.random.random() < 0.3:
            name = self.random.choice(_HEADERS)
            about[name] = self._header_value(name)
        return self._minted(about, said)

    def _rewritten(self) -> bytes:
        """A token whose JSON is written in another way, and signed as it stands."""
        kid, alg, key = self._signer()
        header = self._json(dumped({"alg": alg, "typ": "at+jwt", "kid": kid}))
        return compact(header, self._json(dumped(MINTER.said())), lambda signed: sign(alg, key, signed))

    def _json(self, raw: bytes) -> bytes:
        if self.random.random() < 0.4:
            return raw
        at = self.random.randrange(len(raw))
        return self.random.choice(
            (
                lambda: b"\xef\xbb\xbf" + raw,
                lambda: raw.decode().encode("utf-16"),
                lambda: raw.decode().encode("utf-32-le"),
                lambda: json.dumps(json.loads(raw), indent=2).encode(),
                lambda: raw[:-1] + b"," + raw[1:],
                lambda: raw[:-1] + b',"x":{"y":1,"y":1}}',
                lambda: raw[:-1] + b',"\\u0073ub":"root"}',
                lambda: raw[:-1] + b',"x":"\\ud800"}',
                lambda: raw[:-1] + b',"x":1e400}',
                lambda: raw[:-1] + b',"x":[NaN]}',
                lambda: raw[:-1] + b',"x":' + b"[" * 8 + b"]" * 8 + b"}",
                lambda: raw[:-1] + b',"x":' + b"[" * 7 + b"]" * 7 + b"}",
                lambda: raw + b" \n",
                lambda: raw + b"x",
                lambda: b" " + raw,
                lambda: raw[:at] + raw[at + 1 :],
                lambda: raw[:at] + bytes([self.random.randrange(256)]) + raw[at + 1 :],
                lambda: raw[:at] + bytes([self.random.randrange(256)]) + raw[at:],
                lambda: raw.replace(b":", b" : ", 1),
                lambda: raw.replace(b'"', b"'"),
                lambda: dumped([json.loads(raw)]),
                lambda: b"",
                lambda: b"null",
            )
        )()

    def _value(self) -> Any:
        random = self.random
        return random.choice(
            (
                lambda: ...,
                lambda: None,
                lambda: random.choice((True, False)),
                lambda: random.choice(
                    (0, 1, -1, NOW, NOW + 600, NOW - 600, NOW * 1000, 2**63, -(2**63) - 1, 10**40)
                ),
                lambda: NOW + random.randrange(-4000, 8000),
                lambda: NOW + random.choice((-SKEW, SKEW, -SKEW - 1, SKEW + 1, LONGEST, LONGEST + 1)),
                lambda: random.choice((1.5, NOW + 600.5, float("nan"), float("inf"), -0.0, 1e300)),
                lambda: random.choice(
                    ("", "ada", ISSUER, RESOURCE, ISSUER + "/", RESOURCE + "/", RESOURCE.upper())
                ),
                lambda: random.choice(
                    ("a b", "a\nb", "\u202e", "\0", "é", "x" * 600, "x" * 9000, '"', "\ud800")
                ),
                lambda: random.choice(
                    ([], [RESOURCE], ["x", RESOURCE], [RESOURCE] * 33, [RESOURCE, 1], [[RESOURCE]])
                ),
                lambda: random.choice(
                    ({}, {"x5t#S256": "AA"}, {"jkt": "AA"}, {RESOURCE: 1}, {"groups": "src"})
                ),
            )
        )()

    def _header_value(self, name: str) -> Any:
        random = self.random
        if name == "alg":
            algorithms = (
                "none",
                "None",
                "HS256",
                "RS256",
                "RS512",
                "PS256",
                "ES256",
                "ES384",
                "EdDSA",
                "es256",
                "",
            )
            return random.choice((*algorithms, None, 5, ["RS256"], ...))
        if name == "kid":
            return random.choice(
                ("k1", "e1", "e2", "e3", "K1", "", "../k1", "k" * 256, "k" * 600, None, 1, ["k1"], ...)
            )
        if name == "typ":
            return random.choice(("JWT", "jwt", "AT+JWT", "application/at+jwt", "dpop+jwt", "", None, 1, ...))
        if name == "crit":
            return random.choice((["exp"], ["b64"], ["kid"], [], "kid", None))
        if name == "b64":
            return random.choice((True, False, None))
        return random.choice(("x", "x" * 600, "https://evil.example/", {}, ["x"], None, {"kty": "RSA"}))

    def _letter(self, token: bytes) -> bytes:
        at = self.random.randrange(len(token)) if token else 0
        letter = bytes([self.random.choice(_ALPHABET + b"+/=. \n\0\xff")])
        return self.random.choice(
            (
                token[:at] + letter + token[at + 1 :],
                token[:at] + letter + token[at:],
                token[:at] + token[at + 1 :],
                token[:at],
                token + letter,
                letter + token,
            )
        )

    def _parts(self, token: bytes) -> bytes:
        parts = token.split(b".")
        other = self.random.choice(self._good).split(b".") if self._good else parts
        at = self.random.randrange(len(parts))
        if self.random.random() < 0.5:
            parts[at] = self.random.choice((b"", parts[at] + b"=", parts[at] + b"A", other[at % 3], parts[0]))
        elif self.random.random() < 0.5:
            parts.insert(at, self.random.choice((b"", b"e30", parts[at])))
        else:
            parts.pop(at)
        return b".".join(parts)

    def _bytes(self, token: bytes) -> bytes:
        """Changes the bytes that a part stands for."""
        parts = token.split(b".")
        at = self.random.randrange(len(parts))
        try:
            raw = bytearray(urlsafe_b64decode(parts[at] + b"==="))
        except ValueError:
            return token
        if raw:
            raw[self.random.randrange(len(raw))] ^= 1 << self.random.randrange(8)
        parts[at] = base64url(bytes(raw)).encode()
        return b".".join(parts)


@frozen
class Outcome:
    """How many tokens were judged how, and those that nobody expected."""

    counts: Counter[str] = Factory(Counter)
    surprises: list[str] = Factory(list)

    def judge(self, token: bytes) -> None:
        ours, theirs = judged(token, keys=KEYS), joserfc(token)
        reason = ours.reason if isinstance(ours, Refusal) else None
        if (reason is None) == (not theirs):
            self.counts["both refuse" if theirs else "both accept"] += 1
            return
        seen = look(token)
        for known in DIFFERENCES:
            if seen is not None and known.reason is reason and known.told(seen):
                self.counts[known.name] += 1
                return
        self.surprises.append(f"{ours if reason else 'accepted'}; joserfc: {theirs or 'accepts'}; {token!r}")


def run(count: int, seed: int) -> Outcome:
    """Judge so many tokens."""
    mutator, outcome = Mutator(seed), Outcome()
    for _ in range(count):
        outcome.judge(mutator.token())
    return outcome


def main() -> None:
    count, seed = (int(each) for each in (*sys.argv[1:], "100000", "6")[:2])
    began = perf_counter()
    outcome = run(count, seed)
    why = {known.name: known for known in DIFFERENCES}
    for name, number in outcome.counts.most_common():
        said = f"only {'we refuse' if why[name].reason else 'joserfc refuses'}, as it " if name in why else ""
        print(f"{number:>8} {said}{name}{f': {why[name].why}' if name in why else ''}")
    unseen = [name for name in why if name not in outcome.counts]
    print(
        f"{count} tokens of seed {seed} in {perf_counter() - began:.0f} s; nobody expected "
        f"{len(outcome.surprises)}; never seen: {', '.join(unseen) or 'none'}"
    )
    for surprise in outcome.surprises[:20]:
        print(surprise)
    sys.exit(bool(outcome.surprises or unseen))


if __name__ == "__main__":
    main()
