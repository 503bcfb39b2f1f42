"""The policies of C{etc/policies}: each does what the cases beside it say, and says how it is used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mcpgate.config.include import read_included
from mcpgate.config.load import load_config, load_policy
from mcpgate.policy.doubts import doubts
from mcpgate.policy.rules import compile_rules
from mcpgate.trial.cases import Cases, parse_cases
from mcpgate.trial.outcome import differences
from mcpgate.trial.subject import Subject
from mcpgate.trial.trial import tried

DIRECTORY = Path(__file__).resolve().parent.parent / "etc" / "policies"
CASES = sorted(DIRECTORY.glob("*.test.toml"))
POLICIES = sorted(set(DIRECTORY.glob("*.toml")) - set(CASES))


def subject(policy: Path) -> Subject:
    alone = load_policy(policy)
    return Subject(policy, compile_rules(alone.rules, alone.detectors))


def cases_of(policy: Path) -> Cases:
    file = policy.with_suffix(".test.toml")
    return parse_cases(file.read_bytes(), file)


def test_each_policy_has_its_cases() -> None:
    """Beside it, by its name; and there are no others."""
    assert {path.name for path in CASES} == {f"{path.stem}.test.toml" for path in POLICIES}
    assert {"filesystem", "github", "database", "everything", "baseline"} <= {path.stem for path in POLICIES}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_each_case_comes_out_as_it_says(policy: Path) -> None:
    """By the rules that the file names, which are those beside it."""
    rules, cases = subject(policy), cases_of(policy)
    assert cases.policy == policy
    for case in cases.cases:
        outcome = tried(rules, case)
        assert differences(case.expect, outcome) == [], f"{case.name}: {outcome.told()}"


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_each_rule_has_a_case_that_needs_it(policy: Path) -> None:
    """Without it some case comes out otherwise: a rule that nothing needs could be gone, and nobody would
    see it."""
    alone = load_policy(policy)
    for rule in alone.rules:
        others = [other for other in alone.rules if other is not rule]
        without = Subject(policy, compile_rules(others, alone.detectors))
        assert any(differences(case.expect, tried(without, case)) for case in cases_of(policy).cases), (
            rule.name
        )


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_its_head_says_how_it_is_used(policy: Path) -> None:
    """What to include, the route that it is about, and how to try it."""
    text = policy.read_text(encoding="utf-8")
    head = text[: text.index("\n\n")]
    assert f'include = ["policies/{policy.name}"]' in head
    assert f"mcpgate policy test {policy.stem}.test.toml" in head
    routes = {route for rule in subject(policy).policy.rules for route in rule.routes}
    assert routes == (set() if policy.stem == "baseline" else {policy.stem})
    assert all(f'name = "{route}"' in head for route in routes)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda path: path.stem)
def test_its_rules_stand_beside_others(policy: Path) -> None:
    """Names of rules and detectors begin with the policy's, so that several can be included."""
    alone = load_policy(policy)
    assert all(table.name.startswith(f"{policy.stem}-") for table in (*alone.rules, *alone.detectors))


def test_a_pattern_includes_the_policies_and_not_their_cases(tmp_path: Path) -> None:
    """Both stand in one directory, as here."""
    for path in (*POLICIES, *CASES):
        shutil.copy(path, tmp_path)
    found = read_included(b'include = "*.toml"', tmp_path / "mcpgate.conf")
    assert set(found.files) == {path.name for path in POLICIES}
    assert found.problems == {}


WHOLE = """
include = "policies/*.toml"

[gate]
state = "state"

[[listener]]
name = "public"
listen = "tcp:8443"
certificates = "tls"

[[upstream]]
name = "one"
url = "https://one.example.com/mcp"
"""


def test_all_together_are_a_policy_without_a_doubt(tmp_path: Path) -> None:
    """Included in one configuration, with a route for each: no rule is one that can never do anything."""
    (tmp_path / "policies").mkdir()
    for path in (*POLICIES, *CASES):
        shutil.copy(path, tmp_path / "policies")
    names = [path.stem for path in POLICIES if path.stem != "baseline"]
    routes = "".join(f'[[route]]\npath = "/{name}"\nupstream = "one"\nname = "{name}"\n' for name in names)
    file = tmp_path / "mcpgate.toml"
    file.write_text(WHOLE + routes, encoding="utf-8")
    config = load_config(file)
    assert len(config.rules) == sum(len(load_policy(path).rules) for path in POLICIES)
    assert list(map(str, doubts(config, compile_rules(config.rules, config.detectors)))) == []
