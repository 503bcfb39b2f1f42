"""HTTP+SSE as of 2024-11-05 works through the gate with every client and server that still has it.

A client opens a stream with GET, is told on it where to POST, and hears every answer on the stream. It
takes that address from the stream and nowhere else, so a gate may have it be whatever it likes, as long
as it is the gate's own. The tour (C{tour.py}) is that of C{test_every_client_works_with_every_upstream.py},
but for the return to a broken stream, which this transport has not.
"""

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from http.client import HTTPSConnection
from typing import Self
from urllib.parse import SplitResult, urljoin, urlsplit

import pytest

from mcpgate.testing import LocalCA
from tests.e2e import inspector, tourists, typescript
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.tour import SIGHTS, TOOL_OF, Facts, Place
from tests.journals import text_of

# What a revision has is shown as long as the SDKs have it, deprecated or not.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")

SERVERS = {"python": "everything.py", "typescript-v1": "everything-v1.mjs"}

CLIENTS: dict[str, Callable[[Place], Facts]] = {
    "python": partial(tourists.official_tour, mode="legacy", sse=True),
    "fastmcp": partial(tourists.fast_tour, mode="legacy", sse=True),
    "typescript-v1": lambda place: typescript.tour(place, "tour-v1.mjs", "sse"),
    "typescript-v2": lambda place: typescript.tour(place, "tour-v2.mjs", "sse"),
    "inspector": partial(inspector.tour, era="legacy", sse=True),
}

#: What the transport has not, and what the Inspector's command has not beside (C{matrix.py} says why).
WITHOUT = {"reconnect"}
SIGHTS_OF_INSPECTOR = {name: inspector.OWN_SIGHTS[name] for name in ("list", "call", "logging")}

# Everything is on one machine. Whoever waits this long waits for ever.
PATIENCE = 20.0


class Old:
    """The servers on the old transport, and the gate before them."""

    def __init__(self, gate: GateProcess, servers: dict[str, McpServer]) -> None:
        self.gate = gate
        self.servers = servers

    def place(self, server: str, token: str | None) -> Place:
        """Where a client goes; to the server itself without a token."""
        at = self.servers[server]
        url = at.at("/sse") if token is None else f"https://localhost:{self.gate.port}/{server}"
        return Place(url, self.gate.lab.ca_file, token, at.directory)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[Old]:
    """Both, with a route to each server."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(McpServer(tmp_path_factory.mktemp(name), ca, program, "sse"))
            for name, program in SERVERS.items()
        }
        gate = Lab(tmp_path_factory.mktemp("gate"), ca).gate(
            upstream=[
                {"name": name, "url": at.at("/sse"), "pins": [at.pin]} for name, at in servers.items()
            ],
            route=[{"path": f"/{name}", "upstream": name} for name in servers],
        )
        yield Old(stack.enter_context(gate), servers)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_sees_everything_through_the_gate_as_without(old: Old, client: str, server: str) -> None:
    """The whole tour, and the journal has a complete pair for each exchange of it."""
    principal = f"{client}-{server}"
    wanted = SIGHTS_OF_INSPECTOR if client == "inspector" else SIGHTS
    wanted = {name: sight for name, sight in wanted.items() if name not in WITHOUT}

    direct = CLIENTS[client](old.place(server, None))
    assert {name: sight for name, sight in direct.items() if name != "version"} == wanted
    assert CLIENTS[client](old.place(server, old.gate.issue(principal))) == direct

    exchanges = old.gate.settled(principal=principal)
    opened = [one["id"] for one in old.gate.journal("open") if one["principal"] == principal]
    assert sorted(one["id"] for one in exchanges) == sorted(opened)
    assert {one["verdict"] for one in exchanges} == {"allow"}
    called = {one["name"] for one in exchanges if one["method"] == "tools/call"}
    # The Inspector's logging is no call.
    calls = set(wanted) & set(TOOL_OF) - ({"logging"} if client == "inspector" else set())
    assert called == {TOOL_OF[name] for name in calls}
    assert {"GET", "POST"} <= {one["http"] for one in exchanges}


@pytest.mark.parametrize("server", SERVERS)
def test_the_address_to_post_to_is_the_gates_own(old: Old, server: str) -> None:
    """Where the stream sends the client leads to the gate, and does not show the server's session."""
    with Stream(old.place(server, None)) as stream:
        of_server = stream.endpoint
    with Stream(old.place(server, old.gate.issue(f"address-{server}"))) as stream:
        of_gate = stream.endpoint
    assert of_server.netloc != of_gate.netloc == f"localhost:{old.gate.port}"
    assert of_gate.scheme == "https"
    # One of the servers names its sessions in hexadecimal, the other by a UUID.
    bare = re.compile("[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert bare.search(of_server.query)
    assert not bare.search(of_gate.geturl())


@pytest.mark.parametrize("server", SERVERS)
def test_the_address_is_of_no_use_to_anybody_else(old: Old, server: str) -> None:
    """Another principal that presents it is told what one with an unknown address is told: 404."""
    owner = old.place(server, old.gate.issue(f"owner-{server}"))
    other = old.place(server, old.gate.issue(f"other-{server}"))
    with Stream(owner) as stream:
        assert post(other, stream.endpoint) == 404
        # It lives on for its owner.
        assert post(owner, stream.endpoint) == 202
    sent_on = [one for one in old.gate.settled(principal=f"other-{server}") if one["outbound"]]
    assert not sent_on


@pytest.mark.parametrize("server", SERVERS)
def test_what_names_a_session_is_in_no_record(old: Old, server: str) -> None:
    """Neither in the journal nor in the log: the whole query string is kept out of them."""
    principal = f"quiet-{server}"
    owner = old.place(server, old.gate.issue(principal))
    with Stream(owner) as stream:
        assert post(owner, stream.endpoint) == 202
        # Wherever in the address it is, it is the longest part of it.
        secret = max(re.split("[/?&=]", stream.endpoint.geturl()), key=len)
    assert len(secret) >= 32
    old.gate.settled(principal=principal)
    for written in (old.gate.log(), text_of(old.gate.lab.state)):
        assert secret not in written
        assert not re.search("session_?id=", written, re.IGNORECASE)


class Stream:
    """A stream that a client without an SDK opens, from C{with} to its end."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._http = connection(place)

    @property
    def endpoint(self) -> SplitResult:
        """Where the client is to POST, as it makes it out from its first event."""
        return self._endpoint

    def __enter__(self) -> Self:
        headers = {"Accept": "text/event-stream", **self._place.headers}
        self._http.request("GET", urlsplit(self._place.url).path, headers=headers)
        answer = self._http.getresponse()
        assert answer.status == 200
        lines = [answer.readline().rstrip(b"\r\n") for _ in range(3)]
        assert lines[0] == b"event: endpoint" and lines[2] == b""
        told = lines[1].removeprefix(b"data:").strip().decode()
        self._endpoint = urlsplit(urljoin(self._place.url, told))
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


def post(place: Place, endpoint: SplitResult) -> int:
    """POST an initialize there as whoever goes to that place; the status."""
    info = {"name": "a", "version": "1"}
    params = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": info}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    http = connection(place)
    try:
        path = endpoint._replace(scheme="", netloc="").geturl()
        http.request("POST", path, body, {"Content-Type": "application/json", **place.headers})
        return http.getresponse().status
    finally:
        http.close()


def connection(place: Place) -> HTTPSConnection:
    """To the gate or server of a place, with a client's trust."""
    where = urlsplit(place.url)
    context = ssl.create_default_context(cafile=place.ca_file)
    return HTTPSConnection("localhost", where.port, context=context, timeout=PATIENCE)
