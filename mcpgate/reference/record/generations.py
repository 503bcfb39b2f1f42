"""The lines about what is in force (pure)."""

from __future__ import annotations

from mcpgate.reference.record.field import Field, RecordType, maybe
from mcpgate.reference.record.handshakes import CERTIFICATE

_PEER = (
    Field("name", "string", "Its name"),
    Field("host", "string", "The name that it has to prove, and the port"),
    Field("dialled", "string", "Where it is dialled"),
    Field("profile", "string", "The profile, with +pq where post-quantum key exchange is demanded"),
    Field("require_pq", "boolean", "Whether post-quantum key exchange is demanded"),
    Field("pins", "list of string", "Its pins; the first hundred"),
    Field("pin_at", "string", "Which certificates of the chain a pin may match: leaf, issuer or any"),
    Field("pin_mode", "string", "enforce or report_only"),
    Field("trust", "string", "Whom to believe: system, or a file"),
    Field("trust_sha256", "string", "SHA-256 of all that is in there"),
    Field("authorities", "integer", "How many authorities"),
    Field("revocation_lists", "integer", "How many revocation lists"),
)

GENERATION = RecordType(
    "generation",
    "A configuration has come into force in this worker: what is demanded of whom from here on. Of "
    "credentials it says nothing.",
    (
        Field("number", "integer", "The generation's number, which handshakes name"),
        Field("mcpgate", "string", "The version of mcpgate"),
        Field("openssl", "string", "The version of OpenSSL"),
        Field("fips", "boolean", "Whether OpenSSL's FIPS provider is in force"),
        Field(
            "configuration",
            "object",
            "The text that it was read from",
            inner=(
                Field("file", "string?", "The file"),
                Field("sha256", "string", "SHA-256 of its text"),
                Field("included", "map of string", "SHA-256 of each file that it includes"),
            ),
        ),
        Field(
            "policy",
            "object",
            "The rules, detectors and budgets",
            inner=(
                Field("sha256", "string", "SHA-256 of what they say, in whatever order and file they stand"),
                Field("rules", "integer", "How many rules"),
                Field("budgets", "integer", "How many budgets"),
            ),
        ),
        Field(
            "evidence",
            "object",
            "How the journal is kept",
            inner=(
                Field("durability", "string", "kernel or fsync"),
                Field("on_journal_failure", "string", "refuse or unsafe-continue"),
                Field("auditor", "string?", "The name of the key that bodies are encrypted to"),
            ),
        ),
        Field(
            "profiles",
            "map of object",
            "What each profile in use demands, by its name",
            inner=(
                Field("versions", "list of string", "TLS versions"),
                Field("suites", "list of string", "Cipher suites"),
                Field("groups", "list of string", "Groups of the key exchange"),
            ),
        ),
        Field(
            "listeners",
            "list of object",
            "Each listener",
            inner=(
                Field("name", "string", "Its name"),
                Field("listen", "string", "What the configuration says"),
                Field("address", "string?", "Where it accepts"),
                Field(
                    "profile", "string", "The profile, with +pq where post-quantum key exchange is demanded"
                ),
                Field("require_pq", "boolean", "Whether post-quantum key exchange is demanded"),
                Field("client_certificates", "string", "off, optional or required"),
                Field("hosts", "list of string", "The host names that it answers for"),
            ),
        ),
        Field("upstreams", "list of object", "Each upstream", inner=_PEER),
        Field(
            "providers",
            "list of object",
            "Whoever else is asked",
            inner=(Field("kind", "string", "issuer or credential: what it is asked for"), *_PEER),
        ),
        Field(
            "certificates",
            "list of object",
            "All certificates in force",
            inner=(
                Field("role", "string", "own, shown (to somebody), client_ca, trust or saml"),
                Field("where", "string", "The name of what it belongs to"),
                maybe("to", "string", "Of shown: upstream, issuer or credential"),
                maybe("file", "string", "Of own: the file that it comes from"),
                maybe("place", "integer", "Of own: its place in the chain, from 0 on"),
                *CERTIFICATE,
                Field("names", "list of string", "What it is for; the first twenty"),
            ),
        ),
        Field("certificates_left_out", "integer", "How many certificates had no room in the line"),
        Field("others_left_out", "integer", "How many listeners, upstreams, others and files had none"),
    ),
    since=2,
)
RELOAD = RecordType(
    "reload",
    "A change was not taken.",
    (
        Field("what", "string", "configuration, files or tokens"),
        Field("taken", "boolean", "false"),
        Field("problem", "string?", "Why, as the log has it"),
        Field("generation", "integer", "The number of the generation that stays in force"),
    ),
    since=2,
)
