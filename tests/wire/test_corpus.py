"""The corpus of hostile and honest requests, judged by this room's functions as a gate joins them.

``vectors/http.json`` and ``vectors/requests.json`` were collected before the first line of the gate
was written. Their ``expect`` says what must come of each case.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mcpgate.config.tables.rule import OnTable, RuleTable
from mcpgate.policy.decide import decide
from mcpgate.policy.rules import Action, Verdict, compile_rules
from mcpgate.reasons import ANSWERS, Reason, Refusal
from mcpgate.wire.agreement import MIRRORED, agreement
from mcpgate.wire.call import call_of
from mcpgate.wire.chunked import ChunkedReader
from mcpgate.wire.http import Framing, RequestHead, judge_content, judge_unfinished, read_request_head
from mcpgate.wire.jsonrpc import Kind, parse
from mcpgate.wire.revision import revision_of
from mcpgate.wire.sentinel import encode
from tests.policy.calling import callers
from tests.wire.heads import MODERN, meta

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
HTTP: list[dict[str, Any]] = json.loads((VECTORS / "http.json").read_text())
REQUESTS: list[dict[str, Any]] = json.loads((VECTORS / "requests.json").read_text())

HEAD_SIZE = 32 * 1024
BODY_SIZE = 1024 * 1024
AUTHORIZATION = b"Authorization: Bearer token"


class Connection:
    """A caller's connection without the network: what it dispatched, and why it was refused, if it was."""

    def __init__(self) -> None:
        self.dispatched: list[bytes] = []
        self.refusal: Refusal | None = None
        self.closed = False
        self._buffer = b""
        self._head: RequestHead | None = None
        self._payload = b""
        self._chunks: ChunkedReader | None = None

    def receive(self, data: bytes) -> None:
        """Take bytes as they arrive."""
        self._buffer += data
        while not self.closed and (self._read_head() if self._head is None else self._read_body(self._head)):
            pass

    def _refuse(self, refusal: Refusal) -> bool:
        self.refusal = refusal
        self.closed = True
        return False

    def _read_head(self) -> bool:
        if not self._buffer:
            return False
        end = self._buffer.find(b"\r\n\r\n") + 4
        if end > HEAD_SIZE or (end == 3 and len(self._buffer) > HEAD_SIZE):
            return self._refuse(Refusal(Reason.FRAME_HEAD_SIZE))
        if end == 3:
            hopeless = judge_unfinished(self._buffer)
            return False if hopeless is None else self._refuse(hopeless)
        head = read_request_head(self._buffer[:end])
        self._buffer = self._buffer[end:]
        refusal = head if isinstance(head, Refusal) else self._judge(head)
        if refusal is not None:
            return self._refuse(refusal)
        assert isinstance(head, RequestHead)
        self._head = head
        self._payload = b""
        self._chunks = ChunkedReader(lenient=False) if head.framing is Framing.CHUNKED else None
        return True

    def _judge(self, head: RequestHead) -> Refusal | None:
        if head.host != b"gw.test":
            return Refusal(Reason.FRAME_MISDIRECTED)
        if head.path != b"/mcp":
            return Refusal(Reason.ROUTE_UNKNOWN)
        if head.length > BODY_SIZE:
            return Refusal(Reason.FRAME_BODY_SIZE)
        if head.method not in (b"POST", b"GET", b"DELETE"):
            return Refusal(Reason.FRAME_METHOD)
        return judge_content(head)

    def _read_body(self, head: RequestHead) -> bool:
        buffer, self._buffer = self._buffer, b""
        if self._chunks is not None:
            decoded = self._chunks.feed(buffer)
            if isinstance(decoded, Refusal):
                return self._refuse(decoded)
            self._payload += decoded
            if not self._chunks.finished:
                return False
            self._buffer = self._chunks.rest
        else:
            missing = head.length - len(self._payload)
            self._payload += buffer[:missing]
            self._buffer = buffer[missing:]
            if len(self._payload) < head.length:
                return False
        if head.method == b"POST":
            message = parse(self._payload)
            if isinstance(message, Refusal):
                return self._refuse(message)
        self.dispatched.append(head.path)
        self._head = None
        self.closed = not head.keep_alive
        return True


def ran(segments: list[bytes], size: int) -> Connection:
    """A connection that got these segments, each cut into pieces of at most so many bytes."""
    connection = Connection()
    for segment in segments:
        for at in range(0, len(segment), size):
            connection.receive(segment[at : at + size])
    return connection


def segments_of(case: dict[str, Any]) -> list[bytes]:
    """The bytes of a case; what they say to the network's side of a test is left out."""
    return [
        base64.b64decode(segment)
        .removeprefix(b"@@SPLIT30@@")
        .removesuffix(b"@@FIN@@")
        .replace(b"@@AUTH@@", AUTHORIZATION)
        for segment in case["segs"]
    ]


@pytest.mark.parametrize("size", [1_000_000, 30, 1], ids=["whole", "in thirties", "byte by byte"])
@pytest.mark.parametrize("case", HTTP, ids=[case["id"] for case in HTTP])
def test_a_request_on_the_wire_is_dispatched_or_refused_as_it_must_be(
    case: dict[str, Any], size: int
) -> None:
    connection = ran(segments_of(case), size)
    count, refusal = len(connection.dispatched), connection.refusal
    assert set(connection.dispatched) <= {b"/mcp"}
    match case["expect"]:
        case "A":
            assert (count, refusal) == (1, None)
        case "A2":
            assert (count, refusal) == (2, None)
        case "A20":
            assert (count, refusal) == (20, None)
        case "A1R":
            assert count == 1 and refusal is not None
        case "RA":
            # Either way, and never both.
            assert (count, refusal is None) in ((1, True), (0, False))
        case "RA2":
            assert count <= 1
        case "R":
            assert count == 0
            # A body that never ends is refused by the deadline, which is not in this room.
            reason = refusal.reason if refusal is not None else Reason.FRAME_TIMEOUT
            assert ANSWERS[reason].status in case["st"]
        case other:
            pytest.fail(f"unknown expectation {other}")


@pytest.mark.parametrize("case", HTTP, ids=[case["id"] for case in HTTP])
def test_the_verdict_does_not_depend_on_how_the_bytes_arrive(case: dict[str, Any]) -> None:
    whole, cut = ran(segments_of(case), 1_000_000), ran(segments_of(case), 1)
    assert whole.dispatched == cut.dispatched
    assert (whole.refusal is None) == (cut.refusal is None)


def test_only_an_endless_body_is_left_to_the_deadline() -> None:
    assert [
        case["id"]
        for case in HTTP
        if case["expect"] == "R" and ran(segments_of(case), 1_000_000).refusal is None
    ] == ["CK-29"]


#: The policy that the corpus assumes: two tools, and the resources under one directory.
POLICY = compile_rules(
    [
        RuleTable(
            name="tools",
            verdict="allow",
            on=OnTable(method=("tools/call",), name=("get_weather", "read_file")),
        ),
        RuleTable(
            name="files",
            verdict="allow",
            on=OnTable(method=("resources/read",), name=("file:///srv/public/*",)),
        ),
    ]
)

#: A response asks for nothing; legacy clients must send them (2025-11-25, "Sending Messages"), so only
#: the revision of the request says whether one may pass.
RESPONSES = {"K-16"}


def came_of(body: bytes, headers: Mapping[str, str]) -> Refusal | Verdict | None:
    """What the pure rooms, one after the other, make of a request; C{None} for a response that passes."""
    lines = [b"POST /mcp HTTP/1.1", b"Host: gw.test", b"Content-Type: application/json"]
    lines += [f"{name}: {value}".encode() for name, value in headers.items()]
    lines.append(b"Content-Length: %d" % len(body))
    head = read_request_head(b"\r\n".join(lines) + b"\r\n\r\n")
    if isinstance(head, Refusal):
        return head
    message = parse(body)
    if isinstance(message, Refusal):
        return message
    revision = revision_of(head.get(b"mcp-protocol-version"))
    if isinstance(revision, Refusal):
        return revision
    refusal = agreement(message, head, revision)
    if refusal is not None or message.kind is Kind.RESPONSE:
        return refusal
    call = call_of(message)
    return call if isinstance(call, Refusal) else decide(callers(POLICY), "r", call)


def passes(found: Refusal | Verdict | None) -> bool:
    return found is None or (isinstance(found, Verdict) and found.action is Action.ALLOW)


@pytest.mark.parametrize("case", REQUESTS, ids=[case["id"] for case in REQUESTS])
def test_a_body_is_forwarded_or_refused_as_it_must_be(case: dict[str, Any]) -> None:
    found = came_of(base64.b64decode(case["body"]), case["headers"])
    if case["id"] in RESPONSES:
        assert found is None
        return
    assert passes(found) is (case["expect"] == "F")
    if isinstance(found, Refusal):
        answer = ANSWERS[found.reason]
        assert answer.status in case["http"] and answer.code in case["code"]


@pytest.mark.parametrize("case", REQUESTS, ids=[case["id"] for case in REQUESTS])
def test_the_modern_revision_changes_no_verdict(case: dict[str, Any]) -> None:
    """Neither by a body as it stands, which lacks what the revision demands, nor with all of that."""
    body = base64.b64decode(case["body"])
    if not case["headers"]:
        bare = came_of(body, {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call"})
        assert isinstance(bare, Refusal)
        if case["id"] in RESPONSES:
            assert bare.reason is Reason.MCP_RESPONSE
    message = parse(body)
    if isinstance(message, Refusal) or message.method is None or case["headers"]:
        return
    params = {**message.params, "_meta": meta()}
    whole = {"jsonrpc": "2.0", "id": message.id, "method": message.method, "params": params}
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": message.method.strip()}
    if message.method in MIRRORED:
        headers["Mcp-Name"] = encode(str(params[MIRRORED[message.method]])).decode()
    found = came_of(json.dumps(whole).encode(), headers)
    assert passes(found) is (case["expect"] == "F")


def test_every_group_of_the_corpus_is_judged_here() -> None:
    """And most cases are refused for what they are about, not for something that all have in common."""
    reasons: dict[str, set[Reason | None]] = {}
    for case in REQUESTS:
        found = came_of(base64.b64decode(case["body"]), case["headers"])
        if not passes(found):
            assert found is not None
            reasons.setdefault(case["group"], set()).add(found.reason)
    blocked = {Reason.POLICY_UNLISTED}
    assert reasons == {
        "sanity": blocked,
        "tool-name": blocked,
        "method-name": blocked,
        "resource-uri": blocked,
        "keys": {Reason.FRAME_DUPLICATE_KEY, Reason.FRAME_ENVELOPE},
        "encoding": {Reason.FRAME_JSON},
        "syntax": {Reason.FRAME_JSON, Reason.FRAME_ENVELOPE, Reason.FRAME_BATCH, Reason.FRAME_DEPTH},
        "envelope": {Reason.FRAME_ENVELOPE, Reason.FRAME_PARAMS, Reason.FRAME_ID, Reason.FRAME_NUMBER},
        "header-body": {Reason.MCP_HEADER, Reason.FRAME_HEAD},
        "size": {Reason.FRAME_NUMBER},
    }
