"""What a page says of a form that was just sent: it comes as a word of the query, never as a text.

So nobody can make a page say something by a link.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from mcpgate.admin.page import Asked, NotFound


@frozen
class Notice:
    """A sentence, and what kind it is: C{good}, C{warn}, C{bad}."""

    kind: str
    words: str


_NOTICES: Final = {
    "approved": Notice("good", "Approved. The call is made now; its record says who approved it."),
    "denied": Notice("good", "Denied. The call is refused; its record says who denied it."),
    "accepted": Notice("good", "Accepted. The journal says who accepted it."),
    "withdrawn": Notice("good", "Forgotten. What was accepted before is right."),
}


def notice(asked: Asked) -> Notice | None:
    """What the page should say first, if anything."""
    return _NOTICES.get(asked.query.get("done", ""))


def only_approvers(asked: Asked) -> None:
    """
    Show nobody else a form that they could not send.

    @raise NotFound: who asks may only look.
    """
    if not asked.person.decides:
        raise NotFound("Only approvers decide; you may look.")
