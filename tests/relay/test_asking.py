"""What a body becomes: what is forwarded of it, what is awaited, what is answered here, and to which id."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpgate.config.tables.route import RouteTable
from mcpgate.config.tables.rule import OnTable, RuleTable
from mcpgate.generation import RouteTerms
from mcpgate.policy.rules import Policy, compile_rules
from mcpgate.policy.who import Caller
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.admission import ANONYMOUS, Admission
from mcpgate.relay.answer import ACCEPTED
from mcpgate.relay.asking import Asking, Turned, ask
from mcpgate.wire.jsonrpc import parse
from mcpgate.wire.revision import Revision
from tests.wire import heads, json_texts

NOBODY: Any = None
OPEN = compile_rules(
    [
        RuleTable(name="some", on=OnTable(method=("tools/call",), name=("get_*",)), verdict="allow"),
        RuleTable(name="never", on=OnTable(name=("get_secret",)), verdict="block"),
    ]
)
CLOSED = compile_rules([])


def admission(
    revision: str | None = None,
    *,
    refusal: Refusal | None = None,
    policy: Policy = OPEN,
    **headers: str,
) -> Admission:
    """A head that was admitted, on a route whose policy allows C{get_*}."""
    named = {} if revision is None else {"MCP-Protocol-Version": revision}
    generation: Any = SimpleNamespace(policy=policy)
    return Admission(
        head=heads.head({**named, **{name.replace("_", "-"): value for name, value in headers.items()}}),
        host="gate.test",
        route=RouteTerms("r", RouteTable(path="/mcp", upstream="r"), NOBODY),
        principal=ANONYMOUS,
        caller=Caller(ANONYMOUS),
        callers=policy.callers(Caller(ANONYMOUS)),
        forward=b"",
        facts="",
        cors=b"",
        revision=Revision(revision) if revision is not None else Revision.V2025_03_26,
        refusal=refusal,
        session=None,
        sealed=b"",
        expires=None,
        generation=generation,
        accepts=NOBODY,
        only_here=False,
    )


def asking(body: bytes, of: Admission | None = None) -> Asking:
    found = ask(body, of or admission(), "x1")
    assert isinstance(found, Asking), found
    return found


def turned(body: bytes, of: Admission | None = None) -> Turned:
    found = ask(body, of or admission(), "x1")
    assert isinstance(found, Turned), found
    return found


def request(name: str = "get_x", id: object = 1, method: str = "tools/call", **params: object) -> bytes:
    message = {"jsonrpc": "2.0", "id": id, "method": method, "params": {"name": name, **params}}
    return json.dumps({key: value for key, value in message.items() if value is not None}).encode()


def error_in(raw: bytes) -> Any:
    return json.loads(raw.partition(b"\r\n\r\n")[2])


# One message.


def test_an_allowed_request_is_forwarded_as_it_is_and_awaited() -> None:
    """The very bytes, and an answer to its id and no other."""
    body = (
        b' {"id":7, "jsonrpc":"2.0","method":"tools/call","params":{"name":"get_x","arguments":{"n":1.10}}}\n'
    )
    found = asking(body)
    assert found.body is body
    assert list(found.awaited) == [7] and found.awaited[7].exchange == "x1"
    assert found.awaited[7].call.name == "get_x"
    assert (found.method, found.id, found.owed) == ("tools/call", 7, ())
    assert '"rule":"some"' in found.facts


def test_a_notification_is_forwarded_and_nothing_awaited() -> None:
    """It gets no answer."""
    found = asking(request(id=None, method="notifications/progress"))
    assert found.awaited == {} and found.id is None


def test_a_response_is_forwarded_by_whoever_may_use_the_route() -> None:
    """It answers what the upstream asked; where nothing is allowed, it is dropped as if it had arrived."""
    body = b'{"jsonrpc":"2.0","id":"s1","result":{"action":"accept"}}'
    assert asking(body).awaited == {}
    dropped = turned(body, admission(policy=CLOSED))
    assert (dropped.refusal.reason, dropped.answer) == (Reason.POLICY_UNLISTED, ACCEPTED)
    assert turned(body, admission("2026-07-28")).refusal.reason is Reason.MCP_RESPONSE


@pytest.mark.parametrize("name", ["rm", "get_secret"])
def test_what_is_not_allowed_is_answered_as_unknown_to_its_id(name: str) -> None:
    """Blocked and unlisted alike; a notification is accepted and dropped."""
    found = turned(request(name, id="q"))
    assert found.answer is not None
    assert error_in(found.answer) == {
        "jsonrpc": "2.0",
        "id": "q",
        "error": {"code": -32602, "message": f"Unknown tool: {name}"},
    }
    assert turned(request(name, id=None)).answer == ACCEPTED


@pytest.mark.parametrize(
    ("body", "known"),
    [
        (request(id=0), 0),
        (request(id=""), ""),
        (request(id='"\u2028'), None),
        (request(id=-7), -7),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":1,"ID":2,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":5,"method":"ping","params":{"a":1,"a":2}}', 5),
        (b'{"jsonrpc":"2.0","id":5,"method":"ping","params":[]}', 5),
        (b'{"jsonrpc":"1.0","id":5,"method":"ping"}', 5),
        (b'{"jsonrpc":"2.0","id":5.0,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', None),
        (b'{"jsonrpc":"2.0","id":5,"result":{},"error":{}}', None),
        (b'{"jsonrpc":"2.0","id":5,"method":"ping"', None),
        (b'[{"jsonrpc":"2.0","id":5,"method":"initialize"}]', None),
        (b"", None),
    ],
)
def test_a_refusal_has_the_requests_id_where_it_is_beyond_doubt(body: bytes, known: object) -> None:
    """Also when the head is what is refused; else an answer to the wrong request might be made of it."""
    refusal = Refusal(Reason.SESSION_UNKNOWN)
    found = turned(body, admission(refusal=refusal))
    assert found.id == known
    if isinstance(parse(body), Refusal):
        assert found.refusal.reason is not Reason.SESSION_UNKNOWN or body[:1] == b"["
    else:
        assert found.refusal is refusal


def test_a_notification_or_response_of_a_refused_head_has_no_id() -> None:
    """The id of a response is the upstream's."""
    refused = admission(refusal=Refusal(Reason.SESSION_UNKNOWN))
    assert turned(request(id=None), refused).id is None
    assert turned(b'{"jsonrpc":"2.0","id":1,"result":{}}', refused).id is None


# The modern revision.


def modern(name: str = "get_x", **changes: Any) -> bytes:
    return request(name, _meta=heads.meta(), arguments={"a": 1}, **changes)


def test_headers_must_say_what_the_body_says() -> None:
    """2026-07-28; what was refused keeps the request's id."""
    good = admission("2026-07-28", Mcp_Method="tools/call", Mcp_Name="get_x")
    assert asking(modern(), good).body == modern()
    for headers in (
        {"Mcp_Method": "tools/call", "Mcp_Name": "get_y"},
        {"Mcp_Method": "tools/list", "Mcp_Name": "get_x"},
        {"Mcp_Name": "get_x"},
        {"Mcp_Method": "tools/call"},
    ):
        found = turned(modern(id="q"), admission("2026-07-28", **headers))
        assert (found.refusal.reason, found.id) == (Reason.MCP_HEADER, "q")
    missing = turned(request(), admission("2026-07-28", Mcp_Method="tools/call", Mcp_Name="get_x"))
    assert (missing.refusal.reason, missing.id) == (Reason.MCP_META, 1)


def test_a_modern_body_without_the_header_is_refused() -> None:
    """Some servers look at the body first."""
    assert turned(modern()).refusal.reason is Reason.MCP_HEADER


def test_arguments_that_headers_repeat_are_compared() -> None:
    """As far as the upstream's list has told which."""
    of = admission("2026-07-28", Mcp_Method="tools/call", Mcp_Name="get_x", Mcp_Param_Region="eu")
    tool = {
        "name": "get_x",
        "inputSchema": {
            "type": "object",
            "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
        },
    }
    body = request(_meta=heads.meta(), arguments={"region": "us"})
    assert isinstance(ask(body, of, "x1"), Asking)
    of.route.mirrors.learn([tool])
    found = turned(body, of)
    assert (found.refusal.reason, found.id) == (Reason.MCP_HEADER, 1)
    assert isinstance(ask(request(_meta=heads.meta(), arguments={"region": "eu"}), of, "x1"), Asking)


# initialize.


def initialize(version: object) -> bytes:
    return b'{"jsonrpc":"2.0", "id":1,"method":"initialize","params":{"protocolVersion":%b,"n":1.10}}' % (
        json.dumps(version).encode()
    )


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", 7, None])
def test_a_revision_that_we_know_is_asked_for_as_it_is(version: object) -> None:
    """What is no version is for the server to refuse."""
    assert asking(initialize(version)).body == initialize(version)


@pytest.mark.parametrize("version", ["2026-07-28", "2027-01-01", "", "9999", "DRAFT"])
def test_a_revision_that_we_do_not_know_is_lowered(version: str) -> None:
    """Also the one that has no handshake; nothing else of the request changes."""
    found = asking(initialize(version))
    message = parse(found.body)
    assert not isinstance(message, Refusal)
    assert message.params["protocolVersion"] == "2025-11-25"
    assert b'"n":1.10' in found.body
    assert list(found.awaited) == [1]


# Batches (2025-03-26).


def batch(*messages: bytes, between: bytes = b",") -> bytes:
    return b"[" + between.join(messages) + b"]"


def test_a_batch_that_may_pass_whole_keeps_its_bytes() -> None:
    """White space between the messages included."""
    body = batch(request(id=1), request(id=None), request(id="1"), between=b" ,\n")
    found = asking(body)
    assert found.body is body
    assert list(found.awaited) == [1, "1"]
    assert found.owed == ()


def test_of_a_batch_with_mixed_verdicts_the_allowed_part_is_forwarded() -> None:
    """The rest is owed an answer, one by one; notifications are not."""
    body = batch(
        request("get_a", id=1),
        request("rm", id=2),
        request("rm", id=None),
        b'{"jsonrpc":"2.0","id":2,"result":{}}',
        request("get_secret", id="3"),
        request("get_b", id=4),
    )
    found = asking(body)
    assert found.body == batch(
        request("get_a", id=1), b'{"jsonrpc":"2.0","id":2,"result":{}}', request("get_b", id=4)
    )
    assert list(found.awaited) == [1, 4]
    assert [json.loads(one)["id"] for one in found.owed] == [2, "3"]
    assert all(json.loads(one)["error"]["code"] == -32602 for one in found.owed)
    assert found.id is None and found.method is None


def test_a_batch_of_which_nothing_may_pass_is_answered_here() -> None:
    """Every request in it; where there is none, with nothing."""
    found = turned(batch(request("rm", id=1), request("rm", id=2)))
    assert found.answer is not None
    assert [one["id"] for one in error_in(found.answer)] == [1, 2]
    assert found.refusal.reason is Reason.POLICY_UNLISTED
    assert turned(batch(request("rm", id=None))).answer == ACCEPTED


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        batch(request(), b"1"),
        batch(request(), b"[]"),
        batch(request(id=1), request(id=1)),
        batch(request(id=1), b'{"jsonrpc":"2.0","id":2,"method":"initialize","params":{}}'),
        batch(request(id=1), b'{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{}}'),
        batch(request(id=1), request(id=2, _meta=heads.meta())),
        batch(*[request(id=id) for id in range(101)]),
        batch(request(), request(id=2))[:-1],
    ],
)
def test_a_batch_with_anything_wrong_in_it_is_refused_whole(body: bytes) -> None:
    """Nothing of it is forwarded, and no id stands for all of it."""
    found = turned(body)
    assert (found.answer, found.id) == (None, None)


@pytest.mark.parametrize("revision", ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28"])
def test_only_one_revision_has_batches(revision: str) -> None:
    """Also one of a single message."""
    assert turned(batch(request()), admission(revision)).refusal.reason is Reason.FRAME_BATCH


def test_a_refused_head_is_told_to_a_batch_too() -> None:
    """Once for all of it."""
    refusal = Refusal(Reason.SESSION_UNKNOWN)
    assert turned(batch(request()), admission(refusal=refusal)).refusal is refusal


# Whatever may be said.


@given(json_texts.VALUES)
@settings(max_examples=600, deadline=None)
def test_any_json_within_the_limits_is_forwarded_as_it_is(value: bytes) -> None:
    """The very object that was judged, alone and in a batch."""
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_x","arguments":%b}}' % value
    assert asking(body).body is body
    assert asking(b"[%b ]" % body).body == b"[%b ]" % body


@given(
    json_texts.VALUES,
    st.sampled_from([b"\\ud800", b"\\udfff", b"\\ud800x", b"\\udc00\\ud800", b"\xed\xa0\x80"]),
)
@settings(max_examples=100, deadline=None)
def test_half_a_surrogate_pair_is_refused(value: bytes, half: bytes) -> None:
    """Readers replace it, drop it, or fail: nobody can tell what was judged."""
    arguments = b'{"v":%b,"h":"%b"}' % (value, half)
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_x","arguments":%b}}'
    assert turned(body % arguments).refusal.reason is Reason.FRAME_JSON


HOLDING = compile_rules(
    [
        RuleTable(name="some", verdict="allow"),
        RuleTable(name="eyes", on=OnTable(method=("tools/call",), name=("held",)), verdict="hold", wait=9.0),
        RuleTable(name="notes", on=OnTable(method=("notifications/acme",)), verdict="hold"),
        RuleTable(name="acme", on=OnTable(method=("notifications/acme",)), verdict="allow"),
    ]
)


def test_a_request_that_a_rule_holds_waits() -> None:
    """It is whole, with what will be forwarded; others do not wait."""
    found = asking(request("held"), admission(policy=HOLDING))
    assert (found.held, found.body, found.cancels) == (True, request("held"), ())
    assert not asking(request("other"), admission(policy=HOLDING)).held


def test_a_notification_and_a_call_in_a_batch_cannot_wait() -> None:
    """The first is dropped; the other calls of the batch are forwarded."""
    note = b'{"jsonrpc":"2.0","method":"notifications/acme"}'
    dropped = turned(note, admission(policy=HOLDING))
    assert (dropped.refusal.reason, dropped.answer) == (Reason.POLICY_UNDECIDED, ACCEPTED)
    found = asking(b"[%b,%b]" % (request("held", 1), request("other", 2)), admission(policy=HOLDING))
    assert not found.held and found.body == b"[%b]" % request("other", 2)
    assert b"policy.undecided" in found.owed[0]


def test_a_client_that_cancels_is_noticed_alone_and_in_a_batch() -> None:
    """By the ids that it names; what is none cancels nothing. It is forwarded in any case."""
    cancel = b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%b}}'
    for id, cancels in ((b"7", (7,)), (b'"7"', ("7",)), (b"true", ()), (b"null", ()), (b"[]", ())):
        found = asking(cancel % id)
        assert (found.cancels, found.held, found.body) == (cancels, bool(cancels), cancel % id)
    both = b"[%b,%b]" % (cancel % b"1", cancel % b'"x"')
    assert asking(both).cancels == (1, "x")


def test_a_state_of_ours_is_noticed_whatever_the_rules_say() -> None:
    """In the revision that has such states; an upstream's is none of our business."""
    for state, held in (("mcpgate-hold.x", True), ("theirs", False), (5, False)):
        headers = {"mcp_method": "tools/call", "mcp_name": "get_x"}
        assert asking(modern(requestState=state), admission("2026-07-28", **headers)).held is held
    assert not asking(request(requestState="mcpgate-hold.x")).held
