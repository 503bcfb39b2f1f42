"""Values of C{Mcp-Name} and C{Mcp-Param-*}: plain where HTTP carries them, else Base64 in a sentinel.

2026-07-28, streamable HTTP, "Value Encoding". The markers are case-sensitive, and what lacks one of
them is literal. What has both is decoded only if it is canonical Base64 (RFC 4648 sections 3.5 and 4)
of UTF-8: decoders differ on everything else, so one reader's C{rm} could be nothing to another.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64

PREFIX = b"=?base64?"
SUFFIX = b"?="

# Visible ASCII, with spaces inside. A tab would be allowed; that some trim or fold it is avoided.
_PLAIN = re.compile(r"(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?")


def encode(text: str) -> bytes:
    """
    The header value for a text.

    @raise UnicodeEncodeError: It holds a lone surrogate, which no JSON that the gate accepts does.
    """
    if _PLAIN.fullmatch(text):
        plain = text.encode("ascii")
        if not (plain.startswith(PREFIX) and plain.endswith(SUFFIX)):
            return plain
    return PREFIX + b2a_base64(text.encode(), newline=False) + SUFFIX


def decode(value: bytes) -> str | None:
    """
    The text that a header value stands for; C{None} if it is malformed.

    @param value: As the HTTP reader gives it: without white space around, and without controls.
    """
    if not value.isascii():
        # Raw UTF-8 (or Latin-1, who knows): "a header value contains invalid characters".
        return None
    if not (value.startswith(PREFIX) and value.endswith(SUFFIX)):
        return value.decode("ascii")
    # Where both markers are one (=?base64?=) nothing is left that could be decoded, nor be literal.
    if len(value) < len(PREFIX) + len(SUFFIX):
        return None
    encoded = value[len(PREFIX) : -len(SUFFIX)]
    try:
        decoded = a2b_base64(encoded, strict_mode=True)
        # Strict mode still takes bits that are left over and not zero.
        if b2a_base64(decoded, newline=False) != encoded:
            return None
        return decoded.decode("utf-8")
    except (Error, UnicodeDecodeError):
        return None
