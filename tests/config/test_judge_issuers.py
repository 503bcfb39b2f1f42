"""What is wrong with issuers, told at the key that somebody would change."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpgate.config.load import parse_config
from mcpgate.config.problem import ConfigError
from mcpgate.config.schema import Config

GOOD = """
[gate]
state = "/var/lib/mcpgate"
[[listener]]
name = "public"
listen = "tcp:8443"
certificates = "tls"
public_url = "https://gate.test:8443"
[[issuer]]
name = "login"
issuer = "https://login.test"
[[upstream]]
name = "git"
url = "https://git.test/mcp"
[[route]]
path = "/git"
upstream = "git"
"""
ISSUER = 'issuer = "https://login.test"'
ENTRA = 'preset = "entra"\ntenants = ["8a9c1d2e-0000-4000-8000-1234567890ab"]'
PARTNER = ENTRA.replace("8a9c1d2e", "4c1f9e77")
OPAQUE = f'{ISSUER}\nintrospection = "https://login.test/i"\nclient_id = "gate"\nclient_secret = "env:S"'


def read(text: str) -> Config:
    return parse_config(text.encode(), Path("/etc/mcpgate/mcpgate.toml"))


def problems(text: str) -> list[str]:
    """Each problem as it is shown."""
    try:
        read(text)
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace(ISSUER, OPAQUE),
        GOOD.replace(ISSUER, 'issuer = "our-own-signer"\njwks = "https://login.test/keys?v=2"'),
        GOOD.replace(ISSUER, 'preset = "google"\n"claim.hd" = "acme.com"'),
        GOOD.replace(ISSUER, ENTRA),
        # The same issuer, but the tenants tell their tokens apart.
        GOOD.replace(ISSUER, f'{ENTRA}\n[[issuer]]\nname = "partner"\n{PARTNER}'),
        GOOD.replace('public_url = "https://gate.test:8443"', 'issuers = "none"'),
        GOOD.replace('certificates = "tls"', 'certificates = "tls"\ntokens = false\nissuers = ["login"]'),
    ],
)
def test_a_good_one_passes(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            ISSUER,
            "",
            "issuer.login.issuer (line 9): is missing; a table without a preset needs the exact iss of its "
            "tokens",
        ),
        (ISSUER, 'issuer = "http://login.test"', "is not an https URL"),
        (ISSUER, 'issuer = "https://login.test/a b"', "printable ASCII"),
        (
            ISSUER,
            'issuer = "our-own-signer"',
            "issuer.login.issuer (line 11): is not an https URL with a discovery document below it; say "
            "where the keys are (jwks)",
        ),
        (
            ISSUER,
            f'{ISSUER}\njwks = "https://login.test/k"\ndiscovery = "https://login.test/d"',
            "issuer.login.jwks (line 12): stands beside discovery, which says where the keys are; leave one "
            "out",
        ),
        (ISSUER, f'{ISSUER}\njwks = "http://login.test/k"', "is not an https URL"),
        (ISSUER, f'{ISSUER}\nalgorithms = "HS256"', "HS256"),
        (
            ISSUER,
            f'{ISSUER}\nclient_id = "gate"',
            "issuer.login.client_id (line 12): has no effect without introspection",
        ),
        (
            ISSUER,
            f'{ISSUER}\nintrospection = "https://login.test/i"\nclient_secret = "env:S"',
            "issuer.login.client_id (line 9): is missing: the issuer is asked about tokens by somebody whom "
            "it knows",
        ),
        (
            ISSUER,
            f'{ISSUER}\nintrospection = "https://login.test/i"\nclient_id = "gate"',
            "issuer.login.introspection (line 12): needs client_secret, assertion_key or client_certificate, "
            "for the gate to prove itself",
        ),
        (ISSUER, f'{OPAQUE}\nassertion_key = "k.pem"', "proves itself in one way"),
        (ISSUER, f'{ISSUER}\nclient_key = "k.pem"', "has no effect without client_certificate"),
        (ISSUER, f'{ISSUER}\nclient_secret = "hush"', "a secret never stands in this file"),
        (ISSUER, f'{ISSUER}\ngroups = "a..b"', "groups"),
        ('name = "login"', 'name = "none"', "means none of them in listener.issuers"),
        (
            'public_url = "https://gate.test:8443"',
            "",
            "listener.public.public_url (line 4): is missing: tokens of issuers, which are accepted here, "
            'are made for the URL of a route (issuers = "none" accepts none)',
        ),
        (
            'certificates = "tls"',
            'certificates = "tls"\nissuers = ["logon"]',
            'listener.public.issuers (line 8): no issuer is named "logon"; did you mean "login"?',
        ),
        (
            'certificates = "tls"',
            'certificates = "tls"\nissuers = ["none", "login"]',
            'listener.public.issuers (line 8): "none" stands beside others; leave it out, or them',
        ),
        (
            'certificates = "tls"',
            'certificates = "tls"\ntokens = false\nissuers = "none"',
            "so anybody who reaches this listener could call",
        ),
        (
            ISSUER,
            f'{ISSUER}\n[[issuer]]\nname = "again"\n{ISSUER}',
            'issuer.again.issuer (line 14): "login" has the same iss, and listener "public" could not tell '
            "their tokens apart",
        ),
        (
            ISSUER,
            f'{ENTRA}\n[[issuer]]\nname = "again"\n{ENTRA}',
            'issuer.again.issuer (line 13): "login" has the same iss',
        ),
        (
            ISSUER,
            f'{OPAQUE}\n[[issuer]]\nname = "other"\n{OPAQUE.replace("login.test", "b.test")}',
            'issuer.other.introspection (line 18): "login" is asked about opaque tokens, too, and at '
            'listener "public" nobody could say whose one is',
        ),
        (
            ISSUER,
            'preset = "okta"\nissuer = "https://acme.okta.com"',
            "is Okta's organization itself",
        ),
        (ISSUER, 'preset = "github-actions"', "gives tokens to anybody"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(old: str, new: str, said: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new, 1))
    assert len(found) == 1 and said in found[0], found


def test_an_issuer_that_could_not_be_read_is_no_missing_one() -> None:
    """What follows from a mistake is not told beside it."""
    text = GOOD.replace("[[issuer]]", "[[isuer]]").replace(
        'certificates = "tls"', 'certificates = "tls"\ntokens = false\nissuers = ["login"]'
    )
    (problem,) = problems(text)
    assert "isuer" in problem
