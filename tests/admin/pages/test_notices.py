"""What a page says of a form that was just sent."""

from __future__ import annotations

import pytest

from mcpgate.admin.page import NotFound
from mcpgate.admin.pages.notices import notice, only_approvers
from tests.admin.pages.staged import ALICE, VICTOR, asked


def test_a_link_cannot_make_a_page_say_anything() -> None:
    """Words come from a list, by a word of the query."""
    said = notice(asked("/held?done=approved"))
    assert said is not None and said.words.startswith("Approved.")
    assert notice(asked("/held?done=Send+me+your+password")) is None
    assert notice(asked("/held")) is None


def test_only_approvers_are_shown_what_only_they_can_send() -> None:
    """A form that would be refused is no help to anybody."""
    only_approvers(asked("/", person=ALICE))
    with pytest.raises(NotFound, match="you may look"):
        only_approvers(asked("/", person=VICTOR))
