"""Builds Debian's own kind of package: C{build_deb.py OUT}, in a chroot of sid that is dropped after it.

As Debian would: the upstream tarball is the sdist, made from the files under version control as they are
now; debian/ comes beside it (3.0 (quilt), so that a release of the packaging is none of mcpgate's). The
build runs as somebody without rights and without a network but loopback, the tests with it; then lintian
judges what came of it. C{DEB_BUILD_OPTIONS=nocheck} does without the tests.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
MIRROR = "http://deb.debian.org/debian"

#: Beside what debian/control asks for.
NEEDED = "build-essential,devscripts,fakeroot,lintian,passwd,python3-build,python3-setuptools"

# Runs in the chroot, as root. Where systemd's tools or a network are looked for, there are none.
INSIDE = """\
set -eu
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
test -e /etc/hosts || echo '127.0.0.1 localhost' >/etc/hosts
apt-get -qq -y --no-install-recommends build-dep /build/source >/build/apt.log 2>&1 </dev/null \\
  || { tail -n 30 /build/apt.log >&2; exit 1; }
useradd --create-home builder
chown -R builder: /build
"""
# Runs there too, as the builder and without a network.
BUILD = """\
set -eu
cd /build
mkdir made
cp -r source from
rm -rf from/debian
(cd from && python3 -m build --sdist --no-isolation --outdir /build >/build/sdist.log)
tar -xzf mcpgate-*.tar.gz -C made
version=$(cd source && dpkg-parsechangelog -S Version)
mv mcpgate-*.tar.gz made/mcpgate_${version%-*}.orig.tar.gz
cp -r source/debian made/mcpgate-*/
(cd made/mcpgate-* && dpkg-buildpackage -us -uc)
"""
LINTIAN = """\
cd /build/made
lintian --info --display-info --fail-on error,warning --allow-root mcpgate_*.changes
"""


def tracked() -> list[str]:
    """The files under version control, those that were not committed yet included."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in names.splitlines() if (ROOT / name).is_file()]


def hook(command: str) -> str:
    return f"--customize-hook={command}"


def build(out: Path) -> None:
    """Make the chroot, build in it, and bring out what came of it."""
    options = os.environ.get("DEB_BUILD_OPTIONS", "")
    # In a network of nobody's, where even loopback has to be brought up.
    loopback = (
        'ip link set lo up && mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=1777 none "$0/dev/shm" '
        '&& mount -t devpts -o newinstance,ptmxmode=0666 devpts "$0/dev/pts" && exec chroot "$0" "$@"'
    )
    inside = f"DEB_BUILD_OPTIONS='{options}' runuser -u builder -- sh /build/build.sh"
    with tempfile.TemporaryDirectory() as work:
        source = Path(work, "source")
        for name in tracked():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
        for name, text in (("inside.sh", INSIDE), ("build.sh", BUILD), ("lintian.sh", LINTIAN)):
            Path(work, name).write_text(text, encoding="utf-8")
        subprocess.run(
            [
                "mmdebstrap", "--quiet", "--variant=apt", "--mode=root", "--format=null",
                f"--include={NEEDED}",
                "--aptopt=Acquire::Check-Valid-Until \"false\"",
                hook("mkdir -p $1/build"),
                hook(f"copy-in {source} {work}/inside.sh {work}/build.sh {work}/lintian.sh /build"),
                hook('chroot "$1" sh /build/inside.sh'),
                hook(f"unshare --net --mount sh -c '{loopback}' \"$1\" sh -c \"{inside}\""),
                hook('chroot "$1" sh /build/lintian.sh'),
                hook("mkdir -p $1/out && mv $1/build/made/mcpgate_* $1/out && chown -R 0:0 $1/out"),
                hook(f"sync-out /out {out}"),
                "sid", os.devnull, MIRROR,
            ],
            check=True, env=os.environ | {"PATH": PATH},
        )  # fmt: skip


def main() -> None:
    """The package and its source, in OUT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    said = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("only root can make chroots to build packages in")
    for command in ("mmdebstrap", "ip", "git"):
        if shutil.which(command, path=PATH) is None:
            sys.exit(f"{command} is missing: install it to build packages")
    said.out.mkdir(parents=True, exist_ok=True)
    build(said.out)


if __name__ == "__main__":
    main()
