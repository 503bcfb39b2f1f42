"""The lines about what happens to an exchange, and what upstreams and issuers say (pure)."""

from __future__ import annotations

from mcpgate.reference.record.field import DETAIL, REASON, Field, RecordType

_OF_EXCHANGE = Field("exchange", "string", "The id of the exchange by which it came")

DROPPED = RecordType(
    "dropped",
    "A message of an upstream's was kept from the caller, while the rest of its answer went on.",
    (_OF_EXCHANGE, REASON, DETAIL),
)
ECHO = RecordType(
    "echo",
    "An alarm: an upstream has shown the credential that the gate proves itself with. Never what it "
    "has shown.",
    (
        _OF_EXCHANGE,
        Field("upstream", "string", "The upstream"),
        Field("what", "string", "masked, or withheld with all that it stood in"),
        Field("where", "string", "In which part of the answer"),
    ),
)
ANSWERED = RecordType(
    "answered",
    "An answer came by another exchange than its request, as on a stream that was resumed.",
    (
        Field("exchange", "string", "The one by which it came"),
        Field(
            "request", "string?", "The one by which its request came; null where this worker has not seen it"
        ),
    ),
)
DEFINITION = RecordType(
    "definition",
    "What an upstream says of a tool is new, or somebody has accepted it. Never what it says.",
    (
        Field("exchange", "string?", "The exchange by which it was seen; null for what a person did"),
        Field("upstream", "string", "The upstream"),
        Field("tool", "string?", "The tool"),
        Field("what", "string", "first, changed, suspicious, unfit, key, accepted or withdrawn"),
        Field("old", "string?", "The fingerprint of the definition before; of key, the pin before"),
        Field("new", "string?", "The fingerprint of the one that is new; of key, the pin"),
        Field("key", "string?", "The pin of the key by which the upstream had proved itself"),
        Field("renewed", "boolean", "Whether that was another one than before"),
        Field(
            "detail",
            "string?",
            "Which characters are not seen, and in which member; or what is wrong with it",
        ),
        Field("by", "string?", "Who accepted it, or took the acceptance of another back"),
    ),
)
DECISION = RecordType(
    "decision",
    "A person decided about a held call, or its caller withdrew it.",
    (
        Field("hold", "string", "The id of the held call"),
        Field("exchange", "string", "The one by which the call came, or came back to be withdrawn"),
        Field("decided", "string", "approved, denied or withdrawn"),
        Field("by", "string?", "Who decided"),
        Field("why", "string?", "Why, in the words of who decided"),
    ),
)
ISSUER = RecordType(
    "issuer",
    "What became of the keys of an issuer.",
    (
        Field("issuer", "string", "What the configuration calls it"),
        Field(
            "what",
            "string",
            "keys (they can be had), unreachable (it could not be asked) or lapsed (that was so for too "
            "long: its tokens are refused)",
        ),
        Field("added", "list of string", "Ids of keys that are new"),
        Field("removed", "list of string", "Ids of keys that are gone"),
        DETAIL,
    ),
)
PAYLOAD = RecordType(
    "payload",
    "A piece of a body that a rule has recorded, encrypted to the auditor.",
    (
        Field("exchange", "string", "The id of the exchange whose body it is of"),
        Field("part", "string", "request (as it was forwarded) or answer (as the caller got it)"),
        Field("number", "integer", "Its number among the pieces of this body, from 0 on"),
        Field("last", "boolean", "Whether it is the last one"),
        Field(
            "cut", "integer", "How many bytes were not recorded, as they were too many or could not be masked"
        ),
        Field("key", "string", "The name of the auditor's key"),
        Field("sealed", "string", "The piece (HPKE, in base64); empty where no more was to be recorded"),
    ),
    since=2,
)
