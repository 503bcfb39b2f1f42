"""The lines about handshakes (pure)."""

from __future__ import annotations

from mcpgate.reference.record.field import DETAIL, REASON, Field, RecordType, maybe

#: Of a certificate, wherever one stands.
CERTIFICATE = (
    Field("subject", "string", "Its subject"),
    Field("issuer", "string", "Who issued it"),
    Field("serial", "string", "Its serial number, in lower-case hexadecimal"),
    Field("sha256", "string", "SHA-256 of it, in hexadecimal"),
    Field("spki_pin", "string", "The pin of its key, as the configuration has pins"),
    Field("not_before", "string", "When it begins to be valid"),
    Field("not_after", "string", "When it ends"),
    Field("key", "string", "What kind of key it has, and how long"),
)
_NAMES = (
    Field("dns_names", "list of string", "The DNS names that it is for"),
    Field("uris", "list of string", "The URIs that it is for, such as a SPIFFE id"),
    Field("addresses", "list of string", "The IP addresses that it is for"),
)
LEG = (
    Field(
        "leg", "string", "inbound (a caller's), outbound (to an upstream) or provider (to whoever is asked)"
    ),
)

HANDSHAKE = RecordType(
    "handshake",
    "One leg's handshake, finished or refused; for each connection, before anything is served on it or sent "
    "by it.",
    (
        *LEG,
        Field("outcome", "string", "ok or refused"),
        Field("where", "string", "The listener's name, the upstream's, or that of whoever is asked"),
        Field("peer", "string", "The other end's address and port"),
        Field("local", "string", "Our address and port"),
        Field("reason", "string?", "Why it was refused, as [reasons](reasons.md) have it"),
        DETAIL,
        Field(
            "handshake",
            "object?",
            "What was negotiated, of a handshake that came so far",
            inner=(
                Field("version", "string", "The TLS version"),
                Field("cipher", "string", "The cipher suite"),
                Field("cipher_bits", "integer", "The length of its key"),
                Field("group", "string?", "The group of the key exchange"),
                Field("post_quantum", "boolean", "Whether that group withstands quantum computers"),
                Field("alpn", "string", "The protocol that was agreed on, or nothing"),
                Field("sni", "string?", "The host name that the client asked for"),
                Field("peer", "object?", "The certificate of the other end", inner=CERTIFICATE + _NAMES),
                Field("peer_chain_pins", "list of string", "The pins of the verified chain, leaf first"),
                Field("pinned", "boolean?", "Whether a pin matched; null: there are none to match"),
                Field("own", "object?", "The certificate that we showed", inner=CERTIFICATE + _NAMES),
                Field("exporter_sha256", "string", "SHA-256 of a value that only the two ends can compute"),
                Field("milliseconds", "number", "How long it took, from accept or connect on"),
                Field("generation", "integer", "The number of the generation that it was judged by"),
            ),
        ),
        Field(
            "offer",
            "object?",
            "What the client's first message offered, of callers; often all that a refused one has",
            inner=(
                Field("sni", "string?", "The host name that it asks for"),
                Field("versions", "list of string", "TLS versions"),
                Field("ciphers", "list of string", "Cipher suites"),
                Field("groups", "list of string", "Groups of the key exchange"),
                Field("alpn", "list of string", "Protocols"),
            ),
        ),
        Field(
            "extra",
            "object?",
            "What is seldom there",
            inner=(
                maybe("via", "string", "The address of the balancer that said who the caller is"),
                maybe("first_bytes", "string", "The first eight bytes of what is no TLS, in hexadecimal"),
                maybe(
                    "credential_exposed",
                    "boolean",
                    "Whether a request in clear text carried what looks like a credential",
                ),
                maybe(
                    "ended",
                    "string",
                    "The id of the handshake whose connection ends, as new demands shut it out",
                ),
            ),
        ),
    ),
)
HANDSHAKES = RecordType(
    "handshakes",
    "Handshakes of callers that were refused alike, too many for a line each.",
    (
        *LEG,
        Field("where", "string", "The listener's name"),
        REASON,
        Field("count", "integer", "How many there were, besides those that have lines"),
        Field("addresses", "integer", "From how many addresses; a thousand is the most that are counted"),
        Field("seconds", "number", "In which time"),
        Field("example", "string", "The address and port of one of them"),
    ),
    since=2,
)
