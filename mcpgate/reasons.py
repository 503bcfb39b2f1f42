"""Every reason code, and the one table that says how each is answered.

A refusal is a value: C{Refusal(Reason.TLS_PIN, "none of 2 pins ...")}. The reason is stable and
documented (``mcpgate explain tls.pin``); the detail is for the record and for operators. The words
in the table are for callers and never quote what a peer sent. Only C{relay.answer} turns either
into bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique

from attrs import frozen

#: JSON-RPC error codes of our own. MCP 2026-07-28 (basic, "Error Codes") asks implementations to
#: stay outside -32768...-32000, which belongs to JSON-RPC and to the MCP specification itself.
CODE_POLICY = -31403
CODE_UPSTREAM = -31502
CODE_GATE = -31503
CODE_AUTH = -31401

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

#: MCP's own, from 2026-07-28 on, each only for what it means there (basic, "Error Codes").
HEADER_MISMATCH = -32020
UNSUPPORTED_REVISION = -32022


@unique
class Reason(StrEnum):
    """Why something was refused, as a dotted code that never changes its meaning."""

    # One leg of TLS; the record's ``leg`` says which.
    TLS_PLAINTEXT = "tls.plaintext"
    TLS_NOT_TLS = "tls.not_tls"
    TLS_TIMEOUT = "tls.timeout"
    TLS_HELLO = "tls.hello"
    TLS_VERSION = "tls.version"
    TLS_CIPHER = "tls.cipher"
    TLS_GROUP = "tls.group"
    TLS_KEY = "tls.key"
    TLS_ALPN = "tls.alpn"
    TLS_CHAIN = "tls.chain"
    TLS_UNKNOWN_CA = "tls.unknown_ca"
    TLS_EXPIRED = "tls.expired"
    TLS_NOT_YET_VALID = "tls.not_yet_valid"
    TLS_REVOKED = "tls.revoked"
    TLS_CRL = "tls.crl"
    TLS_NAME = "tls.name"
    TLS_NO_SAN = "tls.no_san"
    TLS_BAD_SAN = "tls.bad_san"
    TLS_PIN = "tls.pin"
    TLS_RESUMED = "tls.resumed"
    TLS_UNOBSERVED = "tls.unobserved"
    TLS_CLIENT_CERTIFICATE = "tls.client_certificate"
    TLS_ALERT = "tls.alert"
    TLS_CLOSED = "tls.closed"
    TLS_FAILED = "tls.failed"

    # HTTP/1.1 framing and JSON-RPC: what the caller sent.
    FRAME_HEAD = "frame.head"
    FRAME_HEAD_SIZE = "frame.head_size"
    FRAME_VERSION = "frame.version"
    FRAME_TARGET = "frame.target"
    FRAME_HOST = "frame.host"
    FRAME_MISDIRECTED = "frame.misdirected"
    FRAME_DUPLICATE_HEADER = "frame.duplicate_header"
    FRAME_LENGTH = "frame.length"
    FRAME_LENGTH_REQUIRED = "frame.length_required"
    FRAME_CHUNK = "frame.chunk"
    FRAME_CHUNK_COUNT = "frame.chunk_count"
    FRAME_BODY_SIZE = "frame.body_size"
    FRAME_BODY_RATE = "frame.body_rate"
    FRAME_TIMEOUT = "frame.timeout"
    FRAME_EXPECT = "frame.expect"
    FRAME_METHOD = "frame.method"
    FRAME_CONTENT_TYPE = "frame.content_type"
    FRAME_CONTENT_ENCODING = "frame.content_encoding"
    FRAME_JSON = "frame.json"
    FRAME_DUPLICATE_KEY = "frame.duplicate_key"
    FRAME_DEPTH = "frame.depth"
    FRAME_NUMBER = "frame.number"
    FRAME_BATCH = "frame.batch"
    FRAME_ENVELOPE = "frame.envelope"
    FRAME_ID = "frame.id"
    FRAME_PARAMS = "frame.params"

    # MCP's own rules for what a caller sends.
    MCP_ORIGIN = "mcp.origin"
    MCP_STATELESS = "mcp.stateless"
    MCP_METHOD = "mcp.method"
    MCP_REVISION = "mcp.revision"
    MCP_HEADER = "mcp.header"
    MCP_META = "mcp.meta"
    MCP_RESPONSE = "mcp.response"

    ROUTE_UNKNOWN = "route.unknown"

    AUTH_MISSING = "auth.missing"
    AUTH_INVALID = "auth.invalid"
    AUTH_EXPIRED = "auth.expired"
    AUTH_REVOKED = "auth.revoked"
    AUTH_CERTIFICATE = "auth.certificate"
    AUTH_HEADER = "auth.header"
    # What is wrong with a token of an issuer's.
    AUTH_MALFORMED = "auth.malformed"
    AUTH_ALGORITHM = "auth.algorithm"
    AUTH_KEY = "auth.key"
    AUTH_SIGNATURE = "auth.signature"
    AUTH_TYPE = "auth.type"
    AUTH_ISSUER = "auth.issuer"
    AUTH_AUDIENCE = "auth.audience"
    AUTH_EARLY = "auth.early"
    AUTH_LIFETIME = "auth.lifetime"
    AUTH_CLAIM = "auth.claim"
    AUTH_INACTIVE = "auth.inactive"
    # A proof that is bound to a certificate, a key, a route or an address, and was shown without it.
    AUTH_BINDING = "auth.binding"
    AUTH_PLACE = "auth.place"
    AUTH_REPLAYED = "auth.replayed"
    AUTH_SCOPE = "auth.scope"
    AUTH_UNAVAILABLE = "auth.unavailable"
    # What comes to the token endpoint.
    AUTH_REQUEST = "auth.request"
    AUTH_ASSERTION = "auth.assertion"

    SESSION_UNKNOWN = "session.unknown"
    SESSION_EVENT = "session.event"

    POLICY_UNLISTED = "policy.unlisted"
    POLICY_BLOCKED = "policy.blocked"
    # What a caller may know of, but not in this way, or not now.
    POLICY_ARGUMENTS = "policy.arguments"
    POLICY_TRANSPORT = "policy.transport"
    POLICY_CONTENT = "policy.content"
    POLICY_SCHEMA = "policy.schema"
    POLICY_DENIED = "policy.denied"
    POLICY_UNDECIDED = "policy.undecided"
    POLICY_BUDGET = "policy.budget"
    POLICY_CONCURRENT = "policy.concurrent"
    POLICY_RESULT_SIZE = "policy.result_size"
    # What an upstream says of itself, or wants of its callers.
    POLICY_DEFINITION = "policy.definition"
    POLICY_LIST = "policy.list"
    POLICY_QUESTION = "policy.question"

    UPSTREAM_UNREACHABLE = "upstream.unreachable"
    UPSTREAM_BUSY = "upstream.busy"
    UPSTREAM_QUEUE = "upstream.queue"
    UPSTREAM_TIMEOUT = "upstream.timeout"
    UPSTREAM_QUIET = "upstream.quiet"
    UPSTREAM_EVENT_SIZE = "upstream.event_size"
    UPSTREAM_CLOSED = "upstream.closed"
    UPSTREAM_FRAMING = "upstream.framing"
    UPSTREAM_TRUNCATED = "upstream.truncated"
    UPSTREAM_UNAUTHORIZED = "upstream.unauthorized"
    UPSTREAM_CREDENTIAL = "upstream.credential"
    UPSTREAM_ECHO = "upstream.echo"
    UPSTREAM_REDIRECT = "upstream.redirect"
    UPSTREAM_CONTENT = "upstream.content"
    UPSTREAM_MESSAGE = "upstream.message"
    UPSTREAM_ANSWER_SIZE = "upstream.answer_size"
    UPSTREAM_REVISION = "upstream.revision"
    UPSTREAM_ENDPOINT = "upstream.endpoint"
    # A message of an upstream's that is kept from the caller, while the rest goes on.
    UPSTREAM_UNASKED = "upstream.unasked"
    UPSTREAM_REPEATED = "upstream.repeated"
    UPSTREAM_ASKS = "upstream.asks"
    UPSTREAM_EVENT = "upstream.event"

    # What a balancer in front says of the connection (the PROXY protocol).
    PROXY_HEADER = "proxy.header"
    PROXY_UNTRUSTED = "proxy.untrusted"

    # What one worker has room for.
    LIMIT_CONNECTIONS = "limit.connections"
    LIMIT_ADDRESS = "limit.address"
    LIMIT_HANDSHAKES = "limit.handshakes"
    LIMIT_FAILURES = "limit.failures"
    LIMIT_DESCRIPTORS = "limit.descriptors"

    CLIENT_GONE = "client.gone"
    GATE_DRAINING = "gate.draining"
    GATE_JOURNAL = "gate.journal"
    GATE_ERROR = "gate.error"


@frozen
class Refusal:
    """
    A refusal: the stable reason, and a detail for the record that must never hold a secret.

    @ivar retry_after: Seconds after which trying again may help, where that is known.
    @ivar told: Members that the protocol demands of the error's C{data}. The caller sees them, so they
        hold nothing but what the gate supports and, bounded, what the caller itself asked for.
    """

    reason: Reason
    detail: str = ""
    retry_after: int = 0
    told: Mapping[str, object] | None = None

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else str(self.reason)


@frozen
class Answer:
    """How a reason is told to a caller: HTTP status, JSON-RPC error code, and words safe to show."""

    status: int
    code: int
    words: str


#: What somebody is told who speaks HTTP in clear to a TLS port: the one TLS reason that is told on the
#: leg that it is about, in clear, because there is no other way.
PLAINTEXT = Answer(
    400,
    INVALID_REQUEST,
    "This port accepts only TLS. Your request arrived in clear text and was not processed. "
    "Use https://, and treat any credential it carried as exposed.",
)

#: What somebody is told whose request reached the gate by an application's own connection, which is not
#: what is demanded of callers. It learns that, not how (the record says how).
BELOW = Answer(
    403,
    INVALID_REQUEST,
    "This connection is not what is demanded of callers here: verified TLS, that the gate itself can see. "
    "The request was not processed.",
)

_LEG = "The gate could not reach the upstream over verified TLS; nothing was sent to it."


def _legs() -> dict[Reason, Answer]:
    # A caller only ever hears of a TLS reason when the *outbound* leg failed: on its own leg there
    # is no session to answer on. It learns that the leg failed, not how (the record says how).
    return {r: Answer(502, CODE_UPSTREAM, _LEG) for r in Reason if r.value.startswith("tls.")}


ANSWERS: Mapping[Reason, Answer] = _legs() | {
    Reason.FRAME_HEAD: Answer(400, INVALID_REQUEST, "The request head is not well-formed HTTP/1.1."),
    Reason.FRAME_HEAD_SIZE: Answer(431, INVALID_REQUEST, "The request head is too large."),
    Reason.FRAME_VERSION: Answer(505, INVALID_REQUEST, "Only HTTP/1.1 is spoken here."),
    Reason.FRAME_TARGET: Answer(400, INVALID_REQUEST, "The request target is not acceptable."),
    Reason.FRAME_HOST: Answer(400, INVALID_REQUEST, "Exactly one valid Host header is needed."),
    Reason.FRAME_MISDIRECTED: Answer(
        421, INVALID_REQUEST, "This connection was opened for another host name."
    ),
    Reason.FRAME_DUPLICATE_HEADER: Answer(
        400, INVALID_REQUEST, "A header that must be single was sent twice."
    ),
    Reason.FRAME_LENGTH: Answer(400, INVALID_REQUEST, "The body's length is not stated unambiguously."),
    Reason.FRAME_LENGTH_REQUIRED: Answer(411, INVALID_REQUEST, "A Content-Length is needed."),
    Reason.FRAME_CHUNK: Answer(400, INVALID_REQUEST, "The chunked body is not well-formed."),
    Reason.FRAME_CHUNK_COUNT: Answer(400, INVALID_REQUEST, "The body came in too many tiny chunks."),
    Reason.FRAME_BODY_SIZE: Answer(413, INVALID_REQUEST, "The body is larger than this gate accepts."),
    Reason.FRAME_BODY_RATE: Answer(408, INVALID_REQUEST, "The body arrived too slowly."),
    Reason.FRAME_TIMEOUT: Answer(408, INVALID_REQUEST, "The request took too long to arrive."),
    Reason.FRAME_EXPECT: Answer(417, INVALID_REQUEST, "Only Expect: 100-continue is understood."),
    Reason.FRAME_METHOD: Answer(405, INVALID_REQUEST, "This HTTP method is not served here."),
    Reason.FRAME_CONTENT_TYPE: Answer(415, INVALID_REQUEST, "The body must be application/json in UTF-8."),
    Reason.FRAME_CONTENT_ENCODING: Answer(
        415, INVALID_REQUEST, "The body must not be compressed (Content-Encoding)."
    ),
    Reason.FRAME_JSON: Answer(400, PARSE_ERROR, "The body is not valid JSON in UTF-8."),
    Reason.FRAME_DUPLICATE_KEY: Answer(
        400, PARSE_ERROR, "An object in the body has two members with the same or a confusable name."
    ),
    Reason.FRAME_DEPTH: Answer(400, PARSE_ERROR, "The body is nested too deeply."),
    Reason.FRAME_NUMBER: Answer(400, PARSE_ERROR, "A number in the body is out of range."),
    Reason.FRAME_BATCH: Answer(400, INVALID_REQUEST, "This batch of messages is not accepted."),
    Reason.FRAME_ENVELOPE: Answer(400, INVALID_REQUEST, "The body is not one JSON-RPC 2.0 message."),
    Reason.FRAME_ID: Answer(400, INVALID_REQUEST, "The id must be an integer or a short string."),
    Reason.FRAME_PARAMS: Answer(400, INVALID_PARAMS, "The params do not have the form this method needs."),
    Reason.MCP_ORIGIN: Answer(
        403, INVALID_REQUEST, "Pages of this origin are not served here; the gate's operators can add it."
    ),
    Reason.MCP_STATELESS: Answer(
        405,
        INVALID_REQUEST,
        "In this protocol version there are no sessions and no streams to open: only POST.",
    ),
    Reason.MCP_METHOD: Answer(
        404, METHOD_NOT_FOUND, "Method not found: this protocol version does not have it."
    ),
    Reason.MCP_REVISION: Answer(
        400, UNSUPPORTED_REVISION, "Unsupported protocol version: this gate cannot inspect it."
    ),
    Reason.MCP_HEADER: Answer(
        400,
        HEADER_MISMATCH,
        "Header mismatch: an MCP header is missing, malformed or not what the body says.",
    ),
    Reason.MCP_META: Answer(
        400,
        INVALID_PARAMS,
        "params._meta needs io.modelcontextprotocol/protocolVersion (a string) and "
        "io.modelcontextprotocol/clientCapabilities (an object).",
    ),
    Reason.MCP_RESPONSE: Answer(
        400, INVALID_REQUEST, "In this protocol version, clients send no JSON-RPC responses."
    ),
    Reason.ROUTE_UNKNOWN: Answer(404, INVALID_REQUEST, "Nothing is served at this address."),
    Reason.AUTH_MISSING: Answer(
        401,
        CODE_AUTH,
        "This gate needs a proof of who you are. Send 'Authorization: Bearer TOKEN' with a token that "
        "the gate's operators issued ('mcpgate token issue NAME'), or a client certificate where the "
        "listener asks for one.",
    ),
    Reason.AUTH_INVALID: Answer(
        401, CODE_AUTH, "The bearer token is not one that this gate accepts. Ask its operators for a new one."
    ),
    Reason.AUTH_EXPIRED: Answer(
        401,
        CODE_AUTH,
        "The bearer token or client certificate has expired. Ask the gate's operators for a new one.",
    ),
    Reason.AUTH_REVOKED: Answer(
        401, CODE_AUTH, "The bearer token was revoked. Ask the gate's operators for a new one."
    ),
    Reason.AUTH_CERTIFICATE: Answer(
        403, CODE_AUTH, "The client certificate is trusted but names no identity that this gate can use."
    ),
    Reason.AUTH_HEADER: Answer(400, CODE_AUTH, "The Authorization header is not 'Bearer' and one token."),
    Reason.AUTH_MALFORMED: Answer(401, CODE_AUTH, "The bearer token is not a well-formed token."),
    Reason.AUTH_ALGORITHM: Answer(
        401, CODE_AUTH, "The bearer token is signed in a way that is not accepted from its issuer."
    ),
    Reason.AUTH_KEY: Answer(
        401, CODE_AUTH, "The bearer token names no key of its issuer that it can be verified with."
    ),
    Reason.AUTH_SIGNATURE: Answer(401, CODE_AUTH, "The bearer token's signature is not right."),
    Reason.AUTH_TYPE: Answer(401, CODE_AUTH, "This is a token of another kind than an access token."),
    Reason.AUTH_ISSUER: Answer(401, CODE_AUTH, "The bearer token's issuer is not accepted here."),
    Reason.AUTH_AUDIENCE: Answer(
        401, CODE_AUTH, "The bearer token was made for another resource; ask for one for this URL."
    ),
    Reason.AUTH_EARLY: Answer(401, CODE_AUTH, "The bearer token is not valid yet."),
    Reason.AUTH_LIFETIME: Answer(
        401, CODE_AUTH, "The bearer token is valid for longer than is accepted from its issuer."
    ),
    Reason.AUTH_CLAIM: Answer(
        401, CODE_AUTH, "The bearer token does not say what is demanded of tokens of its issuer."
    ),
    Reason.AUTH_INACTIVE: Answer(401, CODE_AUTH, "Its issuer says that the bearer token is not active."),
    Reason.AUTH_BINDING: Answer(
        401, CODE_AUTH, "The bearer token is bound to a key or certificate that this request does not prove."
    ),
    Reason.AUTH_PLACE: Answer(
        401, CODE_AUTH, "The bearer token is not for this route, or not for where you connect from."
    ),
    Reason.AUTH_REPLAYED: Answer(401, CODE_AUTH, "This proof was used before."),
    Reason.AUTH_SCOPE: Answer(
        403,
        CODE_AUTH,
        "What you prove yourself by does not cover this; it takes a token with the scopes named here.",
    ),
    Reason.AUTH_UNAVAILABLE: Answer(
        503, CODE_AUTH, "The token's issuer cannot be reached to verify it; try again later."
    ),
    Reason.AUTH_REQUEST: Answer(400, CODE_AUTH, "The token request is not well-formed."),
    Reason.AUTH_ASSERTION: Answer(400, CODE_AUTH, "The assertion is not one that this gate accepts."),
    # The words of the official servers: clients look at the status, people at these.
    Reason.SESSION_EVENT: Answer(400, INVALID_REQUEST, "No stream can be resumed from there."),
    Reason.SESSION_UNKNOWN: Answer(404, INVALID_REQUEST, "Session not found."),
    Reason.POLICY_UNLISTED: Answer(200, CODE_POLICY, "Not permitted by the gate's policy."),
    Reason.POLICY_BLOCKED: Answer(200, CODE_POLICY, "Not permitted by the gate's policy."),
    Reason.POLICY_ARGUMENTS: Answer(
        200, CODE_POLICY, "The gate's policy does not permit this with these arguments."
    ),
    Reason.POLICY_TRANSPORT: Answer(
        200, CODE_POLICY, "The gate's policy does not permit this over connections like these."
    ),
    Reason.POLICY_CONTENT: Answer(
        200, CODE_POLICY, "It holds what the gate's policy does not let through, so it was withheld."
    ),
    Reason.POLICY_SCHEMA: Answer(
        200,
        CODE_POLICY,
        "The answer holds what the gate's policy masks, in a place where the tool's output schema lets "
        "nothing else stand, so it was withheld.",
    ),
    Reason.POLICY_DENIED: Answer(200, CODE_POLICY, "A person was asked, and did not permit it."),
    Reason.POLICY_UNDECIDED: Answer(
        200, CODE_POLICY, "A person must permit this, and none has in time; it was not done."
    ),
    Reason.POLICY_BUDGET: Answer(
        200, CODE_POLICY, "This is more than the gate's policy permits for now; try again later."
    ),
    Reason.POLICY_CONCURRENT: Answer(
        200, CODE_POLICY, "More of these run at once than the gate's policy permits; try again when one ends."
    ),
    Reason.POLICY_RESULT_SIZE: Answer(
        200, CODE_POLICY, "The answer is larger than the gate's policy permits, so it was withheld."
    ),
    Reason.POLICY_DEFINITION: Answer(
        200, CODE_POLICY, "The upstream has changed what this is; the gate's operators must accept it first."
    ),
    Reason.POLICY_LIST: Answer(
        200, CODE_POLICY, "The upstream's list has names that can be taken for one another; it was withheld."
    ),
    Reason.POLICY_QUESTION: Answer(
        200, CODE_POLICY, "The upstream asks for what the gate's policy does not permit it to ask."
    ),
    Reason.UPSTREAM_UNREACHABLE: Answer(502, CODE_UPSTREAM, "The upstream cannot be reached."),
    Reason.UPSTREAM_BUSY: Answer(
        503, CODE_UPSTREAM, "Every connection to the upstream is in use; try again."
    ),
    Reason.UPSTREAM_QUEUE: Answer(
        503, CODE_UPSTREAM, "Too many requests are waiting for the upstream; try again."
    ),
    Reason.UPSTREAM_TIMEOUT: Answer(504, CODE_UPSTREAM, "The upstream did not answer in time."),
    Reason.UPSTREAM_QUIET: Answer(504, CODE_UPSTREAM, "The upstream's stream was quiet for too long."),
    Reason.UPSTREAM_EVENT_SIZE: Answer(
        502, CODE_UPSTREAM, "The upstream sent an event that is larger than this gate passes on."
    ),
    Reason.UPSTREAM_CLOSED: Answer(
        502, CODE_UPSTREAM, "The upstream closed the connection before it answered."
    ),
    Reason.UPSTREAM_FRAMING: Answer(502, CODE_UPSTREAM, "The upstream's answer is not well-formed."),
    Reason.UPSTREAM_TRUNCATED: Answer(502, CODE_UPSTREAM, "The upstream's answer ended too early."),
    Reason.UPSTREAM_UNAUTHORIZED: Answer(
        502, CODE_UPSTREAM, "The upstream did not accept the gate's own credential."
    ),
    Reason.UPSTREAM_CREDENTIAL: Answer(
        502, CODE_UPSTREAM, "The gate has no credential for the upstream now, so nothing was sent to it."
    ),
    Reason.UPSTREAM_ECHO: Answer(
        502, CODE_UPSTREAM, "The upstream's answer holds what it must not show, so it was withheld."
    ),
    Reason.UPSTREAM_REDIRECT: Answer(
        502, CODE_UPSTREAM, "The upstream answered with a redirect, which is not followed."
    ),
    Reason.UPSTREAM_CONTENT: Answer(
        502, CODE_UPSTREAM, "The upstream's answer is neither JSON nor an event stream in UTF-8."
    ),
    Reason.UPSTREAM_MESSAGE: Answer(
        502, CODE_UPSTREAM, "The upstream's answer is not one that this request can have."
    ),
    Reason.UPSTREAM_ANSWER_SIZE: Answer(
        502, CODE_UPSTREAM, "The upstream's answer is larger than this gate passes on."
    ),
    Reason.UPSTREAM_REVISION: Answer(
        502, CODE_UPSTREAM, "The upstream chose a revision of MCP that this gate does not know."
    ),
    Reason.UPSTREAM_ENDPOINT: Answer(
        502, CODE_UPSTREAM, "The upstream named an endpoint that is not its own."
    ),
    Reason.UPSTREAM_UNASKED: Answer(502, CODE_UPSTREAM, "The upstream answered what nobody had asked."),
    Reason.UPSTREAM_REPEATED: Answer(502, CODE_UPSTREAM, "The upstream answered one request twice."),
    Reason.UPSTREAM_ASKS: Answer(
        502, CODE_UPSTREAM, "The upstream sent a request, which this revision of MCP does not have."
    ),
    Reason.UPSTREAM_EVENT: Answer(502, CODE_UPSTREAM, "The upstream sent an event that MCP does not have."),
    Reason.PROXY_HEADER: Answer(
        400, INVALID_REQUEST, "A PROXY protocol header of version 2 must come first here."
    ),
    Reason.PROXY_UNTRUSTED: Answer(400, INVALID_REQUEST, "No PROXY protocol header is accepted from you."),
    Reason.LIMIT_CONNECTIONS: Answer(503, CODE_GATE, "The gate serves as many connections as it can."),
    Reason.LIMIT_ADDRESS: Answer(503, CODE_GATE, "Your address has as many connections as it may have."),
    Reason.LIMIT_HANDSHAKES: Answer(503, CODE_GATE, "Too many handshakes are unfinished; try again."),
    Reason.LIMIT_FAILURES: Answer(
        429,
        CODE_AUTH,
        "Too many attempts from your address have failed. Check the token that you send, wait as long "
        "as Retry-After says, and try again.",
    ),
    Reason.LIMIT_DESCRIPTORS: Answer(
        503, CODE_GATE, "The gate has no room for another connection now; try again."
    ),
    Reason.CLIENT_GONE: Answer(499, CODE_GATE, "The caller went away."),
    Reason.GATE_DRAINING: Answer(503, CODE_GATE, "The gate is shutting down; try again."),
    Reason.GATE_JOURNAL: Answer(
        503, CODE_GATE, "The gate cannot write its evidence and therefore refuses to forward."
    ),
    Reason.GATE_ERROR: Answer(500, CODE_GATE, "The gate failed; the request was not completed."),
}
