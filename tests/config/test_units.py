"""Durations and sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.config.units import BYTES, SECONDS, read_duration, read_size, write_duration, write_size


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("0s", 0), ("30s", 30), ("5m", 300), ("1h", 3600), ("1d", 86400)]
)
def test_a_duration_is_read_in_its_unit(text: str, seconds: float) -> None:
    """Each unit means what people expect."""
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"), [("0B", 0), ("64KiB", 65536), ("1MiB", 1 << 20), ("2GiB", 2 << 30)]
)
def test_a_size_is_read_in_its_unit(text: str, count: int) -> None:
    """Sizes are binary."""
    assert read_size(text) == count


@pytest.mark.parametrize(
    "text", ["", "30", "s", "-1s", "1.5s", "30 s", "30S", "30sec", "1h30m", "30s\n", "٣s", "9" * 99 + "s"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A number without a unit, a fraction, or a unit of somebody else's is not guessed at."""
    with pytest.raises(ValueError, match="is not a duration"):
        read_duration(text)


@pytest.mark.parametrize("text", ["", "64", "64kB", "64KB", "1MB", "1mib", "-1B", "1.5MiB", "1 MiB", "64K"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """Decimal units are refused rather than taken for binary ones."""
    with pytest.raises(ValueError, match="is not a size"):
        read_size(text)


@given(st.integers(0, 999_999_999), st.sampled_from(sorted(SECONDS)))
def test_a_written_duration_is_read_back(number: int, unit: str) -> None:
    """What the reference prints can stand in the file."""
    seconds = read_duration(f"{number}{unit}")
    if number < 1_000_000:
        assert read_duration(write_duration(seconds)) == pytest.approx(seconds)


@given(st.integers(0, 999_999_999), st.sampled_from(sorted(BYTES)))
def test_a_written_size_is_read_back(number: int, unit: str) -> None:
    """What the reference prints can stand in the file."""
    count = read_size(f"{number}{unit}")
    assert read_size(write_size(count)) == count


@given(st.text())
def test_any_text_is_a_quantity_or_a_sentence(text: str) -> None:
    """Nothing but C{ValueError} is ever raised."""
    for read in (read_duration, read_size):
        try:
            assert read(text) >= 0
        except ValueError as error:
            assert "want a whole number" in str(error)
