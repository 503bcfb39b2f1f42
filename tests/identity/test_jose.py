"""Tokens as bytes, and their signatures."""

from __future__ import annotations

import pytest

from mcpgate.identity.principal import Principal
from tests.identity.judging import MINTER, judged


@pytest.mark.parametrize(("kid", "alg"), [("k1", "RS256"), ("k1", "PS256"), ("e1", "ES256")])
def test_a_token_of_its_issuer_is_verified(kid: str, alg: str) -> None:
    assert isinstance(judged(MINTER.mint(kid, alg)), Principal)
