"""What is known of an upstream's tools, as values: which definitions were seen, and which are accepted.

The first definition of a tool is accepted as it is: nobody was there before, and rules say whether the
tool may be called at all. Every other one is a change until a person accepts it. Nothing becomes accepted
by being seen often, or by the configuration: C{record} and C{quarantine} know the same and act otherwise.

It is what an upstream says, so its identity is a part of it: the place (authority and target) for which
all of it holds, and the keys with which that place has proved itself. A list of another place is of
another upstream. A new key alone is a renewed certificate, which chain, name and pins have judged: it is
told, and changes nothing by itself; a definition that has changed under a new key is told as both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from attrs import frozen

from mcpgate.policy.definitions import canonical, concealed, fingerprint, unfit

#: Tools of one upstream; clients that can show more to a model are not known (as C{wire.mirrored}).
TOOLS_MOST: Final = 4096
#: Accepted definitions of a tool: replicas of an upstream that are not all of one version, or that are
#: rolled back, have one of these.
ACCEPTED_MOST: Final = 4
#: Changes of a tool that wait for a person. A description with the time of day in it changes with every
#: list; more are as good as these, and are neither kept nor told.
CHANGED_MOST: Final = 4
#: Keys of an upstream: its replicas may have some each, and certificates are renewed.
KEYS_MOST: Final = 16
#: Bytes of one definition that are kept to tell what has changed: those of the official servers have some
#: hundred to some thousand. Of a larger one only the fingerprint is known.
TEXT_MOST: Final = 128 * 1024
#: And of all of an upstream: a file that is written whole when something in it is new. A hundred tools of
#: a usual size come to a tenth of it.
TEXTS_MOST: Final = 4 * 1024 * 1024


_TOO_LARGE: Final = msgspec.Raw(b"null")


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    One definition of a tool.

    @ivar seen: Unix seconds at which it was first seen.
    @ivar key: The pin of the upstream's key then.
    @ivar concealed: What it says without showing it.
    @ivar definition: Its canonical text; C{null} where it is too large to be kept.
    """

    fingerprint: str
    seen: float
    key: str | None
    concealed: tuple[str, ...] = ()
    definition: msgspec.Raw = _TOO_LARGE

    def object(self) -> dict[str, object] | None:
        """The definition, if it was kept."""
        found: dict[str, object] | None = msgspec.json.decode(self.definition, type=dict[str, object] | None)
        return found


class Tool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The definitions of one tool, in both lists the newest last. C{accepted} has at least one."""

    accepted: tuple[Variant, ...]
    changed: tuple[Variant, ...] = ()

    def known(self, fingerprint: str) -> bool:
        """Whether it is an accepted definition."""
        return any(variant.fingerprint == fingerprint for variant in self.accepted)

    def waits(self, fingerprint: str) -> bool:
        """Whether it is a change that is known already."""
        return any(variant.fingerprint == fingerprint for variant in self.changed)


class News(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Something to be recorded.

    @ivar what: C{first}, C{changed}, C{suspicious}, C{unfit}, C{key}, C{accepted} or C{withdrawn}.
    @ivar tool: C{None} for what is about the upstream.
    @ivar old: A fingerprint, or of C{key} a pin; like C{new}.
    @ivar key: The upstream's key; C{renewed}: and it was not known before.
    @ivar by: Of what a person did: who.
    """

    what: str
    tool: str | None
    old: str | None = None
    new: str | None = None
    key: str | None = None
    renewed: bool = False
    detail: str | None = None
    by: str | None = None


class Known(msgspec.Struct, forbid_unknown_fields=True):
    """
    What is known of one upstream. C{v} is the version of this form.

    @ivar untold: What people did that no gate has recorded yet.
    """

    upstream: str
    place: str
    keys: list[str] = []
    tools: dict[str, Tool] = {}
    untold: list[News] = []
    v: int = 1


@frozen
class Shown:
    """A tool as a list has it."""

    name: str
    definition: Mapping[str, object]
    text: bytes
    fingerprint: str
    unfit: str | None

    @classmethod
    def of(cls, definition: Mapping[str, object]) -> Shown:
        """The tool that an object with a C{name} defines."""
        text = canonical(definition)
        return cls(str(definition["name"]), definition, text, fingerprint(text), unfit(definition, text))


def is_new(known: Known, shown: list[Shown], key: str | None) -> bool:
    """Whether L{learn} would change anything."""
    if key is not None and key not in known.keys:
        return True
    for one in shown:
        tool = known.tools.get(one.name)
        if tool is None:
            if len(known.tools) < TOOLS_MOST:
                return True
        elif not (
            tool.known(one.fingerprint) or tool.waits(one.fingerprint) or len(tool.changed) >= CHANGED_MOST
        ):
            return True
    return False


def learn(known: Known, shown: list[Shown], key: str | None, now: float) -> list[News]:
    """Take what a list says; returns what is new in it. Of a list that says nothing new, nothing changes."""
    news: list[News] = []
    renewed = key is not None and bool(known.keys) and key not in known.keys
    if key is not None and key not in known.keys:
        if renewed:
            news.append(News("key", None, known.keys[-1], key, key, renewed))
        known.keys.append(key)
        del known.keys[:-KEYS_MOST]
    room = TEXTS_MOST - _size(known)
    for one in shown:
        tool = known.tools.get(one.name)
        if tool is None:
            if len(known.tools) >= TOOLS_MOST:
                continue
        elif tool.known(one.fingerprint) or tool.waits(one.fingerprint) or len(tool.changed) >= CHANGED_MOST:
            continue
        kept = msgspec.Raw(one.text) if len(one.text) <= min(TEXT_MOST, room) else _TOO_LARGE
        room -= len(kept)
        hidden = tuple(concealed(one.definition))
        variant = Variant(one.fingerprint, now, key, hidden, kept)
        old = None
        if tool is None:
            known.tools[one.name] = Tool((variant,))
        else:
            old = tool.accepted[-1].fingerprint
            known.tools[one.name] = Tool(tool.accepted, (*tool.changed, variant))
        what = "first" if tool is None else "changed"
        news.append(News(what, one.name, old, one.fingerprint, key, renewed))
        if hidden:
            detail = "; ".join(hidden)
            news.append(News("suspicious", one.name, old, one.fingerprint, key, renewed, detail))
        if one.unfit is not None:
            news.append(News("unfit", one.name, old, one.fingerprint, key, renewed, one.unfit))
    return news


class NotKnown(Exception):
    """There is no such change, in words for whoever wants to accept it."""


def accept(
    known: Known, names: list[str] | None, by: str, fingerprint: str | None = None, *, withdrawn: bool = False
) -> list[News]:
    """
    A person says that what has changed is right.

    @param names: Of which tools; C{None}: of all that have changed.
    @param by: Who says so.
    @param fingerprint: Which definition, by the beginning of its fingerprint; the newest otherwise.
    @param withdrawn: The other way round: what was accepted before is right.
    @raise NotKnown: A tool has not changed, or not to that; then nothing is accepted.
    """
    if names is None:
        names = [name for name, tool in known.tools.items() if tool.changed]
    found = []
    for name in dict.fromkeys(names):
        tool = known.tools.get(name)
        if tool is None:
            raise NotKnown(f"upstream {known.upstream} has shown no tool {name!a}")
        if not tool.changed:
            raise NotKnown(f"tool {name!a} of upstream {known.upstream} has not changed")
        of = [each for each in tool.changed if fingerprint is None or _begins(each.fingerprint, fingerprint)]
        if not of:
            raise NotKnown(f"tool {name!a} of upstream {known.upstream} has not changed to {fingerprint}")
        found.append((name, tool, of[-1]))
    news = []
    for name, tool, variant in found:
        old = tool.accepted[-1].fingerprint
        accepted = tool.accepted if withdrawn else (*tool.accepted, variant)[-ACCEPTED_MOST:]
        known.tools[name] = Tool(accepted)
        what = "withdrawn" if withdrawn else "accepted"
        news.append(News(what, name, old, variant.fingerprint, by=by))
    known.untold += news
    return news


def _begins(fingerprint: str, asked: str) -> bool:
    return fingerprint.startswith(asked) or fingerprint.partition(":")[2].startswith(asked)


def _size(known: Known) -> int:
    variants = (each for tool in known.tools.values() for each in (*tool.accepted, *tool.changed))
    return sum(len(each.definition) for each in variants)
