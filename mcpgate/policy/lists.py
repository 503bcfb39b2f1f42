"""Lists as their caller may have them: without what it may not use, for itself alone, and not for long.

What an upstream lists is shown if some rule could let this caller use it; that is no permission, which
is given or not when it is used. Taken out of a list are whole items; every other byte stays, so do the
order, C{nextCursor}, and the array itself when it becomes empty.

 - Lists of tools, prompts, resources and templates; links to resources in the result of a tool; the
   resources that a subscription was acknowledged for; the news of one of them (L{may_hear}).
 - Completions stay as they are: they were asked for something that the caller may use.
 - A template is shown if rules would allow a resource whose URI is the template's own text, which is
   also how a completion for it is judged.
 - An item without a name cannot be judged, and a list that is no array not be read.

Two items of one name, or of names that can be taken for one another (C{policy.alike}), make the list
one that is refused, if the caller could use both: what it can use only one of misleads nobody. So an
operator's remedy is a rule that blocks one of them. Resources are exempt: their URIs are ASCII in one
canonical form, and a resource that is listed twice is one resource.

Results of 2026-07-28 say how long and for whom they may be kept. Whatever passed the gate was for the
caller that it knew: a rule, a mask or a list says who may have it, and a cache between would ask none
of them. So every result is C{private}, also those in which nothing was changed, on every route: what
differs between callers today may be the work of a rule of tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from attrs import frozen

from mcpgate.policy.alike import skeleton, skeletons
from mcpgate.policy.names import NAME_LENGTH
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.jsonrpc import NOTIFICATION, Message
from mcpgate.wire.mcp import CLIENT_REQUESTS, SERVER_NOTIFICATIONS, Listed, Method, Nature, Shape
from mcpgate.wire.spans import Edit, edited, found_at, without

#: Whether some rule could let the caller use this: the method that rules know it by, and its name.
May = Callable[[str, str], bool]

#: Milliseconds that a client may take a list for good. When rules change, what a list shows is out of
#: date for so long at the most; what is used is judged by the rules of today all the same. A minute is
#: what people wait for a change to be seen, and one list a minute costs an upstream nothing.
TTL_MOST: Final = 60_000

#: Listings whose pages are remembered, per upstream: callers that page at the same time.
PAGES_MOST: Final = 16
#: Names of one listing that later pages are compared with; more tools than this no client can show.
NAMES_MOST: Final = 4096

#: The type of a block of content that links to a resource.
LINK: Final = "resource_link"

#: What clients use by the names that a list has, where people or models choose by how they look.
_CHOSEN: Final = frozenset({"tools/call", "prompts/get"})

_OTHER: Final = object()
_NOBODY: Mapping[str, tuple[str, ...]] = MappingProxyType({})

#: Methods whose results are lists.
LISTS: Final = frozenset(each.method for each in CLIENT_REQUESTS.values() if each.nature is Nature.LIST)
#: What a result may be of which nothing is known: each of those lists that some result has.
_ANY: Final = Shape(
    lists=tuple(
        listed
        for each in CLIENT_REQUESTS.values()
        if each.result is not None
        for listed in each.result.lists
        if listed.judged is not None
    )
)
#: Where links stand in what a task has come to, which is the result of its tool.
_OF_TASKS: Final[Mapping[str, tuple[Listed, ...]]] = MappingProxyType(
    {
        "tasks/result": (Listed("content[]", "uri", "resources/read", LINK),),
        "tasks/get": (Listed("result.content[]", "uri", "resources/read", LINK),),
    }
)
#: News that are not everybody's: of a resource, or with a list of some.
JUDGED_NEWS: Final = frozenset(
    each.method
    for each in SERVER_NOTIFICATIONS.values()
    if each.judged is not None or any(listed.judged is not None for listed in each.params.lists)
)


@frozen
class Filtered:
    """
    What is left of a list.

    @ivar raw: The message; the very bytes that came, where nothing had to be changed.
    @ivar gone: How many items were taken out.
    """

    raw: bytes
    gone: int = 0


class Pages:
    """What the pages of a listing had on them, so that a name is not twice on two of them."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], Mapping[str, tuple[str, ...]]] = {}

    def before(self, path: str, cursor: str | None) -> Mapping[str, tuple[str, ...]]:
        """The names of the pages before this one, by their skeletons, as far as they were seen.

        @param path: of the list within its result; C{cursor}: of the page, if it is not the first.
        """
        return self._before.get((path, cursor), _NOBODY) if cursor is not None else _NOBODY

    def turned(
        self, path: str, following: object, before: Mapping[str, tuple[str, ...]], names: list[str]
    ) -> None:
        """A page was seen. C{following}: the cursor of the next one, if there is one."""
        if type(following) is not str:
            return
        known = dict(before)
        room = max(0, NAMES_MOST - sum(map(len, before.values())))
        for key, alike in skeletons(names[:room]).items():
            known[key] = (*known.get(key, ()), *alike)
        self._before.pop((path, following), None)
        while len(self._before) >= PAGES_MOST:
            del self._before[next(iter(self._before))]
        self._before[path, following] = known


def cursor_of(message: Message) -> str | None:
    """Which page of a list is asked for, if not the first."""
    cursor = message.params.get("cursor")
    return cursor if type(cursor) is str else None


def untouched(method: str | None, result: object) -> bool:
    """
    Whether a result of that method passes in any case, at a glance: for what is not a list itself, as
    nearly all answers are not.
    """
    if type(result) is not dict:
        return True
    if "cacheScope" in result and result["cacheScope"] != "private":
        return False
    if method != "tools/call":
        return method not in _OF_TASKS
    if "content" not in result:
        return True
    content = result["content"]
    if type(content) is not list:
        return False
    for block in content:
        # In most results there is one.
        if type(block) is dict and "type" in block and block["type"] == LINK:
            return False
    return True


def filtered(
    method: Method | None, message: Message, raw: bytes, may: May, *, pages: Pages, cursor: str | None = None
) -> Filtered | Refusal:
    """
    An answer as its caller may have it.

    @param method: What was asked; C{None} where that is not known: whatever could be a list is one.
    @param message: What C{raw} says.
    @param pages: Of this upstream's lists.
    @param cursor: What the request said of the page that it wants.
    """
    result = message.result
    if not isinstance(result, Mapping):
        return Filtered(raw)
    shape = method.result if method is not None else _ANY
    edits: list[Edit] = []
    gone = 0
    listing = False
    lists = shape.lists if shape is not None else ()
    for listed in (*lists, *(_OF_TASKS.get(method.method, ()) if method is not None else ())):
        if listed.judged is None:
            continue
        items = _items(listed, result)
        if items is None:
            continue
        if isinstance(items, Refusal):
            return items
        listing = listing or listed.type is None
        names = [_name(listed, item) for item in items]
        going = [name is not _OTHER and not _usable(listed.judged, name, may) for name in names]
        if listed.judged in _CHOSEN:
            before = pages.before(listed.path, cursor)
            refusal = _ambiguous(listed.judged, names, going, before, may)
            if refusal is not None:
                return refusal
            # No rule allows a longer one.
            seen = [name for name in names if type(name) is str and len(name) <= NAME_LENGTH]
            pages.turned(listed.path, result.get("nextCursor"), before, seen)
        if any(going):
            gone += sum(going)
            edits.append(without(raw, found_at(raw, ("result", *_path(listed))), going))
    if method is None or method.cacheable:
        edits += _kept(result, raw, listing)
    return Filtered(edited(raw, edits) if edits else raw, gone)


def news(message: Message, raw: bytes, may: May) -> bytes | None | Refusal:
    """What a caller hears of an upstream's notification; C{None}: nothing, as it is about what it may
    not read."""
    assert message.kind is NOTIFICATION and message.method is not None
    known = SERVER_NOTIFICATIONS.get(message.method)
    if known is None:
        return raw
    if known.judged is not None and known.name is not None:
        name = message.params.get(known.name)
        return raw if _usable(known.judged, name, may) else None
    edits = []
    for listed in known.params.lists:
        items = _items(listed, message.params) if listed.judged is not None else None
        if isinstance(items, Refusal):
            return items
        if items is None or listed.judged is None:
            continue
        going = [not _usable(listed.judged, _name(listed, item), may) for item in items]
        if any(going):
            edits.append(without(raw, found_at(raw, ("params", *_path(listed))), going))
    return edited(raw, edits) if edits else raw


def _usable(judged: str, name: object, may: May) -> bool:
    return type(name) is str and may(judged, name)


def _path(listed: Listed) -> list[str]:
    return listed.path.removesuffix("[]").split(".")


def _items(listed: Listed, value: object) -> list[object] | None | Refusal:
    """The items of a list; C{None} if there is none."""
    for name in _path(listed):
        if not isinstance(value, Mapping):
            return _unread(listed)
        if name not in value:
            return None
        value = value[name]
    return value if isinstance(value, list) else _unread(listed)


def _unread(listed: Listed) -> Refusal:
    return Refusal(Reason.UPSTREAM_MESSAGE, f"{listed.path.removesuffix('[]')} is no array")


def _name(listed: Listed, item: object) -> object:
    """What an item is called; L{_OTHER} if it is none of the list's but, say, a block of text."""
    if listed.type is not None and not (isinstance(item, Mapping) and item.get("type") == listed.type):
        return _OTHER
    if not listed.member:
        return item
    return item.get(listed.member) if isinstance(item, Mapping) else None


def _ambiguous(
    judged: str, names: list[object], going: list[bool], before: Mapping[str, tuple[str, ...]], may: May
) -> Refusal | None:
    """Why a page of a list is refused: two of its names, or one and another of a page before."""
    staying = [str(name) for name, goes in zip(names, going, strict=True) if not goes]
    for alike in skeletons(staying).values():
        if len(alike) > 1:
            return _taken_for(*alike[:2])
    if before:
        for name in staying:
            for other in before.get(skeleton(name), ()):
                if may(judged, other):
                    return _taken_for(other, name)
    return None


def _taken_for(one: str, other: str) -> Refusal:
    # The names are an upstream's, and the caller may know both. ascii: so that one sees what differs.
    what = "is there twice" if one == other else f"can be taken for {ascii(one[:128])}"
    return Refusal(Reason.POLICY_LIST, f"{ascii(other[:128])} {what}")


def _kept(result: Mapping[str, object], raw: bytes, listing: bool) -> list[Edit]:
    """What changes in how long, and for whom, a result is kept."""
    edits = []
    if result.get("cacheScope", "private") != "private":
        edits.append((found_at(raw, ("result", "cacheScope")), b'"private"'))
    if listing and "ttlMs" in result:
        ttl = result["ttlMs"]
        if type(ttl) not in (int, float) or not 0 <= ttl <= TTL_MOST:  # type: ignore[operator]
            edits.append((found_at(raw, ("result", "ttlMs")), b"%d" % TTL_MOST))
    return edits
