"""The upstream sees the gate's credential and nothing that was meant for the gate."""

from pathlib import Path

import pytest

from tests.e2e.caller import Caller, call
from tests.e2e.lab import Lab
from tests.e2e.recording import RecordingUpstream

SECRET = "s3cret-of-the-gate"

#: What a browser, an agent or a proxy on the way may add; each with a mark to look for.
MEANT_FOR_THE_GATE = {
    "Cookie": "session=MARK",
    "Proxy-Authorization": "Basic MARK",
    "Forwarded": "for=MARK",
    "X-Forwarded-For": "MARK",
    "X-Forwarded-Host": "MARK",
    "X-Forwarded-Proto": "MARK",
    "X-Real-IP": "MARK",
    "Via": "1.1 MARK",
    "Keep-Alive": "MARK",
    "TE": "trailers, MARK",
    "X-Mine": "MARK",
    "Connection": "x-mine, keep-alive",
}


def secret(lab: Lab, text: str) -> str:
    """A reference to a secret in a file of its own."""
    path = Path(lab.directory / "secret")
    path.write_text(text)
    path.chmod(0o600)
    return f"file:{path}"


def test_nothing_of_it_is_forwarded(lab: Lab) -> None:
    """Neither the caller's token nor cookies, forwarding headers or what Connection names."""
    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now)) as upstream,
        lab.gate(upstream={"port": upstream.port}) as gate,
        Caller(gate) as caller,
    ):
        assert caller.post(call("any"), MEANT_FOR_THE_GATE | {"X-Kept": "kept"}).status == 200
        (request,) = upstream.requests
        assert b"MARK" not in request.head
        assert gate.token.encode() not in request.head + request.body
        assert b"authorization" not in request.head.lower()
        # The positive control: what is nobody's business passes.
        assert request.all("x-kept") == ["kept"]
        assert request.all("host") == [f"localhost:{upstream.port}"]


@pytest.mark.parametrize(
    ("credential", "header", "value"),
    [
        ({"bearer": ""}, "authorization", f"Bearer {SECRET}"),
        ({"header": "X-Api-Key", "value": ""}, "x-api-key", SECRET),
    ],
    ids=["bearer", "header"],
)
def test_the_gates_own_credential_is_shown(
    lab: Lab, credential: dict[str, str], header: str, value: str
) -> None:
    """In place of the caller's, also where the caller sends a header of the same name; never recorded."""
    reference = secret(lab, SECRET)
    table = {key: text or reference for key, text in credential.items()}
    with (
        RecordingUpstream(lab.ca.server(["localhost"], lab.now)) as upstream,
        lab.gate(upstream={"port": upstream.port, "credential": table}) as gate,
    ):
        with Caller(gate) as caller:
            response = caller.post(call("any"), {"X-Api-Key": "MARK"} if header != "authorization" else {})
            assert SECRET.encode() not in response.read()
        assert upstream.values(header) == [value]
        assert upstream.values("authorization") == ([value] if header == "authorization" else [])
        gate.exchange(method="tools/call")
        for text in (gate.log(), repr(gate.journal()), repr(gate.status())):
            assert SECRET not in text
            assert gate.token not in text
