"""Calls that wait for a person: all of them, one of them, and the question whether somebody is sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from mcpgate.admin.page import Asked, NotFound, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.asking import events
from mcpgate.admin.pages.notices import notice, only_approvers
from mcpgate.evidence.uris import shown

#: Decisions that are shown: about a day's of a busy team.
DECISIONS: Final = 50

#: What somebody may say of a call.
WORDS: Final = ("approve", "deny")


def show_all(asked: Asked, sources: Sources) -> Shown:
    """What waits now, and what was decided."""
    held = sources.gate.held
    return framed(
        "held.html",
        "held",
        asked,
        sources,
        notice=notice(asked),
        answers=held is not None,
        waiting=[_call(one) for one in held or ()],
        decisions=events(sources, "decision", DECISIONS),
    )


def show_one(asked: Asked, sources: Sources) -> Shown:
    """One call, with all of its params that are kept."""
    return framed("held_one.html", "held", asked, sources, one=_find(sources))


def show_question(asked: Asked, sources: Sources) -> Shown:
    """Whether somebody is sure."""
    only_approvers(asked)
    word = asked.query.get("word", "")
    if word not in WORDS:
        raise NotFound("A call is approved or denied.")
    return framed("decide.html", "held", asked, sources, one=_find(sources), said=word)


def _find(sources: Sources) -> Mapping[str, Any]:
    found = sources.gate.hold
    if found is None:
        raise NotFound("No such call waits; it may be over by now.")
    return _call(found)


def _call(held: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **held,
        # Of a resource as in a record: whoever decides sees all of it in the params, and others may look.
        "name": shown(held["name"]) if held["name"] is not None else None,
        "params": _laid_out(held["params"]),
        "path": f"/held/{quote(held['id'], safe='')}",
        "exchange_path": f"/exchanges/{quote(held['exchange'], safe='')}",
    }


def _laid_out(params: str) -> str:
    """JSON in lines, if it is whole: as it was sent otherwise, to the last space."""
    try:
        return msgspec.json.format(params, indent=2)
    except msgspec.MsgspecError:
        return params


PAGES: Final = (
    page("/held", "Held calls", "held", show_all),
    page("/held/<id>", "A held call", "held", show_one, menu=False, asks=("hold",)),
    page("/held/<id>/decide", "Decide about a call", "held", show_question, menu=False, asks=("hold",)),
)
