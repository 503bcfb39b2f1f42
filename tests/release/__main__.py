"""C{make release-check}: all that has to be right before a release, a line for each step; 1 if any is not.

    python -m tests.release [STEP ...]

What is to be published lies in C{build/release} afterwards. Only what is committed counts: all is built from
an archive of HEAD, twice, in two places.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mcpgate._version import __version__
from tests.release.contents import MADE, differing, forbidden, installed_names, sdist_expected, wheel_expected
from tests.release.floors import EXTRAS, floors
from tests.release.fragments import astray, kinds, misnamed
from tests.release.licences import closure, unfit
from tests.release.steady import steady
from tests.release.versions import disagreeing, lagging

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "release"
#: A clean build of both packages in fresh chroots takes minutes; what takes longer hangs.
MOST = 3600.0
#: A library in a list of constraints; lines of hashes are not.
LOCKED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==")
#: Of what a step that failed has printed, the end is what says why.
TAIL = 15


class WrongError(Exception):
    """A step has found something; its arguments are the sentences."""


def version() -> str:
    """One version in the package, NEWS, Debian's changelog and the RPM's spec; and Debian has our floors."""
    changelog, spec = ROOT / "debian/changelog", ROOT / "etc/rpm/mcpgate.spec"
    fragments = [path.name for path in _fragments()]
    texts = [path.read_text(encoding="utf-8") if path.exists() else None for path in (changelog, spec)]
    wrong = disagreeing(__version__, _text("NEWS.md"), fragments, *texts)
    control = ROOT / "debian/control"
    if control.exists():
        wrong += lagging(control.read_text(encoding="utf-8"), floors(_text("setup.cfg")))
    _demand(wrong)
    return __version__


def news() -> str:
    """towncrier takes every fragment, and each link leads somewhere."""
    known = kinds(_text("pyproject.toml"))
    wrong = misnamed((path.name for path in _fragments()), known)
    for path in _fragments():
        wrong += astray(path.name, path.read_text(encoding="utf-8"), lambda one: (ROOT / one).exists())
    wrong += astray("NEWS.md", _text("NEWS.md"), lambda one: (ROOT / one).exists())
    _demand(wrong)
    _run(sys.executable, "-m", "towncrier", "build", "--draft", "--version", __version__)
    return f"{len(_fragments())} fragments"


def build() -> str:
    """Wheel and sdist come out the same twice, from two places."""
    epoch = int(_run("git", "log", "-1", "--format=%ct"))
    with _archive() as one, _archive() as other:
        first, second = _built(one, epoch), _built(other, epoch)
        pairs = zip(first, second, strict=True)
        _demand([f"{a.name} is not the same twice" for a, b in pairs if _hash(a) != _hash(b)])
        OUT.mkdir(parents=True, exist_ok=True)
        for old in (*OUT.glob("*.whl"), *OUT.glob("*.tar.gz")):
            old.unlink()
        for made in first:
            (OUT / made.name).write_bytes(made.read_bytes())
    sums = "".join(f"{_hash(path)}  {path.name}\n" for path in _made())
    (OUT / "SHA256SUMS").write_text(sums, encoding="ascii")
    return "the same twice"


def contents() -> str:
    """They hold what they must, and nothing that they must not."""
    wheel, sdist = _made()
    tracked = _run("git", "ls-tree", "-r", "--name-only", "HEAD").split("\n")
    with zipfile.ZipFile(wheel) as members:
        packed = [(name, members.read(name)) for name in members.namelist()]
    names = installed_names((name for name, _ in packed), __version__)
    wrong = [f"wheel: {one}" for one in differing(wheel_expected(tracked, _text("setup.cfg")), names)]
    wrong += [f"wheel: {one}" for one in forbidden(packed, _places())]
    with tarfile.open(sdist) as members:
        files = [one for one in members.getmembers() if one.isfile()]
        packed = [(one.name.partition("/")[2], _read(members, one)) for one in files]
    names = {name for name, _ in packed if not MADE.fullmatch(name)}
    wrong += [f"sdist: {one}" for one in differing(sdist_expected(tracked), names)]
    wrong += [f"sdist: {one}" for one in forbidden(packed, _places())]
    _demand(wrong)
    return "as listed"


def twine() -> str:
    """An index takes them, and can show their description."""
    _run(sys.executable, "-m", "twine", "check", "--strict", *_made())
    return "takes both"


def docs() -> str:
    """The documentation builds without a warning."""
    _make("docs")
    return "builds"


def deb() -> str:
    """Both kinds of Debian package are built."""
    _make("deb")
    return "builds"


def sbom() -> str:
    """What is inside the self-contained package is listed, with each locked library and its licence."""
    made = Path(_make("sbom").rpartition("\n")[2])
    bom = json.loads((ROOT / made).read_text(encoding="utf-8"))
    named = {canonicalize_name(one["name"]) for one in bom["components"]}
    lines = _text("etc/constraints/selfcontained.txt").splitlines()
    wanted = [Requirement(line.rstrip("\\ ")) for line in lines if LOCKED.match(line)]
    # As pip does it: what is for another system is not installed here.
    locked = {canonicalize_name(one.name) for one in wanted if not one.marker or one.marker.evaluate()}
    missing = sorted(locked - named)
    _demand([f"{bom.get('bomFormat')} is not CycloneDX"] if bom.get("bomFormat") != "CycloneDX" else [])
    _demand([f"not listed: {', '.join(missing)}"] if missing else [])
    return f"{len(named)} components"


def licences() -> str:
    """Each library that a gate runs on tells a licence that we know."""
    found = closure(["mcpgate"], EXTRAS, metadata)
    _demand([wrong for name, one in sorted(found.items()) for wrong in unfit(name, one)])
    return f"{len(found) - 1} libraries"


#: In this order, as later ones look at what earlier ones make.
STEPS: dict[str, Callable[[], str]] = {
    step.__name__: step for step in (version, news, build, contents, twine, licences, docs, sbom, deb)
}


def main(names: list[str]) -> int:
    """Run those steps, or all."""
    strange = [name for name in names if name not in STEPS]
    if strange:
        print(f"no step {strange[0]}; there are {', '.join(STEPS)}", file=sys.stderr)
        return 64
    failed = 0
    for name in names or STEPS:
        begun = time.monotonic()
        try:
            said, mark = STEPS[name](), "ok"
        except WrongError as wrong:
            said, mark, failed = "; ".join(wrong.args), "WRONG", 1
        except Exception as error:
            # Whatever it is, the other steps say what they have to say.
            said, mark, failed = f"{type(error).__name__}: {error}", "WRONG", 1
        print(f"{mark:5} {name:9} {said} ({time.monotonic() - begun:.0f} s)", flush=True)
    return failed


def _run(*command: str | Path) -> str:
    """What a command that must succeed has printed; its last lines are why, when it does not."""
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=MOST
    )
    if done.returncode:
        why = (done.stdout + done.stderr).strip().splitlines()[-TAIL:]
        raise WrongError(f"{' '.join(map(str, command))} ends with {done.returncode}", *why)
    return done.stdout.strip()


def _make(target: str) -> str:
    """What a target has printed, and not in which directory, as a make that was started by another tells."""
    return _run("make", "--no-print-directory", target)


def _demand(wrong: list[str]) -> None:
    if wrong:
        raise WrongError(*wrong)


@contextmanager
def _archive() -> Iterator[Path]:
    """What HEAD is, in a place of its own."""
    with tempfile.TemporaryDirectory() as place:
        with tempfile.TemporaryFile() as packed:
            subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, stdout=packed, check=True)
            packed.seek(0)
            with tarfile.open(fileobj=packed) as members:
                members.extractall(place, filter="data")
        yield Path(place)


def _built(source: Path, epoch: int) -> list[Path]:
    """The wheel and the sdist of it."""
    out = source / "dist"
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        capture_output=True,
        text=True,
        timeout=MOST,
    )
    _demand(done.stderr.strip().splitlines()[-TAIL:] if done.returncode else [])
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    steady(sdist, epoch)
    return [wheel, sdist]


def _made() -> tuple[Path, Path]:
    wheels, sdists = list(OUT.glob("*.whl")), list(OUT.glob("*.tar.gz"))
    if not wheels or not sdists:
        raise WrongError("nothing was built; the step build makes them")
    return wheels[0], sdists[0]


def _places() -> list[str]:
    """What names this machine. A checkout right below / would be named by every path."""
    return [str(place) for place in (ROOT, Path.home()) if len(place.parts) > 2]


def _read(members: tarfile.TarFile, one: tarfile.TarInfo) -> bytes:
    file = members.extractfile(one)
    return file.read() if file else b""


def _fragments() -> list[Path]:
    return sorted(path for path in (ROOT / "docs/newsfragments").iterdir() if not path.name.startswith("."))


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
