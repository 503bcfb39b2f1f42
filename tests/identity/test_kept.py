"""The file of keys: what is read back, by whom, and what is not taken for it."""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.identity.jwks import read_keys
from mcpgate.identity.kept import FILE_MOST, NOTHING, Kept, KeptFile, read_kept, same_or_new
from tests.identity.minting import Minter, rsa_key

RAW = Minter(keys={"k1": rsa_key()}).jwks()
GOOD = Kept(
    keys=read_keys(RAW),
    raw=RAW,
    fetched=1000.5,
    fresh=300.0,
    sought=10.0,
    asked=1000.0,
    failures=2,
    why="login: it answered 503",
    jwks="https://login.test/keys",
    endpoints={"token_endpoint": "https://login.test/token"},
    discovered=900.0,
)


@pytest.fixture
def file(tmp_path: Path) -> KeptFile:
    made = KeptFile(tmp_path / "issuers", "login", b"one")
    made.begin()
    return made


def test_what_is_written_is_read_back_by_another_worker(file: KeptFile, tmp_path: Path) -> None:
    other = KeptFile(tmp_path / "issuers", "login", b"one")
    assert other.look(NOTHING) is None
    file.write(GOOD)
    assert other.look(NOTHING) == GOOD
    assert other.look(GOOD) is None, "nothing is new"
    file.write(evolve(GOOD, failures=0, why=""))
    again = other.look(GOOD)
    assert again is not None and again.failures == 0
    assert again.keys is GOOD.keys, "the same keys were parsed again"
    assert os.stat(file.path).st_mode & 0o777 == 0o600
    assert file.look(NOTHING) is None, "what we wrote is no news"


def test_what_was_found_otherwise_is_not_taken(file: KeptFile, tmp_path: Path) -> None:
    """The issuer has another address now, or is trusted for another reason."""
    file.write(GOOD)
    other = KeptFile(tmp_path / "issuers", "login", b"two")
    assert other.look(NOTHING) is None
    assert other.problem is None
    other.write(NOTHING)
    assert file.look(GOOD) is None


JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of JSON with others in them."""
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)


def changed(**named: Any) -> bytes:
    """A good file with other members."""
    members = {
        "version": 1,
        "fingerprint": b"one".hex(),
        "fetched": 1000.0,
        "fresh": 300,
        "sought": 0.0,
        "asked": 0.0,
        "failures": 0,
        "why": "",
        "jwks": "https://login.test/keys",
        "endpoints": {},
        "discovered": 0.0,
        "keys": RAW.decode(),
    }
    return json.dumps(members | named).encode()


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (changed()[:-20], "not JSON"),
        (changed(version=2), "format 2"),
        (changed(keys="{}"), "no list of keys"),
        (changed(keys='{"keys":[],"keys":[]}'), "two members"),
        (changed(fetched=-1), "out of range"),
        (changed(fetched="1"), "fetched"),
        (changed(failures=-1), "out of range"),
        (changed(more=1), "more"),
        (changed(keys=RAW.decode()).replace(b'"version"', b'"version": 1, "version"'), "two members"),
        (changed(fetched=float("nan")), "NaN"),
        (b"x" * (FILE_MOST + 1), "larger"),
    ],
)
def test_what_is_no_such_file_is_told_and_not_taken(file: KeptFile, raw: bytes, word: str) -> None:
    """It is read as strictly as an answer from the network: keys that were put there are keys to the gate."""
    file.path.write_bytes(raw)
    file.path.chmod(0o600)
    assert file.look(NOTHING) is None
    assert file.problem is not None and word in file.problem, file.problem
    file.write(GOOD)
    assert file.problem is None


def test_the_control_for_all_of_them_is_good() -> None:
    kept = read_kept(changed(), b"one".hex())
    assert kept is not None and kept.keys == GOOD.keys


@given(st.binary(max_size=300) | st.recursive(JSON, nested).map(lambda value: json.dumps(value).encode()))
def test_whatever_stands_there_is_read_or_told(raw: bytes) -> None:
    """Nothing but what is said in words comes out of a file that somebody has damaged."""
    with pytest.raises(ValueError, match=r"\w"):
        read_kept(raw, b"one".hex())


@given(st.sampled_from(sorted(json.loads(changed()))), st.recursive(JSON, nested))
def test_a_member_of_another_kind_is_no_file_of_keys(name: str, value: object) -> None:
    """If it is read all the same, it is what it was before but for that."""
    try:
        kept = read_kept(changed(**{name: value}), b"one".hex())
    except ValueError:
        return
    assert kept is None or isinstance(kept, Kept)
    assert kept is None or all(math.isfinite(time) for time in (kept.fetched, kept.fresh, kept.asked))


def test_a_file_that_others_may_write_is_not_believed(file: KeptFile) -> None:
    file.write(GOOD)
    file.path.chmod(0o622)
    os.utime(file.path, (1, 1))
    assert file.look(NOTHING) is None
    assert file.problem is not None and "others may write it" in file.problem


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_what_is_not_a_file_is_not_read(file: KeptFile, tmp_path: Path, kind: str) -> None:
    """A link could lead to a file of somebody else's, and a FIFO would never end."""
    if kind == "fifo":
        os.mkfifo(file.path)
    else:
        (tmp_path / "else").write_bytes(changed())
        file.path.symlink_to(tmp_path / "else")
    assert file.look(NOTHING) is None
    assert file.problem is not None


def test_the_same_keys_in_another_order_are_the_same() -> None:
    """So that nothing is judged anew because somebody writes them differently."""
    keys = {"k1": rsa_key(), "k2": rsa_key(2)}
    one = read_keys(Minter(keys=keys).jwks())
    turned = read_keys(Minter(keys=dict(reversed(keys.items()))).jwks())
    assert same_or_new(one, turned) is one
    renamed = read_keys(Minter(keys={"k1": rsa_key(), "k3": rsa_key(2)}).jwks())
    fewer = read_keys(Minter(keys={"k1": rsa_key()}).jwks())
    exchanged = read_keys(Minter(keys={"k1": rsa_key(), "k2": rsa_key(3)}).jwks())
    for other in (renamed, fewer, exchanged):
        assert same_or_new(one, other) is other
    assert same_or_new(None, one) is one


def test_a_key_that_stands_there_twice_does_not_stand_for_another() -> None:
    one, two = (Minter(keys={f"k{n}": rsa_key(n)}) for n in (1, 2))
    both = Minter(keys={**one.keys, **two.keys})
    (again,) = json.loads(one.jwks())["keys"]
    known, told = read_keys(both.jwks()), read_keys(one.jwks(again))
    assert same_or_new(known, told) is told
    assert same_or_new(told, known) is known


def test_one_worker_asks_at_a_time(file: KeptFile, tmp_path: Path) -> None:
    other = KeptFile(tmp_path / "issuers", "login", b"one")
    assert file.lock()
    assert not other.lock()
    file.unlock()
    assert other.lock()
    other.unlock()
    other.unlock()


def test_where_there_are_no_locks_everybody_asks_for_himself(
    file: KeptFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems of networks have none."""

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert file.lock()
    assert file.problem is not None and "No locks available" in file.problem
    file.unlock()


def test_a_disk_that_refuses_a_lock_stops_nobody(tmp_path: Path) -> None:
    file = KeptFile(tmp_path / "nowhere" / "issuers", "login", b"one")
    file.begin()
    assert file.problem is not None
    assert file.lock()
    file.unlock()
    file.write(GOOD)
    assert file.problem is not None and "No such file" in file.problem
