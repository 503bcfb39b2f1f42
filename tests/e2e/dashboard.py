"""The dashboard of a gate that runs, and what its configuration needs for one."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mcpgate.testing import write_pair
from tests.admin.browser import Browser
from tests.e2e.lab import GateProcess, Lab, Table
from tests.waiting import eventually

_numbers = count()


def admin(lab: Lab, **more: object) -> Table:
    """An C{[admin]} table on a port that the system chooses; C{None} takes a key away."""
    usual = {"listen": "tcp:0:interface=127.0.0.1", "certificates": str(lab.certificates)}
    return {key: value for key, value in {**usual, **more}.items() if value is not None}


def facts(gate: GateProcess) -> dict[str, Any]:
    """What the gate says of its admin process."""
    found: dict[str, Any] = gate.status()["admin"]
    return found


def serving(gate: GateProcess) -> dict[str, Any]:
    """The same, when it serves."""

    def look() -> dict[str, Any] | None:
        found = facts(gate)
        return found if found["state"] == "serves" else None

    return eventually(look, "the dashboard serves")


def browser(gate: GateProcess, **more: Any) -> Browser:
    """A browser that knows where it is."""
    port = int(serving(gate)["address"].rpartition(":")[2])
    return Browser(gate.lab.ca_file, port, **more)


def link(gate: GateProcess, *options: str) -> str:
    """What C{mcpgate dashboard} prints."""
    done = gate.lab.command("dashboard", *options, "--config", gate.config)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def logged_in(gate: GateProcess, *options: str, **more: Any) -> Browser:
    """The browser of somebody who has used such a link."""
    path = urlsplit(link(gate, *options)).path
    return browser(gate, **more).redeem(path.rpartition("/")[2])


def client(lab: Lab, name: str) -> tuple[Path, Path]:
    """A client certificate of the lab's CA, and its key."""
    place = lab.directory / f"client-{next(_numbers)}.crt", lab.directory / f"client-{next(_numbers)}.key"
    write_pair(lab.ca.client(name, lab.now), *place)
    return place
