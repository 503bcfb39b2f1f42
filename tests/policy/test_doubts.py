"""Rules that can never do anything are told of."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpgate.config.load import load_config, parse_config
from mcpgate.config.problem import Problem
from mcpgate.config.schema import Config
from mcpgate.policy.doubts import doubts
from mcpgate.policy.rules import compile_rules

BASE = """
[gate]
state = "state"
[[listener]]
name = "public"
listen = "tcp:1"
certificates = "tls"
{listener}
[[upstream]]
name = "git"
url = "https://h/mcp"
{upstream}
[[route]]
path = "/git"
upstream = "git"
[[route]]
path = "/other"
upstream = "git"
name = "other"
"""
CERTIFICATES = 'client_certificates = "required"\nclient_ca = "ca.pem"\n'
PINS = 'pins = ["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]'


def found(config: Config) -> tuple[Problem, ...]:
    return doubts(config, compile_rules(config.rules, config.detectors))


def said(*rules: str, listener: str = "", upstream: str = "") -> list[str]:
    """What is doubtful, each by its key and the beginning of the sentence."""
    text = BASE.format(listener=listener, upstream=upstream)
    for number, rule in enumerate(rules):
        text += f'[[rule]]\nname = "r{number}"\n{rule}\n'
    return [
        f"{problem.path}: {problem.message}"
        for problem in found(parse_config(text.encode(), Path("/etc/mcpgate/gate.toml")))
    ]


ALLOW, BLOCK, HOLD = (f'verdict = "{word}"\n' for word in ("allow", "block", "hold"))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (ALLOW + 'on = { method = "tool/call" }', 'r0.on.method: "tool/call" is no method'),
        (ALLOW + 'on = { method = "tools/cal" }', 'did you mean "tools/call"?'),
        (ALLOW + 'on = { method = "resources/subscribe" }', "is judged as resources/read, so name that"),
        (ALLOW + 'on = { method = "completion/complete" }', "is judged as prompts/get and resources/read"),
        (BLOCK + 'on = { method = "tools/list" }', "r0.on.method: decides nothing"),
        (BLOCK + 'on = { method = ["initialize", "ping"] }', "r0.on.method: decides nothing"),
        (ALLOW + 'on = { method = "logging/setLevel", name = "x" }', "r0.on.name: never matches"),
        (ALLOW + 'on = { method = "tools/call", name = ["a b", "ok"] }', 'r0.on.name: "a b" is not in'),
        (
            ALLOW + 'on = { method = "resources/read", name = "file:///srv/../x" }',
            'r0.on.name: "file:///srv/../x" is not in the one plain form',
        ),
        (ALLOW + 'who = { certificate = "x" }', "r0.who.certificate: never matches"),
        (ALLOW + 'who = { issuer = "okta" }', "r0.who.issuer: never matches: no listener accepts"),
        (
            ALLOW + 'require = { "inbound.client_certificate" = true }',
            'r0.require."inbound.client_certificate": is never met',
        ),
        (ALLOW + 'require = { "outbound.pinned" = true }', 'r0.require."outbound.pinned": is never met'),
        (BLOCK + 'on = { direction = "answer" }', "r0.on.direction: never matches"),
        (HOLD + 'on = { method = "tools/call" }', "r0.verdict: comes to nothing: no rule allows anything"),
        (ALLOW + 'on = { method = "sampling/createMessage" }', ""),
        (HOLD + 'on = { method = "sampling/createMessage" }', "r0.verdict: is hold"),
        ('mask = "email"\non = { method = "notifications/message" }', "masks all that comes from there"),
    ],
)
def test_what_can_never_match_is_doubtful(rule: str, words: str) -> None:
    found = said(rule)
    assert found == [] if not words else words in " ".join(found) and len(found) == 1


@pytest.mark.parametrize(
    "rule",
    [
        ALLOW,
        ALLOW + 'on = { method = "skills/list" }',
        ALLOW + 'on = { method = ["vendor/*", "^x/.*$"] }',
        ALLOW + 'on = { method = ["tools/call", "tools/list"] }',
        ALLOW + 'on = { method = ["tools/call", "resources/read"], name = ["a", "file:///srv/x"] }',
        ALLOW + 'on = { name = ["get_*", "^a b$"] }',
        ALLOW + 'who = { token = "ci", group = "dev", address = "10.0.0.0/8" }',
        BLOCK + 'on = { name = "a b" }',
        'mask = "email"',
        'block = "private-key"\non = { method = "tools/list" }',
    ],
)
def test_what_might_is_not(rule: str) -> None:
    assert said(rule) == []


def test_what_listeners_and_upstreams_have_is_looked_at() -> None:
    """Then a rule may ask for it; and not for what they have switched off."""
    shown = ALLOW + 'who = { certificate = "x" }\nrequire = { "inbound.client_certificate" = true }'
    assert said(shown, listener=CERTIFICATES) == []
    assert said(ALLOW + 'require = { "outbound.pinned" = true }', upstream=PINS) == []
    (only,) = said(ALLOW + 'who = { token = "ci" }', listener=CERTIFICATES + "tokens = false\n")
    assert only.startswith("rule.r0.who.token: never matches: no listener accepts")
    both = ALLOW + 'who = { token = "ci", certificate = "x" }'
    assert said(both, listener=CERTIFICATES) == []
    elsewhere = '\n[[listener]]\nname = "two"\nlisten = "tcp:8444"\ncertificates = "tls"\n'
    (only,) = said(both, listener=CERTIFICATES + "tokens = false\n" + elsewhere)
    assert "together with certificate" in only


def test_who_vouches_for_callers_must_be_accepted_somewhere() -> None:
    """Else nobody has an issuer of that name, and without any token nobody has a scope."""
    okta = '\n[[issuer]]\nname = "okta"\nissuer = "https://a.test"\n'
    public = 'public_url = "https://h"\n'
    assert said(ALLOW + 'who = { issuer = "ok*" }', listener=public + okta) == []
    (only,) = said(ALLOW + 'who = { issuer = "entra" }', listener=public + okta)
    assert only.endswith("no listener accepts tokens of an issuer of that name")
    (only,) = said(ALLOW + 'who = { issuer = "okta" }', listener='issuers = "none"\n' + okta)
    assert only.endswith("no listener accepts tokens of issuers")
    corp = '\n[[saml]]\nname = "corp"\nmetadata = "corp.xml"\n'
    assert said(ALLOW + 'who = { issuer = "corp" }', listener=public + corp) == []
    (only,) = said(ALLOW + 'who = { issuer = "corp" }', listener='issuers = "none"\n' + public + corp)
    assert only.endswith("no listener accepts tokens of issuers")
    scoped, closed = ALLOW + 'require = { scope = "x" }', CERTIFICATES + "tokens = false\n"
    assert said(scoped) == []
    assert said(scoped, listener=closed + public + okta) == []
    (only,) = said(scoped, listener=closed)
    assert only == "rule.r0.require.scope: is never met: no listener accepts tokens"


@pytest.mark.parametrize(
    ("allow", "block", "nothing"),
    [
        ('on = { name = ["delete_a", "delete_b*"] }', 'on = { name = "delete_*" }', True),
        ('on = { name = ["delete_a", "get_b"] }', 'on = { name = "delete_*" }', False),
        ("", "", True),
        ('on = { method = "tools/call" }', "", True),
        ("", 'on = { method = "tools/call" }', False),
        ('on = { route = "git" }', 'on = { route = ["git", "other"] }', True),
        ("", 'on = { route = "git" }', False),
        ('who = { group = "dev" }', "", True),
        ('who = { group = "dev" }', 'who = { group = "dev" }', True),
        ("", 'who = { group = "dev" }', False),
        ("", 'where = { "arguments.x" = 1 }', False),
        ("", "shadow = true", False),
        ('on = { method = "sampling/createMessage" }', "", False),
    ],
)
def test_an_allow_rule_of_which_a_block_leaves_nothing_is_doubtful(
    allow: str, block: str, nothing: bool
) -> None:
    found = said(ALLOW + allow, BLOCK + block)
    assert found == (["rule.r0.verdict: comes to nothing: r1 blocks all that it is about"] if nothing else [])


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("params.arguments.x", "begins at the params already"),
        ("argument.x", 'did you mean "arguments"?'),
        ("Arguments.x[]", 'did you mean "arguments"?'),
        ("arguments.x", None),
        ("_meta.x", None),
        ("maxTokens", None),
        ("mode", None),
    ],
)
def test_a_path_that_begins_at_nothing_is_doubtful(path: str, words: str | None) -> None:
    """Above all of a mask: it would mask nothing."""
    mask = f'mask = ["email"]\nwhere = {{ "{path}" = "y" }}\n'
    found = said(mask)
    assert bool(found) == (words is not None)
    if words is not None:
        assert found[0].startswith(f'rule.r0.where."{path}": ') and words in found[0]


def test_a_rule_that_allows_tasks_is_doubtful() -> None:
    """Only tools can be allowed; to block them is another matter."""
    (only,) = said(ALLOW + 'on = { method = "tasks/*" }')
    assert "allows nothing: a task is judged as the tool" in only
    assert said(ALLOW, BLOCK + 'on = { method = "tasks/cancel" }') == []


def test_the_sample_has_nothing_doubtful() -> None:
    sample = Path(__file__).resolve().parents[2] / "etc" / "mcpgate.toml"
    assert found(load_config(sample)) == ()


def test_a_doubt_has_its_line() -> None:
    text = BASE.format(listener="", upstream="") + '[[rule]]\nname = "x"\nverdict = "hold"\n'
    (problem,) = found(parse_config(text.encode(), Path("/etc/mcpgate/gate.toml")))
    assert str(problem).startswith("rule.x.verdict (line 22): comes to nothing")
