"""When a token is shown, when the next one is asked for, and for how long a server is left alone."""

import pytest

from mcpgate.credentials.answer import Granted
from mcpgate.credentials.slot import BACKOFF_MOST, REFUSED_APART, REMEMBERED, SHOWN_MOST, Backoff, Slot
from mcpgate.reasons import Reason

NOW, WALL = 1000.0, 1_800_000_000.0


def slot(lifetime: float = 3600.0) -> Slot:
    """One with a token."""
    slot = Slot()
    slot.granted(Granted("T1", lifetime), NOW, WALL)
    return slot


@pytest.mark.parametrize(
    ("lifetime", "fresh", "until"), [(3600.0, 2700.0, 3590.0), (60.0, 45.0, 54.0), (1.0, 0.75, 0.9)]
)
def test_the_next_one_is_due_before_this_one_ends(lifetime: float, fresh: float, until: float) -> None:
    """And it is not shown in its last moments: it has to reach a server, whose clock may be ahead."""
    one = slot(lifetime)
    assert (one.fresh - NOW, one.until - NOW) == pytest.approx((fresh, until))
    assert one.line == b"authorization: Bearer T1\r\n"
    assert (one.obtained, one.expires) == (WALL, WALL + lifetime)


def test_a_refused_token_is_not_shown_again_but_not_each_time() -> None:
    """An upstream that refuses all of them must not have the token endpoint asked for each call."""
    one = slot()
    one.refused(b"authorization: Bearer T0\r\n", NOW)
    assert one.until > NOW, "that was another one"
    one.refused(one.line, NOW)
    assert one.fresh == one.until == 0.0
    one.granted(Granted("T2", 3600.0), NOW + 1, WALL + 1)
    one.refused(one.line, NOW + 2)
    assert one.until > NOW
    one.refused(one.line, NOW + REFUSED_APART)
    assert one.until == 0.0


def test_a_server_that_fails_is_asked_less_and_less_often() -> None:
    """Up to once a minute, and as before as soon as it gives a token."""
    backoff, waits = Backoff(), []
    for _ in range(9):
        backoff.failed("it is down", NOW)
        waits.append(backoff.again - NOW)
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    refusal = backoff.refusal("jira", NOW + 0.4)
    assert refusal is not None
    assert (refusal.reason, refusal.detail) == (Reason.UPSTREAM_CREDENTIAL, "jira: it is down")
    assert refusal.retry_after == 60
    assert backoff.refusal("jira", NOW + 60) is None
    backoff.clear()
    assert backoff.refusal("jira", NOW) is None and backoff.problem is None
    backoff.failed("again", NOW)
    assert backoff.again == NOW + 1.0


@pytest.mark.parametrize(("wanted", "wait"), [(30.0, 30.0), (0.0, 1.0), (86400.0, BACKOFF_MOST)])
def test_it_may_say_for_how_long_it_wants_to_be_left_alone(wanted: float, wait: float) -> None:
    """But not for a day."""
    backoff = Backoff()
    backoff.failed("busy", NOW, wanted)
    assert backoff.again == NOW + wait


def test_whoever_waits_is_told_once() -> None:
    """And nobody is kept."""
    one, told = Slot(), []
    one.waiting += [lambda: told.append("a"), lambda: told.append("b")]
    one.tell()
    one.tell()
    assert told == ["a", "b"] and not one.waiting


def test_it_is_over_when_nothing_is_lost_with_it() -> None:
    """A token that is good, a failure that counts, a question that is on its way: each is kept."""
    assert Slot().over(NOW) and not slot().over(NOW) and slot().over(NOW + 3600)
    one = Slot()
    one.backoff.failed("no", NOW)
    assert not one.over(NOW) and one.over(NOW + 1)
    one.asking = True
    assert not one.over(NOW + 1)
    one.asking = False
    one.waiting.append(lambda: None)
    assert not one.over(NOW + 1)


def test_what_may_not_be_shown_is_this_token_and_for_a_while_the_one_before() -> None:
    """A call of before may still be answered, or a log have it; made once, and not for each call."""
    first, second = "first-token-of-all-0123456789", "second-token-of-all-9876543210"
    one = Slot()
    one.granted(Granted(first, 60.0), NOW, WALL)
    assert one.secrets(NOW) is one.secrets(NOW + 1)
    assert not one.secrets(NOW).clear(first.encode())
    one.granted(Granted(second, 3600.0), NOW + 10, WALL + 10)
    both = one.secrets(NOW + 11)
    assert not both.clear(first.encode()) and not both.clear(second.encode())
    later = one.secrets(NOW + 10 + REMEMBERED)
    assert later.clear(first.encode()) and not later.clear(second.encode())


def test_a_token_is_looked_for_until_it_is_over() -> None:
    """Streams that it was shown for may be as old, and a caller could use it until then."""
    one, first, second = Slot(), "first-token-of-all", "the-second-of-them"
    one.granted(Granted(first, 3600.0), NOW, WALL)
    one.granted(Granted(second, 3600.0), NOW + 2700, WALL + 2700)
    assert not one.secrets(NOW + 3599).clear(first.encode())
    one.granted(Granted("the-third-of-them", 3600.0), NOW + 3000, WALL + 3000)
    found = one.secrets(NOW + 3599)
    assert not found.clear(first.encode()) and not found.clear(second.encode())
    found = one.secrets(NOW + 3600)
    assert found.clear(first.encode()) and not found.clear(second.encode())
    for number in range(100):
        one.granted(Granted(f"another-token-{number}", 3600.0), NOW + 3600, WALL)
    assert len(one._shown._tokens) == SHOWN_MOST
