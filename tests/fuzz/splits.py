"""Ways to cut bytes into pieces: what is read must be the same in all of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from random import Random

#: Cutting longer input byte by byte would cost more than it tells.
BY_BYTE_MOST = 512


def splits(raw: bytes) -> Iterator[list[bytes]]:
    """Whole, at a few places that depend on the bytes only, and byte by byte."""
    yield [raw]
    random = Random(zlib.crc32(raw))
    cuts = sorted(random.randrange(len(raw) + 1) for _ in range(random.choice((1, 3, 9))))
    yield [raw[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    if len(raw) <= BY_BYTE_MOST:
        yield [raw[at : at + 1] for at in range(len(raw))]
