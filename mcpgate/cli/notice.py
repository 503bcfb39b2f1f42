"""What a service manager is told, as sd_notify(3) writes it, and the sentences in it (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: What is read in C{systemctl status}: one line, of about as much as a wide terminal shows.
MOST = 240

#: It is sent again and again, for as long as the gate makes progress.
ALIVE = b"WATCHDOG=1"


def ready(sentence: str) -> bytes:
    """Everything is bound and serves; or a reload is over, however it came out."""
    return _message(("READY", "1"), ("STATUS", sentence))


def reloading(microseconds: int, sentence: str) -> bytes:
    """A reload has begun. C{microseconds}: of the monotonic clock; an end told later is this one's."""
    return _message(("RELOADING", "1"), ("MONOTONIC_USEC", str(microseconds)), ("STATUS", sentence))


def stopping(seconds: float, sentence: str) -> bytes:
    """The gate ends, and may need so many seconds for it, even where the unit grants fewer."""
    return _message(
        ("STOPPING", "1"), ("EXTEND_TIMEOUT_USEC", str(int(seconds * 1_000_000))), ("STATUS", sentence)
    )


def state(sentence: str) -> bytes:
    """Nothing but how things are."""
    return _message(("STATUS", sentence))


def _message(*fields: tuple[str, str]) -> bytes:
    """Each field is a line; whatever a value holds, it makes no other field."""
    return "\n".join(f"{key}={_line(value)}" for key, value in fields).encode("utf-8", "replace")


def _line(value: str) -> str:
    line = "".join(one if one.isprintable() else " " for one in value)
    line = " ".join(line.split())
    return line if len(line) <= MOST else f"{line[: MOST - 3]}..."


# Of the facts that C{mcpgate status} shows.


def waits_for(facts: Mapping[str, Any]) -> str:
    """Why a gate that was started does not serve in full yet; nothing once it does."""
    if not facts.get("running"):
        return "starting"
    late = [row for row in facts.get("workers", ()) if row["state"] != "serves"]
    if not late:
        return ""
    return "waiting for " + "; ".join(f"worker {row['number']}: {_why(row)}" for row in late)


def _why(worker: Mapping[str, Any]) -> str:
    # Before it has a generation it has much to read, and answers when that is done.
    starts = worker["state"] == "does not answer" and not worker["generation"]
    return str(worker["problem"] or ("starts" if starts else worker["state"]))


def progresses(facts: Mapping[str, Any]) -> bool:
    """Whether somebody serves: with several workers, at least one that has just answered."""
    rows = facts.get("workers")
    return not rows or any(row["state"] in ("serves", "drains") for row in rows)


def sentence(facts: Mapping[str, Any]) -> str:
    """A running gate in one line."""
    callers = sum(row["connections"] for row in facts["listeners"])
    if facts["draining"]:
        return f"stopping, {_count(callers, 'connection')} left"
    parts = [
        f"generation {facts['generation']}",
        _count(len(facts["listeners"]), "listener"),
        _count(callers, "connection"),
    ]
    rows = facts.get("workers", ())
    if rows:
        serve = sum(row["state"] == "serves" for row in rows)
        parts.append(_count(len(rows), "worker") if serve == len(rows) else f"{serve} of {len(rows)} workers")
    line = ", ".join(parts)
    problem = facts.get("problem")
    return f"{line}; not taken: {_gist(problem)}" if problem else line


def _gist(problem: str) -> str:
    """What is wrong, from as much of a longer text as a line can hold."""
    first, _, rest = problem.partition("\n")
    second = rest.partition("\n")[0].strip()
    return f"{first}: {second}" if second else first


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
