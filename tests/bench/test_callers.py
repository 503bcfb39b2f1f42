"""Who the compared gates know: a token of the usual size, that is good for the gate and for all the bench."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpgate.config.load import parse_config
from tests.bench.callers import LIFE
from tests.bench.certificates import Certificates
from tests.bench.peers import PEERS, Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A place for a gate, with certificates."""
    made = Certificates.make(tmp_path)
    yield Site(
        directory=tmp_path,
        port=1111,
        upstream=2222,
        authority=made.authority,
        chain=made.chain,
        key=made.key,
        pair=made.pair,
        pin=made.pin,
        packages=tmp_path / "venv",
    )


def test_a_gate_knows_the_issuer_of_its_callers(site: Site) -> None:
    """The token is for the gate's URL, lasts longer than a bench, and is signed as most are."""
    peer = PEERS["jwt"]
    peer.command(site)
    config = parse_config((site.directory / "mcpgate.toml").read_bytes(), site.directory / "mcpgate.toml")
    (issuer,) = config.issuers
    token = peer.token(site)
    header, claims = (json.loads(urlsafe_b64decode(part + "==")) for part in token.split(".")[:2])
    assert header["alg"] == "RS256"
    assert (claims["iss"], claims["aud"]) == (issuer.issuer, f"{config.listeners[0].public_url}/mcp")
    assert claims["exp"] - claims["iat"] == LIFE > 20 * 60
    assert 600 < len(token) < 1200


def test_the_others_have_tokens_of_the_gates_own() -> None:
    """And nothing else is between them: what they are compared with is the same gate."""
    callers = [peer for peer in PEERS.values() if peer.group == "callers"]
    assert [peer.name for peer in callers] == ["issued", "jwt", "issued-again"]
    first, *_, last = callers
    assert (first.command, first.token) == (last.command, last.token)
