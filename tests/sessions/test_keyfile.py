"""The file of session keys: rotated, judged strictly, and never replaced in silence."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path

import pytest
from attrs import fields_dict
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.tables.gate import LimitsTable
from mcpgate.config.units import read_duration
from mcpgate.sessions.keyfile import (
    KEYS_MOST,
    LIFETIME_MOST,
    MARGIN,
    NAME,
    KeyFile,
    KeyFileError,
    read_keys,
)
from mcpgate.sessions.sealed import RIPE

NOW = 1_800_000_000.0
DAY = 86400.0
ID = "0123456789ab"
KEY = b64encode(bytes(range(32))).decode()
#: From when on nobody needs the key that was followed by one of C{NOW}.
OVER = NOW + RIPE + LIFETIME_MOST + MARGIN


def test_it_is_begun_once(tmp_path: Path) -> None:
    """With a first key; a file that is there is left as it is."""
    file = KeyFile(tmp_path)
    assert file.load() == ()
    file.begin(NOW)
    (first,) = file.load()
    assert (first.created, len(first.id), len(first.secret)) == (NOW, 6, 32)
    file.begin(NOW + 1)
    assert file.load() == (first,)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_rotation_adds_a_key_and_keeps_those_that_are_needed(tmp_path: Path) -> None:
    """However old they are: a key seals until the next one comes."""
    file = KeyFile(tmp_path)
    file.begin(NOW - 400 * DAY)
    (first,) = file.load()
    second = file.rotate(NOW)
    assert (second.kept, second.dropped) == (1, 0)
    assert file.load() == (first, second.key)
    third = file.rotate(OVER - 1)
    assert (third.kept, third.dropped) == (2, 0)
    fourth = file.rotate(OVER)
    assert (fourth.kept, fourth.dropped) == (2, 1)
    assert file.load() == (second.key, third.key, fourth.key)


def test_all_old_keys_can_be_forgotten_at_once(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    file.begin(NOW)
    file.rotate(NOW)
    rotation = file.rotate(NOW, forget=True)
    assert (rotation.kept, rotation.dropped) == (0, 2)
    assert file.load() == (rotation.key,)


def test_the_first_rotation_may_be_the_beginning(tmp_path: Path) -> None:
    rotation = KeyFile(tmp_path).rotate(NOW)
    assert (rotation.kept, rotation.dropped) == (0, 0)
    assert KeyFile(tmp_path).load() == (rotation.key,)


def test_there_is_an_end_to_keys(tmp_path: Path) -> None:
    """What is needed is not dropped for it; and there is a way out."""
    file = KeyFile(tmp_path)
    for second in range(KEYS_MOST):
        file.rotate(NOW + second)
    before = file.load()
    with pytest.raises(KeyFileError, match="--now"):
        file.rotate(NOW + KEYS_MOST)
    assert file.load() == before and len(before) == KEYS_MOST
    file.rotate(NOW, forget=True)
    assert len(file.load()) == 1


def test_keys_outlast_the_longest_lifetime_that_can_be_configured() -> None:
    """A rotation does not read the configuration."""
    form = fields_dict(LimitsTable)["session_lifetime"].metadata["form"]
    assert form.said.endswith("30d") and read_duration("30d") == LIFETIME_MOST


# Files that are none.


def good() -> dict[str, object]:
    return {"version": 1, "keys": [{"id": ID, "created": NOW, "key": KEY}]}


def broken() -> dict[str, object]:
    def with_key(**changes: object) -> dict[str, object]:
        whole = json.loads(json.dumps(good()))
        whole["keys"][0] |= changes
        return whole  # type: ignore[no-any-return]

    row = {"id": ID, "created": NOW, "key": KEY}
    return {
        "no version": {"keys": [row]},
        "no keys": {"version": 1},
        "not one key": {"version": 1, "keys": []},
        "too many": {"version": 1, "keys": [{**row, "id": f"{n:012x}"} for n in range(KEYS_MOST + 1)]},
        "another version": good() | {"version": 2},
        "another member": good() | {"more": 1},
        "a list": [],
        "twice the same id": {"version": 1, "keys": [row, row]},
        "a short key": with_key(key=b64encode(bytes(16)).decode()),
        "a long key": with_key(key=b64encode(bytes(33)).decode()),
        "no key at all": with_key(key=""),
        "a key with a space": with_key(key=f" {KEY}"),
        "a key with spare bits": with_key(key=f"{KEY[:-2]}9="),
        "a key in the other alphabet": with_key(key="_" * 43 + "="),
        "an upper-case id": with_key(id=ID.upper()),
        "an id with a space": with_key(id=f"{ID} "),
        "a short id": with_key(id="00"),
        "no beginning": with_key(created=None),
        "a beginning in words": with_key(created="today"),
    }


def test_the_form_of_the_file_is_what_the_broken_ones_are_made_from() -> None:
    assert len(read_keys(json.dumps(good()).encode())) == 1


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff", *(json.dumps(value).encode() for value in broken().values())],
    ids=["empty", "cut", "not UTF-8", *broken()],
)
def test_a_corrupt_file_is_an_error_and_is_not_replaced(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(raw)
    path.chmod(0o600)
    file = KeyFile(tmp_path)
    for change in (file.load, lambda: file.begin(NOW), lambda: file.rotate(NOW)):
        with pytest.raises(KeyFileError, match=NAME) as caught:
            change()
        assert KEY[:20] not in str(caught.value)
    with pytest.raises(KeyFileError):
        file.rotate(NOW, forget=True)
    assert path.read_bytes() == raw


@given(st.binary(max_size=200))
def test_bytes_that_are_no_key_file_raise_only_the_one_error(raw: bytes) -> None:
    with pytest.raises(KeyFileError):
        read_keys(raw)


def test_every_prefix_of_a_good_file_is_corrupt(tmp_path: Path) -> None:
    KeyFile(tmp_path).begin(NOW)
    raw = (tmp_path / NAME).read_bytes().rstrip()
    assert read_keys(raw)
    for length in range(len(raw)):
        with pytest.raises(KeyFileError):
            read_keys(raw[:length])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_file_that_is_not_its_owners_alone_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever can read it can make and open sessions of anybody."""
    KeyFile(tmp_path).begin(NOW)
    (tmp_path / NAME).chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        KeyFile(tmp_path).load()


@pytest.mark.parametrize("created", [-1.0, 253402300800.0, 1e300])
def test_a_key_of_no_time_that_there_is_is_refused(created: float) -> None:
    """It could not be listed, and would never seal nor be dropped."""
    raw = json.dumps({"version": 1, "keys": [{"id": "0" * 12, "created": created, "key": KEY}]}).encode()
    with pytest.raises(KeyFileError, match="no time that there is"):
        read_keys(raw)


def test_a_directory_that_does_not_exist_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file or directory"):
        KeyFile(tmp_path / "missing").begin(NOW)


def test_nothing_shows_a_key(tmp_path: Path) -> None:
    rotation = KeyFile(tmp_path).rotate(NOW)
    seen = repr(rotation) + repr(KeyFile(tmp_path).load())
    assert repr(rotation.key.secret)[2:-1] not in seen
    assert os.fsencode(b64encode(rotation.key.secret).decode()) not in seen.encode()
