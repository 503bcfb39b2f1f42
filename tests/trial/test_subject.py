"""What is tried."""

from __future__ import annotations

from pathlib import Path

from tests.trial.rules import subject

RULES = '[[rule]]\nname = "all"\nverdict = "allow"\n'


def test_a_route_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    """With the one that was meant; a file of rules alone knows no routes, so any is good."""
    whole = subject(tmp_path, RULES, ("github", "files"))
    assert whole.missing("files") is None
    assert whole.missing("fiels") == 'no route is named "fiels"; did you mean "files"?'
    assert subject(tmp_path, RULES).missing("fiels") is None
