"""A port that is taken, and a state directory that another gate uses: one line, and no harm done."""

import os
import socket

from tests.e2e.caller import Caller, call
from tests.e2e.lab import Lab, McpServer


def test_a_taken_port_is_69(lab: Lab, weather: McpServer) -> None:
    """The line names the listener and the address; the control socket never was there."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        config = lab.config(upstream={"url": weather.url}, listener={"listen": listen})
        ended = lab.command("run", "--config", config)
    assert ended.returncode == os.EX_UNAVAILABLE
    (line,) = ended.stderr.splitlines()
    assert line == f"mcpgate: listener public: cannot listen on {listen}: Address already in use"
    assert not (lab.state / "control.sock").exists()


def test_one_of_two_ports_taken_starts_neither(lab: Lab, weather: McpServer) -> None:
    """A gate serves on all of its listeners or does not run; afterwards the free one is free again."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as other:
        free = other.getsockname()[1]
        other.close()
        listeners = [
            {"listen": f"tcp:{free}:interface=127.0.0.1"},
            {"name": "second", "listen": f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"},
        ]
        config = lab.config(upstream={"url": weather.url}, listener=listeners)
        ended = lab.command("run", "--config", config)
        assert ended.returncode == os.EX_UNAVAILABLE
        (line,) = ended.stderr.splitlines()
        assert "listener second" in line
        with socket.create_server(("127.0.0.1", free)):
            pass


def test_a_second_gate_on_the_same_state_directory_is_refused(lab: Lab, weather: McpServer) -> None:
    """It names the process that is there, which goes on as if nothing had been."""
    with lab.gate(upstream={"url": weather.url}) as gate, Caller(gate) as caller:
        before = gate.status()
        ended = lab.command("run", "--config", gate.config)
        assert ended.returncode == os.EX_CANTCREAT
        (line,) = ended.stderr.splitlines()
        assert f"process {gate.pid}" in line and str(lab.state) in line
        assert b"sunny in Oslo" in caller.post(call("get_weather", {"city": "Oslo"})).read()
        assert gate.status()["process"] == before["process"]
