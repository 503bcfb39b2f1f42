"""What purging a package takes away, tried by its script itself, at other places than the system's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.packages.chroot import ROOT

SCRIPT = (ROOT / "debian" / "mcpgate.postrm").read_text(encoding="utf-8")
RULES = [ROOT / "debian/rules", ROOT / "etc/selfcontained/debian/rules"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A gate's state with evidence and secrets, beside secrets of its administrator."""
    found = tmp_path / "var/lib/mcpgate"
    for name in ("journal/0.jsonl", "journal/0.lock", "checkpoints/a", "evidence.pub", "tokens.json"):
        (found / name).parent.mkdir(parents=True, exist_ok=True)
        (found / name).write_text("something\n", encoding="ascii")
    (tmp_path / "etc/mcpgate/tls").mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir(parents=True)
    return found


def purge(root: Path) -> str:
    """Have the script purge what is below a directory; what it said, and whether debhelper's part came."""
    text = SCRIPT.replace("#DEBHELPER#", "echo debhelper")
    for place in ("/var/lib/mcpgate", "/etc/mcpgate", "/usr/bin/mcpgate"):
        assert place in text
        text = text.replace(place, f"{root}{place}")
    done = subprocess.run(["sh", "-c", text, "postrm", "purge"], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def files(directory: Path) -> set[str]:
    """What there is below it."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_evidence_stays_and_secrets_go(tmp_path: Path, state: Path) -> None:
    """And an empty directory for certificates with them."""
    said = purge(tmp_path)
    assert files(state) == {"journal/0.jsonl", "checkpoints/a", "evidence.pub"}
    assert "the evidence is kept" in said and "debhelper" in said
    assert not (tmp_path / "etc/mcpgate/tls").exists()


@pytest.mark.parametrize("dangling", [False, True])
def test_what_the_package_that_followed_runs_on_stays(tmp_path: Path, state: Path, dangling: bool) -> None:
    """Its state, its secrets, its directories, and that its units are enabled."""
    command = tmp_path / "usr/bin/mcpgate"
    command.symlink_to("nowhere") if dangling else command.touch()
    before = files(state)
    assert purge(tmp_path) == ""
    assert files(state) == before
    assert (tmp_path / "etc/mcpgate/tls").is_dir()


def test_nothing_is_removed_where_the_gates_user_points(tmp_path: Path, state: Path) -> None:
    """It can make links in its state, and the script runs as root."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "theirs.lock").touch()
    (state / "journal").rename(state / "moved")
    (state / "journal").symlink_to(other)
    (state / "logs").symlink_to(other)
    purge(tmp_path)
    assert files(other) == {"theirs.lock"}
    assert files(state) == {"checkpoints/a", "evidence.pub"}


def test_evidence_on_another_disk_can_be_verified_still(tmp_path: Path, state: Path) -> None:
    """The key that it is verified by stays beside the links that lead to it."""
    (tmp_path / "disk").mkdir()
    for room in ("journal", "checkpoints"):
        (state / room).rename(tmp_path / "disk" / room)
        (state / room).symlink_to(tmp_path / "disk" / room)
    purge(tmp_path)
    assert files(state) == {"evidence.pub"}
    assert "journal/0.jsonl" in files(tmp_path / "disk")


@pytest.mark.parametrize("how", ["a dangling link", "an empty mount point", "nothing"])
def test_evidence_that_cannot_be_seen_can_be_verified_still(tmp_path: Path, state: Path, how: str) -> None:
    """Its disk is not mounted now; and the public key is nowhere else."""
    (state / "evidence-key.json").write_text("something")
    (state / "checkpoints").rename(tmp_path / "checkpoints")
    (state / "journal").rename(tmp_path / "journal")
    if how == "a dangling link":
        (state / "journal").symlink_to(tmp_path / "disk/journal")
    elif how == "an empty mount point":
        (state / "journal").mkdir()
    assert "debhelper" in purge(tmp_path)
    assert files(state) == {"evidence.pub"}


def test_checkpoints_without_a_journal_stay(tmp_path: Path, state: Path) -> None:
    """All segments have been moved away; nothing fails for that, and debhelper's part comes."""
    (state / "journal").rename(tmp_path / "journal")
    assert "debhelper" in purge(tmp_path)
    assert files(state) == {"checkpoints/a", "evidence.pub"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
@pytest.mark.parametrize("evidence", [True, False])
def test_a_mount_point_is_emptied_as_far_as_it_goes(tmp_path: Path, state: Path, evidence: bool) -> None:
    """It cannot be removed, and that is no reason for the package to stay half removed."""
    (state / "journal/0.jsonl").write_bytes(b"something" if evidence else b"")
    (state / "checkpoints/a").write_bytes(b"")
    for place in (state, state / "uses"):
        place.mkdir(exist_ok=True)
        subprocess.run(["mount", "--bind", place, place], check=True)
    try:
        assert "debhelper" in purge(tmp_path)
        assert files(state) == ({"journal/0.jsonl", "checkpoints/a", "evidence.pub"} if evidence else set())
    finally:
        for place in (state / "uses", state):
            subprocess.run(["umount", place], check=True)


def test_state_without_evidence_goes(tmp_path: Path, state: Path) -> None:
    """As a whole."""
    for name in ("journal/0.jsonl", "checkpoints/a"):
        (state / name).write_bytes(b"")
    purge(tmp_path)
    assert not state.exists()


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: rules.parent.parent.name)
def test_a_gate_that_runs_is_started_anew_by_an_upgrade(rules: Path) -> None:
    """With C{--no-start} debhelper has an upgrade stop it, and start it no more."""
    said = [line for line in rules.read_text().splitlines() if line.startswith("\tdh_installsystemd")]
    assert all("--no-enable" in line and "--no-start" not in line for line in said)
    (socket,) = [line for line in said if line.endswith(" mcpgate.socket")]
    assert "--no-stop-on-upgrade" in socket and len(said) == 2
