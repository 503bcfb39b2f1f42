"""Headers and body tell the same story, or the request goes nowhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import InboundLadderRejection, InboundModernRoute, classify_inbound_request

from mcpgate.reasons import ANSWERS, Reason, Refusal
from mcpgate.wire.agreement import CAPABILITIES, MIRRORED, VERSION, agreement
from mcpgate.wire.jsonrpc import Message, parse
from mcpgate.wire.revision import Revision, revision_of
from mcpgate.wire.sentinel import encode
from tests.wire.heads import MODERN, head, message, meta

BASE = {"MCP-Protocol-Version": MODERN}
LEGACY = [one for one in Revision if not one.modern]


def judged(said: Message, headers: Mapping[str, str | bytes]) -> Reason | None:
    """The whole of this room as a gate joins it: the header decides first."""
    found = head(headers)
    revision = revision_of(found.get(b"mcp-protocol-version"))
    refusal = revision if isinstance(revision, Refusal) else agreement(said, found, revision)
    return None if refusal is None else refusal.reason


def listing(headers: Mapping[str, str | bytes], **changes: object) -> Reason | None:
    return judged(message("tools/list", {"_meta": meta(**changes)}), BASE | dict(headers))


def calling(headers: Mapping[str, str | bytes], name: object = "get_weather") -> Reason | None:
    said = message("tools/call", {"name": name, "arguments": {}, "_meta": meta()})
    return judged(said, BASE | {"Mcp-Method": "tools/call"} | dict(headers))


def test_each_reason_is_answered_as_the_specification_says() -> None:
    """Streamable HTTP, "Server Validation"; basic, "Per-request protocol fields"."""
    assert {
        reason: (ANSWERS[reason].status, ANSWERS[reason].code) for reason in Reason if "mcp." in reason
    } == {
        Reason.MCP_REVISION: (400, -32022),
        Reason.MCP_HEADER: (400, -32020),
        Reason.MCP_META: (400, -32602),
        Reason.MCP_RESPONSE: (400, -32600),
        # Streamable HTTP, "Security Warning", and "Backward Compatibility" of 2026-07-28.
        Reason.MCP_ORIGIN: (403, -32600),
        Reason.MCP_STATELESS: (405, -32600),
    }


# Mcp-Method: streamable HTTP, "Standard Request Headers" and "Case Sensitivity".


@pytest.mark.parametrize("name", ["Mcp-Method", "mcp-method", "MCP-METHOD"])
def test_a_request_with_its_method_in_a_header_passes(name: str) -> None:
    assert listing({name: "tools/list"}) is None


@pytest.mark.parametrize(
    "value", ["prompts/list", "TOOLS/LIST", "tools/list, tools/list", "", "=?base64?dG9vbHMvbGlzdA==?="]
)
def test_another_method_in_the_header_is_refused(value: str) -> None:
    """Values are case-sensitive, and only names may be encoded."""
    assert listing({"Mcp-Method": value}) is Reason.MCP_HEADER


def test_a_request_without_its_method_in_a_header_is_refused() -> None:
    assert listing({}) is Reason.MCP_HEADER


def test_a_method_that_no_header_can_carry_is_refused() -> None:
    said = message("tools/añadir", {"_meta": meta()})
    assert judged(said, BASE | {"Mcp-Method": "tools/añadir"}) is Reason.MCP_HEADER


# Mcp-Name: the same, and "Value Encoding"; for tasks SEP-2663, "Streamable HTTP: Routing Headers".


@pytest.mark.parametrize(("method", "param"), MIRRORED.items())
def test_each_named_method_has_its_name_in_a_header(method: str, param: str) -> None:
    said = message(method, {param: "file:///a b?c=%20", "_meta": meta()})
    headers = BASE | {"Mcp-Method": method}
    assert judged(said, headers | {"Mcp-Name": "file:///a b?c=%20"}) is None
    assert judged(said, headers | {"Mcp-Name": "other"}) is Reason.MCP_HEADER
    assert judged(said, headers) is Reason.MCP_HEADER


def test_white_space_around_the_name_is_not_part_of_it() -> None:
    """RFC 9110, section 5.5."""
    assert calling({"Mcp-Name": "  get_weather  "}) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("日本語", "=?base64?5pel5pys6Kqe?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("get_weather", "=?base64?Z2V0X3dlYXRoZXI=?="),
        ("=?base64?cm0=?=", "=?base64?PT9iYXNlNjQ/Y20wPT89?="),
        ("=?BASE64?cm0=?=", "=?BASE64?cm0=?="),
        ("=?base64?cm0=", "=?base64?cm0="),
        ("my-tool-name", "my-tool-name"),
        ("", ""),
    ],
)
def test_a_name_is_compared_decoded(name: str, value: str) -> None:
    assert calling({"Mcp-Name": value}, name) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("get_weather", "=?base64?cm0=?="),
        ("get_weather", "=?base64?Z2V0X3dlYXRoZXI?="),
        ("get_weather", "=?base64?Z2V0X3dl YXRoZXI=?="),
        ("get_weather", "=?base64?Z2V0X3dlYXRoZXJ=?="),
        ("get_weather", "=?BASE64?Z2V0X3dlYXRoZXI=?="),
        ("get_weather", "Get_Weather"),
        ("get_weather", "get_weather, rm"),
        ("get_weather", ""),
        # To whoever decodes it, the header says rm.
        ("=?base64?cm0=?=", "=?base64?cm0=?="),
        # Trimmed by everybody, so it cannot say this.
        (" get_weather", " get_weather"),
        # Raw UTF-8 is Latin-1 to some.
        ("日本語", "日本語".encode()),
        ("", "x"),
    ],
)
def test_another_or_a_malformed_name_is_refused(name: str, value: str | bytes) -> None:
    assert calling({"Mcp-Name": value}, name) is Reason.MCP_HEADER


def test_no_name_in_the_body_needs_none_in_a_header_and_allows_none() -> None:
    """That the name is missing is for whoever names the call to say (frame.params)."""
    for params in ({"_meta": meta()}, {"name": 1, "_meta": meta()}):
        said = message("tools/call", params)
        assert judged(said, BASE | {"Mcp-Method": "tools/call"}) is None
        assert judged(said, BASE | {"Mcp-Method": "tools/call", "Mcp-Name": "rm"}) is Reason.MCP_HEADER


def test_methods_that_mirror_no_name_are_not_asked_for_one() -> None:
    """ "Required For": nothing is said of Mcp-Name anywhere else."""
    assert listing({"Mcp-Method": "tools/list"}) is None
    assert listing({"Mcp-Method": "tools/list", "Mcp-Name": "whatever"}) is None


# _meta: basic, "Per-request protocol fields".


@pytest.mark.parametrize(
    "params",
    [
        None,
        {},
        {"_meta": None},
        {"_meta": []},
        {"_meta": "x"},
        {"_meta": {}},
        {"_meta": {CAPABILITIES: {}}},
        {"_meta": {VERSION: MODERN}},
        {"_meta": {VERSION: 20260728, CAPABILITIES: {}}},
        {"_meta": {VERSION: None, CAPABILITIES: {}}},
        {"_meta": {VERSION: MODERN, CAPABILITIES: None}},
        {"_meta": {VERSION: MODERN, CAPABILITIES: []}},
        {"_meta": {"protocolVersion": MODERN, "clientCapabilities": {}}},
    ],
)
def test_a_request_without_its_metadata_is_refused(params: object) -> None:
    said = message("server/discover", params)
    assert judged(said, BASE | {"Mcp-Method": "server/discover"}) is Reason.MCP_META
    # The metadata comes first, as with the official Python server.
    assert judged(said, BASE) is Reason.MCP_META


def test_who_the_client_is_need_not_be_said() -> None:
    """clientInfo is a SHOULD."""
    assert VERSION in meta() and not any("clientInfo" in name for name in meta())
    assert listing({"Mcp-Method": "tools/list"}) is None


# The version: streamable HTTP, "Protocol Version Header"; basic/versioning.


@pytest.mark.parametrize("version", ["v999.0.0", "2025-11-25", "2026-07-28 ", ""])
def test_another_version_in_the_body_is_refused(version: str) -> None:
    assert listing({"Mcp-Method": "tools/list"}, version=version) is Reason.MCP_HEADER


def test_an_unknown_version_in_both_is_unsupported_rather_than_contradicted() -> None:
    said = message("server/discover", {"_meta": meta(version="v999.0.0")})
    headers = {"MCP-Protocol-Version": "v999.0.0", "Mcp-Method": "server/discover"}
    assert judged(said, headers) is Reason.MCP_REVISION


@pytest.mark.parametrize("version", [MODERN, "2025-06-18", "v999.0.0", 1])
@pytest.mark.parametrize("header", [None, *(one.text for one in LEGACY)])
def test_a_body_of_the_modern_era_under_a_legacy_head_is_refused(header: str | None, version: object) -> None:
    """Servers that go by the header and servers that go by the body would take it for different eras."""
    headers = {} if header is None else {"MCP-Protocol-Version": header}
    for said in (
        message("tools/call", {"name": "x", "_meta": meta(version=version)}),
        message("notifications/initialized", {"_meta": meta(version=version)}, id=None),
    ):
        assert judged(said, headers) is Reason.MCP_HEADER


@pytest.mark.parametrize("revision", LEGACY)
def test_legacy_messages_need_nothing_of_this(revision: Revision) -> None:
    """Neither headers nor metadata; other metadata is no sign of an era."""
    for said in (
        message("initialize", {"protocolVersion": "2099-01-01", "capabilities": {}, "clientInfo": {}}),
        message("tools/call", {"name": "x", "_meta": {"progressToken": 1, CAPABILITIES: {}}}),
        message("notifications/initialized", id=None),
        message("ping"),
    ):
        assert agreement(said, head({"MCP-Protocol-Version": revision.text}), revision) is None
    assert judged(message("initialize", {"protocolVersion": "2025-11-25"}), {}) is None


@pytest.mark.parametrize("method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "x/y"])
def test_a_method_of_another_era_is_judged_like_any_other(method: str) -> None:
    """
    Whether the revision has it is for the upstream to answer (404, -32601), so that its answer and not
    ours names what it supports. A handshake under a modern head is never legacy: it lacks its metadata.
    """
    assert judged(message(method, {"_meta": meta()}), BASE | {"Mcp-Method": method}) is None
    assert (
        judged(message(method, {"protocolVersion": "2025-11-25"}), BASE | {"Mcp-Method": method})
        is Reason.MCP_META
    )


# Notifications and responses: streamable HTTP, "Sending Messages".


def test_a_notification_needs_no_headers_and_no_metadata() -> None:
    """ "Header requirements for notification POSTs are not defined by this revision." """
    assert judged(message("notifications/cancelled", {"requestId": 1}, id=None), BASE) is None
    assert judged(message("notifications/x", id=None), BASE) is None
    assert judged(message("notifications/x", {"_meta": {}}, id=None), BASE) is None
    assert judged(message("notifications/x", {"_meta": {VERSION: MODERN}}, id=None), BASE) is None


def test_what_a_notification_says_twice_must_agree() -> None:
    said = message("notifications/x", {"_meta": {VERSION: "2025-11-25"}}, id=None)
    assert judged(said, BASE) is Reason.MCP_HEADER
    said = message("notifications/x", id=None)
    assert judged(said, BASE | {"Mcp-Method": "notifications/x"}) is None
    assert judged(said, BASE | {"Mcp-Method": "notifications/y"}) is Reason.MCP_HEADER
    said = message("tools/call", {"name": "rm"}, id=None)
    assert judged(said, BASE | {"Mcp-Name": "rm"}) is None
    assert judged(said, BASE | {"Mcp-Name": "get_weather"}) is Reason.MCP_HEADER


@pytest.mark.parametrize("body", [b'"result":{"roots":[]}', b'"error":{"code":-1,"message":"no"}'])
def test_a_response_is_legacy_only(body: bytes) -> None:
    """ "The client MUST NOT send JSON-RPC responses"; up to 2025-11-25 it must."""
    said = parse(b'{"jsonrpc":"2.0","id":1,' + body + b"}")
    assert isinstance(said, Message)
    assert judged(said, BASE) is Reason.MCP_RESPONSE
    assert judged(said, {}) is None
    for revision in LEGACY:
        assert agreement(said, head({}), revision) is None


# Against the official Python server's own reading.

_CODES = {Reason.MCP_META: -32602, Reason.MCP_HEADER: -32020, Reason.MCP_REVISION: -32022}

_METHODS = ["tools/call", "prompts/get", "resources/read", "tools/list", "server/discover", "initialize"]
_NAMES = st.sampled_from(["get_weather", "rm", "", " rm", "=?base64?cm0=?=", "日本語", "a b"]) | st.text(
    max_size=4
)
_VERSIONS = st.sampled_from([MODERN, "2025-11-25", "v999.0.0"])


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, str]]:
    """A request of which all, most or nothing agrees with its headers."""
    method = draw(st.sampled_from(_METHODS))
    name = draw(_NAMES)
    whole: dict[str, Any] = meta(version=draw(st.just(MODERN) | _VERSIONS))
    if draw(st.integers(0, 9)) == 0:
        del whole[draw(st.sampled_from(list(whole)))]
    params: dict[str, Any] = {"_meta": whole, "name": name, "uri": name}
    if draw(st.integers(0, 9)) == 0:
        del params[draw(st.sampled_from(list(params)))]
    headers = {
        "mcp-protocol-version": MODERN,
        "mcp-method": draw(st.just(method) | st.sampled_from(_METHODS)),
        "mcp-name": encode(draw(st.just(name) | _NAMES)).decode(),
    }
    for optional in ("mcp-method", "mcp-name"):
        if draw(st.integers(0, 9)) == 0:
            del headers[optional]
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, headers


@given(exchanges())
def test_the_official_server_would_say_the_same(exchange: tuple[dict[str, Any], dict[str, str]]) -> None:
    """But for a name that only the header has, which it does not look at."""
    body, headers = exchange
    said = parse(json.dumps(body).encode())
    assert isinstance(said, Message)
    reason = judged(said, headers)
    theirs = classify_inbound_request(body, headers=headers)
    if reason is None:
        assert isinstance(theirs, InboundModernRoute)
    elif isinstance(theirs, InboundLadderRejection):
        assert theirs.code == _CODES[reason]
    else:
        assert reason is Reason.MCP_HEADER and "mcp-name" in headers
        assert MIRRORED[body["method"]] not in body["params"]


@given(st.text(max_size=8), st.text(max_size=8))
def test_a_name_passes_exactly_when_it_is_the_bodys(name: str, other: str) -> None:
    said = message("tools/call", {"name": name, "_meta": meta()})
    headers = BASE | {"Mcp-Method": "tools/call", "Mcp-Name": encode(other)}
    assert (judged(said, headers) is None) is (name == other)
