"""The lines that the journal writes about itself (pure)."""

from __future__ import annotations

from mcpgate.reference.record.field import Field, RecordType

SEGMENT = RecordType(
    "segment",
    "The first line of a segment: whose it is, and what writes it.",
    (
        Field("gate", "string", "The gate's name, which is that of its key"),
        Field("worker", "integer", "The number of the worker"),
        Field("segment", "integer", "The number of the segment"),
        Field("mcpgate", "string", "The version of mcpgate"),
        Field("openssl", "string", "The version of OpenSSL"),
    ),
    since=2,
)
REPAIR = RecordType(
    "repair",
    "Something is not in a segment that was there, or was to be.",
    (
        Field(
            "what",
            "string",
            "torn (it ended in a part of a line, which was cut off), deleted (the file was removed while it "
            "was written), moved (it was found away) or unsynced (the disk would not say that it has the "
            "last lines)",
            since=2,
        ),
        Field("file", "string", "The segment's file"),
        Field("dropped", "integer", "How many bytes it was"),
    ),
)
GAP = RecordType(
    "gap",
    "The journal could not be written for a while, and not all that happened meanwhile is in it.",
    (
        Field("since", "string", "From when"),
        Field("until", "string", "Until when"),
        Field("exchanges", "integer", "How many were forwarded before their open line was in the journal"),
        Field("lines", "integer", "How many lines will never be in it"),
        Field("why", "string?", "What kept it from being written"),
    ),
    since=2,
)
EXPIRED = RecordType(
    "expired",
    "A segment is about to be removed, as it is older than is kept, or there is too much.",
    (
        Field("worker", "integer", "The number of the worker"),
        Field("segment", "integer", "The number of the segment"),
        Field("lines", "integer", "How many lines it has"),
        Field("root", "string", "The root of its Merkle tree, in hexadecimal"),
    ),
    since=2,
)
CLOCK = RecordType(
    "clock",
    "The wall clock was set; the time of this line is by the new one.",
    (Field("stepped", "number", "By how many seconds"),),
    since=2,
)
