"""The script for strangers: it needs nothing of ours, and finds what ours finds."""

from __future__ import annotations

import ast
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from zipfile import Path as ZipPath
from zipfile import ZipFile

import pytest

from mcpgate.evidence.keyfile import PUBLIC, KeyFile
from mcpgate.evidence.note import SigningKey
from mcpgate.evidence.seals import DIRECTORY
from tests.evidence import test_verify as tampering
from tests.evidence.sealed import NOW, Writer, compress, journal, make
from tests.evidence.test_verify import TAMPERINGS

SCRIPT = Path(__file__).resolve().parent.parent.parent / "docs" / "verify" / "verify.py"

#: What it does not look at, or says nothing of, as it says itself.
PASSED_OVER = {tampering.append, tampering.fork_key}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made")
    make(place / "state", workers=2)
    make(place / "other", host="elsewhere")
    return place


@pytest.fixture
def state(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "state", tmp_path / "state"))


@pytest.fixture(scope="module")
def verify() -> Callable[..., bool]:
    found: Callable[..., bool] = runpy.run_path(str(SCRIPT))["verify"]
    return found


def bundled(state: Path, place: Path) -> Path:
    """A bundle of all that there is, as its manifest says."""
    files = {
        path.relative_to(state).as_posix(): path.read_bytes()
        for path in sorted(state.rglob("*"))
        if path.is_file() and "evidence-key" not in path.name
    }
    sums = "".join(f"{sha256(raw).hexdigest()}  {name}\n" for name, raw in files.items()).encode()
    keys = KeyFile(state).load()
    assert keys is not None
    manifest = keys.signing.sign(f"{keys.gate}/bundle\nsums {sha256(sums).hexdigest()}\n")
    with ZipFile(place / "bundle.zip", "w") as bundle:
        for name, raw in {**files, "SHA256SUMS": sums, "manifest": manifest}.items():
            bundle.writestr(name, raw)
    return place / "bundle.zip"


def test_it_imports_nothing_of_ours() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    foreign = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    assert foreign == {"cryptography"}


def test_it_is_short_enough_to_be_read() -> None:
    lines = SCRIPT.read_text(encoding="utf-8").splitlines()
    assert sum(1 for line in lines if line.strip() and not line.strip().startswith("#")) < 150


def test_it_says_of_a_bundle_whether_it_is_good(state: Path, tmp_path: Path) -> None:
    """Run as a stranger runs it."""
    kept = Path(shutil.copy(state / PUBLIC, tmp_path / "gate.pub"))
    compress(journal(state, 0, 2))
    bundle = bundled(state, tmp_path)
    said = subprocess.run([sys.executable, SCRIPT, kept, bundle], capture_output=True, text=True, timeout=60)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == "126 lines, 0 of them not signed yet\ngood\n"


def test_it_says_what_was_done_to_a_bundle(verify: Callable[..., bool], state: Path, tmp_path: Path) -> None:
    """Also by somebody who has made its list anew; but not its manifest, for which one needs the key."""
    kept = Path(shutil.copy(state / PUBLIC, tmp_path / "gate.pub"))
    good = bundled(state, tmp_path)
    with ZipFile(good) as bundle:
        files = {name: bundle.read(name) for name in bundle.namelist()}
    said: list[str] = []

    def judged(files: dict[str, bytes]) -> list[str]:
        said.clear()
        with ZipFile(tmp_path / "other.zip", "w") as bundle:
            for name, raw in files.items():
                bundle.writestr(name, raw)
        verify(kept, ZipPath(tmp_path / "other.zip"), said.append)
        return said[:-2]

    segment = "journal/journal-0-00000002.jsonl"
    assert judged(files) == []
    assert judged({name: raw for name, raw in files.items() if name != segment}) == [
        f"{segment}: is not what the manifest says"
    ]
    edited = files[segment].replace(b"POST", b"HEAD", 1)
    assert judged({**files, segment: edited}) == [
        "journal-0-00000002.jsonl: line 3 does not go on from the one before it",
        f"{segment}: is not what the manifest says",
    ]
    sums = files["SHA256SUMS"].replace(sha256(files[segment]).hexdigest().encode(), b"0" * 64)
    assert judged({**files, "SHA256SUMS": sums})[0].startswith("manifest: the key has not signed it")


@pytest.mark.parametrize(
    "tamper",
    [one for one, _ in TAMPERINGS if one not in PASSED_OVER],
    ids=lambda tamper: getattr(tamper, "__name__", ""),
)
def test_it_finds_what_ours_finds(
    verify: Callable[..., bool],
    state: Path,
    made: Path,
    tmp_path: Path,
    tamper: Callable[[Path, Path], None],
) -> None:
    kept = Path(shutil.copy(state / PUBLIC, tmp_path / "kept.pub"))
    said: list[str] = []
    assert verify(kept, state, said.append) and said[-2] == "126 lines, 0 of them not signed yet"
    tamper(state, made / "other")
    if tamper in (tampering.another_key, tampering.another_gate_s_key):
        kept = state / PUBLIC
    said.clear()
    assert not verify(kept, state, said.append)
    assert said[-1] == "BAD" and len(said) > 2, said


def test_it_follows_keys_forward(verify: Callable[..., bool], tmp_path: Path) -> None:
    writer = Writer(tmp_path / "state")
    writer.seal()
    kept = Path(shutil.copy(tmp_path / "state" / PUBLIC, tmp_path / "kept.pub"))
    writer.keys.rotate(NOW)
    writer.exchanges(2)
    writer.seal()
    writer.keys.rotate(NOW)
    writer.exchanges(2)
    writer.stop()
    said: list[str] = []
    assert verify(kept, tmp_path / "state", said.append), said
    gate = KeyFile(tmp_path / "state").load()
    assert gate is not None
    kept.write_text(f"{SigningKey(gate.gate, bytes(32)).verifier}\n")
    assert not verify(kept, tmp_path / "state", said.append)


def test_what_has_expired_is_not_missed(verify: Callable[..., bool], tmp_path: Path) -> None:
    state = tmp_path / "state"
    writer = Writer(state)
    for _ in range(3):
        writer.exchanges(1)
        writer.rotate()
    writer.expire(1)
    writer.expire(2)
    writer.seal()
    said: list[str] = []
    assert verify(state / PUBLIC, state, said.append), said
    journal(state, 0, 3).unlink()
    assert not verify(state / PUBLIC, state, said.append)
    assert (state / DIRECTORY).is_dir()
