"""Posture at a glance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mcpgate.admin.page import GateFacts
from tests.admin.pages.staged import NOW, MadeIndex, asked, show, sources, status, text_of


def test_the_numbers_that_count_are_at_the_top() -> None:
    """Exchanges, post-quantum shares, refusals of today, the next expiry, held calls, journal, generation."""
    text = text_of(show("/", asked("/"), sources(MadeIndex())))
    for words in ("Exchanges1,031,232", "Refused today43", "Next expiry12 d", "Held calls1", "Generation4"):
        assert words in text
    assert "100 %of 4 exchanges" in text


def test_today_begins_at_midnight_and_the_period_is_what_was_asked() -> None:
    """In UTC, as all times are."""
    index = MadeIndex()
    show("/", asked("/?period=1h"), sources(index))
    spans = [said for what, said in index.asked if what == "posture"]
    assert spans == [(NOW - timedelta(hours=1), NOW), (NOW.replace(hour=0, minute=0), NOW)]


def test_a_reason_leads_to_what_was_refused_for_it() -> None:
    """Handshakes, or exchanges; and says what it means."""
    shown = show("/", asked("/"), sources(MadeIndex()))
    reasons: Any = shown.values["reasons"]
    assert [(one["path"], one["count"]) for one in reasons] == [
        ("/refused?reason=tls.version", 3),
        ("/exchanges?reason=policy.unlisted", 40),
    ]
    assert all(one["words"].endswith(".") for one in reasons)


def test_a_new_gate_has_an_empty_page_and_no_shares() -> None:
    """Of nothing there is no share: neither all nor none of it was encrypted well."""
    text = text_of(show("/", asked("/"), sources(MadeIndex(rows=0))))
    assert "–of 0 exchanges" in text
    assert "Nothing was refused." in text and "no certificate was seen" in text


@pytest.mark.parametrize(
    ("journal", "word"),
    [
        (None, "–"),
        ({"failure": "No space left on device", "dropped": 0}, "failing"),
        ({"failure": None, "unsealed": 0.0, "seals": {"failure": "x"}}, "not sealed"),
        ({"failure": None, "unsealed": 0.0, "seals": {}}, "not sealed"),
        ({"failure": None, "unsealed": 12.3, "seals": {"failure": None}}, "sealed but for the last 12 s"),
        ({"failure": None, "unsealed": 0.0, "seals": {"failure": None}}, "sealed to its last line"),
    ],
)
def test_the_journal_is_said_to_be_what_the_gate_says_of_it(journal: Any, word: str) -> None:
    """Failing, sealed, or not to the end; nothing where the gate does not answer."""
    facts = {**status(), "journal": journal} if journal is not None else None
    shown = show("/", asked("/"), sources(MadeIndex(), gate=GateFacts(facts, ())))
    told: Any = shown.values["journal"]
    assert f"{told['word']} {told['note']}".startswith(word)
