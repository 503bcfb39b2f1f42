"""What stands around every page: where one can go, what waits there, and what is not in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from attrs import frozen

from mcpgate.admin.page import Asked, NotFound, Page, Shown, Sources
from mcpgate.admin.wording import left, of
from mcpgate.index.asking import PlaceError
from mcpgate.index.store import StoreError


@frozen
class Place:
    """
    One entry of the menu.

    @ivar part: The heading above it, at the first of several that belong together.
    @ivar count: How many wait there for somebody; C{of}: of what.
    """

    key: str
    path: str
    name: str
    part: str | None = None
    count: int = 0
    of: str = ""


#: Seconds that the searchable copy may be behind before a page says so: a filler that restarts takes a few.
LATE: Final = 10.0

_PLACES: Final = (
    ("posture", "/", "Posture", None),
    ("ciphers", "/ciphers", "Ciphers", None),
    ("certificates", "/certificates", "Certificates", None),
    ("sessions", "/sessions", "Sessions", "Traffic"),
    ("exchanges", "/exchanges", "Exchanges", None),
    ("refused", "/refused", "Refused handshakes", None),
    ("held", "/held", "Held calls", "Decisions"),
    ("definitions", "/definitions", "Tools", None),
    ("configuration", "/configuration", "Configuration", "Gate"),
    ("search", "/search", "Search", None),
)


@frozen
class Frame:
    """
    What the template C{frame.html} shows.

    @ivar logs_out: Whether there is a login to end: a certificate shows itself again, and so does a socket.
    @ivar told: What is read aloud when it has changed.
    @ivar problems: What somebody should look after.
    """

    here: str
    gate: str
    places: tuple[Place, ...]
    who: str
    role: str
    may_decide: bool
    logs_out: bool
    generation: int | None
    held: int
    told: str
    problems: tuple[str, ...]
    now: float


def page(
    path: str,
    title: str,
    here: str,
    show: Callable[[Asked, Sources], Shown],
    menu: bool = True,
    asks: tuple[str, ...] = (),
) -> Page:
    """
    A page of ours. Without an index to ask it says so, within its frame: the gate can still be looked at.

    @param here: what it is in the menu, or belongs to there.
    @param asks: what the gate is asked besides what is around every page.
    """

    def safely(asked: Asked, sources: Sources) -> Shown:
        try:
            return show(asked, sources)
        except PlaceError:
            raise NotFound("There are no such rows.") from None
        except StoreError as error:
            shown = framed("no_index.html", here, asked, sources, title=title, why=str(error))
            return Shown(shown.template, shown.values, 503)

    return Page(path, title, safely, menu, asks=("status", "held", *asks))


def framed(template: str, here: str, asked: Asked, sources: Sources, **values: object) -> Shown:
    """A page within its frame."""
    return Shown(template, {"frame": frame(here, asked, sources), **values})


def frame(here: str, asked: Asked, sources: Sources) -> Frame:
    """The frame of the page that C{here} names."""
    status = sources.gate.status or {}
    held = sum(one.get("decided") is None for one in sources.gate.held or ())
    changed = sum((one.get("definitions") or {}).get("changed", 0) for one in status.get("upstreams", ()))
    waits = {"held": (held, "wait"), "definitions": (changed, "changed")}
    places = tuple(
        Place(key, path, name, part, *waits.get(key, (0, ""))) for key, path, name, part in _PLACES
    )
    problems = tuple(_problems(sources, status, asked.now))
    told = ["1 call waits" if held == 1 else f"{held} calls wait"] if held else []
    if problems:
        told.append("1 problem" if len(problems) == 1 else f"{len(problems)} problems")
    return Frame(
        here=here,
        gate=sources.name,
        places=places,
        who=str(asked.person),
        role=asked.person.role.value,
        may_decide=asked.person.decides,
        logs_out=asked.person.how in ("link", "oidc"),
        generation=status.get("generation"),
        held=held,
        told=", ".join(told),
        problems=problems,
        now=asked.now,
    )


def _problems(sources: Sources, status: Mapping[str, Any], now: float) -> Iterator[str]:
    if sources.gate.problem:
        yield f"The gate does not answer: {sources.gate.problem}"
    if status.get("problem"):
        yield from (f"Not in force: {line}" for line in str(status["problem"]).splitlines())
    journal = status.get("journal") or {}
    if journal.get("failure"):
        yield f"The journal cannot be written: {journal['failure']}"
    if (journal.get("seals") or {}).get("failure"):
        yield f"The journal cannot be sealed: {journal['seals']['failure']}"
    if journal.get("unrecorded"):
        exchanges = of(journal["unrecorded"], "exchange")
        yield f"{exchanges} went off the record while the journal could not be written"
    fresh = sources.freshness
    if fresh is not None and fresh.trouble:
        yield f"The searchable copy does not get on, so what is shown is older: {fresh.trouble}"
    elif fresh is not None and fresh.lag(now) > LATE:
        yield f"The searchable copy is {left(fresh.lag(now))} behind: it still reads the journal"
    for one in status.get("upstreams", ()):
        if one.get("echoed"):
            yield f"Upstream {one['name']} has shown the gate's credential {one['echoed']} times"
        failure = (one.get("definitions") or {}).get("failure")
        if failure:
            yield f"Definitions of upstream {one['name']}: {failure}"
    if status.get("draining"):
        yield "The gate is draining: it accepts no more connections."
