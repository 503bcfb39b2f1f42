"""The two lines of an exchange (pure)."""

from __future__ import annotations

from mcpgate.reference.record.field import DETAIL, Field, RecordType, maybe

_LEGS = (
    Field(
        "inbound", "string?", "The id of the handshake line of the caller's leg; null: the gate's own errand"
    ),
    Field("outbound", "string?", "The same of the upstream's leg; null: none was needed"),
)
_MASKED = maybe("masked", "map of integer", "How many values of each detector were masked, never one of them")
_CALL = (
    Field("method", "string?", "MCP's method"),
    Field("name", "string?", "The tool, prompt or resource; of a URI, without what may be a secret"),
    Field("verdict", "string?", "allow, block or hold; null where no rule was asked"),
    Field("rule", "string?", "The rule that decided; null where none did by itself"),
    maybe("shadow", "map of string", "What each rule in the shadow would have said, by its name"),
    _MASKED,
)

OPEN = RecordType(
    "open",
    "An exchange begins: written before a byte of it is forwarded. Its end is a `close` line with the "
    "same id.",
    (
        *_LEGS,
        Field("principal", "string?", "Who called; null where nobody was asked"),
        Field(
            "how", "string?", "By what that was proved: token, jwt, opaque, saml, certificate or anonymous"
        ),
        Field(
            "proof",
            "string?",
            "The proof's id and never the proof: a token's id, the hash of what is signed in it, a "
            "certificate's SHA-256",
        ),
        Field(
            "issuer",
            "string?",
            "Who vouches for the caller, as rules name it; null where that is the gate or a CA",
        ),
        Field("subject", "string?", "What that issuer calls the caller"),
        Field("listener", "string?", "The listener; null for an errand of the gate's own"),
        Field("route", "string?", "The route"),
        Field("upstream", "string?", "The upstream"),
        Field("http", "string", "The HTTP method"),
        Field("revision", "string?", "The revision of MCP that the request names"),
        Field("session", "string?", "What tells its session from others, and nobody how to use it"),
        *_CALL,
        maybe("calls", "list of object", "Of a batch: each of its calls, in their order", inner=_CALL),
        maybe("hold", "string", "The id of the held call that this was or waits for"),
        maybe("decided", "string?", "What was decided about it: approved, denied or withdrawn"),
        maybe("by", "string?", "Who decided"),
        maybe("own", "string", "What of the gate's own was asked for: metadata, server-metadata or token"),
        maybe("trace", "string", "The traceparent that came with it", since=2),
    ),
)

CLOSE = RecordType(
    "close",
    "An exchange ended. One without it was cut off by the end of its worker.",
    (
        *_LEGS,
        Field(
            "outcome",
            "string",
            "completed, refused, client_gone, upstream_failed, upstream_truncated, timeout, drained or "
            "failed",
        ),
        Field("status", "integer?", "The HTTP status that the caller got; null: it got none"),
        Field("reason", "string?", "Why it did not complete, as [reasons](reasons.md) have it"),
        DETAIL,
        Field("bytes_in", "integer", "Bytes of bodies from the caller"),
        Field("bytes_out", "integer", "Bytes of bodies to the caller"),
        Field("seconds", "number", "From the request's first byte to the answer's last"),
        Field(
            "waited",
            "number?",
            "Of these, those from the forwarded request to the head of its answer; null: nothing came, or "
            "nothing was forwarded",
            since=2,
        ),
        _MASKED,
        maybe("over", "list of string", "Budgets that only record, for which it was too much"),
        maybe("streamed", "boolean", "true: the answer was a stream of events", since=2),
    ),
)
