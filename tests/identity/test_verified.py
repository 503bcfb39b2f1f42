"""What is kept of verified tokens: no more than so many, and none that could be read back."""

from __future__ import annotations

from attrs import evolve

from mcpgate.identity.jose import Unverified, read
from mcpgate.identity.principal import Principal
from mcpgate.identity.verified import ANSWERS_MOST, TOKENS_MOST, Verified, VerifiedTokens, digest_of
from tests.identity.judging import KEYS, MINTER, TERMS
from tests.identity.minting import NOW, RESOURCE


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


def test_the_same_question_has_the_same_answer_until_its_time_is_over() -> None:
    """And no other question has it: another place, certificate or demand, other terms, an earlier clock."""
    token = read(MINTER.mint())
    assert isinstance(token, Unverified)
    verified = Verified("login", token, KEYS.keys[0])
    question = (RESOURCE, "ab" * 32, False)
    ada = Principal("login/ada", "jwt", token.id, NOW + 600.0)
    assert verified.found(question, TERMS, NOW) is None
    verified.remember(question, TERMS, NOW, ada)
    assert verified.found(question, TERMS, NOW) is ada
    assert verified.found(question, TERMS, NOW + 599.9) is ada
    for other in ((RESOURCE + "/", "ab" * 32, False), (RESOURCE, None, False), (RESOURCE, "ab" * 32, True)):
        assert verified.found(other, TERMS, NOW) is None
    assert verified.found(question, evolve(TERMS), NOW) is None
    assert verified.found(question, TERMS, NOW - 1) is None
    assert verified.found(question, TERMS, NOW + 600.0) is None


def test_a_token_has_only_so_many_answers() -> None:
    """Whatever Host and path a caller makes up."""
    token = read(MINTER.mint())
    assert isinstance(token, Unverified)
    verified = Verified("login", token, KEYS.keys[0])
    ada = Principal("login/ada", "jwt", token.id, NOW + 600.0)
    questions = [(f"{RESOURCE}/{number}", None, False) for number in range(ANSWERS_MOST + 1)]
    for question in questions:
        verified.remember(question, TERMS, NOW, ada)
    kept = [question for question in questions if verified.found(question, TERMS, NOW)]
    assert 0 < len(kept) <= ANSWERS_MOST and kept[-1] == questions[-1]


def test_every_byte_of_a_token_counts() -> None:
    """Another spelling of the same signature was not verified."""
    token = MINTER.mint()
    assert digest_of(token) != digest_of(token + b"=")
    assert len(digest_of(token)) == 32
    assert token not in repr(VerifiedTokens()).encode()
