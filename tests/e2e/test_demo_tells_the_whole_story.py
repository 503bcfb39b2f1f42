"""C{mcpgate demo} sets up the whole path, keeps what it promises, leaves its journal and nothing else."""

import os
import pty
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.e2e.demo import DEMO_MOST, kept_demo, left_running, run_demo
from tests.e2e.lab import MCPGATE
from tests.journals import records_in

SECTIONS = [
    "1. What stands on this machine",
    "2. The official client, MCP 2025-11-25",
    "3. The official client, MCP 2026-07-28",
    "4. Our own client: post-quantum key exchange on both legs",
    "5. A tool that a rule blocks",
    "6. HTTP in clear to the TLS port",
    "7. A server with the right name and CA, but not the pinned key",
    "8. A CI job with a token of its issuer, and one whose token is over",
    "9. The records of all of it",
]

Records = list[Mapping[str, Any]]


class Told:
    """A whole demonstration: the directory it kept, its text, and its journal."""

    def __init__(self, state: Path, text: str) -> None:
        self.state = state
        self.text = text
        self.records: Records = records_in(state / "state")

    def of(self, kind: str) -> dict[str, Mapping[str, Any]]:
        """The records of a type by their ids."""
        return {record["id"]: record for record in self.records if record["type"] == kind}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One demonstration for all who only look at what came of it."""
    state = tmp_path_factory.mktemp("demo") / "kept"
    done = run_demo("--state", str(state))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return Told(state, done.stdout)


def test_it_tells_every_part_in_order(told: Told) -> None:
    """The sections are there, each once, and it ends by saying that all came out as promised."""
    assert re.findall(r"^\d+\. .*$", told.text, re.MULTILINE) == SECTIONS
    assert "Everything came out as promised" in told.text
    assert told.text.endswith("Nothing is left running.\n")


def test_what_is_piped_away_has_no_colours(told: Told) -> None:
    """Escape sequences are for terminals."""
    assert "\x1b" not in told.text


def test_both_legs_of_every_call_are_in_the_journal(told: Told) -> None:
    """TLS 1.3 in; TLS 1.3, post-quantum and pinned out; nothing out for what was blocked or refused."""
    shakes, opened = told.of("handshake"), told.of("open")
    closed = told.of("close")
    assert opened.keys() == closed.keys()
    for id, begin in opened.items():
        assert shakes[begin["inbound"]]["handshake"]["version"] == "TLSv1.3"
        outbound = closed[id]["outbound"]
        if begin["verdict"] == "block" or closed[id]["reason"] == "auth.expired":
            assert outbound is None
        elif begin["upstream"] == "weather":
            seen = shakes[outbound]["handshake"]
            assert (seen["version"], seen["group"], seen["pinned"]) == ("TLSv1.3", "X25519MLKEM768", True)


def test_both_eras_of_the_official_client_called_and_were_blocked(told: Told) -> None:
    """Each era made the same three calls; ours made one, one to the impostor, and one as a CI job."""
    begun = [one for one in told.records if one["type"] == "open" and one["upstream"] == "weather"]
    names = [(one["name"], one["verdict"]) for one in begun if one["method"] == "tools/call"]
    visit = [("get_weather", "allow"), ("slow", "allow"), ("delete_all", "block")]
    assert names == [*visit, *visit, ("get_weather", "allow"), ("get_weather", "allow")]
    # Only the older era has that.
    assert [one["method"] for one in begun].count("initialize") == 1


def test_one_call_is_post_quantum_on_both_legs(told: Told) -> None:
    """Our own client's: the groups are those of the journal."""
    shakes, closed = told.of("handshake"), told.of("close")
    groups = [
        tuple(shakes[id]["handshake"]["group"] for id in (one["inbound"], one["outbound"]))
        for one in closed.values()
        if one["outbound"] and shakes[one["outbound"]]["handshake"]
    ]
    assert ("X25519MLKEM768", "X25519MLKEM768") in groups


def test_a_ci_job_calls_by_its_issuers_word_and_not_when_that_is_over(told: Told) -> None:
    """Both jobs are on record, the good one by its issuer, subject and proof; the other ran nothing."""
    good, late = [one for one in told.records if one["type"] == "open"][-2:]
    closed = told.of("close")
    job = "repo:acme/deploy:ref:refs/heads/main"
    assert (good["issuer"], good["subject"], good["how"]) == ("ci", job, "jwt")
    assert (good["rule"], closed[good["id"]]["status"]) == ("ci-may-read", 200)
    assert (closed[late["id"]]["status"], closed[late["id"]]["reason"]) == (401, "auth.expired")
    keys = [one for one in told.of("handshake").values() if one["leg"] == "provider"]
    assert {(one["where"], one["outcome"]) for one in keys} == {("ci", "ok")}


def test_the_server_was_shown_the_gates_credential_by_everybody(told: Told) -> None:
    """By the official client, by ours, and by the CI job: nobody's own token went further than the gate."""
    secret = (told.state / "weather.secret").read_text(encoding="ascii")
    shown = (told.state / "state" / "shown").read_text(encoding="ascii").splitlines()
    assert set(shown) == {f"Bearer {secret}"}
    passed = [one for one in told.of("close").values() if one["outbound"] and one["reason"] != "tls.pin"]
    assert len(shown) >= len(passed)
    assert secret not in told.text + str(told.records)


def test_the_plaintext_try_is_recorded_without_a_credential(told: Told) -> None:
    """One, refused as such."""
    plain = [one for one in told.of("handshake").values() if one["reason"] == "tls.plaintext"]
    assert [(one["leg"], one["outcome"], one["extra"]) for one in plain] == [
        ("inbound", "refused", {"credential_exposed": False})
    ]


def test_the_wrong_pin_is_recorded_and_joined_to_its_exchange(told: Told) -> None:
    """The exchange that failed names the handshake that was refused; the impostor got no byte."""
    (shake,) = (one for one in told.of("handshake").values() if one["reason"] == "tls.pin")
    (closed,) = (one for one in told.of("close").values() if one["reason"] == "tls.pin")
    assert (shake["leg"], shake["where"], shake["outcome"]) == ("outbound", "impostor", "refused")
    assert (closed["outbound"], closed["status"]) == (shake["id"], 502)
    assert "finished handshakes 0, bytes received 0" in told.text


def test_the_table_has_every_record(told: Told) -> None:
    """Handshakes and exchanges, by the ends of their ids."""
    table = told.text[told.text.index(SECTIONS[-1]) :]
    for id in [*told.of("handshake"), *told.of("open")]:
        assert re.search(rf"^  {id[0]}\.\.{id[-2:]} ", table, re.MULTILINE), id


def test_what_it_keeps_is_a_good_configuration(told: Told) -> None:
    """C{mcpgate check} has nothing to say against it."""
    config = told.state / "mcpgate.toml"
    done = subprocess.run([*MCPGATE, "check", "--config", str(config)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_leaves_nothing_running(told: Told) -> None:
    """No process of it, no port of it."""
    assert left_running(told.state) == []


def test_a_directory_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    """Exit code 73, one line, and what was there is as it was."""
    precious = tmp_path / "precious"
    precious.write_text("data")
    done = run_demo("--state", str(tmp_path))
    assert (done.returncode, done.stdout) == (73, "")
    assert done.stderr.count("\n") == 1
    assert str(tmp_path) in done.stderr
    assert list(tmp_path.iterdir()) == [precious]
    assert precious.read_text() == "data"


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_on_a_terminal_it_is_coloured_and_leaves_no_files(
    tmp_path_factory: pytest.TempPathFactory, no_color: str, coloured: bool
) -> None:
    """A terminal gets colours, unless NO_COLOR is set; without --state every file is gone in the end."""
    # A short name: there will be unix sockets below it.
    temporary = tmp_path_factory.mktemp("t")
    code, text = on_a_terminal({"TMPDIR": str(temporary), "NO_COLOR": no_color})
    assert code == 0, text
    assert ("\x1b[" in text) is coloured
    assert list(temporary.iterdir()) == []
    assert left_running(temporary) == []


def test_a_path_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    """Before anything is started."""
    done = run_demo("--state", str(tmp_path / ("long" * 30)))
    assert done.returncode == 73
    assert "too long" in done.stderr


def test_kept_it_serves_the_snippet_until_ctrl_c(tmp_path: Path) -> None:
    """The client that it prints works as it stands, its dashboard has a door; Ctrl-C ends everything."""
    state = tmp_path / "kept"
    with kept_demo(state, tmp_path / "printed") as demo:
        client = [sys.executable, "-c", demo.snippet]
        done = subprocess.run(client, capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stdout) == (0, "sunny in Oslo\n"), done.stderr
        trust = ssl.create_default_context(cafile=state / "ca.pem")
        with urlopen(demo.dashboard, context=trust, timeout=30) as page:
            assert "This link is good once." in page.read().decode()
        assert demo.end(signal.SIGINT) == 0
        assert demo.text.endswith("Nothing is left running.\n")
    assert left_running(state) == []


def test_sigterm_takes_the_children_along(tmp_path: Path) -> None:
    """Whoever ends it, its children end with it."""
    state = tmp_path / "kept"
    with kept_demo(state, tmp_path / "printed") as demo:
        assert left_running(state) != []
        demo.end(signal.SIGTERM)
    assert left_running(state) == []


def test_a_gate_that_dies_fails_it_with_one_clear_line(tmp_path: Path) -> None:
    """Exit code 70, what happened, no traceback, and nothing left running."""
    state = tmp_path / "kept"
    with kept_demo(state, tmp_path / "printed") as demo:
        os.kill(demo.gate_pid, signal.SIGKILL)
        assert demo.child.wait(20) == 70
        assert "mcpgate: the demonstration failed: the gate ended with exit code -9" in demo.text
        assert "Traceback" not in demo.text
    assert left_running(state) == []


def on_a_terminal(env: Mapping[str, str]) -> tuple[int, str]:
    """The demonstration with a terminal for its stdout: its exit code and its text."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [*MCPGATE, "demo"], stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env={**os.environ, **env}
    )
    os.close(theirs)
    text = b""
    try:
        while True:
            text += os.read(ours, 65536)
    except OSError:
        pass  # Linux's way of saying that nobody writes any more
    finally:
        os.close(ours)
    return child.wait(DEMO_MOST), text.decode()
