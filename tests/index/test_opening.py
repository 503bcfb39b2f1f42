"""Which index a configuration wants."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcpgate.index.opening import to_ask, to_fill
from mcpgate.index.store import StoreError
from tests.index.database import Database


def test_there_may_be_none(tmp_path: Path) -> None:
    """Nothing is opened, and no file made."""
    assert to_fill("off", tmp_path) is None and to_ask("off", tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_it_is_in_the_state_directory(tmp_path: Path) -> None:
    """If nobody says otherwise."""
    opened, asked = to_fill("sqlite", tmp_path), to_ask("sqlite", tmp_path)
    assert opened is not None and asked is not None
    opened().close()
    assert asked.ask("SELECT COUNT(*) FROM exchange") == [(0,)]
    asked.close()


def test_it_may_be_where_a_secret_says(tmp_path: Path, postgres: Database) -> None:
    """Which is read anew whenever somebody connects."""
    secret = tmp_path / "index"
    opened, asked = to_fill(f"file:{secret}", tmp_path), to_ask(f"file:{secret}", tmp_path)
    assert opened is not None and asked is not None
    with pytest.raises(StoreError, match="No such file"):
        opened()
    secret.write_text(postgres.url(postgres.base()) + "\n", encoding="utf-8")
    secret.chmod(0o600)
    opened().close()
    assert asked.ask("SELECT COUNT(*) FROM exchange") == [(0,)]
    asked.close()
    secret.chmod(0o644)
    with pytest.raises(StoreError, match="everybody on this machine"):
        opened()


@pytest.mark.parametrize("way", [to_fill, to_ask])
def test_what_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Callable[..., Any]
) -> None:
    """With what to do about it."""
    original = builtins.__import__

    def imported(name: str, *more: Any) -> Any:
        if name == "mcpgate.index.postgres":
            raise ImportError("no module named psycopg")
        return original(name, *more)

    monkeypatch.setattr(builtins, "__import__", imported)
    with pytest.raises(StoreError, match=r"extra \[postgres\] brings it"):
        opened = way("env:INDEX", tmp_path)
        opened()
