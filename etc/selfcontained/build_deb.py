"""Builds the self-contained Debian package of one release: C{build_deb.py SUITE WHEELS OUT}.

In a chroot that C{mmdebstrap} makes of that release and drops again, so that the machine's own Python
has no part in it. WHEELS is a directory with what the locked sets name; the build itself has no network.
Then that release's lintian judges what came of it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from email.utils import formatdate
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

MIRROR = "http://deb.debian.org/debian"

#: Of each release its number: a package of a newer one replaces that of an older one at its upgrade.
RELEASES = {"bookworm": 12, "trixie": 13}

#: Without a compiler, of which dpkg-buildpackage would ask for one: nothing is compiled.
NEEDED = "debhelper,dpkg-dev,lintian,python3"

# Where Debian's own packages are wanted otherwise, the overrides say why this one is as it is. An info is
# left in bookworm, about init.d: trixie has no such tag, and takes an override of it for an error.
LINTIAN = "lintian --info --display-info --fail-on error,warning --allow-root /out/*.deb"

CHANGELOG = """\
mcpgate-selfcontained ({version}) {suite}; urgency=medium

  * What is new is in NEWS.md.

 -- The mcpgate authors <mcpgate@example.org>  {date}
"""


def output(*command: str) -> str:
    """What a command says, in the source's directory."""
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def lay_out(suite: str, source: Path) -> None:
    """A source package: the files under version control as they are now, and debian/ in its place."""
    for name in output("git", "ls-files").splitlines():
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    # What is there is for Debian's own package; what is the same for both is taken from it.
    (source / "debian").rename(source / "debian.own")
    shutil.copytree(source / "etc/selfcontained/debian", source / "debian")
    shutil.copy(source / "debian.own/mcpgate.postrm", source / "debian/mcpgate-selfcontained.postrm")
    (source / "debian/rules").chmod(0o755)
    said: dict[str, str] = {}
    exec((ROOT / "mcpgate/_version.py").read_text(encoding="utf-8"), said)
    at = int(os.environ.get("SOURCE_DATE_EPOCH") or output("git", "log", "-1", "--format=%ct"))
    version = f"{said['__version__']}+deb{RELEASES[suite]}"
    text = CHANGELOG.format(version=version, suite=suite, date=formatdate(at))
    (source / "debian/changelog").write_text(text, encoding="utf-8")


def build(suite: str, wheels: Path, out: Path) -> None:
    """Make the chroot, build in it, and bring out what came of it."""
    with tempfile.TemporaryDirectory() as work:
        source = Path(work, "mcpgate-selfcontained")
        source.mkdir()
        lay_out(suite, source)
        shutil.copytree(wheels, Path(work, "wheels"))
        run = "cd /build/mcpgate-selfcontained && WHEELS=/build/wheels dpkg-buildpackage -d -b -us -uc"
        subprocess.run(
            [
                "mmdebstrap", "--quiet", "--variant=apt", "--mode=root", "--format=null",
                f"--include={NEEDED}",
                "--customize-hook=mkdir $1/build",
                f"--customize-hook=copy-in {source} {work}/wheels /build",
                f'--customize-hook=unshare --net chroot "$1" sh -c "{run}"',
                "--customize-hook=chroot $1 sh -c 'mkdir /out && mv /build/*.deb /out'",
                f"--customize-hook=chroot $1 sh -c '{LINTIAN}'",
                f"--customize-hook=sync-out /out {out}",
                suite, os.devnull, MIRROR,
            ],
            check=True, env=os.environ | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip


def main() -> None:
    """One package, in OUT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=RELEASES)
    parser.add_argument("wheels", type=Path)
    parser.add_argument("out", type=Path)
    said = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("only root can make chroots to build packages in")
    if shutil.which("mmdebstrap") is None:
        sys.exit("mmdebstrap is missing: install it to build packages")
    said.out.mkdir(parents=True, exist_ok=True)
    build(said.suite, said.wheels, said.out)


if __name__ == "__main__":
    main()
