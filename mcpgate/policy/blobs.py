"""Base64 in messages: what it encodes, whether that is text, and the way back.

What cannot be read is not simply let through, and not every picture is held up either:

 - what decodes to text (UTF-8) is masked as text and encoded again, in the alphabet in which it came;
 - pictures, sound and films of the formats below, told by their first bytes and not by what the
   upstream calls them, pass unless something of L{BELIEVED} characters or more is found in their
   bytes: shorter finds come about by chance, as bytes of what is compressed are as good as random;
 - of all other bytes any find is believed. Text in UTF-16 is found too, by leaving out zeros;
 - what is compressed (an archive, most PDFs) or encrypted is not looked into, as nothing here opens
   it: who cannot have that blocks the resource by a rule;
 - what is not Base64 is looked at as it is, and as lenient decoders read it, which skip what is no
   letter of the alphabet.
"""

from __future__ import annotations

import re
from binascii import Error, a2b_base64, b2a_base64
from urllib.parse import unquote_to_bytes

#: What is decoded at most, in characters of one message: an answer of 32 MiB, the default, may hold 12
#: MiB beside everything else. It takes a tenth of a second; nothing else is served meanwhile.
BASE64_MOST = 16 * 1024 * 1024
#: The shortest find that is believed among the bytes of a picture: an e-mail of nine characters comes
#: about by chance once in a gigabyte, one of six in 40 MB.
BELIEVED = 10
#: Parts of what is not Base64 that are looked at one by one.
PARTS_MOST = 100
#: Characters of Base64 that are looked at as they are, too: a key is Base64, if somebody put it there bare.
BARE_MOST = 1024

_DROPPED = {ord(character): None for character in " \t\r\n"}
_TO_STANDARD = str.maketrans("-_", "+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")
#: Bytes that are no printed ASCII become what is no letter of anything that is looked for.
_TO_ASCII = bytes(byte if 0x20 <= byte < 0x7F or byte in b"\t\r\n" else 0x7C for byte in range(256))

_MEDIA = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|RIFF....(?:WEBP|WAVE|AVI )|BM....\0\0\0\0"
    rb"|....ftyp|\x1aE\xdf\xa3|OggS|fLaC|ID3[\x02-\x04]|\xff[\xf2-\xfb]|II\x2a\0|MM\0\x2a|\0\0\x01\0"
    rb"|FORM....AIF[FC]",
    re.DOTALL,
)
_DATA = re.compile(
    r"\s*data:(?:[a-z0-9.+*-]+/[a-z0-9.+*-]+)?((?:;[^,;\s]*)*),(.*)", re.DOTALL | re.IGNORECASE
)


def opened(text: str) -> bytes | None:
    """What Base64 encodes, in either alphabet, padded or not; C{None} where it is none."""
    letters = text.translate(_DROPPED).rstrip("=")
    if "-" in letters or "_" in letters:
        letters = letters.translate(_TO_STANDARD)
    try:
        return a2b_base64(letters + "=" * (-len(letters) % 4), strict_mode=True)
    except (Error, ValueError):
        return None


def opened_anyhow(text: str) -> list[bytes]:
    """
    What lenient decoders make of a text that is not Base64: all of it, and, where there is padding within
    it, each part up to that.
    """
    parts = [re.sub("[^A-Za-z0-9+/]", "", part) for part in text.translate(_TO_STANDARD).split("=")]
    return [_opened_letters(letters) for letters in ("".join(parts), *parts[:PARTS_MOST]) if letters]


def _opened_letters(letters: str) -> bytes:
    # One letter alone is six bits of a byte.
    whole = letters[: len(letters) - (len(letters) % 4 == 1)]
    return a2b_base64(whole + "=" * (-len(whole) % 4))


def closed(content: bytes, like: str) -> str:
    """Base64 in the alphabet of another, and with padding if that had any or would not have needed it."""
    token = b2a_base64(content, newline=False)
    if "-" in like or "_" in like:
        token = token.translate(_TO_URL)
    if len(like.rstrip()) % 4:
        token = token.rstrip(b"=")
    return token.decode("ascii")


def as_text(content: bytes) -> str | None:
    """The text that the bytes are, if they are text."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def is_media(content: bytes) -> bool:
    """Whether the bytes begin like a picture, sound or film, whose content is compressed or is samples."""
    return _MEDIA.match(content) is not None


def views(content: bytes) -> list[str]:
    """Bytes that are no text, as texts in which to look."""
    found = [content.translate(_TO_ASCII).decode("ascii")]
    if b"\0" in content:
        found.append(content.replace(b"\0", b"").translate(_TO_ASCII).decode("ascii"))
    return found


def data_of(link: str) -> tuple[bool, str] | None:
    """Whether a C{data:} URI is Base64, and what follows its comma; C{None} for other URIs (RFC 2397)."""
    match = _DATA.match(link)
    if match is None:
        return None
    return "base64" in match[1].lower(), match[2]


def unquoted(text: str) -> str:
    """A URI without its escapes."""
    return unquote_to_bytes(text).decode("utf-8", "replace")


def masked_link(link: str) -> str:
    """What stands in the place of a URI: of the same kind where that is known, and leading nowhere."""
    scheme = link.partition(":")[0].strip().lower()
    if scheme in ("http", "https", "ws", "wss"):
        return f"{scheme}://masked.invalid/"
    return {"data": "data:,", "file": "file:///masked", "mailto": "mailto:masked@masked.invalid"}.get(
        scheme, "about:blank"
    )
