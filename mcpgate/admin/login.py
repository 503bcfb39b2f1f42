"""One-time links and logins: what is known of them is hashes, in memory, for a while.

A link and a cookie have 256 random bits each. Only their SHA-256 is kept, so nothing that could be read out
of this process, or be found by timing a comparison, would let anybody in.
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from hmac import compare_digest
from hmac import new as hmac
from secrets import token_bytes, token_urlsafe

from attrs import define, field, frozen

from mcpgate.admin.roles import Person

#: Seconds that a link is good for: it is made to be opened at once.
LINK = 300.0
#: Links that nobody has used yet; the oldest makes room. People ask for them by hand.
LINKS_MOST = 64
#: Who is logged in at the same time: the staff of a large house. The oldest login makes room.
LOGINS_MOST = 1024
#: Seconds between leaving for a provider and coming back: to type a password and to find a telephone.
AWAY = 600.0
#: Who is on the way to a provider. Anybody can go there without a proof, so one more costs the oldest: of
#: the same address, where that has as many as an office has, else of the one that has most. So whoever goes
#: there a thousand times keeps nobody else from coming back.
AWAY_MOST, AWAY_OF_ONE = 1024, 32

_BYTES = 32
#: Characters of a secret as it is written; longer ones are none of ours, and need not be hashed.
SECRET_MOST = 64


@frozen
class Login:
    """
    Somebody is logged in.

    @ivar expires: Monotonic seconds.
    @ivar csrf: What every form of theirs has to say.
    """

    person: Person
    expires: float
    csrf: str = field(repr=False)


@frozen
class Journey:
    """
    Somebody is on the way to a provider and back, known by the hash of a state that comes back with them.

    @ivar browser: The hash of what their browser keeps meanwhile.
    @ivar nonce: What the ID token has to say.
    @ivar verifier: What only we can say to have the code taken (PKCE, RFC 7636).
    @ivar after: Where they wanted to go.
    @ivar source: Who they count for.
    """

    browser: bytes = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    after: str
    expires: float
    source: str = ""


@define
class _Kept:
    """Values by the hash of a secret, the oldest first."""

    most: int
    found: dict[bytes, tuple[object, float]] = field(factory=dict)

    def keep(self, secret: str, value: object, expires: float, now: float) -> None:
        for key in [key for key, (_, end) in self.found.items() if end <= now]:
            del self.found[key]
        while len(self.found) >= self.most:
            del self.found[next(iter(self.found))]
        self.found[hashed(secret)] = value, expires

    def get(self, secret: str, now: float) -> object | None:
        if len(secret) > SECRET_MOST:
            return None
        value, expires = self.found.get(hashed(secret), (None, 0.0))
        return value if now < expires else None

    def take(self, secret: str, now: float) -> object | None:
        value = self.get(secret, now)
        if len(secret) <= SECRET_MOST:
            self.found.pop(hashed(secret), None)
        return value


class Logins:
    """Who may come in, and who is in. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._links = _Kept(LINKS_MOST)
        self._logins = _Kept(LOGINS_MOST)
        self._journeys = _Kept(AWAY_MOST)
        self._key = token_bytes(_BYTES)

    # Links.

    def link(self, person: Person, now: float) -> str:
        """The secret of a new one-time link."""
        secret = token_urlsafe(_BYTES)
        self._links.keep(secret, person, now + LINK, now)
        return secret

    def redeem(self, secret: str, now: float) -> Person | None:
        """Whose link it is; it is used up by that."""
        found = self._links.take(secret, now)
        return found if isinstance(found, Person) else None

    # Logins.

    def begin(self, person: Person, now: float, seconds: float) -> str:
        """Log somebody in; the secret for their cookie."""
        secret = token_urlsafe(_BYTES)
        self._logins.keep(secret, Login(person, now + seconds, self.mark(secret)), now + seconds, now)
        return secret

    def find(self, secret: str, now: float) -> Login | None:
        """Who is logged in with a cookie, if anybody is."""
        found = self._logins.get(secret, now)
        return found if isinstance(found, Login) else None

    def end(self, secret: str) -> None:
        """Log out."""
        self._logins.take(secret, 0.0)

    def end_all(self, how: str) -> None:
        """Nobody is logged in by that proof any more: who may be has changed."""
        found = self._logins.found
        for key, (login, _) in list(found.items()):
            if isinstance(login, Login) and login.person.how == how:
                del found[key]

    def count(self, now: float) -> int:
        """How many logins there are."""
        return sum(now < expires for _, expires in self._logins.found.values())

    def mark(self, secret: str) -> str:
        """
        What forms have to say that belong to a proof: known to whoever was shown a page, and to no other
        site.
        """
        return hmac(self._key, secret.encode(), sha256).hexdigest()

    def marked(self, said: str, csrf: str) -> bool:
        """Whether a form says it."""
        return compare_digest(said.encode(), csrf.encode())

    # Journeys.

    def leave(self, now: float, after: str, source: str = "") -> tuple[str, str, Journey]:
        """Send somebody to a provider: the state, the secret for their browser, and the rest."""
        state, browser, nonce, verifier = (token_urlsafe(_BYTES) for _ in range(4))
        journey = Journey(hashed(browser), nonce, verifier, after, now + AWAY, source)
        self._make_room(source)
        self._journeys.keep(state, journey, journey.expires, now)
        return state, browser, journey

    def _make_room(self, source: str) -> None:
        """For one more journey of somebody's."""
        found = self._journeys.found
        by = {key: one.source for key, (one, _) in found.items() if isinstance(one, Journey)}
        counts = Counter(by.values())
        if counts[source] < AWAY_OF_ONE:
            if len(found) < AWAY_MOST:
                return
            source = counts.most_common(1)[0][0]
        del found[next(key for key, whose in by.items() if whose == source)]

    def arrive(self, state: str, browser: str, now: float) -> Journey | None:
        """Whose journey ends here, if it is the same browser's; it is over by that."""
        found = self._journeys.take(state, now)
        if not isinstance(found, Journey) or len(browser) > SECRET_MOST:
            return None
        return found if compare_digest(found.browser, hashed(browser)) else None


def hashed(secret: str) -> bytes:
    """What a secret is known by."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()
