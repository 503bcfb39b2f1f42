"""What upstreams say of their tools: all of them, one that has changed, and the question if that is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from mcpgate.admin.page import Asked, NotFound, Shown, Sources
from mcpgate.admin.pages.around import framed, page
from mcpgate.admin.pages.notices import notice, only_approvers
from mcpgate.definitions.known import Known, Tool, Variant
from mcpgate.definitions.store import Store, StoreError
from mcpgate.policy.definitions import differences

#: What somebody may say of a change.
WORDS: Final = ("accept", "withdrawn")
#: Characters of a fingerprint that tell one definition of a tool from the others, in a table.
_SHORT: Final = 19


def show_all(asked: Asked, sources: Sources) -> Shown:
    """The tools of every upstream, those that have changed first."""
    store = Store(Path(sources.state))
    upstreams, broken = [], []
    try:
        names = store.upstreams()
    except StoreError as error:
        names, broken = [], [str(error)]
    for name in names:
        try:
            known = store.read(name)
        except StoreError as error:
            broken.append(str(error))
            continue
        if known is not None:
            upstreams.append({"name": name, "place": known.place, "tools": [*_rows(known)]})
    return framed(
        "definitions.html",
        "definitions",
        asked,
        sources,
        notice=notice(asked),
        upstreams=upstreams,
        broken=broken,
    )


def _rows(known: Known) -> Iterator[dict[str, Any]]:
    for name, tool in sorted(known.tools.items(), key=lambda each: (not each[1].changed, each[0])):
        newest = (tool.changed or tool.accepted)[-1]
        yield {
            "name": name,
            "path": _path("/definition", known.upstream, name) if tool.changed else None,
            "changed": bool(tool.changed),
            "since": newest.seen,
            "fingerprint": newest.fingerprint[:_SHORT],
            "suspicious": _suspicious(tool),
        }


def show_one(asked: Asked, sources: Sources) -> Shown:
    """What a tool was accepted as, and what it has changed to."""
    upstream, name, tool = _find(asked, sources)
    return framed(
        "definition.html",
        "definitions",
        asked,
        sources,
        notice=notice(asked),
        upstream=upstream,
        tool=_told(upstream, name, tool),
    )


def show_question(asked: Asked, sources: Sources) -> Shown:
    """Whether somebody is sure."""
    only_approvers(asked)
    upstream, name, tool = _find(asked, sources)
    word, fingerprint = asked.query.get("word", ""), asked.query.get("fingerprint", "")
    if word not in WORDS:
        raise NotFound("A change is accepted, or it was withdrawn.")
    if not tool.waits(fingerprint):
        raise NotFound("That change does not wait any more.")
    return framed(
        "accept.html",
        "definitions",
        asked,
        sources,
        upstream=upstream,
        tool=_told(upstream, name, tool),
        to=_path("/definition/accept", upstream, name, fingerprint=fingerprint, word=word),
        fingerprint=fingerprint,
        said=word,
    )


def _find(asked: Asked, sources: Sources) -> tuple[str, str, Tool]:
    upstream, name = asked.query.get("upstream", ""), asked.query.get("tool", "")
    try:
        known = Store(Path(sources.state)).read(upstream)
    except StoreError as error:
        raise NotFound(str(error)) from error
    tool = known.tools.get(name) if known is not None else None
    if tool is None:
        raise NotFound("No upstream has shown such a tool.")
    return upstream, name, tool


def _told(upstream: str, name: str, tool: Tool) -> dict[str, Any]:
    old = tool.accepted[-1]
    return {
        "name": name,
        "path": _path("/definition", upstream, name),
        "accepted": old.fingerprint,
        "since": old.seen,
        "suspicious": _suspicious(tool),
        "changed": [_change(upstream, name, old, new) for new in tool.changed],
    }


def _change(upstream: str, name: str, old: Variant, new: Variant) -> dict[str, Any]:
    before, after = old.object(), new.object()
    kept = before is not None and after is not None
    return {
        "fingerprint": new.fingerprint,
        "path": _path("/definition/accept", upstream, name, fingerprint=new.fingerprint),
        "seen": new.seen,
        "another_key": new.key != old.key,
        "differences": differences(before, after) if kept else None,
    }


def _suspicious(tool: Tool) -> list[str]:
    variants = (*tool.accepted, *tool.changed)
    return [*dict.fromkeys(said for each in variants for said in each.concealed)]


def _path(path: str, upstream: str, tool: str, **more: str) -> str:
    # In the query, where a name may have any character.
    return f"{path}?{urlencode({'upstream': upstream, 'tool': tool, **more})}"


PAGES: Final = (
    page("/definitions", "Tools", "definitions", show_all),
    page("/definition", "A changed tool", "definitions", show_one, menu=False),
    page("/definition/accept", "Accept a definition", "definitions", show_question, menu=False),
)
