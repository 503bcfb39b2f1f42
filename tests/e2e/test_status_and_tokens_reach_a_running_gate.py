"""The control socket: what C{mcpgate status} shows, and tokens that count from the moment on.

The gate of these tests looks at its files once an hour, so whatever takes effect was told to it.
"""

import json
import stat
from collections.abc import Iterator

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call
from tests.e2e.lab import GateProcess, Lab, McpServer


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer) -> Iterator[GateProcess]:
    lab = Lab(tmp_path_factory.mktemp("status"), ca)
    with lab.gate(
        upstream={"url": weather.url, "pins": [weather.pin]}, gate={"watch": "1h"}
    ) as running, Caller(running) as caller:
        assert caller.post(call("get_weather", {"city": "Oslo"})).status == 200
        yield running


def test_only_the_gates_user_may_ask(gate: GateProcess) -> None:
    """Whoever can connect can do everything, so nobody else can."""
    found = (gate.lab.state / "control.sock").stat()
    assert stat.S_ISSOCK(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o600


def test_status_for_programs_is_json(gate: GateProcess, weather: McpServer) -> None:
    """What is bound, which certificates are shown, and how the upstream was last reached."""
    ended = gate.lab.command("status", "--config", gate.config, "--format", "json")
    assert (ended.returncode, ended.stderr) == (0, "")
    facts = json.loads(ended.stdout)
    assert (facts["process"], facts["generation"], facts["problem"]) == (gate.pid, 1, None)
    (listener,) = facts["listeners"]
    assert listener["address"] == f"127.0.0.1:{gate.port}"
    assert listener["profile"] == "modern"
    assert listener["certificates"][0]["names"] == ["localhost", "127.0.0.1"]
    (upstream,) = facts["upstreams"]
    assert upstream["url"] == weather.url
    assert upstream["last_refusal"] is None
    assert upstream["last_handshake"]["group"] == "X25519MLKEM768"
    assert upstream["last_handshake"]["pinned"] is True


def test_status_for_people_says_the_same(gate: GateProcess, weather: McpServer) -> None:
    """In lines, none of which needs JSON to be read."""
    ended = gate.lab.command("status", "--config", gate.config)
    assert (ended.returncode, ended.stderr) == (0, "")
    for fact in (f"127.0.0.1:{gate.port}", "modern", weather.url, "X25519MLKEM768", str(gate.pid)):
        assert fact in ended.stdout
    assert "{" not in ended.stdout and "\x1b" not in ended.stdout


def test_an_issued_token_is_good_at_once_and_a_revoked_one_bad_at_once(gate: GateProcess) -> None:
    """Also on the connection that it was used on before."""
    issued = gate.lab.command("token", "issue", "deploy", "--lifetime", "1h", "--config", gate.config)
    assert issued.returncode == 0
    token = issued.stdout.strip()
    assert token.startswith("mcpgate_") and token not in issued.stderr
    with Caller(gate, token) as caller:
        assert b"sunny in Oslo" in caller.post(call("get_weather", {"city": "Oslo"})).read()
        listed = gate.lab.command("token", "list", "--config", gate.config, "--format", "json")
        states = {one["name"]: one["state"] for one in json.loads(listed.stdout)}
        assert states["deploy"] == "good"
        assert token.split("_", 2)[2] not in listed.stdout

        assert gate.lab.command("token", "revoke", "deploy", "--config", gate.config).returncode == 0
        response = caller.post(call("get_weather", {"city": "Oslo"}))
        assert response.status == 401
        assert json.loads(response.read())["error"]["data"]["reason"] == "auth.revoked"
    assert gate.exchange(principal="deploy")["status"] == 200
    secret = token.split("_", 2)[2].encode()
    assert all(secret not in path.read_bytes() for path in gate.lab.state.rglob("*") if path.is_file())
