"""The smallest picture and sound, and short ways to write a piece of content."""

from __future__ import annotations

import base64
import struct
import zlib

import mcp_types as types


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png() -> bytes:
    """One red pixel."""
    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", pixel) + _chunk(b"IEND", b"")


def wav() -> bytes:
    """A second of nothing, without the second."""
    form = struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8)
    inner = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", 0)
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def text(words: str) -> types.TextContent:
    return types.TextContent(type="text", text=words)


def image() -> types.ImageContent:
    return types.ImageContent(type="image", data=base64.b64encode(png()).decode(), mime_type="image/png")


def audio() -> types.AudioContent:
    return types.AudioContent(type="audio", data=base64.b64encode(wav()).decode(), mime_type="audio/wav")


def embedded(uri: str, words: str, kind: str = "text/plain") -> types.EmbeddedResource:
    inside = types.TextResourceContents(uri=uri, mime_type=kind, text=words)
    return types.EmbeddedResource(type="resource", resource=inside)
