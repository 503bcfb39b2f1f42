"""The file of the evidence key: begun once, rotated by its own word, never begun anew in silence."""

from __future__ import annotations

import json
import os
import re
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.evidence.keyfile import KEYS_MOST, EvidenceKeyError, EvidenceKeys, KeyFile, read_keys
from mcpgate.evidence.trusted import Trusted, follow
from mcpgate.evidence.trusted import read_keys as read_public

NOW = 1_800_000_000.0


def key_file(state: Path, host: str = "gate.example") -> KeyFile:
    return KeyFile(state, host=lambda: host)


def begun(state: Path) -> tuple[KeyFile, EvidenceKeys]:
    file = key_file(state)
    keys, made = file.begin(NOW)
    assert made
    return file, keys


def test_it_is_begun_once(tmp_path: Path) -> None:
    """Under a name that no other gate has; nobody but the gate may read it."""
    file = key_file(tmp_path)
    assert (file.load(), file.stamp()) == (None, None)
    keys, made = file.begin(NOW)
    assert made and keys.created == NOW and keys.gate.startswith("gate.example-")
    assert file.begin(NOW + 1) == (keys, False)
    assert file.load() == keys
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    other = tmp_path / "other"
    other.mkdir()
    assert begun(other)[1].gate != keys.gate


@pytest.mark.parametrize(
    ("host", "name"),
    [("Web_1 (old)", "web-1-old-"), ("", "gate-"), ("gäte", "g-te-"), ("a" * 99, "a" * 64 + "-")],
)
def test_a_name_is_made_of_any_host_name(tmp_path: Path, host: str, name: str) -> None:
    keys, _ = key_file(tmp_path, host).begin(NOW)
    assert keys.gate[:-10] == name


def test_a_rotation_is_signed_by_the_key_that_goes(tmp_path: Path) -> None:
    """From the first key on one comes to the one that signs; of the old ones no secret stays."""
    file, first = begun(tmp_path)
    second = file.rotate(NOW + 1)
    third = file.rotate(NOW + 2)
    assert file.load() == third and third.gate == first.gate
    assert third.public == (first.public[0], second.public[1], third.signing.verifier)
    assert follow(Trusted(first.public[0]), third.successions).keys == third.public
    assert third.created == NOW + 2 and b"2027-01-15T08:00:01" in third.successions[0]
    stored = file.path.read_text()
    assert b64encode(third.signing.secret).decode() in stored
    assert b64encode(first.signing.secret).decode() not in stored


def test_its_public_half_is_beside_it(tmp_path: Path) -> None:
    """And is mended where it is not what it should be."""
    file, first = begun(tmp_path)
    keys = file.rotate(NOW)
    assert read_public(file.public.read_bytes()) == (first.public[0], keys.successions)
    file.public.write_bytes(b"")
    file.begin(NOW)
    assert file.public.read_bytes() == keys.published()
    file.public.unlink()
    file.begin(NOW)
    assert file.public.read_bytes() == keys.published()


def test_a_key_that_is_gone_is_not_replaced_in_silence(tmp_path: Path) -> None:
    """Its public half says that there was one: another would be another gate."""
    file, _ = begun(tmp_path)
    file.path.unlink()
    with pytest.raises(EvidenceKeyError, match=r"it is gone, and evidence\.pub is there; put a copy back"):
        file.begin(NOW)
    with pytest.raises(EvidenceKeyError, match="not there; a gate makes it"):
        file.rotate(NOW)
    file.public.unlink()
    file.begin(NOW)


def test_there_is_an_end_to_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcpgate.evidence.keyfile.KEYS_MOST", 2)
    file, _ = begun(tmp_path)
    file.rotate(NOW)
    with pytest.raises(EvidenceKeyError, match="no more than 2 keys"):
        file.rotate(NOW)
    assert KEYS_MOST >= 12 * 20


def test_others_may_not_read_it(tmp_path: Path) -> None:
    file, _ = begun(tmp_path)
    file.path.chmod(0o640)
    with pytest.raises(EvidenceKeyError, match="chmod 600"):
        file.load()


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    file = key_file(tmp_path)
    file.path.mkdir()
    with pytest.raises(EvidenceKeyError, match="Is a directory"):
        file.begin(NOW)


def _later(note: str) -> str:
    """A note of a thousand years later, with the signature of the one that was signed."""
    changed = re.sub(r"20(?=\d\d-\d\d-\d\d)", "30", note, count=1)
    assert changed != note
    return changed


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def edit(raw: bytes) -> bytes:
        stored = json.loads(raw)
        change(stored)
        return json.dumps(stored).encode()

    return edit


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda raw: b"", "not an evidence key file"),
        (lambda raw: raw[:-5], "not an evidence key file"),
        (lambda raw: b"\xff" + raw, "not an evidence key file"),
        (edited(lambda file: file.update(version=2)), "format 2, not 1"),
        (edited(lambda file: file.update(more=1)), "not an evidence key file"),
        (edited(lambda file: file.update(created=-1)), "at no time"),
        (edited(lambda file: file.update(created=1e300)), "at no time"),
        (edited(lambda file: file.update(public=[])), "it has 0 keys"),
        (edited(lambda file: file.update(key="A" * 44)), "malformed"),
        (edited(lambda file: file.update(key="AAAA")), "malformed"),
        (edited(lambda file: file.update(key="A" * 43 + "=")), "not the last of those"),
        (edited(lambda file: file.update(gate="a b")), "malformed"),
        (edited(lambda file: file.update(gate="other")), "not the last of those"),
        (edited(lambda file: file["public"].reverse()), "not the last of those"),
        (edited(lambda file: file["public"].pop(0)), "not named by the one before"),
        (edited(lambda file: file["successions"].clear()), "not named by the one before"),
        (edited(lambda file: file["successions"].append("\ud800")), "not an evidence key file"),
        (edited(lambda file: file["successions"].append("note")), "not a note"),
        (edited(lambda file: file.update(successions=[_later(file["successions"][0])])), "is wrong"),
    ],
)
def test_what_is_not_exactly_such_a_file_is_refused(
    tmp_path: Path, edit: Callable[[bytes], bytes], words: str
) -> None:
    """With what to do, and without a secret; no command begins another."""
    file, _ = begun(tmp_path)
    keys = file.rotate(NOW)
    file.path.write_bytes(edit(file.path.read_bytes()))
    with pytest.raises(EvidenceKeyError, match=words) as caught:
        file.load()
    assert str(file.path) in str(caught.value) and "put a copy back" in str(caught.value)
    assert keys.signing.secret.hex() not in str(caught.value)
    for use in (file.begin, file.rotate):
        with pytest.raises(EvidenceKeyError):
            use(NOW)


@given(st.binary(max_size=300))
def test_whatever_comes_is_refused(raw: bytes) -> None:
    with pytest.raises(EvidenceKeyError):
        read_keys(raw)


def test_a_change_is_seen_by_its_stamp(tmp_path: Path) -> None:
    file, _ = begun(tmp_path)
    before = file.stamp()
    assert before == file.stamp()
    file.rotate(NOW)
    assert file.stamp() != before


def test_a_disk_that_refuses_leaves_the_old_key(tmp_path: Path) -> None:
    file, keys = begun(tmp_path)
    if os.geteuid() == 0:
        # Root may write anywhere, but not into a directory of this name.
        (tmp_path / ".evidence-key.json.new").mkdir()
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(EvidenceKeyError):
        file.rotate(NOW)
    tmp_path.chmod(0o700)
    assert file.load() == keys
