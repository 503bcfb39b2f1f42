"""Cookies and challenges of an upstream are about the gate's leg; the caller never sees them."""

import json

import pytest

from tests.e2e.caller import Caller, call
from tests.e2e.lab import Lab
from tests.e2e.recording import RESULT, RecordingUpstream, answer

MEANT_FOR_THE_GATE = (
    "Set-Cookie: session=MARK",
    "Set-Cookie2: session=MARK",
    'WWW-Authenticate: Bearer resource_metadata="https://MARK/"',
    "Proxy-Authenticate: Basic realm=MARK",
    "Strict-Transport-Security: max-age=1; MARK",
    'Alt-Svc: h3=":443"; MARK',
    "Server: MARK/1.0",
    "Via: 1.1 MARK",
    "Access-Control-Allow-Origin: MARK",
    "X-Mine: MARK",
    "Connection: x-mine",
)


def test_headers_about_the_outbound_leg_are_dropped(lab: Lab) -> None:
    """The answer arrives without them; what is about neither leg passes. A session's id is none of a
    caller's that did not open one."""
    reply = answer(RESULT, *MEANT_FOR_THE_GATE, "X-Kept: kept", "Mcp-Session-Id: MARK")
    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as caller,
    ):
        response = caller.post(call("any"))
        assert response.read() == RESULT
        assert "MARK" not in str(response.headers)
        assert response.getheader("x-kept") == "kept"


@pytest.mark.parametrize("status", ["401 Unauthorized", "407 Proxy Authentication Required"])
def test_a_refused_credential_of_the_gate_is_a_bad_gateway(lab: Lab, status: str) -> None:
    """Passed on, a 401 would send the caller to the wrong authorization server, with its token."""
    reply = answer(b'{"error":"MARK"}', *MEANT_FOR_THE_GATE, status=status)
    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now), reply) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as caller,
    ):
        response = caller.post(call("any"))
        body = response.read()
        assert response.status == 502
        assert "MARK" not in str(response.headers) + body.decode()
        assert json.loads(body)["id"] == 1
        exchange = gate.exchange(method="tools/call")
        assert (exchange["status"], exchange["reason"]) == (502, "upstream.unauthorized")
