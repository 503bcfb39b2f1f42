"""One worker's view of the definitions of one upstream: what a list brings, and what may be called.

What becomes of a change is for the configuration to say (C{definitions} of the upstream):

 - C{record}: it is recorded;
 - C{alert}: and said in the log, until somebody accepts it;
 - C{quarantine}: and the tool is neither shown nor called meanwhile;
 - C{block}: and no tool of that upstream is.

The last two I{guard}. They must know: where what is kept cannot be read, no tool passes; and tools that
are too many to be kept are not shown. Calls are judged by what all workers have seen, as soon as any of
them has kept it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeGuard

from attrs import frozen
from twisted.logger import Logger

from mcpgate.definitions.known import Known, News, Shown, is_new, learn
from mcpgate.definitions.store import Store, StoreError
from mcpgate.policy.names import NAME_LENGTH
from mcpgate.reasons import Reason, Refusal

#: What C{definitions} of an upstream may be.
MODES: Final = ("record", "alert", "quarantine", "block")
GUARDED: Final = frozenset({"quarantine", "block"})

#: Lists whose judgement is remembered, by their bytes: an upstream mostly says the same to everybody, in
#: some pages.
SEEN_MOST: Final = 64
#: Output schemas that are remembered, as they are read from the definitions one by one.
SCHEMAS_MOST: Final = 256

_NOTHING: Final = frozenset[str]()


@frozen
class Seen:
    """
    What a list brought.

    @ivar going: The names of tools that must not be shown.
    @ivar news: What is to be recorded.
    """

    going: frozenset[str]
    news: tuple[News, ...] = ()


class Guard:
    """
    What is known of one upstream.

    @ivar failure: Why what is kept cannot be used, if so.
    """

    log = Logger()

    def __init__(
        self,
        store: Store,
        upstream: str,
        place: str,
        mode: str,
        tell: Callable[[str, Sequence[News]], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """
        @param place: its authority and target.
        @param tell: gets what people did, to record it, with the upstream's name.
        @param wall: Unix seconds.
        """
        self.failure: str | None = None
        self.mode = mode
        self._store = store
        self._upstream = upstream
        self._place = place
        self._tell = tell
        self._wall = wall
        self._known = Known(upstream, place)
        self._changes: bytes | None = None
        self._all = False
        self._suspended = _NOTHING
        #: What was found of lists, and what they said: the fingerprint of each tool.
        self._seen: dict[bytes, tuple[frozenset[str], Mapping[str, str]]] = {}
        self._last: dict[str, str] = {}
        self._schemas: dict[tuple[str, str | None], Mapping[str, object] | None] = {}
        #: Why the last change could not be kept: who does not know all must not guard less for it.
        self._unkept: str | None = None
        self._complained: str | None = None

    def adopt(self, place: str, mode: str) -> None:
        """The configuration in force says this from now on."""
        if (place, mode) != (self._place, self.mode):
            self._place, self.mode = place, mode
            self._changes = None

    def look(self) -> None:
        """See whether anybody has changed what is kept."""
        if self._store.changes() != self._changes:
            self._refresh()

    # At a call.

    def judge(self, method: str, name: str | None) -> Refusal | None:
        """Why a call may not be made now, if it is one of a tool."""
        if method != "tools/call":
            return None
        self.look()
        if self._all:
            why = "a tool of this upstream has changed, and nobody has accepted it yet"
            return Refusal(Reason.POLICY_DEFINITION, self.failure or self._unkept or why)
        if name in self._suspended:
            return Refusal(Reason.POLICY_DEFINITION, "it has changed, and nobody has accepted it yet")
        return None

    # At a list.

    def see(self, tools: Sequence[object], raw: bytes, key: str | None) -> Seen:
        """
        Take what a list says.

        @param raw: the bytes of that list.
        @param key: the pin of the key by which the upstream has proved itself.
        """
        self.look()
        digest = hashlib.sha256(raw + b"\0" + (key or "").encode()).digest()
        known = self._seen.get(digest)
        if known is not None:
            going, said = known
            self._last.update(said)
            return Seen(going)
        shown = [Shown.of(tool) for tool in tools if _is_a_tool(tool)]
        news: tuple[News, ...] = ()
        if self.failure is None and is_new(self._known, shown, key):
            news = self._learn(shown, key)
        going = self._going(shown)
        said = {one.name: one.fingerprint for one in shown if one.name in self._known.tools}
        self._last.update(said)
        if self.failure is None:
            if len(self._seen) >= SEEN_MOST:
                self._seen.clear()
            self._seen[digest] = going, said
        return Seen(going, news)

    def _learn(self, shown: list[Shown], key: str | None) -> tuple[News, ...]:
        def by(known: Known | None) -> tuple[Known, tuple[News, ...]]:
            known = self._of_this_place(known)
            # Another worker may have been first; it has told it, too.
            return known, tuple(learn(known, shown, key, self._wall()))

        try:
            news = self._store.change(self._upstream, by)
        except StoreError as error:
            self._unkept = str(error)
            self._failed(error)
            return ()
        self._unkept = None
        self._refresh()
        self._alarm(news)
        return news

    def _alarm(self, news: Sequence[News]) -> None:
        for one in news:
            if one.what == "key":
                self.log.info(
                    "upstream {upstream} has another key than before: {key}",
                    upstream=self._upstream,
                    key=one.new,
                )
            elif one.what == "changed" and self.mode != "record":
                self.log.warn(
                    "upstream {upstream} has changed its tool {tool}{key}; see mcpgate policy definitions "
                    "{upstream} --diff",
                    upstream=self._upstream,
                    tool=ascii((one.tool or "")[:128]),
                    key=" under a new key" if one.renewed else "",
                )
            elif one.what in ("suspicious", "unfit") and self.mode != "record":
                self.log.warn(
                    "upstream {upstream}, tool {tool}: {detail}",
                    upstream=self._upstream,
                    tool=ascii((one.tool or "")[:128]),
                    detail=one.detail,
                )

    def _going(self, shown: list[Shown]) -> frozenset[str]:
        guards, tools = self.mode in GUARDED, self._known.tools
        if guards and (self._all or (self.mode == "block" and any(self._is_changed(one) for one in shown))):
            return frozenset(one.name for one in shown)
        going = {one.name for one in shown if one.unfit is not None}
        if guards:
            for one in shown:
                tool = tools.get(one.name)
                if tool is None or one.name in self._suspended or not tool.known(one.fingerprint):
                    going.add(one.name)
        return frozenset(going)

    def _is_changed(self, one: Shown) -> bool:
        tool = self._known.tools.get(one.name)
        return tool is not None and not tool.known(one.fingerprint)

    # What others ask.

    def schema_of(self, name: str) -> Mapping[str, object] | None:
        """
        The C{outputSchema} of a tool, as its upstream has last shown it to any worker; C{None} where it has
        none, or was not seen.
        """
        self.look()
        last = self._last.get(name)
        if (name, last) in self._schemas:
            return self._schemas[name, last]
        found = None
        tool = self._known.tools.get(name)
        if tool is not None:
            variants = (*tool.accepted, *tool.changed)
            # Another worker may have seen a newer one than ours; this caller was shown what we have.
            variant = next((each for each in variants if each.fingerprint == last), variants[-1])
            schema = (variant.object() or {}).get("outputSchema")
            found = schema if isinstance(schema, dict) else None
        if len(self._schemas) >= SCHEMAS_MOST:
            self._schemas.clear()
        self._schemas[name, last] = found
        return found

    def counts(self) -> dict[str, Any]:
        """For C{status}."""
        self.look()
        tools = self._known.tools.values()
        hiding = [tool for tool in tools if any(one.concealed for one in (*tool.accepted, *tool.changed))]
        return {
            "mode": self.mode,
            "known": len(tools),
            "changed": sum(bool(tool.changed) for tool in tools),
            "suspicious": len(hiding),
            "failure": self.failure or self._unkept,
        }

    # What is kept.

    def _refresh(self) -> None:
        # Before it is read: what changes meanwhile is looked at once more.
        self._changes = self._store.changes()
        try:
            known = self._store.read(self._upstream)
        except StoreError as error:
            self._failed(error)
            return
        self.failure = None
        if known is not None and known.untold:
            known = self._record(known)
        self._known = self._of_this_place(known)
        self._seen.clear()
        self._schemas.clear()
        self._last = {name: seen for name, seen in self._last.items() if name in self._known.tools}
        changed = frozenset(name for name, tool in self._known.tools.items() if tool.changed)
        self._suspended = changed if self.mode == "quarantine" else _NOTHING
        unkept = self._unkept is not None and self.mode in GUARDED
        self._all = unkept or (self.mode == "block" and bool(changed))

    def _record(self, known: Known) -> Known:
        """Record what people did, unless another worker was first."""

        def by(now: Known | None) -> tuple[Known, tuple[Known, list[News]]]:
            now = now or known
            told, now.untold = now.untold, []
            return now, (now, told)

        try:
            known, news = self._store.change(self._upstream, by)
        except StoreError as error:
            # It stays to be told; what they did holds all the same.
            self.log.warn("what was accepted is not recorded yet: {why}", why=str(error))
            return known
        self._changes = self._store.changes()
        if news:
            self._tell(self._upstream, news)
        return known

    def _of_this_place(self, known: Known | None) -> Known:
        if known is not None and known.place == self._place:
            return known
        return Known(self._upstream, self._place)

    def _failed(self, error: StoreError) -> None:
        self.failure = str(error)
        if self.failure != self._complained:
            self._complained = self.failure
            self.log.error("what upstreams say of their tools cannot be kept: {why}", why=self.failure)
        self._seen.clear()
        self._schemas.clear()
        self._all = self.mode in GUARDED
        # Until it can be read, which nobody will tell us.
        self._changes = None


def _is_a_tool(value: object) -> TypeGuard[dict[str, object]]:
    """Whether it is one that some rule could allow: longer names are not even kept."""
    name = value.get("name") if isinstance(value, dict) else None
    return isinstance(name, str) and len(name) <= NAME_LENGTH
