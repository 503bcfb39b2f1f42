"""What must hold between C{[[saml]]} tables and the rest."""

import pytest

from tests.config.test_judge import LISTENER, ROUTE, judged

PUBLIC = {**LISTENER, "public_url": "https://gate.test"}
CORP = {"name": "corp", "metadata": "corp.xml"}
ELSEWHERE = {**PUBLIC, "token_endpoint": "/sso"}
THERE = {**ROUTE, "path": "/token"}
REFUSED = ["listener[0].tokens", "listener[0].issuers"]
OKTA = {"name": "okta", "issuer": "https://okta.test"}


@pytest.mark.parametrize(
    ("tables", "paths"),
    [
        ({"listener": [PUBLIC], "saml": [CORP]}, []),
        ({"listener": [PUBLIC, {**LISTENER, "name": "b", "listen": "tcp:2"}], "saml": [CORP]}, []),
        ({"saml": [CORP]}, ["saml[0].metadata"]),
        ({"listener": [PUBLIC], "saml": [CORP, CORP]}, ["saml[1].name"]),
        ({"listener": [PUBLIC], "saml": [{**CORP, "routes": "git"}]}, []),
        ({"listener": [PUBLIC], "saml": [{**CORP, "routes": ["git", "hub"]}]}, ["saml[0].routes[1]"]),
        ({"listener": [PUBLIC], "saml": [{**CORP, "name": "okta"}], "issuer": [OKTA]}, ["saml[0].name"]),
        ({"listener": [PUBLIC], "saml": [CORP], "route": [THERE]}, ["listener[0].token_endpoint"]),
        ({"listener": [PUBLIC], "route": [THERE]}, []),
        ({"listener": [ELSEWHERE], "saml": [CORP], "route": [THERE]}, []),
        ({"listener": [ELSEWHERE]}, ["listener[0].token_endpoint"]),
        # Whoever vouches by assertions is a proof of who calls, and can be named like an issuer.
        ({"listener": [{**PUBLIC, "tokens": False}], "saml": [CORP]}, []),
        ({"listener": [{**PUBLIC, "tokens": False, "issuers": "x"}], "saml": [CORP]}, REFUSED),
        ({"listener": [{**PUBLIC, "issuers": "corp"}], "saml": [CORP]}, []),
        ({"listener": [{**PUBLIC, "issuers": "crop"}], "saml": [CORP]}, ["listener[0].issuers"]),
    ],
)
def test_a_problem_is_told_at_the_key_that_somebody_would_change(
    tables: dict[str, list[dict[str, object]]], paths: list[str]
) -> None:
    """Names that are there, one name for one issuer, and a token endpoint that is reached."""
    assert judged(**tables) == paths
