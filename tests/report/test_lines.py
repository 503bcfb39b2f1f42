"""Lines as reports read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.report.lines import Closed, Opened, Shake, number_of, read_line, text_of, time_of
from tests.report.written import at, closed, opened, said, shake


def test_frequent_lines_are_typed_and_others_as_they_are() -> None:
    """All of them by what the functions write that write them."""
    assert isinstance(read_line(shake("h")), Shake)
    assert isinstance(read_line(opened("x")), Opened)
    assert isinstance(read_line(closed("x")), Closed)
    assert read_line(said("gap", exchanges=3)) == {
        "v": 2,
        "type": "gap",
        "id": "gap-1",
        "time": at(1),
        "exchanges": 3,
    }


def test_lines_of_before_there_was_a_chain_are_read() -> None:
    """As far as they say the same."""
    assert isinstance(read_line(closed("x").replace(b'"v":2', b'"v":1')), Closed)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        closed("x")[:-9],
        closed("x").replace(b'"v":2', b'"v":3'),
        said("gap").replace(b'"v":2', b'"v":3'),
        closed("x").replace(b'"bytes_in":100', b'"bytes_in":"many"'),
        b'{"v":2,"type":"gap","id":"g"}\n',
    ],
)
def test_what_is_no_record_is_refused(line: bytes) -> None:
    """A part of a line, one of another version, one with members of other types."""
    with pytest.raises(ValueError):
        read_line(line)


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(line: bytes) -> None:
    """Nothing but C{ValueError} comes of them."""
    for read in (read_line, time_of):
        try:
            read(line)
        except ValueError:
            pass


def test_members_of_other_types_are_none() -> None:
    """What a line does not say is not made up."""
    record = {"a": 1, "b": True, "c": "text", "d": -1}
    assert [number_of(record, key) for key in "abcdx"] == [1, 0, 0, 0, 0]
    assert [text_of(record, key) for key in "abcx"] == [None, None, "text", None]
