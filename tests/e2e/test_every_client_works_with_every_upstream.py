"""Every client does through the gate all that it can do with a server, and sees the same.

The matrix itself, what each client can do and why it cannot do the rest, is data of C{matrix.py}.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.lab import Lab, McpServer
from tests.e2e.matrix import CLIENTS, DOES, MISFITS, NO_SUCH_THING, PAIRS, SERVERS, Matrix, Pair
from tests.e2e.tour import FEATURES, LEGACY

# What a revision has is shown as long as the SDKs have it, deprecated or not.
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[Matrix]:
    """The servers, and one gate with a route to each."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(McpServer(tmp_path_factory.mktemp(name), ca, server.program))
            for name, server in SERVERS.items()
        }
        gate = Lab(tmp_path_factory.mktemp("gate"), ca).gate(
            upstream=[{"name": name, "url": at.url, "pins": [at.pin]} for name, at in servers.items()],
            route=[{"path": f"/{name}", "upstream": name} for name in servers],
        )
        yield Matrix(stack.enter_context(gate), servers)


def test_every_cell_is_there() -> None:
    """For each client and server, each feature is done, or there is a reason why there is no such thing."""
    done = {(pair, feature) for pair, feature in DOES}
    not_done = {(pair, feature) for pair, feature, reason in NO_SUCH_THING if reason}
    assert not done & not_done
    assert done | not_done == {(pair, feature) for pair in PAIRS for feature in FEATURES}
    assert len(PAIRS) + len(MISFITS) == len(CLIENTS) * len(SERVERS)


@pytest.mark.parametrize(("pair", "feature"), DOES, ids=str)
def test_it_works_through_the_gate_as_without(matrix: Matrix, pair: Pair, feature: str) -> None:
    """The client sees what is to be seen, of the server itself and through the gate."""
    direct, through = matrix.direct(pair), matrix.through(pair)
    assert direct.get(feature, direct) == pair.row.sights[feature]
    assert through.get(feature, through) == direct[feature]


@pytest.mark.parametrize(("pair", "feature", "reason"), NO_SUCH_THING, ids=str)
def test_what_a_client_cannot_do_it_does_not(matrix: Matrix, pair: Pair, feature: str, reason: str) -> None:
    """Neither with the server itself nor through the gate, and all the rest was done."""
    for facts in (matrix.direct(pair), matrix.through(pair)):
        assert set(facts) == {"version", *FEATURES} - set(pair.has_no), f"but {reason}"


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_it_finds_the_same_revision(matrix: Matrix, pair: Pair) -> None:
    """What is agreed through the gate is what is agreed without."""
    assert matrix.direct(pair).get("version") == pair.version
    assert matrix.through(pair).get("version") == pair.version


@pytest.mark.parametrize("pair", MISFITS, ids=str)
def test_who_insists_on_what_the_server_has_not_is_told_the_same(matrix: Matrix, pair: Pair) -> None:
    """The server's own refusal reaches the client, word by word, and nothing works."""
    direct, through = matrix.direct(pair), matrix.through(pair)
    assert through == direct
    assert "failed" in direct or all("failed" in direct[feature] for feature in FEATURES if feature in direct)


@pytest.mark.parametrize("pair", PAIRS, ids=str)
def test_the_journal_tells_all_of_it(matrix: Matrix, pair: Pair) -> None:
    """Each exchange was opened and closed, on the handshakes that it names; what was called is there."""
    matrix.through(pair)
    exchanges = matrix.gate.settled(principal=str(pair))
    opened = [one["id"] for one in matrix.gate.journal("open") if one["principal"] == str(pair)]
    assert sorted(one["id"] for one in exchanges) == sorted(opened)

    handshakes = {(one["leg"], one["id"]): one["outcome"] for one in matrix.gate.journal("handshake")}
    for one in exchanges:
        assert one["verdict"] == "allow"
        assert handshakes["inbound", one["inbound"]] == "ok"
        assert handshakes["outbound", one["outbound"]] == "ok"

    posts = [one for one in exchanges if one["http"] == "POST"]
    methods = {one["method"] for one in posts}
    legacy = pair.version == LEGACY
    assert {one["name"] for one in posts if one["method"] == "tools/call"} == pair.calls
    assert ("initialize" in methods) == legacy
    assert ("logging/setLevel" in methods) == legacy
    assert ("server/discover" in methods) or pair.row.era != "auto"
    # The stream of a session, and the return to one that was broken off, are the legacy era's.
    gets = [one for one in exchanges if one["http"] == "GET"]
    assert len(gets) >= 2 if legacy else not gets
