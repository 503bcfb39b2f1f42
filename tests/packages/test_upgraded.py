"""A package that a newer one replaces: configuration and state are its administrator's, and stay."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.packages.chroot import Chroot, missing
from tests.packages.installed import CONFIG, STATE, USER, Installed
from tests.packages.kinds import KINDS, Kind

pytestmark = pytest.mark.packages


Changed = Callable[[list[str]], list[str]]


def newer(lines: list[str]) -> list[str]:
    """The same package with a later version."""
    return [f"{line}+next" if line.startswith("Version: ") else line for line in lines]


def other(lines: list[str]) -> list[str]:
    """The package of the other name, as far as its control tells: one of the two knows of the other."""
    knows = ("Conflicts: ", "Replaces: ", "Provides: ")
    if "Package: mcpgate" in lines:
        lines = ["Package: mcpgate-selfcontained" if line == "Package: mcpgate" else line for line in lines]
        return [*lines, *(f"{field}mcpgate" for field in knows)]
    kept = [line for line in lines if not line.startswith(knows)]
    return ["Package: mcpgate" if line.startswith("Package: ") else line for line in kept]


def name(lines: list[str]) -> str:
    """Of the package that a control is of."""
    (found,) = [line.removeprefix("Package: ") for line in lines if line.startswith("Package: ")]
    return found


def rebuilt(deb: Path, directory: Path, *changes: Changed) -> Path:
    """A package whose control was changed, with another first configuration, as a release would bring."""
    tree, built = directory / f"tree{len(changes)}", directory / f"next{len(changes)}.deb"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    lines = control.read_text(encoding="utf-8").splitlines()
    for change in changes:
        lines = change(lines)
    control.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for script in (tree / "DEBIAN/postinst", tree / "DEBIAN/prerm"):
        # By it Debian's tools find the files whose bytecode they make and remove.
        text = script.read_text(encoding="utf-8")
        script.write_text(re.sub(r"-p mcpgate\b", f"-p {name(lines)}", text), encoding="utf-8")
    with (tree / CONFIG.lstrip("/")).open("a", encoding="utf-8") as file:
        file.write("# Of a later version.\n")
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

        later = copied(chroot, rebuilt(kind.file(), tmp_path, newer))
        chroot.run("dpkg", "--force-confdef", "--force-confold", "-i", later)
        assert file.read_text(encoding="utf-8").endswith("# Ours.\n")
        assert "Of a later version" in chroot.path(f"{CONFIG}.dpkg-dist").read_text(encoding="utf-8")
        assert installed.owner_and_mode(f"{STATE}/tokens.json") == "mcpgate:mcpgate 600"
        assert "me" in installed.mcpgate("token", "list", "--state", STATE, user=USER)
        assert installed.mcpgate("--version").startswith("mcpgate ")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.suite)
def test_the_package_of_the_other_name_may_follow(kind: Kind, tmp_path: Path) -> None:
    """Both ways, as at an upgrade of the release; purging the one that was there takes nothing from it."""
    lacks = missing()
    assert lacks is None, lacks
    with Chroot(kind.suite, tmp_path / "root") as chroot:
        installed = Installed(chroot, kind)
        names = {"mcpgate", "mcpgate-selfcontained"}
        file = chroot.path(CONFIG)
        file.write_text(file.read_text(encoding="utf-8") + "# Ours.\n", encoding="utf-8")
        chroot.run("install", "-d", "-o", USER, "-g", USER, "-m", "0700", STATE)
        installed.mcpgate("token", "issue", "me", "--state", STATE, user=USER)
        chroot.path("/etc/mcpgate/secrets/github").write_text("a secret")
        now = installed.name
        for changes in ((other,), (newer, newer)):
            following = copied(chroot, rebuilt(kind.file(), tmp_path, *changes))
            keep = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
            chroot.run("apt-get", "-q", "install", "-y", "--no-install-recommends", *keep, following)
            chroot.run("dpkg", "--purge", now)
            (now,) = names - {now}
            assert chroot.run("dpkg-query", "-W", "-f", "${Status}", now).stdout == "install ok installed"
            assert file.read_text(encoding="utf-8").endswith("# Ours.\n")
            assert chroot.path("/etc/mcpgate/secrets/github").read_text() == "a secret"
            assert "me" in installed.mcpgate("token", "list", "--state", STATE, user=USER)
            assert installed.owner_and_mode("/etc/mcpgate/secrets") == "root:mcpgate 750"


def copied(chroot: Chroot, deb: Path) -> str:
    """Where the package is inside."""
    chroot.path("/tmp/next.deb").write_bytes(deb.read_bytes())
    return "/tmp/next.deb"
