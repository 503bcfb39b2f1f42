"""Secrets by reference."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.secrets import SECRET_MOST, SecretError, file_of, resolve


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that only its owner may read."""
    path = tmp_path / "token"
    path.write_bytes(b"s3cret\n")
    path.chmod(0o600)
    return path


def test_a_secret_in_a_file_is_read_without_its_line_end(secret: Path) -> None:
    """As editors leave one."""
    assert resolve(f"file:{secret}", {}) == b"s3cret"


def test_a_secret_in_the_environment_is_read() -> None:
    """From the environment that is given, which is the process's own by default."""
    assert resolve("env:TOKEN", {"TOKEN": "s3cret"}) == b"s3cret"


def test_a_systemd_credential_is_read_from_its_directory(secret: Path) -> None:
    """LoadCredential= puts it there."""
    assert resolve("credential:token", {"CREDENTIALS_DIRECTORY": str(secret.parent)}) == b"s3cret"


def test_each_reading_sees_the_present_secret(secret: Path) -> None:
    """A rotated secret needs no restart."""
    assert resolve(f"file:{secret}", {}) == b"s3cret"
    secret.write_bytes(b"newer")
    assert resolve(f"file:{secret}", {}) == b"newer"


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666])
def test_a_file_that_everybody_may_use_is_refused(secret: Path, mode: int) -> None:
    """The secret has to be considered exposed; the group is the operator's choice."""
    secret.chmod(mode)
    with pytest.raises(SecretError, match=f"everybody on this machine may use it \\(mode {mode:04o}\\)"):
        resolve(f"file:{secret}", {})
    secret.chmod(0o640)
    assert resolve(f"file:{secret}", {}) == b"s3cret"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b"a\nb", "a header cannot carry"),
        (b" a", "a header cannot carry"),
        (b"a\0", "a header cannot carry"),
        (b"\xc3\xa4", "a header cannot carry"),
        (b"a" * (SECRET_MOST + 1), "longer than"),
    ],
)
def test_what_a_header_cannot_carry_is_refused(secret: Path, content: bytes, words: str) -> None:
    """Before it could split a request."""
    secret.write_bytes(content)
    with pytest.raises(SecretError, match=words):
        resolve(f"file:{secret}", {})


def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    """Missing, a directory, a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, words in (("none", "No such file"), (".", "directory"), ("pipe", "not a regular file")):
        with pytest.raises(SecretError, match=words):
            resolve(f"file:{tmp_path / name}", {})


@pytest.mark.parametrize("reference", ["env:NONE", "credential:token", "hunter2", "", "FILE:/x"])
def test_a_reference_to_nothing_is_refused(reference: str) -> None:
    """And what is no reference is not repeated: it may be the secret."""
    with pytest.raises(SecretError) as caught:
        resolve(reference, {})
    assert "hunter2" not in str(caught.value)


@given(st.binary(min_size=1, max_size=40).filter(lambda value: b"\0" not in value))
def test_no_message_shows_a_byte_of_a_secret(value: bytes) -> None:
    """Whatever is wrong with it."""
    marked = b"hunter2" + value
    try:
        assert resolve("env:TOKEN", {"TOKEN": os.fsdecode(marked)}) == marked.rstrip(b"\r\n")
    except SecretError as error:
        assert "hunter2" not in str(error)


def test_the_file_behind_a_reference_can_be_watched() -> None:
    """Where there is one."""
    assert file_of("file:/a", {}) == Path("/a")
    assert file_of("credential:a", {"CREDENTIALS_DIRECTORY": "/c"}) == Path("/c/a")
    assert file_of("credential:a", {}) is None
    assert file_of("env:A", {}) is None
