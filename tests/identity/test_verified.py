"""What is kept of verified tokens: no more than so many, and none that could be read back."""

from __future__ import annotations

from mcpgate.identity.jose import Unverified, read
from mcpgate.identity.verified import TOKENS_MOST, Verified, VerifiedTokens, digest_of
from tests.identity.judging import KEYS, MINTER


def test_the_one_that_was_here_longest_makes_room() -> None:
    known = VerifiedTokens()
    token = read(MINTER.mint())
    assert isinstance(token, Unverified)
    verified = Verified("login", token, KEYS.keys[0])
    digests = [digest_of(b"%d" % number) for number in range(TOKENS_MOST + 1)]
    for digest in digests:
        known.remember(digest, verified)
    assert len(known) == TOKENS_MOST
    assert known.get(digests[0]) is None
    assert known.get(digests[-1]) is verified
    known.forget(digests[-1])
    known.forget(digests[-1])
    assert known.get(digests[-1]) is None


def test_every_byte_of_a_token_counts() -> None:
    """Another spelling of the same signature was not verified."""
    token = MINTER.mint()
    assert digest_of(token) != digest_of(token + b"=")
    assert len(digest_of(token)) == 32
    assert token not in repr(VerifiedTokens()).encode()
