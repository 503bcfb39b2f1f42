"""C{mcpgate evidence auditor new}."""

from __future__ import annotations

import json
from pathlib import Path

from mcpgate.evidence.payload import Auditor, Reader
from tests.cli.inside import inside


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """For its owner's eyes, and nothing is overwritten."""
    key = tmp_path / "auditor.key"
    made = inside("evidence", "auditor", "new", "--out", key, "--format", "json")
    assert made.returncode == 0, made.stderr
    facts = json.loads(made.stdout)
    public = Path(facts["public"])
    assert Reader.of(key.read_bytes()).name == Auditor.of(public.read_bytes()).name == facts["name"]
    assert key.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in made.stdout
    before = key.read_bytes()
    again = inside("evidence", "auditor", "new", "--out", key)
    assert again.returncode == 73 and "exists" in again.stderr
    assert key.read_bytes() == before
