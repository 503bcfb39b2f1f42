"""A form as browsers and OAuth clients send one (C{application/x-www-form-urlencoded}), read strictly.

RFC 6749 appendix B: names and values in UTF-8, percent-encoded, a plus for a space. What another reader
could take for something else is refused: escapes that are none, bytes that should be escaped, control
characters, a name that is there twice where one value is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from mcpgate.reasons import Reason, Refusal

#: A token request has some ten.
FIELDS_MOST = 64

CONTENT_TYPE = re.compile(rb"application/x-www-form-urlencoded(?: *; *charset=\"?utf-8\"?)?", re.IGNORECASE)
# URL Standard, "urlencoded serializing", and what RFC 3986 calls unreserved; some escape less.
_PART = re.compile(rb"(?:[A-Za-z0-9*._~!'()/:?@,;$\[\]+-]|%[0-9A-Fa-f]{2})*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def read_form(body: bytes) -> Mapping[str, tuple[str, ...]] | Refusal:
    """The values of each name, in order. Nothing of the form is quoted in a refusal."""
    found: dict[str, tuple[str, ...]] = {}
    fields = body.split(b"&") if body else []
    if len(fields) > FIELDS_MOST:
        return Refusal(Reason.AUTH_REQUEST, f"the form has more than {FIELDS_MOST} fields")
    for field in fields:
        name, equals, value = field.partition(b"=")
        if not name or not equals or not _PART.fullmatch(name) or not _PART.fullmatch(value):
            return Refusal(Reason.AUTH_REQUEST, "the form is not well-formed")
        try:
            key, text = (unquote_to_bytes(part.replace(b"+", b" ")).decode() for part in (name, value))
        except UnicodeDecodeError:
            return Refusal(Reason.AUTH_REQUEST, "the form is not UTF-8")
        if _CONTROL.search(key) or _CONTROL.search(text):
            return Refusal(Reason.AUTH_REQUEST, "the form has a control character in it")
        found[key] = (*found.get(key, ()), text)
    return found
