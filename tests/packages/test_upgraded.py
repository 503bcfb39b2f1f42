"""A package that a newer one replaces: configuration and state are its administrator's, and stay."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.packages.chroot import Chroot, missing
from tests.packages.installed import CONFIG, STATE, USER, Installed
from tests.packages.kinds import KINDS, Kind

pytestmark = pytest.mark.packages


def newer(deb: Path, directory: Path) -> Path:
    """The same package with a later version and another first configuration, as a release would bring."""
    tree = directory / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    lines = control.read_text(encoding="utf-8").splitlines(keepends=True)
    lines = [line.rstrip("\n") + "+next\n" if line.startswith("Version: ") else line for line in lines]
    control.write_text("".join(lines), encoding="utf-8")
    with (tree / CONFIG.lstrip("/")).open("a", encoding="utf-8") as file:
        file.write("# Of a later version.\n")
    built = directory / "next.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, built], check=True)
    return built


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.suite)
def test_an_upgrade_keeps_what_its_administrator_wrote(kind: Kind, tmp_path: Path) -> None:
    """The configuration that was changed, the state and its modes."""
    lacks = missing()
    assert lacks is None, lacks
    with Chroot(kind.suite, tmp_path / "root") as chroot:
        installed = Installed(chroot, kind)
        file = chroot.path(CONFIG)
        file.write_text(file.read_text(encoding="utf-8") + "# Ours.\n", encoding="utf-8")
        chroot.run("install", "-d", "-o", USER, "-g", USER, "-m", "0700", STATE)
        token = installed.mcpgate("token", "issue", "me", "--state", STATE, user=USER).strip()
        assert token.startswith("mcpgate_")

        later = copied(chroot, newer(kind.file(), tmp_path))
        chroot.run("dpkg", "--force-confdef", "--force-confold", "-i", later)
        assert file.read_text(encoding="utf-8").endswith("# Ours.\n")
        assert "Of a later version" in chroot.path(f"{CONFIG}.dpkg-dist").read_text(encoding="utf-8")
        assert installed.owner_and_mode(f"{STATE}/tokens.json") == "mcpgate:mcpgate 600"
        assert "me" in installed.mcpgate("token", "list", "--state", STATE, user=USER)
        assert installed.mcpgate("--version").startswith("mcpgate ")


def copied(chroot: Chroot, deb: Path) -> str:
    """Where the package is inside."""
    chroot.path("/tmp/next.deb").write_bytes(deb.read_bytes())
    return "/tmp/next.deb"
