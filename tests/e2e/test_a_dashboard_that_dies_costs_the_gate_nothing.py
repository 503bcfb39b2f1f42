"""The admin process beside a gate is ended, broken, moved and in the way, and calls go on being served."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mcpgate.testing import write_pair
from tests.e2e.caller import Caller, call
from tests.e2e.dashboard import admin, browser, facts, link, logged_in, serving
from tests.e2e.lab import GateProcess, Lab, McpServer, Table, free_port
from tests.waiting import eventually

CALL = call("get_weather", {"city": "Oslo"})


def is_answered(gate: GateProcess) -> None:
    """A call passes, whatever is with the dashboard."""
    with Caller(gate) as caller:
        assert "sunny in Oslo" in caller.post(CALL).read().decode()


@contextmanager
def running(lab: Lab, weather: McpServer, workers: int, table: Table) -> Iterator[GateProcess]:
    with lab.gate(upstream={"url": weather.url}, gate={"workers": workers}, admin=table) as gate:
        yield gate


def written(gate: GateProcess, weather: McpServer, workers: int, table: Table | None) -> None:
    """Another configuration, and have the gate read it."""
    tables = {"admin": table} if table is not None else {}
    gate.lab.config(upstream={"url": weather.url}, gate={"workers": workers}, **tables)  # type: ignore[arg-type]
    gate.hangup()


def test_one_that_is_killed_comes_back_and_one_that_is_moved_stays(lab: Lab, weather: McpServer) -> None:
    """Killed, it is replaced on the same address, and calls are answered meanwhile. Moved, it goes to a free
    address, and not to one that is taken: then nothing of that configuration counts."""
    with running(lab, weather, 2, admin(lab)) as gate:
        before = serving(gate)
        page, old = logged_in(gate), link(gate)
        os.kill(before["process"], signal.SIGKILL)
        is_answered(gate)
        after = eventually(
            lambda: (now := facts(gate))["state"] == "serves" and now["restarts"] == 1 and now, "it is back"
        )
        assert after["address"] == before["address"] and after["process"] != before["process"]
        assert "was ended by signal 9" in gate.log()
        # What was known of logins and links has ended with it.
        assert page.ask("/held").status == 303
        assert browser(gate).send("/login", link=old.rpartition("/")[2]).status == 403
        _is_moved(gate, weather, after)


def _is_moved(gate: GateProcess, weather: McpServer, first: dict[str, Any]) -> None:
    page = logged_in(gate)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
        written(gate, weather, 2, admin(gate.lab, listen=taken))
        eventually(lambda: "Address already in use" in (gate.status()["problem"] or ""), "it is refused")
        assert facts(gate)["address"] == first["address"]
        assert page.ask("/held").status == 200
    generation, port = gate.status()["generation"], free_port()
    written(gate, weather, 2, admin(gate.lab, listen=f"tcp:{port}:interface=127.0.0.1"))
    eventually(lambda: gate.status()["generation"] > generation, "it is in force")
    moved = eventually(lambda: (now := serving(gate))["address"].endswith(f":{port}") and now, "it moves")
    # The same process: whoever is logged in still is.
    assert moved["process"] == first["process"] and gate.status()["problem"] is None
    there = browser(gate)
    there.cookies = page.cookies
    assert eventually(lambda: there.ask("/held").status == 200, "it serves there")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(first["address"].rpartition(":")[2])), 5)
    written(gate, weather, 2, None)
    eventually(lambda: "admin" not in gate.status(), "there is none any more")
    eventually(lambda: not _lives(moved["process"]), "its process ends")
    is_answered(gate)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_that_cannot_start_is_told_and_tried_again(lab: Lab, weather: McpServer) -> None:
    """In the log and in the status; the gate serves."""
    table = admin(lab)
    # Found before the package's own: it cannot be imported.
    broken = lab.directory / "broken" / "klein"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('klein is broken')\n", encoding="ascii")
    path = os.pathsep.join([str(broken.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    with lab.gate(upstream={"url": weather.url}, admin=table, env={"PYTHONPATH": path}) as gate:
        found = eventually(lambda: (now := facts(gate))["restarts"] >= 2 and now, "it is tried again")
        assert "ended with exit code 1" in found["problem"]
        is_answered(gate)
        done = lab.command("dashboard", "--config", gate.config)
        assert done.returncode == os.EX_UNAVAILABLE and "the dashboard" in done.stderr
        # With what was compiled of it.
        shutil.rmtree(broken)
        written(gate, weather, 1, table)
        serving(gate)
        assert gate.terminate() == 0


def test_a_gate_whose_dashboards_address_is_taken_does_not_start(lab: Lab, weather: McpServer) -> None:
    """As with a listener's: one line, and exit code 69."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
        path = lab.config(upstream={"url": weather.url}, admin=admin(lab, listen=listen))
        done = lab.command("run", "--config", path)
    assert done.returncode == os.EX_UNAVAILABLE
    assert f"admin: cannot listen on {listen}: Address already in use" in done.stderr


def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(lab: Lab, weather: McpServer) -> None:
    """Without a reload, and without a word to the gate; which is ready meanwhile, until it drains."""
    own = lab.directory / "own"
    own.mkdir()
    pairs = [lab.ca.server(["localhost"], lab.now) for _ in range(2)]
    write_pair(pairs[0], own / "page.crt", own / "page.key")
    with running(lab, weather, 1, admin(lab, certificates=str(own))) as gate:
        port = int(serving(gate)["address"].rpartition(":")[2])
        generation = gate.status()["generation"]
        assert _shown(lab, port) == pairs[0].facts.serial
        (own / "page.crt").write_text("broken", encoding="ascii")
        eventually(lambda: "[admin] names are not taken up" in gate.log(), "it is told")
        assert _shown(lab, port) == pairs[0].facts.serial
        for name in ("page.crt", "page.key"):
            (own / name).unlink()
        write_pair(pairs[1], own / "page.crt", own / "page.key")
        eventually(lambda: _shown(lab, port) == pairs[1].facts.serial, "it is taken up")
        assert gate.status()["generation"] == generation
        _is_not_ready_while_it_drains(gate)


def _is_not_ready_while_it_drains(gate: GateProcess) -> None:
    """And is, until then; whoever asks needs no login."""
    page = browser(gate)
    assert (page.ask("/healthz").body, page.ask("/readyz").body) == ("ok\n", "ready\n")
    process = facts(gate)["process"]
    with Caller(gate) as caller:
        caller.begin(call("slow", {"ticket": "drained"}))
        eventually(lambda: gate.begun(name="slow"), "it is called")
        os.kill(gate.pid, signal.SIGTERM)
        answer = eventually(lambda: (now := page.ask("/readyz")).status == 503 and now, "it drains")
        assert answer.body == "draining\n"
    gate.wait()
    assert not _lives(process)


def _shown(lab: Lab, port: int) -> str:
    context = ssl.create_default_context(cafile=str(lab.ca_file))
    with socket.create_connection(("127.0.0.1", port), 20) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as sock:
            return str((sock.getpeercert() or {})["serialNumber"]).lower().lstrip("0")


def test_what_is_served_on_a_socket_needs_no_link(lab: Lab, weather: McpServer) -> None:
    """Whoever may open it is known by the kernel's word, and nobody else may."""
    path = lab.directory / "admin.sock"
    with running(lab, weather, 1, {"listen": f"unix:{path}"}) as gate:
        eventually(lambda: facts(gate)["state"] == "serves", "it serves")
        assert path.stat().st_mode & 0o777 == 0o600
        done = subprocess.run(
            ["curl", "-sS", "--unix-socket", str(path), "http://localhost/readyz"],
            capture_output=True, text=True, timeout=30,
        )  # fmt: skip
        assert done.stdout == "ready\n", done.stderr
        told = lab.command("dashboard", "--config", gate.config)
        assert told.returncode == os.EX_UNAVAILABLE and f"curl --unix-socket {path}" in told.stderr
        assert gate.terminate() == 0
        assert not path.exists()
