"""What a file of cases may say, and how it is told what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpgate.config.problem import ConfigError
from mcpgate.trial.cases import Cases, parse_cases, read_case

SOURCE = Path("/etc/mcpgate/policies/files.test.toml")

WHOLE = """
policy = "files.toml"
route = "files"
who = { token = "ci" }
transport = { outbound = { pinned = true } }

[[case]]
name = "reads"
call = { method = "tools/call", name = "read_file", arguments = { path = "/srv/x", lines = [1, 2] } }
answer = '''
{"jsonrpc": "2.0", "id": 1, "result": {}}
'''
expect = { verdict = "allow", rule = "files-read", masked = { email = 2 }, answer_lacks = ["@"] }

[[case]]
name = "somebody else, elsewhere"
who = { certificate = "spiffe://acme/ci" }
route = "other"
revision = "2026-07-28"
message = '{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
expect = { verdict = "block", reason = "policy.unlisted" }
"""


def read(text: str) -> Cases:
    return parse_cases(text.encode(), SOURCE)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        read(text)
    return [str(problem) for problem in error.value.problems]


def test_a_file_is_read_with_what_holds_for_all_its_cases() -> None:
    """What stands before the first case is in each that does not say it itself; lines are known."""
    cases = read(WHOLE)
    assert cases.policy == Path("/etc/mcpgate/policies/files.toml")
    first, second = cases.cases
    assert cases.lines == (7, 15)
    assert (first.route, first.who.token, first.revision) == ("files", "ci", "2025-11-25")
    assert first.call is not None and first.call.arguments == {"path": "/srv/x", "lines": [1, 2]}
    assert first.answer == b'{"jsonrpc": "2.0", "id": 1, "result": {}}'
    assert first.transport.outbound.pinned and first.transport.inbound.version == "TLSv1.3"
    assert first.expect.masked == {"email": 2} and first.expect.answer_lacks == ("@",)
    assert (second.route, second.who.token, second.who.certificate) == ("other", None, "spiffe://acme/ci")
    assert second.call is None and second.message is not None


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Each with its case by name, its key and its line."""
    found = problems(
        WHOLE.replace('verdict = "allow", rule', 'verdict = "alow", rule')
        .replace('name = "read_file"', 'nam = "read_file"')
        .replace('"policy.unlisted"', '"policy.x"')
        .replace("pinned = true", 'pinned = "yes"')
    )
    assert any('case "reads".expect.verdict (line 13): no verdict is named "alow"' in one for one in found)
    assert any('case "reads".call.nam (line 9): no key is named "nam"' in one for one in found)
    assert any(
        '"somebody else, elsewhere".expect.reason (line 21): no reason is named "policy.x"' in one
        for one in found
    )
    assert [one for one in found if "pinned" in one] == [
        "transport.outbound.pinned (line 5): is a string; want true or false"
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is none; add [[case]]"),
        ("case = 1", "there is none"),
        ("[[case]", "this is no file of cases"),
        ("case = [1]", "is a number; want a table"),
        ('[[case]]\nname = "x"\ncall = { method = "ping" }', "expect (line 1): is missing"),
        ('[[case]]\nname = "x"\nexpect = { verdict = "allow" }', "needs either call or message"),
        (
            '[[case]]\nname = "x"\ncall = { method = "ping" }\nmessage = "{}"\n'
            'expect = { verdict = "allow" }',
            "is there, and message as well",
        ),
        (
            '[[case]]\nname = "x"\ncall = { method = "ping" }\n'
            'expect = { verdict = "allow", reason = "policy.blocked" }',
            "only a block has a reason",
        ),
        (
            '[[case]]\nname = "x"\ncall = { method = "ping" }\n'
            'expect = { verdict = "allow", answer_has = "x" }',
            "says something of an answer, and the case has none",
        ),
        (
            '[[case]]\nname = "x"\ncall = { method = "ping" }\nwho = { token = "a", subject = "b" }\n'
            'expect = { verdict = "allow" }',
            "a caller has one token",
        ),
        (
            '[[case]]\nname = "x"\ncall = { method = "ping" }\n'
            'expect = { verdict = "allow", masked = { email = true } }',
            "is not a table of detectors",
        ),
        ('[[case]]\nname = "x"\nmessage = " "\nexpect = { verdict = "allow" }', "is no JSON in a string"),
        ('[[case]]\nname = "x"\ncall = 1\nexpect = { verdict = "allow" }', "want a table"),
    ],
)
def test_what_is_no_file_of_cases_is_refused(text: str, said: str) -> None:
    """Nothing is left out in silence: a case that was not understood would pass."""
    assert any(said in problem for problem in problems(text)), problems(text)


def test_a_file_that_is_too_large_or_no_text_is_refused() -> None:
    """A path may name something else."""
    for octets in (b"\xff", b"#" * (1 << 20) + b"\n"):
        with pytest.raises(ConfigError, match="no file of cases"):
            parse_cases(octets, SOURCE)


def test_one_case_is_read_from_elsewhere() -> None:
    """As a command line gives it, with the same strictness."""
    case = read_case(
        {"name": "x", "call": {"method": "ping"}, "expect": {"verdict": "allow"}, "route": "files"}
    )
    assert case.route == "files"
    with pytest.raises(ConfigError, match="no key is named"):
        read_case({"name": "x", "call": {"methd": "ping"}, "expect": {"verdict": "allow"}})
