"""Whose task it is and which tool made it: told by nothing but place, principal and id, and for a time."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mcpgate.identity.principal import Principal
from mcpgate.sessions import tasks as module
from mcpgate.sessions.tasks import ID_LENGTH, KEPT_LEAST, KEPT_MOST, Tasks

CI = Principal("ci", "token", "0123456789ab", None)
PLACE = b"route\nup.test\n/mcp"
BEGAN = 1_800_000_000.0


class Clock:
    now = BEGAN

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def another(directory: Path, clock: Clock) -> Tasks:
    """Another worker, or the next gate."""
    tasks = Tasks(directory / "tasks", clock)
    tasks.begin()
    return tasks


@pytest.fixture
def tasks(tmp_path: Path, clock: Clock) -> Tasks:
    return another(tmp_path, clock)


def files(directory: Path) -> list[Path]:
    return sorted((directory / "tasks").iterdir())


def file_of(directory: Path) -> Path:
    """The one of the only task, beside that of its place."""
    (file,) = (each for each in files(directory) if each.read_bytes() != b'{"tool":""}')
    return file


def test_whoever_made_it_finds_the_tool_and_nobody_else(tasks: Tasks) -> None:
    """The same id of another principal, by another route, or of another upstream, is another task."""
    assert tasks.learn(PLACE, CI, "t-1", "get_x", 60)
    assert tasks.tool(PLACE, CI, "t-1") == "get_x"
    for place, name, how, id in [
        (PLACE, "other", "token", "t-1"),
        (PLACE, "ci", "certificate", "t-1"),
        (b"route-2\nup.test\n/mcp", "ci", "token", "t-1"),
        (PLACE, "ci", "token", "t-"),
        (PLACE, "ci", "token", ""),
        (PLACE + b"t", "ci", "token", "-1"),
    ]:
        assert tasks.tool(place, Principal(name, how, "", None), id) is None


def test_by_another_token_of_the_same_name_it_is_the_same_principal(tasks: Tasks) -> None:
    """As a session: a token is replaced, its holder stays."""
    tasks.learn(PLACE, CI, "t", "get_x", None)
    assert tasks.tool(PLACE, Principal("ci", "token", "another", BEGAN), "t") == "get_x"


def test_all_workers_and_the_next_gate_know_it(tasks: Tasks, tmp_path: Path, clock: Clock) -> None:
    """By a file that only we read, and that names neither the caller nor the task."""
    other = another(tmp_path, clock)
    assert other.tool(PLACE, CI, "t-secret") is None
    tasks.learn(PLACE, CI, "t-secret", "get_x", 60)
    assert other.tool(PLACE, CI, "t-secret") == "get_x"
    assert sorted(file.read_bytes() for file in files(tmp_path)) == [b'{"tool":""}', b'{"tool":"get_x"}']
    for file in files(tmp_path):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "secret" not in file.name


def test_all_know_where_tasks_are_made(tasks: Tasks, tmp_path: Path, clock: Clock) -> None:
    """At which place, whoever it was, and for as long as somebody cares."""
    other = another(tmp_path, clock)
    assert not other.made_at(PLACE)
    tasks.learn(PLACE, CI, "t", "get_x", 60)
    for each in (tasks, other):
        assert each.made_at(PLACE) and not each.made_at(b"elsewhere")
    clock.now += KEPT_MOST - 60
    assert other.made_at(PLACE)
    clock.now += KEPT_LEAST + 60
    assert not tasks.made_at(PLACE)


def test_a_task_stays_that_of_the_tool_that_made_it_first(
    tasks: Tasks, tmp_path: Path, clock: Clock
) -> None:
    """Else an upstream could have the result of one judged as that of another."""
    tasks.learn(PLACE, CI, "t", "get_secrets", 60)
    assert tasks.learn(PLACE, CI, "t", "get_secrets", 60)
    for each in (tasks, another(tmp_path, clock)):
        assert not each.learn(PLACE, CI, "t", "get_x", 60)
        assert each.tool(PLACE, CI, "t") == "get_secrets"


@pytest.mark.parametrize(
    ("ttl", "kept"),
    [(0.001, KEPT_LEAST), (7200, 7200), (None, KEPT_MOST), (1e300, KEPT_MOST), (-5, KEPT_LEAST)],
)
def test_it_is_kept_as_long_as_its_upstream_says_within_bounds(
    tasks: Tasks, tmp_path: Path, clock: Clock, ttl: float | None, kept: float
) -> None:
    tasks.learn(PLACE, CI, "t", "get_x", ttl)
    file = file_of(tmp_path)
    assert file.stat().st_mtime == BEGAN + kept
    clock.now += kept + 1
    assert tasks.tool(PLACE, CI, "t") is None
    assert another(tmp_path, clock).tool(PLACE, CI, "t") is None


def test_while_it_is_asked_for_it_is_kept(tasks: Tasks, tmp_path: Path, clock: Clock) -> None:
    """An upstream may keep it longer than it said; whichever worker is asked."""
    tasks.learn(PLACE, CI, "t", "get_x", 0)
    each, other = tasks, another(tmp_path, clock)
    for _ in range(6):
        clock.now += KEPT_LEAST * 0.9
        assert each.tool(PLACE, CI, "t") == "get_x"
        each, other = other, each


def test_what_is_kept_no_longer_is_swept_away_and_makes_room(
    tasks: Tasks, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step. Without room, a task cannot be asked for; it is no reason to fail."""
    # Of these, one says of the place that tasks are made there.
    monkeypatch.setattr(module, "TASKS_MOST", 4)
    tasks = another(tmp_path, clock)
    for id, ttl in (("a", 0), ("b", 0), ("c", None), ("d", 0)):
        assert tasks.learn(PLACE, CI, id, "get_x", ttl)
    assert tasks.tool(PLACE, CI, "d") is None and tasks.failure is not None
    clock.now += KEPT_LEAST + 1
    assert sum(1 for _ in tasks.sweep()) == 4
    assert len(files(tmp_path)) == 2
    tasks.learn(PLACE, CI, "d", "get_x", 0)
    assert tasks.tool(PLACE, CI, "d") == "get_x" and tasks.failure is None


@pytest.mark.parametrize("content", [b"", b"{}", b'{"tool":1}', b'{"tool":"get_x","more":1}', b"\xff" * 9000])
def test_a_file_that_is_none_of_ours_is_no_task(
    tasks: Tasks, tmp_path: Path, clock: Clock, content: bytes
) -> None:
    tasks.learn(PLACE, CI, "t", "get_x", None)
    file = file_of(tmp_path)
    file.write_bytes(content)
    os.utime(file, (BEGAN + 60, BEGAN + 60))
    assert another(tmp_path, clock).tool(PLACE, CI, "t") is None


def test_ids_that_no_upstream_has_are_nobodys(tasks: Tasks) -> None:
    assert tasks.learn(PLACE, CI, "x" * (ID_LENGTH + 1), "get_x", None)
    assert tasks.tool(PLACE, CI, "x" * (ID_LENGTH + 1)) is None
    assert tasks.learn(PLACE, CI, "\ud800", "get_x", None)
    assert tasks.tool(PLACE, CI, "\ud800") == "get_x"
    assert tasks.tool(PLACE, CI, "\ud801") is None


def test_without_its_directory_it_says_why_and_goes_on(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "tasks").write_text("in the way")
    tasks = another(tmp_path, clock)
    assert tasks.learn(PLACE, CI, "t", "get_x", None)
    assert tasks.tool(PLACE, CI, "t") is None
    assert list(tasks.sweep()) == []
    assert tasks.failure is not None and "tasks" in tasks.failure
