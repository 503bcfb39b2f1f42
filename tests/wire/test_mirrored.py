"""Arguments that are repeated in headers say the same there (2026-07-28, streamable HTTP)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import (
    find_invalid_x_mcp_header,
    mcp_param_headers,
    validate_mcp_param_headers,
    x_mcp_header_map,
)

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.mirrored import (
    ANNOTATIONS_MOST,
    CHARACTERS_MOST,
    INTEGER_MOST,
    TOOLS_MOST,
    Mirrors,
    annotations_of,
)
from mcpgate.wire.sentinel import decode, encode
from tests.wire.heads import head

REGION = {"type": "string", "x-mcp-header": "Region"}


def schema(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


def tool(name: str, **properties: object) -> dict[str, object]:
    return {"name": name, "inputSchema": schema(**properties)}


KNOWN = Mirrors()
KNOWN.learn(
    [
        tool(
            "t",
            region=REGION,
            count={"type": "integer", "x-mcp-header": "Count"},
            flag={"type": "boolean", "x-mcp-header": "Flag"},
            where=schema(zone={"type": "string", "x-mcp-header": "Zone"}),
            query={"type": "string"},
        ),
        tool("plain", query={"type": "string"}),
    ]
)


def judged(
    arguments: Mapping[str, object],
    headers: Mapping[str, str | bytes],
    name: str = "t",
    known: Mirrors = KNOWN,
) -> Reason | None:
    named = {f"Mcp-Param-{header}": value for header, value in headers.items()}
    refusal = known.judge(name, arguments, head(named))
    return None if refusal is None else refusal.reason


# The table of "Server Behavior for Custom Headers", and "Value Encoding".


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        ({}, {}),
        ({"query": "x"}, {}),
        ({"region": "us-west1"}, {"Region": "us-west1"}),
        ({"region": "us-west1"}, {"region": "us-west1"}),
        ({"region": "us-west1"}, {"REGION": "  us-west1 "}),
        ({"region": "us west 1"}, {"Region": "us west 1"}),
        ({"region": " us-west1"}, {"Region": "=?base64?IHVzLXdlc3Qx?="}),
        ({"region": "日本語"}, {"Region": "=?base64?5pel5pys6Kqe?="}),
        ({"region": "line1\r\nline2"}, {"Region": "=?base64?bGluZTENCmxpbmUy?="}),
        ({"region": "Hello"}, {"Region": "=?base64?SGVsbG8=?="}),
        ({"region": "SGVsbG8="}, {"Region": "SGVsbG8="}),
        ({"region": "=?base64?SGVsbG8="}, {"Region": "=?base64?SGVsbG8="}),
        ({"region": ""}, {"Region": ""}),
        ({"region": None}, {}),
        ({"count": 42}, {"Count": "42"}),
        ({"count": -7}, {"Count": "-7"}),
        ({"count": 0}, {"Count": "0"}),
        ({"count": 42}, {"Count": "42.0"}),
        ({"count": 42.0}, {"Count": "42"}),
        ({"count": 42}, {"Count": "=?base64?NDI=?="}),
        ({"count": INTEGER_MOST}, {"Count": str(INTEGER_MOST)}),
        ({"count": -INTEGER_MOST}, {"Count": str(-INTEGER_MOST)}),
        ({"flag": True}, {"Flag": "true"}),
        ({"flag": False}, {"Flag": "false"}),
        ({"where": {"zone": "a"}}, {"Zone": "a"}),
        ({"where": {}}, {}),
        ({"where": None}, {}),
        ({"where": "a"}, {}),
        # Nothing that a header could carry: the schema is for the upstream to hold them to.
        ({"region": ["a"]}, {}),
        ({"region": {"a": 1}}, {}),
        ({"count": 1.5}, {}),
        ({"count": INTEGER_MOST + 1}, {}),
        # As its own type has it, whatever the schema wants.
        ({"region": 42}, {"Region": "42"}),
        ({"count": "42"}, {"Count": "42"}),
        # Unknown headers are forwarded and otherwise ignored.
        ({"region": "a"}, {"Region": "a", "Other": "x"}),
    ],
)
def test_arguments_and_headers_that_agree_pass(
    arguments: Mapping[str, object], headers: Mapping[str, str]
) -> None:
    assert judged(arguments, headers) is None


@pytest.mark.parametrize(
    ("arguments", "headers"),
    [
        # Missing.
        ({"region": "us-west1"}, {}),
        ({"region": ""}, {}),
        ({"count": 0}, {}),
        ({"flag": False}, {}),
        ({"where": {"zone": "a"}}, {}),
        # Different.
        ({"region": "us-west1"}, {"Region": "eu"}),
        ({"region": "us-west1"}, {"Region": "US-WEST1"}),
        ({"region": "us-west1"}, {"Region": ""}),
        ({"region": " us-west1"}, {"Region": " us-west1"}),
        ({"region": "us-west1"}, {"Region": "=?base64?ZXU=?="}),
        ({"region": "=?base64?ZXU=?="}, {"Region": "=?base64?ZXU=?="}),
        ({"region": "Hello"}, {"Region": "=?BASE64?SGVsbG8=?="}),
        ({"where": {"zone": "a"}}, {"Zone": "b"}),
        # Malformed.
        ({"region": "Hello"}, {"Region": "=?base64?SGVsbG8?="}),
        ({"region": "Hello"}, {"Region": "=?base64?SGVs!!!bG8=?="}),
        ({"region": "日本語"}, {"Region": "日本語".encode()}),
        ({"flag": True}, {"Flag": "=?base64?dHJ1ZQ?="}),
        ({"count": 1}, {"Count": "１".encode()}),
        # Numbers.
        ({"count": 42}, {"Count": "43"}),
        ({"count": 42}, {"Count": "42.5"}),
        ({"count": 42}, {"Count": "42."}),
        ({"count": 42}, {"Count": "+42"}),
        ({"count": 42}, {"Count": "042"}),
        ({"count": 42}, {"Count": "4.2e1"}),
        ({"count": 42}, {"Count": "0x2a"}),
        ({"count": 42}, {"Count": "4_2"}),
        ({"count": 42}, {"Count": ""}),
        ({"count": 1000}, {"Count": "1,000"}),
        ({"count": INTEGER_MOST + 1}, {"Count": str(INTEGER_MOST + 1)}),
        ({"count": -INTEGER_MOST - 1}, {"Count": str(-INTEGER_MOST - 1)}),
        ({"count": 1.5}, {"Count": "1.5"}),
        ({"count": 42}, {"Count": "4" * 5000}),
        ({"region": 42}, {"Region": "42.0"}),
        # Booleans.
        ({"flag": True}, {"Flag": "True"}),
        ({"flag": True}, {"Flag": "1"}),
        ({"flag": True}, {"Flag": "false"}),
        ({"count": True}, {"Count": "1"}),
        # A header that mirrors nothing.
        ({}, {"Region": "us-west1"}),
        ({"region": None}, {"Region": "us-west1"}),
        ({"region": None}, {"Region": ""}),
        ({"region": None}, {"Region": "null"}),
        ({"region": ["a"]}, {"Region": "a"}),
        ({"where": "a"}, {"Zone": "a"}),
        ({"zone": "a"}, {"Zone": "a"}),
    ],
)
def test_arguments_and_headers_that_do_not_are_refused(
    arguments: Mapping[str, object], headers: Mapping[str, str | bytes]
) -> None:
    assert judged(arguments, headers) is Reason.MCP_HEADER


def test_a_refusal_names_the_header_and_not_its_value() -> None:
    """An argument may be a secret, and the detail goes into the record."""
    refusal = KNOWN.judge("t", {"region": "hush"}, head({"Mcp-Param-Region": "quiet"}))
    assert isinstance(refusal, Refusal)
    assert refusal.detail == "mcp-param-region is not what the body says"


def test_headers_of_tools_that_nothing_is_known_of_pass() -> None:
    """ "Intermediate servers that do not recognize an Mcp-Param-{Name} header MUST forward it." """
    for name in ("plain", "unheard-of"):
        assert judged({"region": "a"}, {"Region": "b"}, name) is None


# Names that CGI-like servers take for one.

ALIKE = Mirrors()
ALIKE.learn(
    [
        tool("low", a={"type": "string", "x-mcp-header": "tenant_id"}),
        tool("high", a={"type": "string", "x-mcp-header": "Tenant-Id"}),
        tool(
            "both",
            a={"type": "string", "x-mcp-header": "a_b"},
            b={"type": "string", "x-mcp-header": "a-b"},
        ),
    ]
)


@pytest.mark.parametrize(
    ("name", "header", "twin"), [("low", "Tenant_Id", "Tenant-Id"), ("high", "tenant-id", "tenant_id")]
)
def test_a_header_that_some_take_for_the_one_of_the_tool_is_judged_as_such(
    name: str, header: str, twin: str
) -> None:
    assert judged({"a": "x"}, {header: "x"}, name, ALIKE) is None
    assert judged({"a": "x"}, {header: "y"}, name, ALIKE) is Reason.MCP_HEADER
    assert judged({"a": "x"}, {twin: "x"}, name, ALIKE) is Reason.MCP_HEADER
    assert judged({}, {twin: "x"}, name, ALIKE) is Reason.MCP_HEADER
    assert judged({}, {f"{twin}-": "x"}, name, ALIKE) is None


def test_a_tool_may_have_two_headers_that_some_take_for_one() -> None:
    """They are two to the specification; but a head with both of them is refused (wire/http.py)."""
    assert judged({"a": "x"}, {"a_b": "x"}, "both", ALIKE) is None
    assert judged({"b": "x"}, {"a-b": "x"}, "both", ALIKE) is None
    assert judged({"a": "x"}, {"a-b": "x"}, "both", ALIKE) is Reason.MCP_HEADER


# "Schema Extension": what is a valid annotation.


@pytest.mark.parametrize("kind", ["string", "integer", "boolean"])
def test_a_primitive_property_may_be_annotated_at_any_depth(kind: str) -> None:
    part = {"type": kind, "x-mcp-header": "X-1"}
    assert annotations_of(schema(a=part)) == {b"mcp-param-x-1": (("a",), kind)}
    assert annotations_of(schema(a=schema(b=schema(c=part)))) == {b"mcp-param-x-1": (("a", "b", "c"), kind)}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "My Region",
        "Region:Primary",
        "Région",
        "Region\t1",
        "a\r\nb",
        "a\n",
        "a/b",
        "a,b",
        "(a)",
        1,
        None,
        [],
    ],
)
def test_an_annotation_that_is_no_token_makes_the_tool_unknown(header: object) -> None:
    assert annotations_of(schema(a=REGION, b={"type": "string", "x-mcp-header": header})) == {}


@pytest.mark.parametrize(
    "kind", ["number", "object", "array", "null", None, ["string", "null"], ["string"], {}]
)
def test_an_annotation_on_what_is_not_primitive_makes_the_tool_unknown(kind: object) -> None:
    assert annotations_of(schema(a=REGION, b={"type": kind, "x-mcp-header": "B"})) == {}
    assert annotations_of(schema(a=REGION, b={"x-mcp-header": "B"})) == {}


def test_two_annotations_that_are_one_header_make_the_tool_unknown() -> None:
    assert annotations_of(schema(a=REGION, b={"type": "integer", "x-mcp-header": "REGION"})) == {}
    assert annotations_of(schema(a=REGION, b=schema(c={"type": "string", "x-mcp-header": "region"}))) == {}


_PART = {"type": "string", "x-mcp-header": "B"}


@pytest.mark.parametrize(
    "more",
    [
        {"items": schema(b=_PART)},
        {"items": [_PART]},
        {"prefixItems": [_PART]},
        {"contains": _PART},
        {"oneOf": [schema(b=_PART)]},
        {"anyOf": [schema(b=_PART)]},
        {"allOf": [schema(b=_PART)]},
        {"not": schema(b=_PART)},
        {"if": schema(b=_PART)},
        {"then": schema(b=_PART)},
        {"else": schema(b=_PART)},
        {"additionalProperties": _PART},
        {"patternProperties": {"^b": _PART}},
        {"dependentSchemas": {"a": schema(b=_PART)}},
        {"$defs": {"b": _PART}},
        {"definitions": {"b": _PART}},
    ],
)
def test_an_annotation_off_the_chain_of_properties_makes_the_tool_unknown(more: dict[str, object]) -> None:
    assert annotations_of(schema(a=REGION) | more) == {}
    assert annotations_of(schema(a=REGION, c={"type": "object"} | more)) == {}


def test_an_annotation_on_the_whole_makes_the_tool_unknown() -> None:
    assert annotations_of(schema(a=REGION) | _PART) == {}


@pytest.mark.parametrize("keyword", ["default", "examples", "const", "enum", "x-other"])
def test_what_is_no_schema_holds_no_annotation(keyword: str) -> None:
    found = annotations_of(schema(a=REGION | {keyword: [{"x-mcp-header": "a b"}]}))
    assert list(found) == [b"mcp-param-region"]


def test_a_property_may_have_the_annotations_name() -> None:
    assert annotations_of(schema(**{"x-mcp-header": {"type": "string"}, "properties": REGION})) == {
        b"mcp-param-region": (("properties",), "string")
    }


@pytest.mark.parametrize("found", [None, True, [], "x", 1, {"properties": []}, {"properties": {"a": 1}}])
def test_what_is_no_schema_has_no_annotations(found: object) -> None:
    assert annotations_of(found) == {}


def test_more_annotations_than_a_head_has_lines_make_the_tool_unknown() -> None:
    parts = {f"p{n}": {"type": "string", "x-mcp-header": f"H{n}"} for n in range(ANNOTATIONS_MOST)}
    assert len(annotations_of(schema(**parts))) == ANNOTATIONS_MOST
    assert annotations_of(schema(**parts, region=REGION)) == {}


# What is remembered.


def test_the_last_word_on_a_tool_counts() -> None:
    known = Mirrors()
    known.learn([tool("t", region=REGION)])
    assert judged({"region": "a"}, {}, known=known) is Reason.MCP_HEADER
    known.learn([tool("t", place=REGION)])
    assert judged({"region": "a"}, {}, known=known) is None
    assert judged({"place": "a"}, {}, known=known) is Reason.MCP_HEADER
    known.learn([tool("t", place={"type": "number", "x-mcp-header": "Region"})])
    assert judged({"place": "a"}, {}, known=known) is None
    known.learn([tool("t", region=REGION), tool("t")])
    assert len(known) == 0


def test_a_page_of_a_list_makes_nothing_of_another_forgotten() -> None:
    known = Mirrors()
    known.learn([tool("t", region=REGION)])
    known.learn([tool("other", region=REGION)])
    known.learn([])
    assert len(known) == 2


def test_what_is_no_tool_is_stepped_over() -> None:
    known = Mirrors()
    known.learn([None, "t", {}, {"name": 1}, {"name": "t"}, {"name": "t", "inputSchema": 1}])
    assert len(known) == 0


def test_so_many_tools_are_remembered_and_the_longest_unheard_of_go_first() -> None:
    known = Mirrors()
    known.learn([tool(f"t{n}", region=REGION) for n in range(TOOLS_MOST)])
    known.learn([tool("t0", region=REGION)])
    known.learn([tool("new", region=REGION)])
    assert len(known) == TOOLS_MOST
    assert judged({"region": "a"}, {}, "t1", known) is None
    for name in ("t0", "t2", "new"):
        assert judged({"region": "a"}, {}, name, known) is Reason.MCP_HEADER


def test_long_names_do_not_take_more_room_than_there_is() -> None:
    known = Mirrors()
    quarter = "x" * (CHARACTERS_MOST // 4)
    known.learn([tool(f"{n}{quarter}", region=REGION) for n in range(8)])
    assert len(known) == 3
    known.learn([tool("t", **{quarter * 5: REGION})])
    assert len(known) == 0
    known.learn([tool(f"t{n}", region=REGION) for n in range(10)])
    assert len(known) == 10


# Against the official SDK: what its client sends passes, and what its server refuses does not.

_HEADERS = st.sampled_from(["A", "a", "B", "X-1", "", "a b", 1])
_KINDS = st.sampled_from(["string", "integer", "boolean"]) | st.sampled_from(
    ["string", "number", "object", None]
)
_LEAVES = st.fixed_dictionaries({"type": _KINDS}, optional={"x-mcp-header": _HEADERS})
# Without items, of which the SDK does not know that it could be a list of schemas before 2020-12.
_KEYS = st.sampled_from(
    ["properties", "properties", "properties", "contains", "oneOf", "$defs", "not", "default"]
)


def _wrapped(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    return st.dictionaries(_KEYS, named | inner | st.lists(inner, max_size=2), max_size=2)


_SCHEMAS = st.recursive(_LEAVES, _wrapped, max_leaves=8)
_PROPERTIES = st.dictionaries(st.sampled_from("abc"), _LEAVES | _SCHEMAS, max_size=3)


@given(_PROPERTIES.map(lambda found: {"properties": found}) | _SCHEMAS)
def test_the_official_sdk_finds_the_same_annotations(found: dict[str, Any]) -> None:
    ours = annotations_of(found)
    if find_invalid_x_mcp_header(found) is not None:
        assert ours == {}
    else:
        theirs = {
            f"mcp-param-{name.lower()}".encode(): path for path, name in x_mcp_header_map(found).items()
        }
        assert {name: path for name, (path, _) in ours.items()} == theirs


_ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "region": st.none() | st.text() | st.lists(st.text(), max_size=1),
        "count": st.none() | st.integers(-INTEGER_MOST, INTEGER_MOST),
        "flag": st.none() | st.booleans(),
        "where": st.none() | st.fixed_dictionaries({}, optional={"zone": st.none() | st.text()}),
    },
)
_SCHEMA: Any = schema(
    region=REGION,
    count={"type": "integer", "x-mcp-header": "Count"},
    flag={"type": "boolean", "x-mcp-header": "Flag"},
    where=schema(zone={"type": "string", "x-mcp-header": "Zone"}),
)


@given(_ARGUMENTS)
def test_what_the_official_client_sends_passes(arguments: dict[str, Any]) -> None:
    assert KNOWN.judge("t", arguments, head(mcp_param_headers(x_mcp_header_map(_SCHEMA), arguments))) is None


@given(
    _ARGUMENTS,
    st.dictionaries(
        st.sampled_from(["Region", "Count", "Flag", "Zone"]),
        (st.text(max_size=3) | st.sampled_from(["true", "1", "1.0", "0", "-1"])).map(encode),
    ),
    st.booleans(),
)
def test_what_the_official_server_refuses_is_refused(
    arguments: dict[str, Any], changed: dict[str, bytes], honest: bool
) -> None:
    headers = mcp_param_headers(x_mcp_header_map(_SCHEMA), arguments) if honest else {}
    headers |= {f"Mcp-Param-{name}": value.decode() for name, value in changed.items()}
    # Their reader of heads strips nothing here; ours has done so.
    headers = {name: value.strip(" \t") for name, value in headers.items()}
    theirs = validate_mcp_param_headers(_SCHEMA, arguments, headers)
    ours = KNOWN.judge("t", arguments, head(headers))
    assert (theirs is None) == (ours is None)


@given(_ARGUMENTS, _ARGUMENTS)
def test_retold_headers_say_what_the_arguments_are_now(
    before: dict[str, Any], now: dict[str, Any]
) -> None:
    """As the official client would have sent them with these arguments, and judged as good."""
    told = mcp_param_headers(x_mcp_header_map(_SCHEMA), before)
    lines = [b"POST / HTTP/1.1", b"host: h"]
    lines += [b"%b: %b" % (name.lower().encode(), value.encode()) for name, value in told.items()]
    forward = b"".join(line + b"\r\n" for line in lines)
    again = KNOWN.retold("t", now, forward, lambda text: text)
    retold = dict(line.decode().split(": ", 1) for line in again.split(b"\r\n")[1:] if line)
    assert retold.pop("host") == "h"
    for name, value in mcp_param_headers(x_mcp_header_map(_SCHEMA), now).items():
        if name.lower() in {known.lower() for known in told}:
            assert decode(retold[name.lower()].encode()) == decode(value.encode())


def test_what_repeats_something_unknown_is_told_as_its_text_becomes() -> None:
    """A tool whose list nobody has asked for here: its headers may hold what was masked in the body."""
    forward = b"POST / HTTP/1.1\r\nmcp-param-to: %b\r\nmcp-method: tools/call\r\n"
    again = Mirrors().retold("t", {}, forward % encode("a\u00fc secret"), lambda _: "a\u00fc [key]")
    assert again == forward % encode("a\u00fc [key]")
