"""C{mcpgate policy explain}."""

import json
import os
from pathlib import Path

import pytest

from mcpgate.evidence.exchanges import call_facts
from tests.cli.conftest import Run
from tests.trial.test_recorded import ALLOWED, opened, shaken

RULES = """
[[rule]]
name = "reads"
verdict = "allow"
who = { token = "ci" }
on = { route = "files", method = "tools/call", name = "read_*" }
where = { "arguments.path" = "/srv/*" }
require = { "inbound.version" = "TLSv1.3" }

[[rule]]
name = "never-delete"
verdict = "block"
on = { method = "tools/call", name = "delete_*" }
"""


ASK = """
[[rule]]
name = "may-ask"
verdict = "allow"
on = { method = "roots/list" }
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.toml"
    file.write_text(RULES, encoding="utf-8")
    return file


def test_each_rule_has_its_say(run: Run, rules: Path) -> None:
    """The verdict first, then the rules that are about the call, then the others with what is missing."""
    call = ("--policy", rules, "--route", "files", "--name", "read_file", "--as", "token:ci")
    done = run("policy", "explain", *call, "--arguments", '{"path": "/srv/x"}')
    assert done.returncode == os.EX_OK
    assert done.stdout.splitlines() == [
        "allow by reads",
        "",
        "rule          says   is about it  not fulfilled",
        "reads         allow  yes          -",
        "never-delete  block  no           on.name",
    ]
    done = run(
        "policy", "explain", *call, "--arguments", '{"path": "/etc/x"}', "--inbound", "version=TLSv1.2"
    )
    assert done.stdout.startswith("block by reads (policy.arguments)\n")
    done = run(
        "policy", "explain", "--policy", rules, "--route", "files", "--name", "read_file", "--as", "token:eve"
    )
    assert "reads         allow  no           who.token, where.arguments.path" in done.stdout


def test_scopes_are_told_by_the_command_line(run: Run, tmp_path: Path) -> None:
    """What a token lacks for a rule is not fulfilled; what its route asks for comes before all rules."""
    file = tmp_path / "scoped.toml"
    file.write_text('[[rule]]\nname = "w"\nverdict = "allow"\nrequire = { scope = "x" }\n', encoding="utf-8")
    call = ("--policy", file, "--route", "files", "--name", "put", "--as", "subject:kim", "--issuer", "okta")
    assert run("policy", "explain", *call, "--scope", "x").stdout.startswith("allow by w\n")
    done = run("policy", "explain", *call, "--scope", "y", "--scope", "z")
    assert done.stdout.startswith("block by w (auth.scope)\n") and "require.scope" in done.stdout


def test_a_program_gets_facts(run: Run, rules: Path, tmp_path: Path) -> None:
    """And arguments may stand in a file."""
    arguments = tmp_path / "arguments.json"
    arguments.write_text('{"path": "/srv/x"}', encoding="utf-8")
    done = run(
        "policy", "explain", "--policy", rules, "--route", "files", "--name", "read_file", "--as", "token:ci",
        "--arguments", f"@{arguments}", "--inbound", "version=TLSv1.2", "--format", "json",
    )  # fmt: skip
    facts = json.loads(done.stdout)
    assert (facts["verdict"], facts["rule"], facts["reason"]) == ("block", "reads", "policy.transport")
    assert facts["rules"][1] == {
        "rule": "reads",
        "says": "allow",
        "matches": True,
        "missing": ["require.inbound.version"],
        "shadow": False,
    }


def test_a_recorded_exchange_is_explained_so_far_as_it_is_on_record(
    run: Run, rules: Path, tmp_path: Path
) -> None:
    """What it was, what it would be, and what nobody can tell."""
    journal = tmp_path / "journal"
    journal.mkdir()
    lines = [
        shaken("h1"),
        opened("x1", call_facts("tools/call", "read_file", ALLOWED)),
        opened("x2", call_facts("tools/call", "delete_file", ALLOWED)),
    ]
    (journal / "journal-0.jsonl").write_bytes(b"".join(lines))
    done = run("policy", "explain", "x1", "--policy", rules, "--journal", journal)
    assert done.stdout.startswith("undecidable: not on record: arguments; it was allow by reads\n")
    assert "reads         allow  its arguments would tell  -" in done.stdout
    done = run("policy", "explain", "x2", "--policy", rules, "--journal", journal / "journal-0.jsonl")
    assert done.stdout.startswith("block by never-delete (policy.blocked); it was allow by reads\n")
    done = run("policy", "explain", "x3", "--policy", rules, "--journal", journal)
    assert done.returncode == os.EX_NOINPUT and '"x3" is on record' in done.stderr
    assert run("policy", "explain", "x3", "--policy", rules).returncode == os.EX_USAGE


def test_what_an_upstream_asks_is_explained(run: Run, tmp_path: Path) -> None:
    """By the rules that name it; and lists, which no rule decides about, in words."""
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES + ASK, encoding="utf-8")
    told = ("policy", "explain", "--policy", rules, "--route", "files", "--as", "token:ci", "--method")
    asked = run(*told, "roots/list").stdout
    assert asked.startswith("allow by may-ask\n") and "never-delete  block  no           on.method" in asked
    assert run(*told, "sampling/createMessage").stdout.startswith("block (policy.question)\n")
    assert run(*told, "tools/list").stdout.startswith("allow: lists pass where anything is allowed")
    # Without a mode it is a form, as the gate reads it.
    rules.write_text(ASK.replace("roots/list", "elicitation/create") + 'where = { mode = "form" }\n')
    assert run(*told, "elicitation/create").stdout.startswith("allow by may-ask\n")


def test_an_exchange_is_looked_for_where_the_gate_has_its_journal(run: Run, config: Path) -> None:
    """In the state directory that the configuration names."""
    journal = config.parent / "state" / "journal"
    journal.mkdir(parents=True)
    (journal / "journal-0.jsonl").write_bytes(opened("x1", call_facts("ping", None, ALLOWED)))
    done = run("policy", "explain", "x1", "--config", config)
    # It was on a route that this configuration does not have.
    assert done.stdout.startswith("block (route.unknown); it was allow by reads\n")
    assert run("policy", "explain", "x2", "--config", config).returncode == os.EX_NOINPUT


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "needs an exchange's id, or a call"),
        (("--route", "files", "--as", "ci"), "begins with one of token:"),
        (("--route", "files", "--arguments", "{"), "it is no JSON"),
        (("--route", "files", "--arguments", "1"), "it is no JSON object"),
        (("--route", "files", "--inbound", "version"), "want KEY=VALUE"),
        (("--route", "files", "--inbound", "version=1"), 'no version is named "1"'),
        (("--route", "files", "--inbound", "x=1"), 'no key is named "x"'),
        (("--route", "files", "--method", "tasks/get"), "judged as the tool that made it"),
    ],
)
def test_what_is_no_call_is_said_so(run: Run, rules: Path, words: tuple[str, ...], said: str) -> None:
    """In one line, with the option."""
    done = run("policy", "explain", "--policy", rules, *words)
    assert done.returncode == os.EX_USAGE and said in done.stderr


def test_a_configuration_knows_its_routes(run: Run, config: Path) -> None:
    """A call on another one is no call."""
    done = run("policy", "explain", "--config", config, "--route", "files")
    assert done.returncode == os.EX_USAGE and "no route is named" in done.stderr
