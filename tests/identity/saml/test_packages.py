"""What a gate says that lacks what it would verify assertions with."""

from __future__ import annotations

import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from mcpgate.identity.saml import packages

SETUP = Path(__file__).resolve().parents[3] / "setup.cfg"


def installed(monkeypatch: pytest.MonkeyPatch, signxml: str) -> None:
    """As if it were of that version."""
    monkeypatch.setattr(packages, "version", {"signxml": signxml}.__getitem__)


@pytest.mark.parametrize("signxml", ["5.2", "5.2.0", "5.10.1", "6.0"])
def test_what_is_new_enough_will_do(monkeypatch: pytest.MonkeyPatch, signxml: str) -> None:
    """From the first on that takes a certificate as it stands in metadata."""
    installed(monkeypatch, signxml)
    assert packages.lacking() is None


@pytest.mark.parametrize("signxml", ["4.4.0", "5.1.9", "5", "next"])
def test_what_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, signxml: str) -> None:
    """Such as Debian's; it would be there, and verify nothing."""
    installed(monkeypatch, signxml)
    said = packages.lacking()
    assert said is not None and "signxml 5.2" in said and f"{signxml} is installed" in said


@pytest.mark.parametrize("lost", ["signxml", "lxml"])
def test_what_is_missing_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    """One without the other will not do."""
    monkeypatch.setitem(sys.modules, lost, None)
    said = packages.lacking()
    assert said is not None and "mcpgate's extra [saml]" in said


def test_setup_cfg_says_the_same() -> None:
    """Who installs the extra has what is asked for here."""
    parser = ConfigParser()
    parser.read(SETUP, encoding="utf-8")
    floor = ".".join(map(str, packages.SIGNXML))
    assert f"signxml >= {floor}" in parser["options.extras_require"]["saml"].split("\n")
