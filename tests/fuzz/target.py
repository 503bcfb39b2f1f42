"""What the fuzzer and the replay of its corpus know about a target."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen


@frozen
class Target:
    """
    @ivar check: Takes any bytes; raises, C{AssertionError} or other, when something is wrong.
    @ivar seeds: Inputs to begin from, honest ones above all: a fuzzer finds what is near them.
    @ivar words: What it may put in and would not find by itself.
    @ivar longest: Bytes of the longest input that it makes. Longer ones are slower and seldom
        tell more.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    words: tuple[bytes, ...] = ()
    longest: int = 2048
