"""What a stranger's scanner finds on a listener is its profile, and post-quantum groups are used.

sslyze judges by Mozilla's recommendations. It knows no post-quantum group, so those are shown by a
client with our OpenSSL; Python's own, which has none either, is the control.
"""

import json
import socket
import subprocess
from collections.abc import Iterator

import pytest

from mcpgate.testing import LocalCA, TLSPeer
from mcpgate.tls.contexts import client_connection, client_context
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.verify import Note
from tests.e2e.caller import Caller, call, headers_of
from tests.e2e.lab import ROOT, GateProcess, Lab, McpServer, Table

SSLYZE = ROOT / "build" / "sslyze" / "bin" / "sslyze"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer) -> Iterator[GateProcess]:
    """A gate with one listener of each profile."""
    lab = Lab(tmp_path_factory.mktemp("profiles"), ca)
    listeners: list[Table] = [
        {"name": "modern"},
        # Two listeners must not listen on one address, so it is written in another way.
        {"name": "intermediate", "listen": "tcp:0:interface=localhost", "profile": "intermediate"},
    ]
    with lab.gate(upstream={"url": weather.url, "pins": [weather.pin]}, listener=listeners) as running:
        yield running


@pytest.mark.parametrize(
    ("listener", "recommendation", "complies"),
    [
        ("intermediate", "intermediate", True),
        ("modern", "modern", True),
        # That the judge can say no: TLS 1.2 is not modern.
        ("intermediate", "modern", False),
    ],
)
def test_sslyze_agrees(gate: GateProcess, listener: str, recommendation: str, complies: bool) -> None:
    """Exit code 0 where the listener is what Mozilla recommends under that name, and only there."""
    assert SSLYZE.exists(), f"{SSLYZE} is missing; make build/sslyze/.installed installs it"
    scan = subprocess.run(
        [
            SSLYZE,
            f"--mozilla_config={recommendation}",
            f"--certinfo_ca_file={gate.lab.ca_file}",
            f"localhost:{gate.port_of(listener)}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = scan.stdout + scan.stderr
    assert ("OK - Compliant" in scan.stdout) is complies, told
    assert ("FAILED - Not compliant" in scan.stdout) is not complies, told
    assert (scan.returncode == 0) is complies, told
    if not complies:
        assert "TLS versions" in scan.stdout and "TLSv1.2" in scan.stdout, told


def test_a_post_quantum_client_has_post_quantum_on_both_legs(gate: GateProcess, weather: McpServer) -> None:
    """Both records say X25519MLKEM768, and so do the two peers themselves."""
    token = gate.issue("post-quantum")
    note = Note()
    context = client_context(PROFILES["modern"], gate.lab.ca.trust(), pair=None)
    with socket.create_connection(("127.0.0.1", gate.port_of("modern")), timeout=20) as sock:
        # Blocking: a client in a test has nothing else to do.
        peer = TLSPeer(client_connection(context, sock, host="localhost", pins=None, note=note), sock)
        sock.setblocking(False)
        peer.shake()
        assert (note.refusal, peer.group) == (None, "X25519MLKEM768")
        message = call("get_weather", {"city": "Oslo"})
        body = json.dumps(message).encode()
        head = {
            "Host": "localhost",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **headers_of(message),
        }
        lines = ["POST /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        peer.send("\r\n".join(lines).encode() + body)
        answer = b""
        while more := peer.receive():
            answer += more
        peer.close()
    assert answer.startswith(b"HTTP/1.1 200 ") and b"sunny in Oslo" in answer
    exchange = gate.exchange(principal="post-quantum")
    assert groups(gate, exchange["inbound"], exchange["outbound"]) == ["X25519MLKEM768"] * 2
    assert set(weather.front.groups) == {"X25519MLKEM768"}


def test_a_client_without_them_is_recorded_as_it_is(gate: GateProcess) -> None:
    """The control: what is recorded is what was negotiated, leg by leg, and not what we would like."""
    gate.port = gate.port_of("modern")
    with Caller(gate, gate.issue("classical")) as caller:
        assert b"sunny" in caller.post(call("get_weather", {"city": "Oslo"})).read()
    exchange = gate.exchange(principal="classical")
    assert groups(gate, exchange["inbound"], exchange["outbound"]) == ["x25519", "X25519MLKEM768"]


def groups(gate: GateProcess, *handshakes: str) -> list[str]:
    """The negotiated groups in the records of these handshakes."""
    found = {record["id"]: record["handshake"] for record in gate.journal("handshake")}
    return [found[handshake]["group"] for handshake in handshakes]
