"""The state directory of a configuration that may be broken."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpgate.config.problem import ConfigError, ConfigUnreadable
from mcpgate.config.state import load_checkpoints, load_state, read_state

SOURCE = Path("/etc/mcpgate/mcpgate.toml")


@pytest.mark.parametrize(
    "text",
    [
        b'[gate]\nstate = "there"\n',
        b'gate.state = "there"',
        b'[gate]\nstate = "there"\nwatch = 5\n[listner]\n',
        b'[gate]\nstate = "there"\n\n[[listener]\nname = "a"\n',
        b'nonsense\n [ gate ] # what\nstate = "there"\n[limits',
        b'# caf\xe9\n[gate]\nstate = "there"',
    ],
)
def test_what_is_wrong_elsewhere_does_not_matter(text: bytes) -> None:
    """Unknown tables, wrong types, and text that is neither TOML nor UTF-8."""
    assert read_state(text, SOURCE) == Path("/etc/mcpgate/there")


def test_an_absolute_path_stays_as_it_is() -> None:
    """As in a good configuration."""
    assert read_state(b'[gate]\nstate = "/var/lib/mcpgate"', SOURCE) == Path("/var/lib/mcpgate")


@pytest.mark.parametrize(
    "text",
    [b"", b"[gate]", b"[gate]\nstate = 5", b'[gate]\nstate = ""', b"gate = 5", b'[gate]\nstate = "a'],
)
def test_a_file_that_does_not_say_is_told_so(text: bytes) -> None:
    """There is no default to fall back to."""
    with pytest.raises(ConfigError) as caught:
        read_state(text, SOURCE)
    assert [problem.path for problem in caught.value.problems] == ["gate.state"]


@given(st.binary())
@example(b"[" * 10_000)
def test_no_bytes_are_more_than_a_configuration_error(text: bytes) -> None:
    """A path, or the one error that is foreseen."""
    try:
        assert isinstance(read_state(text, SOURCE), Path)
    except ConfigError:
        pass


def test_a_file_that_is_not_there_is_unreadable(tmp_path: Path) -> None:
    """Which ends a command with another code."""
    with pytest.raises(ConfigUnreadable):
        load_state(tmp_path / "absent.toml")


def test_where_the_checkpoints_are_is_read_as_well(tmp_path: Path) -> None:
    """Where the file says so, and can be read; else it is for others to complain."""
    file = tmp_path / "mcpgate.toml"
    assert load_checkpoints(file) is None
    for text, place in (
        ('[evidence]\ncheckpoints = "/srv/marks"\n', Path("/srv/marks")),
        ('[evidence]\ncheckpoints = "marks"\n', tmp_path / "marks"),
        ("[evidence]\n", None),
        ("[evidence]\ncheckpoints = 5\n", None),
        ("[evidence\n", None),
    ):
        file.write_text(text)
        assert load_checkpoints(file) == place
