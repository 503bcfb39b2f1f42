"""C{mcpgate session}."""

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from mcpgate.cli.session import _age
from mcpgate.ops.control import ask
from mcpgate.sessions.keyfile import MEND, KeyFile
from tests.cli.conftest import Run, Start, control


def keys(run: Run, config: Path) -> list[dict[str, Any]]:
    """What is listed for programs."""
    return json.loads(run("session", "keys", "--config", config, "--format", "json").stdout)  # type: ignore[no-any-return]


def test_keys_are_listed_by_id_and_age_and_never_shown(run: Run, config: Path) -> None:
    """The oldest first; a new one seals only when all replicas can have it."""
    state = config.parent / "state"
    assert keys(run, config) == []
    assert "No key" in run("session", "keys", "--config", config).stdout
    KeyFile(state).rotate(time.time() - 7200)
    said = run("session", "rotate", "--config", config)
    assert (said.returncode, said.stdout) == (os.EX_OK, "")
    assert "1 old key kept" in said.stderr
    old, new = keys(run, config)
    assert set(old) == {"id", "created", "age", "use"} and new["id"] in said.stderr
    assert (old["use"], new["use"]) == ("seals", "opens, seals soon")
    assert 7200 <= old["age"] < 7300 and new["age"] < 100
    text = run("session", "keys", "--config", config).stdout
    assert old["id"] in text and "2h" in text
    for row in json.loads((state / "session-keys.json").read_text())["keys"]:
        assert row["key"] not in text + said.stderr


def test_all_old_keys_can_be_forgotten(run: Run, config: Path) -> None:
    """What that means is said."""
    run("session", "rotate", "--config", config)
    said = run("session", "rotate", "--now", "--config", config)
    assert said.returncode == os.EX_OK
    assert "every session that was open has ended" in said.stderr
    (only,) = keys(run, config)
    assert only["use"] == "seals" and only["id"] in said.stderr


def test_the_first_key_may_come_before_the_first_start(run: Run, tmp_path: Path) -> None:
    """To be copied to all replicas, say; the directory is made as the gate makes it."""
    state = tmp_path / "state"
    assert run("session", "rotate", "--state", state).returncode == os.EX_OK
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "session-keys.json").stat().st_mode) == 0o600


def test_a_key_file_that_is_not_one_is_never_replaced(run: Run, config: Path) -> None:
    """Neither by a rotation nor by the end of all sessions; no gate starts with it. The way out is told."""
    path = config.parent / "state" / "session-keys.json"
    path.write_text("{")
    path.chmod(0o600)
    for words in (("session", "rotate"), ("session", "rotate", "--now"), ("session", "keys")):
        said = run(*words, "--config", config)
        assert (said.returncode, said.stdout) == (os.EX_NOINPUT, "")
        assert str(path) in said.stderr and MEND in said.stderr
    for verb in ("check", "run"):
        said = run(verb, "--config", config)
        assert said.returncode == os.EX_CONFIG and str(path) in said.stderr and MEND in said.stderr
    assert path.read_text() == "{"
    path.unlink()
    assert run("session", "rotate", "--config", config).returncode == os.EX_OK


def test_check_makes_no_keys(run: Run, config: Path) -> None:
    """It starts nothing, and another than the gate's user may run it."""
    assert run("check", "--config", config).returncode == os.EX_OK
    assert not (config.parent / "state" / "session-keys.json").exists()


def test_there_is_an_end_to_keys(run: Run, config: Path) -> None:
    """The way out is named."""
    for _ in range(64):
        KeyFile(config.parent / "state").rotate(time.time())
    said = run("session", "rotate", "--config", config)
    assert said.returncode == os.EX_CANTCREAT and "--now" in said.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_running_gate_knows_at_once(run: Run, config: Path, start: Start, workers: int) -> None:
    """All of its workers, in a generation of its own; the first start makes the first key."""
    more = f'[gate]\nwatch = "1h"\nworkers = {workers}'
    config.write_text(config.read_text().replace("[gate]", more))
    start()
    (first,) = keys(run, config)
    assert ask(control(config), "status")["generation"] == 1
    assert run("session", "rotate", "--config", config).returncode == os.EX_OK
    assert ask(control(config), "status")["generation"] == 2
    assert [key["id"] for key in keys(run, config)][0] == first["id"]


def test_a_gate_that_goes_on_with_the_old_keys_is_no_success(run: Run, config: Path, start: Start) -> None:
    """Files come into force together: with another one broken, sessions that should have ended go on."""
    config.write_text(config.read_text().replace("[gate]", '[gate]\nwatch = "1h"'))
    start()
    (config.parent / "tls" / "gate.crt").write_text("nonsense")
    said = run("session", "rotate", "--now", "--config", config)
    assert said.returncode == os.EX_UNAVAILABLE
    assert "goes on with the keys that it had" in said.stderr and "gate.crt" in said.stderr
    assert ask(control(config), "status")["generation"] == 1


def test_ages_are_told_in_their_largest_unit() -> None:
    """A clock that was set back makes none negative."""
    ages = [_age(seconds) for seconds in (-5, 0.5, 119, 120, 7199, 7200, 172799, 172800, 9e6)]
    assert ages == ["0s", "0s", "119s", "2m", "119m", "2h", "47h", "2d", "104d"]
