"""C{mcpgate check}: a good configuration is told as facts, a bad one as one line a problem."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Start


def test_a_good_configuration_is_good(run: Run, config: Path) -> None:
    """It says so, with the certificate's names and how long it lasts."""
    said = run("check", "--config", config)
    assert (said.returncode, said.stderr) == (os.EX_OK, "")
    assert said.stdout.startswith(f"{config} is good\n")
    assert "localhost" in said.stdout and "https://mcp.example.com/mcp" in said.stdout


def test_facts_for_programs(run: Run, config: Path) -> None:
    """C{--format json} is one document."""
    facts = json.loads(run("check", "--config", config, "--format", "json").stdout)
    assert facts["listeners"][0]["name"] == "main"
    assert 80 < facts["certificates"][0]["days_left"] < 91


def test_check_and_status_call_the_same_facts_by_the_same_names(run: Run, config: Path, start: Start) -> None:
    """A program that watches one can read the other."""
    start()
    checked = json.loads(run("check", "--config", config, "--format", "json").stdout)
    running = json.loads(run("status", "--config", config, "--format", "json").stdout)
    for key in ("name", "listen", "profile", "require_pq", "client_certificates"):
        assert checked["listeners"][0][key] == running["listeners"][0][key]
    for key in ("name", "url", "profile", "require_pq"):
        assert checked["upstreams"][0][key] == running["upstreams"][0][key]
    for key in ("names", "not_after"):
        assert checked["certificates"][0][key] == running["listeners"][0]["certificates"][0][key]


def edit(old: str, new: str) -> Callable[[Path], None]:
    """A mistake made by replacing text in the file."""

    def make(config: Path) -> None:
        text = config.read_text(encoding="utf-8")
        assert old in text
        config.write_text(text.replace(old, new), encoding="utf-8")

    return make


def other_key(config: Path) -> None:
    """A key of somebody else's beside the certificate."""
    (config.parent / "tls" / "gate.key").write_bytes((config.parent / "ca.key").read_bytes())


def open_key(config: Path) -> None:
    """A key that everybody may read."""
    (config.parent / "tls" / "gate.key").chmod(0o644)


ROUTE = '[[route]]\nname = "again"\npath = "/example"\nupstream = "example"\n'

#: What is wrong, the key path that the message must begin with, and a word that must be in it.
MISTAKES = {
    "misspelt key": (edit("profile =", "profil ="), "listener.main.profil", '"profile"'),
    "wrong type": (edit('"tls" ', "5 "), "listener.main.certificates", "number"),
    "short pin": (edit("# pins =", "pins ="), "upstream.example.pins[0]", "pin"),
    "missing file": (edit('"ca.pem"', '"absent.pem"'), "upstream.example.trust", "absent.pem"),
    "key that does not match": (other_key, "listener.main.certificates", "gate."),
    "key readable by others": (open_key, "listener.main.certificates", "gate.key"),
    "http upstream": (edit('"https://mcp', '"http://mcp'), "upstream.example.url", "https"),
    "duplicate route by default names": (
        edit("# What no rule", ROUTE.replace('name = "again"\n', "") + "# What no rule"),
        "route.example.path",
        "another route",
    ),
    "duplicate route": (edit("# What no rule", ROUTE + "# What no rule"), "route.again", "another route"),
    "unknown profile": (edit('"modern"', '"moderm"'), "listener.main.profile", '"modern"'),
    "bad duration": (edit("[gate]", "[limits]\nbody_timeout = 30\n[gate]"), "limits.body_timeout", "30s"),
}


@pytest.mark.parametrize(("mistake", "path", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_with_its_key_path(
    run: Run, config: Path, mistake: Callable[[Path], None], path: str, words: str
) -> None:
    """Exit 78, one line that says where and what, and nothing on stdout."""
    mistake(config)
    said = run("check", "--config", config)
    assert (said.returncode, said.stdout) == (os.EX_CONFIG, "")
    first, problem, *rest = said.stderr.splitlines()
    assert first == f"mcpgate: {config} cannot be used (1 problem)"
    assert problem.startswith(f"  {path}") and words in problem
    assert len(rest) == 1 and rest[0].startswith("Nothing was started.")


def test_all_problems_are_told_at_once(run: Run, config: Path) -> None:
    """What the file, the files it names and the directory have wrong comes in one message."""
    open_key(config)
    (config.parent / "ca.pem").unlink()
    said = run("check", "--config", config)
    assert said.returncode == os.EX_CONFIG
    assert "(2 problems)" in said.stderr
    assert "gate.key" in said.stderr and "upstream.example.trust" in said.stderr


def test_a_file_that_cannot_be_read_is_66(run: Run, tmp_path: Path) -> None:
    """An absent configuration is no bad configuration."""
    said = run("check", "--config", tmp_path / "absent.toml")
    assert said.returncode == os.EX_NOINPUT
    assert "absent.toml" in said.stderr


def test_what_is_wrong_with_the_dashboard_is_told_as_everything_else(run: Run, config: Path) -> None:
    """Its certificates, too; nothing would start."""
    text = config.read_text(encoding="utf-8")
    for line in ("[admin]", "listen ="):
        text = text.replace(f"# {line}", line)
    config.write_text(text, encoding="utf-8")
    done = run("check", "--config", config)
    assert done.returncode == os.EX_CONFIG and "admin.certificates" in done.stderr
    config.write_text(text.replace('# certificates = "tls"', 'certificates = "ca.pem"'), encoding="utf-8")
    done = run("check", "--config", config)
    assert done.returncode == os.EX_CONFIG and "admin.certificates" in done.stderr
    config.write_text(text.replace('# certificates = "tls"', 'certificates = "tls"'), encoding="utf-8")
    assert run("check", "--config", config).returncode == os.EX_OK
