"""What a message asks for: the name that policy judges is the one that upstreams read (wire/call.py).

The input is a body; or, beginning with a control character that chooses the method, the members of its
params, as most bodies that come of changed bodies are refused.
"""

from __future__ import annotations

import json

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.call import SUBJECTS_MOST, Nature, call_of
from mcpgate.wire.jsonrpc import parse
from tests.fuzz.message import WORDS as JSON_WORDS
from tests.fuzz.message import seeds as messages
from tests.fuzz.strict_json import lax
from tests.fuzz.target import Target

#: Where each method has its name, written down a second time, from the schemas.
NAMES = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
NAMES |= {"resources/subscribe": "uri", "resources/unsubscribe": "uri"}
METHODS = (*NAMES, "completion/complete", "subscriptions/listen", "tools/list", "tasks/get", "acme/extra")


def check(body: bytes) -> None:
    """Every reader finds the same method and the same name, where there is one."""
    if body and body[0] < 0x20:
        method = METHODS[body[0] % len(METHODS)].encode()
        body = b'{"jsonrpc":"2.0","id":1,"method":"%b","params":{%b}}' % (method, body[1:])
    message = parse(body)
    if isinstance(message, Refusal):
        return
    call = call_of(message)
    if isinstance(call, Refusal):
        assert call.reason is (Reason.FRAME_ENVELOPE if message.method is None else Reason.FRAME_PARAMS)
        return
    assert call.method == message.method
    names = [name for _, name in call.judged_as]
    assert names == [None] if call.name is None else " ".join(map(str, names)) == call.name
    if call.nature is Nature.NAMED:
        assert call.name is not None
    for reading in lax(body):
        assert reading["method"] == call.method
        params = reading.get("params", {})
        if call.method in NAMES:
            assert params[NAMES[call.method]] == call.name
        elif call.method == "completion/complete":
            ref = {name.casefold(): value for name, value in params["ref"].items()}
            kind = "name" if ref["type"] == "ref/prompt" else "uri"
            assert ref[kind] == call.name
        elif call.method == "subscriptions/listen":
            wanted = params.get("notifications", {})
            uris = wanted.get("resourceSubscriptions", [])
            assert len(uris) + len(wanted.get("taskIds", [])) <= SUBJECTS_MOST
            follows = call.nature is not Nature.OTHER and uris
            assert names == (uris if follows else [None])
        else:
            assert call.name is None


def seeds() -> list[bytes]:
    """The corpus, and one of each way to name something."""
    params: list[tuple[str, object]] = [
        *((method, {name: "x", "arguments": {}}) for method, name in NAMES.items()),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "x"}, "argument": {}}),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "a://b"}}),
        ("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["a://b"]}}),
        ("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["a://b", "", "a://b"]}}),
        ("subscriptions/listen", {"notifications": {"toolsListChanged": True}, "_meta": {}}),
        ("subscriptions/listen", {"notifications": {"taskIds": ["1"], "resourceSubscriptions": ["a://b"]}}),
        ("initialize", {}),
        ("tools/list", {}),
        ("tasks/get", {"taskId": "1"}),
    ]
    made = [{"jsonrpc": "2.0", "id": 1, "method": method, "params": given} for method, given in params]
    bare = [(METHODS.index(method), json.dumps(given)[1:-1]) for method, given in params if method in METHODS]
    return [
        *messages(),
        *(json.dumps(message).encode() for message in made),
        *(bytes([choice]) + members.encode() for choice, members in bare),
    ]


WORDS = (
    *JSON_WORDS,
    *(
        b'"completion/complete"',
        b'"ref/prompt"',
        b'"ref/resource"',
        b'"type":',
        b'"title":"x"',
        b'"Name":"y"',
    ),
    *(
        b'"subscriptions/listen"',
        b'"notifications":{',
        b'"resourceSubscriptions":["',
        b'"toolsListChanged":true',
    ),
    *(b'"prompts/get"', b'"resources/subscribe"', b'"tasks/get"', b'"initialize"', b'"taskId":"1"'),
)

TARGET = Target(check, seeds, WORDS)
