"""Every client does through the gate all that it can do with a server, and sees the same.

The matrix: each client (a row of L{CLIENTS}) goes on the tour of everything (C{tour.py}) with each
server, first to the server itself over TLS, then through the gate. A cell is one feature of that tour.
Where a client has no such thing, L{NO_SUCH_THING} says why, and the cell shows that it is so.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from attrs import field, frozen

from mcpgate.testing import LocalCA
from tests.e2e import inspector, tourists, typescript
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.tour import FEATURES, LEGACY, MODERN, SIGHTS, TOOL_OF, Facts, Place

#: A server per SDK, of the same names and words, each in both eras; named as its route is.
SERVERS = {"python": "everything.py", "typescript": "everything.mjs"}

_LOST = "a stream that breaks is lost in 2026-07-28: it has no event ids and no Last-Event-ID"

MODERN_HAS_NO = {"reconnect": _LOST}

_PRINTS = "the command prints the result of a request and nothing that comes before it"
_ASKS_NOBODY = "the command declares no such capability: there is nobody whom it could ask"

INSPECTOR_HAS_NO = {
    "progress": _PRINTS,
    "sampling": _ASKS_NOBODY,
    "elicitation": _ASKS_NOBODY,
    "subscribe": "the command ends with its result; it has no method that goes on listening",
}

INSPECTOR_LEGACY_HAS_NO = {
    **INSPECTOR_HAS_NO,
    "cancel": "the command sends no notification, and to go away is not to cancel in a legacy session",
}

INSPECTOR_MODERN_HAS_NO = {
    **INSPECTOR_HAS_NO,
    **MODERN_HAS_NO,
    "logging": f"2026-07-28 has no logging/setLevel, and {_PRINTS}",
}


@frozen
class Client:
    """A row: how it goes on the tour, the revision that it finds with a server of both eras, and what it
    cannot do by its nature, with the reason."""

    tour: Callable[[Place], Facts]
    version: str
    has_no: Mapping[str, str] = field(factory=dict)
    sights: Facts = SIGHTS

    def calls(self, feature: str) -> bool:
        """Whether it calls the tool of a feature. The Inspector's logging is no call."""
        return feature not in self.has_no and (self.sights is SIGHTS or feature != "logging")


CLIENTS = {
    "python-legacy": Client(partial(tourists.official_tour, mode="legacy"), LEGACY),
    "python-modern": Client(partial(tourists.official_tour, mode=MODERN), MODERN, MODERN_HAS_NO),
    "python-auto": Client(partial(tourists.official_tour, mode="auto"), MODERN, MODERN_HAS_NO),
    "fastmcp-legacy": Client(partial(tourists.fast_tour, mode="legacy"), LEGACY),
    "fastmcp-modern": Client(partial(tourists.fast_tour, mode=MODERN), MODERN, MODERN_HAS_NO),
    "fastmcp-auto": Client(partial(tourists.fast_tour, mode="auto"), MODERN, MODERN_HAS_NO),
    # The first version of the TypeScript SDK knows no modern era, so there is nothing to choose.
    "typescript-v1": Client(lambda place: typescript.tour(place, "tour-v1.mjs", "http"), LEGACY),
    "typescript-v2-legacy": Client(lambda place: typescript.tour(place, "tour-v2.mjs", "legacy"), LEGACY),
    "typescript-v2-modern": Client(
        lambda place: typescript.tour(place, "tour-v2.mjs", MODERN), MODERN, MODERN_HAS_NO
    ),
    "typescript-v2-auto": Client(
        lambda place: typescript.tour(place, "tour-v2.mjs", "auto"), MODERN, MODERN_HAS_NO
    ),
    "inspector-legacy": Client(
        partial(inspector.tour, era="legacy"), LEGACY, INSPECTOR_LEGACY_HAS_NO, inspector.OWN_SIGHTS
    ),
    "inspector-modern": Client(
        partial(inspector.tour, era="modern"), MODERN, INSPECTOR_MODERN_HAS_NO, inspector.OWN_SIGHTS
    ),
    "inspector-auto": Client(
        partial(inspector.tour, era="auto"), MODERN, INSPECTOR_MODERN_HAS_NO, inspector.OWN_SIGHTS
    ),
}

DOES = [
    (client, feature) for client, row in CLIENTS.items() for feature in FEATURES if feature not in row.has_no
]

NO_SUCH_THING = [
    (client, feature, reason) for client, row in CLIENTS.items() for feature, reason in row.has_no.items()
]


class Matrix:
    """Both servers, the gate before them, and what the clients saw, each asked once."""

    def __init__(self, gate: GateProcess, servers: Mapping[str, McpServer]) -> None:
        self.gate = gate
        self._servers = servers
        self._seen: dict[tuple[str, str, bool], Facts] = {}

    def direct(self, client: str, server: str) -> Facts:
        """What a client sees of a server itself."""
        return self._visit(client, server, direct=True)

    def through(self, client: str, server: str) -> Facts:
        """What a client sees of a server through the gate."""
        return self._visit(client, server, direct=False)

    def _visit(self, client: str, server: str, *, direct: bool) -> Facts:
        key = (client, server, direct)
        if key not in self._seen:
            at = self._servers[server]
            url = at.url if direct else f"https://localhost:{self.gate.port}/{server}"
            token = None if direct else self.gate.issue(principal(client, server))
            place = Place(url, self.gate.lab.ca_file, token, at.directory)
            try:
                self._seen[key] = CLIENTS[client].tour(place)
            except Exception as error:
                # Every cell of this row fails with it; the tour is not made again for each.
                self._seen[key] = {"failed": repr(error)}
        return self._seen[key]


def principal(client: str, server: str) -> str:
    """Who a client is at the gate, so that its records are found."""
    return f"{client}-{server}"


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[Matrix]:
    """The servers, and one gate with a route to each."""

    def directory(name: str) -> Path:
        return tmp_path_factory.mktemp(name)

    with (
        McpServer(directory("python"), ca, SERVERS["python"]) as python,
        McpServer(directory("typescript"), ca, SERVERS["typescript"]) as typescript,
    ):
        servers = {"python": python, "typescript": typescript}
        with Lab(directory("gate"), ca).gate(
            upstream=[{"name": name, "url": at.url, "pins": [at.pin]} for name, at in servers.items()],
            route=[{"path": f"/{name}", "upstream": name} for name in servers],
        ) as gate:
            yield Matrix(gate, servers)


def test_every_cell_is_there() -> None:
    """Each client does each feature, or there is a reason, and what it sees is known."""
    cells = {(client, feature) for client, feature in DOES} | {
        (client, feature) for client, feature, reason in NO_SUCH_THING if reason
    }
    assert cells == {(client, feature) for client in CLIENTS for feature in FEATURES}
    assert len(cells) == len(DOES) + len(NO_SUCH_THING)
    assert all(feature in CLIENTS[client].sights for client, feature in DOES)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("client", "feature"), DOES)
def test_it_works_through_the_gate_as_without(matrix: Matrix, server: str, client: str, feature: str) -> None:
    """The client sees what is to be seen, of the server itself and through the gate."""
    direct, through = matrix.direct(client, server), matrix.through(client, server)
    assert direct.get(feature, direct) == CLIENTS[client].sights[feature]
    assert through.get(feature, through) == direct[feature]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("client", "feature", "reason"), NO_SUCH_THING)
def test_what_a_client_cannot_do_it_does_not(
    matrix: Matrix, server: str, client: str, feature: str, reason: str
) -> None:
    """A reason that holds no longer is found: the client does not do this on either way."""
    assert feature not in matrix.direct(client, server), f"it is said that {reason}"
    assert feature not in matrix.through(client, server), f"it is said that {reason}"


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_it_finds_the_same_revision(matrix: Matrix, server: str, client: str) -> None:
    """What is agreed through the gate is what would be agreed without."""
    assert matrix.direct(client, server).get("version") == CLIENTS[client].version
    assert matrix.through(client, server).get("version") == CLIENTS[client].version


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_journal_tells_all_of_it(matrix: Matrix, server: str, client: str) -> None:
    """Each exchange was opened and closed, between the handshakes that it names; the calls are those made."""
    matrix.through(client, server)
    gate, row = matrix.gate, CLIENTS[client]
    exchanges = gate.settled(principal=principal(client, server))
    opened = [one for one in gate.journal("open") if one["principal"] == principal(client, server)]
    assert sorted(one["id"] for one in exchanges) == sorted(one["id"] for one in opened)

    handshakes = {(one["leg"], one["id"]): one for one in gate.journal("handshake")}
    for one in exchanges:
        assert one["verdict"] == "allow"
        for leg in ("inbound", "outbound"):
            assert handshakes[leg, one[leg]]["outcome"] == "ok"

    posts = [one for one in exchanges if one["http"] == "POST"]
    methods = {one["method"] for one in posts}
    called = {one["name"] for one in posts if one["method"] == "tools/call"}
    assert called == {TOOL_OF[feature] for feature in TOOL_OF if row.calls(feature)}
    assert ("initialize" in methods) == (row.version == LEGACY)
    assert ("logging/setLevel" in methods) == (row.version == LEGACY)
    # The stream of a session, and the return to one that was broken off, are the legacy era's.
    gets = [one for one in exchanges if one["http"] == "GET"]
    assert len(gets) >= 2 if row.version == LEGACY else not gets
