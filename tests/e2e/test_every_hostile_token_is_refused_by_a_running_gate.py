"""The attack table of C{tests/identity/hostile.py} against a gate whose issuer is a real server.

What the pure files say of each token, here of everything around them: the status, the challenge, the record,
and that nothing of it is ever a server error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import pytest

from mcpgate.testing import LocalCA
from tests.e2e.identified import Shown, identified, shown_all
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.providers import Providers
from tests.identity.hostile import HOSTILE, Hostile, published
from tests.identity.minting import Minter

#: The others are refused as requests, before anybody sees a token in them.
SENDABLE = {
    one.name: one for one in HOSTILE if one.sendable(one.make(Minter(), time.time()))
}


@pytest.fixture(scope="module")
def seen(
    tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer, providers: Providers
) -> Iterator[Mapping[str, Shown]]:
    """What came of each, and of a good one at the end."""
    provider = providers["foreign"]
    lab = Lab(tmp_path_factory.mktemp("hostile"), ca)
    with identified(lab, weather, [provider.table()]) as gate:
        minter = Minter(issuer=provider.issuer, resource=gate.url)
        provider.publish(published(minter))
        tokens = {name: one.make(minter, time.time()) for name, one in SENDABLE.items()}
        tokens["good"] = minter.mint(now=time.time())
        yield shown_all(gate, tokens)
        _unharmed(gate)


def _unharmed(gate: GateProcess) -> None:
    assert gate.status()["running"]
    assert "Traceback" not in gate.log() and "Unhandled" not in gate.log()


@pytest.mark.parametrize("one", SENDABLE.values(), ids=list(SENDABLE))
def test_a_hostile_token_is_refused_with_its_own_reason(seen: Mapping[str, Shown], one: Hostile) -> None:
    """As one that is no good, to the caller; with what is wrong with it, in the record."""
    came = seen[one.name]
    assert came.status == 401
    assert 'error="invalid_token"' in came.challenge and "resource_metadata=" in came.challenge
    record = came.record
    assert (record["reason"], record["outbound"], record["principal"]) == (one.reason, None, None)
    assert one.said in record["detail"]
    assert came.message["error"]["data"]["reason"] == one.reason


def test_a_good_token_passes_where_hostile_ones_were_refused(seen: Mapping[str, Shown]) -> None:
    """So they were refused for what is wrong with them."""
    assert (seen["good"].status, seen["good"].text) == (200, "sunny in Oslo")
    assert seen["good"].record["principal"] == "foreign/ada"


def test_most_of_the_table_can_be_sent() -> None:
    """The rest has a byte in it that no header may have."""
    assert len(SENDABLE) > 0.95 * len(HOSTILE) > 40
