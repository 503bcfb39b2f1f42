"""Secrets that are to be seen nowhere, and looking for them in whatever they may be spelled in.

By other means than the gate's own (C{mcpgate.policy.echo}): what is found here need not be found there.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from secrets import token_urlsafe
from urllib.parse import quote, unquote_to_bytes

_ESCAPED = re.compile(rb"\\+u00([0-9a-fA-F]{2})")


class Canaries:
    """Those of one test, by what they stand for."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._forms: dict[str, tuple[bytes, ...]] = {}

    def new(self, name: str, text: str = "") -> str:
        """One more. C{text}: what it is, where that is not up to us; else anything."""
        text = text or f"Cnry-{token_urlsafe(24)}"
        assert name not in self.texts and len(text) >= 12, name
        self.texts[name] = text
        self._forms[name] = tuple(dict.fromkeys(forms(text.encode())))
        return text

    def found(self, seen: bytes) -> list[str]:
        """The names of those that can be read in there."""
        views = views_of(seen)
        return [
            name
            for name, every in self._forms.items()
            if any(one in view for one in every for view in views)
        ]


def forms(secret: bytes) -> Iterator[bytes]:
    """As it is, and in what encodings make of it: Base64 at each place, hexadecimal."""
    yield secret
    yield quote(secret, safe="").encode()
    yield secret.hex().encode()
    for before in range(3):
        code = b64encode(bytes(before) + secret)
        # The characters that are the secret's alone, wherever it stands.
        piece = code[(0, 2, 3)[before] : len(code) - 4]
        yield piece
        yield piece.replace(b"+", b"-").replace(b"/", b"_")


def views_of(seen: bytes) -> tuple[bytes, ...]:
    """What can be read there: as it is, and without escapes of URIs and JSON, and without line ends."""
    plain = _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), seen)
    found = (seen, unquote_to_bytes(seen), unquote_to_bytes(plain))
    without = tuple(re.sub(rb"(?:\\[nr]|\s)+", b"", view) for view in found)
    lowered = seen.lower()
    return tuple(dict.fromkeys((*found, *without, lowered)))
