"""What each rule says of a call, and what it misses."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpgate.trial.reasoning import Said, reasoning, reasoning_of_question
from mcpgate.trial.trial import caller_of, handshake_of, message_of
from mcpgate.wire.call import Call, call_of
from mcpgate.wire.jsonrpc import Message, parse
from tests.trial.rules import case, subject


def said(directory: Path, rule: str, text: str, *, known: bool = True, connected: bool = True) -> Said:
    """What one rule says of one call."""
    policy = subject(directory, f'[[rule]]\nname = "it"\n{rule}').policy
    one = case(text)
    message = parse(message_of(one))
    assert isinstance(message, Message)
    call = call_of(message)
    assert isinstance(call, Call)
    outbound = handshake_of(one.transport.outbound) if connected else None
    caller = caller_of(one.who, one.transport)
    (found,) = reasoning(policy, caller, one.route, call, message.params if known else None, outbound)
    return found


READ = (
    'route = "files"\ncall = { method = "tools/call", name = "read_file", arguments = { path = "/srv/x" } }\n'
)
ALLOW = 'verdict = "allow"\n'


@pytest.mark.parametrize(
    ("rule", "text", "missing"),
    [
        ("", READ, ()),
        ('who = { token = "ci" }', READ, ("who.token",)),
        ('who = { token = "ci" }', READ + 'who = { token = "ci" }', ()),
        ('who = { certificate = "a", address = "10.0.0.0/8" }', READ, ("who.certificate", "who.address")),
        (
            'who = { issuer = "okta", group = "dev", subject = "kim" }',
            READ + 'who = { issuer = "okta", subject = "eve" }',
            ("who.subject", "who.group"),
        ),
        (
            'who = { issuer = "okta", "claim.repository" = "acme/*", "claim.level" = "5" }',
            READ + 'who = { issuer = "okta", claims = { repository = "acme/shop", level = 4 } }',
            ("who.claim.level",),
        ),
        ('on = { route = "other" }', READ, ("on.route",)),
        ('on = { method = "prompts/get" }', READ, ("on.method",)),
        ('on = { name = "write_*" }', READ, ("on.name",)),
        ('on = { direction = "answer" }', READ, ("on.direction",)),
        ('where = { "arguments.path" = "/etc/*" }', READ, ("where.arguments.path",)),
        ('where = { "arguments.path" = "/srv/*" }', READ, ()),
        ("", READ.replace("read_file", "read file"), ("on.name",)),
        ("", 'route = "files"\ncall = { method = "strange/method" }', ("on.method",)),
        ("", 'route = "files"\ncall = { method = "ping" }', ("on.method",)),
    ],
)
def test_a_rule_says_which_of_its_keys_is_not_fulfilled(
    tmp_path: Path, rule: str, text: str, missing: tuple[str, ...]
) -> None:
    """By the names that stand in the file; a rule that misses nothing is about the call."""
    found = said(tmp_path, ALLOW + rule, text)
    assert (found.says, found.missing, found.matches) == ("allow", missing, not missing)


def test_what_an_allow_rule_demands_of_connections_is_told_apart(tmp_path: Path) -> None:
    """It is about the call, and does not allow it over these."""
    outbound = '"outbound.pinned" = true, "outbound.version" = "TLSv1.3"'
    rule = ALLOW + f'require = {{ "inbound.client_certificate" = true, {outbound} }}'
    found = said(tmp_path, rule, READ)
    assert (found.matches, found.missing) == (
        True,
        ("require.inbound.client_certificate", "require.outbound.pinned"),
    )
    pinned = READ + 'who = { certificate = "a" }\ntransport = { outbound = { pinned = true } }'
    assert said(tmp_path, rule, pinned).missing == ()
    alone = said(tmp_path, rule, pinned, connected=False)
    assert alone.missing == ("require.outbound.version", "require.outbound.pinned")


def test_what_an_allow_rule_demands_of_a_token_is_told_apart(tmp_path: Path) -> None:
    """It is about the call, and does not allow it by this one."""
    rule = ALLOW + 'require = { scope = ["x", "y"] }'
    poor = said(tmp_path, rule, READ + 'who = { scope = "x" }')
    assert (poor.matches, poor.missing) == (True, ("require.scope",))
    assert said(tmp_path, rule, READ + 'who = { scope = ["y", "x", "z"] }').missing == ()


def test_conditions_are_read_as_the_rule_reads_them(tmp_path: Path) -> None:
    """What cannot be judged, a number where a text belongs, opens nothing."""
    odd = READ.replace('"/srv/x"', "5")
    where = 'where = { "arguments.path" = "/srv/*" }'
    assert said(tmp_path, ALLOW + where, odd).missing == ("where.arguments.path",)
    assert said(tmp_path, 'verdict = "block"\n' + where, odd).matches is True


def test_without_its_arguments_a_condition_on_them_is_left_open(tmp_path: Path) -> None:
    """But where the rule is not about the call anyway, that is said."""
    rule = ALLOW + 'where = { "arguments.path" = "/srv/*" }\n'
    assert said(tmp_path, rule, READ, known=False).matches is None
    other = said(tmp_path, rule + 'on = { route = "other" }', READ, known=False)
    assert (other.matches, other.missing) == (False, ("on.route",))


def test_masks_and_shadows_are_said(tmp_path: Path) -> None:
    """A rule of masks has no verdict; one in the shadow is marked."""
    found = said(tmp_path, 'mask = ["email"]\nshadow = true\n', READ)
    assert found == Said("it", "mask", True, (), True)
    assert found.facts() == {"rule": "it", "says": "mask", "matches": True, "missing": [], "shadow": True}


ASK = 'method = "sampling/createMessage"'


@pytest.mark.parametrize(
    ("rule", "missing"),
    [
        (f"on = {{ {ASK} }}", ()),
        ("", ("on.method",)),
        ('on = { method = "*" }', ("on.method",)),
        (f'on = {{ {ASK}, route = "other" }}', ("on.route",)),
        (f'on = {{ {ASK}, direction = "request" }}', ("on.direction",)),
        (f'on = {{ {ASK}, name = "x" }}', ("on.name",)),
        (f'on = {{ {ASK} }}\nwho = {{ token = "eve" }}', ("who.token",)),
        (f"on = {{ {ASK} }}\nwhere = {{ maxTokens = {{ max = 10 }} }}", ("where.maxTokens",)),
        (
            f'on = {{ {ASK} }}\nrequire = {{ "inbound.version" = "TLSv1.2" }}',
            ("require.inbound.version",),
        ),
        (f'on = {{ {ASK} }}\nrequire = {{ "outbound.pinned" = true }}', ("require.outbound.pinned",)),
    ],
)
def test_of_a_question_only_a_rule_that_names_it_says_something(
    tmp_path: Path, rule: str, missing: tuple[str, ...]
) -> None:
    """And of it, the same is told as of calls; masks are not asked."""
    text = f'[[rule]]\nname = "it"\n{ALLOW}{rule}\n[[rule]]\nname = "m"\nmask = ["email"]'
    one = case('who = { token = "ci" }\nroute = "files"\ncall = { method = "ping" }')
    caller = caller_of(one.who, one.transport)
    policy = subject(tmp_path, text).policy
    leg = handshake_of(one.transport.outbound)
    asked = "sampling/createMessage", {"maxTokens": 20}
    (found,) = reasoning_of_question(policy, caller, "files", *asked, leg)
    assert found.missing == missing
    assert found.matches is (missing == () or missing[0].startswith("require."))
