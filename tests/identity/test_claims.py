"""What a token says."""

from __future__ import annotations

from mcpgate.identity.principal import Principal
from tests.identity.judging import MINTER, judged
from tests.identity.minting import NOW


def test_a_principal_is_what_its_issuer_says() -> None:
    principal = judged(MINTER.mint(groups=["dev"], scope="read write", level=5))
    assert isinstance(principal, Principal)
    assert (principal.name, principal.how) == ("login/ada", "jwt")
    assert (principal.issuer, principal.subject) == ("login", "ada")
    assert principal.groups == ("dev",)
    assert principal.scopes == {"read", "write"}
    assert principal.claims["level"] == 5
    assert principal.expires == NOW + 630
