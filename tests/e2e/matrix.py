"""The matrix: which client does what with which server, what it sees, and why there is no such thing.

Data, and what asks each client once. Each client (a row of L{CLIENTS}) goes on the tour of everything
(C{tour.py}) with each server (L{SERVERS}), to the server itself and through the gate. A cell is one
feature of that tour.
"""

from collections.abc import Callable, Mapping
from functools import partial

from attrs import frozen

from tests.e2e import inspector, tourists, typescript
from tests.e2e.lab import GateProcess, McpServer
from tests.e2e.tour import FEATURES, LEGACY, MODERN, SIGHTS, TOOL_OF, Facts, Place


@frozen
class Server:
    """A column: a program of C{servers/}, of the same names and words as the others."""

    program: str
    both_eras: bool


#: Named as its route is.
SERVERS = {
    "python": Server("everything.py", both_eras=True),
    "typescript": Server("everything.mjs", both_eras=True),
    # What a client that may choose must fall back to.
    "typescript-v1": Server("everything-v1.mjs", both_eras=False),
}

_LOST = "a stream that breaks is lost in 2026-07-28: it has no event ids and no Last-Event-ID"
_PRINTS = "the command prints the result of a request and nothing that comes before it"
_ASKS_NOBODY = "the command declares no such capability: there is nobody whom it could ask"

Reasons = Mapping[str, str]

#: What there is not in a revision.
REVISION_HAS_NO: Mapping[str, Reasons] = {LEGACY: {}, MODERN: {"reconnect": _LOST}}

#: What the Inspector's command has not, and what it has not in a revision.
INSPECTOR_HAS_NO: Mapping[str, Reasons] = {
    version: {
        "progress": _PRINTS,
        "sampling": _ASKS_NOBODY,
        "elicitation": _ASKS_NOBODY,
        "subscribe": "the command ends with its result; it has no method that goes on listening",
        **more,
    }
    for version, more in {
        LEGACY: {"cancel": "the command takes no call back, and to leave a legacy session is not to cancel"},
        MODERN: {"reconnect": _LOST, "logging": f"2026-07-28 has no logging/setLevel, and {_PRINTS}"},
    }.items()
}


@frozen
class Client:
    """A row: how it goes on the tour, which era it wants (C{auto}: the modern one if there is one), what
    it cannot do by its nature in which revision and why, and what it sees."""

    era: str
    tour: Callable[[Place], Facts]
    has_no: Mapping[str, Reasons] = REVISION_HAS_NO
    sights: Facts = SIGHTS


def _typescript(*command: str) -> Callable[[Place], Facts]:
    return lambda place: typescript.tour(place, *command)


def _inspector(era: str) -> Client:
    return Client(era, partial(inspector.tour, era=era), INSPECTOR_HAS_NO, inspector.OWN_SIGHTS)


CLIENTS = {
    "python-legacy": Client("legacy", partial(tourists.official_tour, mode="legacy")),
    "python-modern": Client("modern", partial(tourists.official_tour, mode=MODERN)),
    "python-auto": Client("auto", partial(tourists.official_tour, mode="auto")),
    "fastmcp-legacy": Client("legacy", partial(tourists.fast_tour, mode="legacy")),
    "fastmcp-modern": Client("modern", partial(tourists.fast_tour, mode=MODERN)),
    "fastmcp-auto": Client("auto", partial(tourists.fast_tour, mode="auto")),
    # It knows no modern era, so there is nothing to choose.
    "typescript-v1": Client("legacy", _typescript("tour-v1.mjs", "http")),
    "typescript-v2-legacy": Client("legacy", _typescript("tour-v2.mjs", "legacy")),
    "typescript-v2-modern": Client("modern", _typescript("tour-v2.mjs", MODERN)),
    "typescript-v2-auto": Client("auto", _typescript("tour-v2.mjs", "auto")),
    "inspector-legacy": _inspector("legacy"),
    "inspector-modern": _inspector("modern"),
    "inspector-auto": _inspector("auto"),
}


@frozen
class Pair:
    """A client and a server."""

    client: str
    server: str

    def __str__(self) -> str:
        return f"{self.client}-to-{self.server}"

    @property
    def row(self) -> Client:
        return CLIENTS[self.client]

    @property
    def version(self) -> str:
        """The revision that they agree on; empty if the client insists on one that the server has not."""
        if SERVERS[self.server].both_eras:
            return LEGACY if self.row.era == "legacy" else MODERN
        return "" if self.row.era == "modern" else LEGACY

    @property
    def has_no(self) -> Reasons:
        return self.row.has_no[self.version]

    @property
    def calls(self) -> set[str]:
        """The tools that are called on the tour. The Inspector's logging is no call."""
        features = set(TOOL_OF) - set(self.has_no)
        if self.row.sights is inspector.OWN_SIGHTS:
            features.discard("logging")
        return {TOOL_OF[feature] for feature in features}


_ALL = [Pair(client, server) for client in CLIENTS for server in SERVERS]

PAIRS = [pair for pair in _ALL if pair.version]

#: A client of the modern era and a server that has none: nothing works, and must not look otherwise.
MISFITS = [pair for pair in _ALL if not pair.version]

DOES = [(pair, feature) for pair in PAIRS for feature in FEATURES if feature not in pair.has_no]

NO_SUCH_THING = [(pair, feature, reason) for pair in PAIRS for feature, reason in pair.has_no.items()]


class Matrix:
    """The servers, the gate before them with a route to each, and what the clients saw, each asked once."""

    def __init__(self, gate: GateProcess, servers: Mapping[str, McpServer]) -> None:
        self.gate = gate
        self._servers = servers
        self._seen: dict[tuple[Pair, bool], Facts] = {}

    def direct(self, pair: Pair) -> Facts:
        """What the client sees of the server itself."""
        return self._visit(pair, direct=True)

    def through(self, pair: Pair) -> Facts:
        """What the client sees of the server through the gate, where its principal is the pair's name."""
        return self._visit(pair, direct=False)

    def _visit(self, pair: Pair, *, direct: bool) -> Facts:
        key = (pair, direct)
        if key not in self._seen:
            at = self._servers[pair.server]
            url = at.url if direct else f"https://localhost:{self.gate.port}/{pair.server}"
            token = None if direct else self.gate.issue(str(pair))
            place = Place(url, self.gate.lab.ca_file, token, at.directory)
            try:
                self._seen[key] = pair.row.tour(place)
            except Exception as error:
                # Every cell of this row fails with it; the tour is not made again for each.
                self._seen[key] = {"failed": repr(error)}
        return self._seen[key]
