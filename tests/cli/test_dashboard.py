"""C{mcpgate dashboard}."""

from __future__ import annotations

import json
import os
import webbrowser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mcpgate.cli import dashboard
from mcpgate.cli.dashboard import command
from tests.cli.conftest import Run

URL = "https://localhost:9443/login/link/a-secret"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A gate that answers."""
    calls: list[dict[str, Any]] = []

    def ask(path: Path, verb: str, /, **given: object) -> dict[str, Any]:
        calls.append({"path": str(path), "verb": verb, **given})
        return {"url": URL, "role": given["role"]}

    monkeypatch.setattr(dashboard, "ask", ask)
    return calls


def do(*words: str) -> Result:
    return CliRunner().invoke(command, [*words, "--state", "/state"])


def test_a_link_is_printed_and_nothing_else(asked: list[dict[str, Any]]) -> None:
    """For a person, or for a program."""
    assert do().stdout == f"{URL}\n"
    assert json.loads(do("--viewer", "--format", "json").stdout) == {"url": URL, "role": "viewer"}
    assert [(call["path"], call["verb"], call["role"]) for call in asked] == [
        ("/state/control.sock", "dashboard", "approver"),
        ("/state/control.sock", "dashboard", "viewer"),
    ]


def test_a_browser_is_tried(asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said where there is none."""
    opened: list[str] = []

    def open(url: str) -> bool:
        opened.append(url)
        return False

    monkeypatch.setattr(webbrowser, "open", open)
    done = do("--open")
    assert opened == [URL] and done.stdout == f"{URL}\n" and "No browser" in done.stderr


def test_without_a_gate_there_is_no_link(run: Run, config: Path) -> None:
    """One line, and exit code 69."""
    done = run("dashboard", "--config", config)
    assert done.returncode == os.EX_UNAVAILABLE and "no gate is running" in done.stderr
