"""Ten mistakes, each told in one line with its key path by every command that reads a configuration.

Nothing is started: the port is held by the test, so a command that had tried to listen would have
ended with another message, and the state directory stays as it was.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA, write_pair
from tests.e2e.lab import HOSTS, Lab, Table

#: The commands as they are installed.
COMMANDS = ("mcpgate check", "mcpgate run", "twist mcpgate")

#: Configured after the file's tables were written, by replacing text.
Edit = tuple[str, str]


def other_key(lab: Lab) -> None:
    """The key of another certificate."""
    (lab.certificates / "gate.key").unlink()
    write_pair(lab.ca.server(HOSTS, lab.now), lab.directory / "other.crt", lab.certificates / "gate.key")


def open_key(lab: Lab) -> None:
    """A key that everybody may read."""
    (lab.certificates / "gate.key").chmod(0o644)


class Mistake:
    """What is wrong: in a table, in the text, or in the files; and where and how it must be told."""

    def __init__(
        self,
        path: str,
        words: str,
        *,
        listener: Table | None = None,
        upstream: Table | None = None,
        gate: Table | None = None,
        text: Edit = ("", ""),
        files: Callable[[Lab], None] = lambda lab: None,
    ) -> None:
        self.path = path
        self.words = words
        self.tables = {"listener": listener or {}, "upstream": upstream or {}, "gate": gate or {}}
        self.text = text
        self.files = files


AGAIN = '[[route]]\nname = "again"\npath = "/mcp"\nupstream = "weather"\n'

MISTAKES = {
    "misspelt key": Mistake(
        "listener.public.profil", 'did you mean "profile"?', listener={"profil": "modern"}
    ),
    "wrong type": Mistake("listener.public.certificates", "is a number", listener={"certificates": 5}),
    "short pin": Mistake("upstream.weather.pins[0]", "32", upstream={"pins": ["sha256/c2hvcnQ="]}),
    "missing file": Mistake("upstream.weather.trust", "absent.pem", upstream={"trust": "absent.pem"}),
    "key that does not match": Mistake("listener.public.certificates", "does not belong", files=other_key),
    "key readable by others": Mistake("listener.public.certificates", "chmod 600", files=open_key),
    "http upstream": Mistake("upstream.weather.url", "https", upstream={"url": "http://localhost/mcp"}),
    "duplicate route": Mistake("route.again.path", "another route", text=("[[rule]]", f"{AGAIN}\n[[rule]]")),
    "unknown profile": Mistake(
        "listener.public.profile", 'did you mean "modern"?', listener={"profile": "modem"}
    ),
    "bad duration": Mistake("gate.drain", "a duration", gate={"drain": "5 parsecs"}),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_exit_78_one_line_and_nothing_started(mistake: Mistake, tmp_path: Path, ca: LocalCA) -> None:
    """The same words from each command: what cannot be used, the one problem, and the consequence."""
    lab = Lab(tmp_path, ca)
    with socket.create_server(("127.0.0.1", 0)) as held:
        listen = f"tcp:{held.getsockname()[1]}:interface=127.0.0.1"
        tables = dict(mistake.tables)
        tables["upstream"] = {"url": "https://localhost/mcp", **tables["upstream"]}
        tables["listener"] = {"listen": listen, **tables["listener"]}
        config = lab.config(**tables)
        old, new = mistake.text
        config.write_text(config.read_text().replace(old, new, 1) if old else config.read_text())
        mistake.files(lab)
        outcomes = [*map(told, run_all(config))]
    assert len(set(outcomes)) == 1, "the commands do not agree"
    code, out, complaint = outcomes[0]
    assert (code, out) == (os.EX_CONFIG, "")
    head, problem, consequence = complaint.splitlines()
    assert head == f"mcpgate: {config} cannot be used (1 problem)"
    where, _, message = problem.strip().partition(": ")
    assert where.split(" ")[0] == mistake.path
    assert mistake.words in message
    assert consequence.startswith("Nothing was started.")
    assert os.listdir(lab.state) == []


def run_all(config: Path) -> list[subprocess.Popen[str]]:
    """All commands on that file, side by side, and at their end."""
    with ExitStack() as stack:
        running = []
        for command in COMMANDS:
            name, *words = command.split()
            running.append(
                subprocess.Popen(
                    [Path(sys.executable).with_name(name), *words, "--config", config],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(running[-1].kill)
        for one in running:
            one.wait(60)
        return running


def told(ended: subprocess.Popen[str]) -> tuple[int, str, str]:
    """How a command ended and what it said."""
    out, complaint = ended.communicate()
    return ended.returncode, out, complaint
