"""C{mcpgate token}."""

import json
import os
import stat
import time
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from mcpgate.cli import cli
from mcpgate.cli.exits import ends_well
from mcpgate.identity.issued import TokenFile
from mcpgate.identity.principal import Principal
from mcpgate.identity.uses import stamp
from mcpgate.ops.control import ask
from mcpgate.reasons import Reason, Refusal
from tests.cli.conftest import Run, Start, control


def tokens(config: Path) -> TokenFile:
    """The gate's token file."""
    return TokenFile(config.parent / "state" / "tokens.json")


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command in this process, which is some hundred times faster."""

    def here(*words: str | Path) -> CompletedProcess[str]:
        code = 0
        try:
            with ends_well():
                cli([str(word) for word in words], prog_name="mcpgate", standalone_mode=False)
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return CompletedProcess(words, code, said.out, said.err)

    return here


def test_a_token_is_alone_on_stdout_and_is_good(run: Run, config: Path) -> None:
    """What is printed can be piped as it is; the words about it are on stderr."""
    said = run("token", "issue", "ci", "--lifetime", "1h", "--config", config)
    (token,) = said.stdout.splitlines()
    assert "ci" in said.stderr and token not in said.stderr
    judged = tokens(config).load().judge(f"Bearer {token}".encode(), time.time())
    assert isinstance(judged, Principal) and judged.name == "ci"
    assert judged.expires is not None and 3500 < judged.expires - time.time() <= 3600


def test_a_token_for_programs_is_one_document(run: Run, config: Path) -> None:
    """C{--format json} has what is needed to store it and to revoke it."""
    said = run("token", "issue", "ci", "--format", "json", "--config", config)
    facts = json.loads(said.stdout)
    assert set(facts) == {"id", "name", "groups", "bound", "expires", "token"}
    (listed,) = json.loads(run("token", "list", "--config", config, "--format", "json").stdout)
    assert {key: listed[key] for key in ("id", "name", "expires")} == {
        key: facts[key] for key in ("id", "name", "expires")
    }
    assert isinstance(
        tokens(config).load().judge(f"Bearer {facts['token']}".encode(), time.time()), Principal
    )


def test_a_token_may_be_in_groups(run: Run, config: Path) -> None:
    """Which are listed, and are a part of who its caller is."""
    said = run("token", "issue", "ada", "--group", "ops", "--group", "dev", "--config", config)
    assert "ada, in dev, ops, good until" in said.stderr
    judged = tokens(config).load().judge(f"Bearer {said.stdout.strip()}".encode(), time.time())
    assert isinstance(judged, Principal) and judged.groups == ("dev", "ops")
    assert "dev ops" in run("token", "list", "--config", config).stdout
    (listed,) = json.loads(run("token", "list", "--config", config, "--format", "json").stdout)
    assert listed["groups"] == ["dev", "ops"]
    assert run("token", "issue", "ada", "--group", "a b", "--config", config).returncode == os.EX_USAGE


def test_the_first_token_may_come_before_the_first_start(run: Run, tmp_path: Path) -> None:
    """The state directory is made as the gate makes it: for its owner alone."""
    state = tmp_path / "state"
    assert run("token", "issue", "ci", "--state", state).returncode == os.EX_OK
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_a_broken_configuration_is_in_nobodys_way(run: Run, config: Path) -> None:
    """In an emergency the file may be half edited; only where the state is matters."""
    broken = config.read_text().replace("[[listener]]", "[[listener]")
    config.write_text(broken)
    assert run("token", "issue", "ci", "--config", config).returncode == os.EX_OK
    assert "ci" in run("token", "list", "--config", config).stdout
    assert run("token", "revoke", "ci", "--config", config).returncode == os.EX_OK
    config.write_text(broken.replace("state =", "stat ="))
    said = run("token", "revoke", "ci", "--config", config)
    assert said.returncode == os.EX_CONFIG
    assert "Nothing was started" not in said.stderr
    assert "--state DIR" in said.stderr


def test_the_state_directory_is_named_in_one_way(run: Run, config: Path) -> None:
    """Two answers to one question are a usage error."""
    said = run("token", "list", "--config", config, "--state", config.parent / "state")
    assert (said.returncode, said.stdout) == (os.EX_USAGE, "")


def test_the_list_never_shows_a_token(run: Run, config: Path) -> None:
    """Ids, names and dates are listed, for people and for programs."""
    token = run("token", "issue", "ci", "--config", config).stdout.strip()
    text = run("token", "list", "--config", config).stdout
    facts = json.loads(run("token", "list", "--config", config, "--format", "json").stdout)
    assert [(fact["name"], fact["state"]) for fact in facts] == [("ci", "good")]
    assert facts[0]["id"] in text
    assert token.split("_", 2)[2] not in text + json.dumps(facts)


def test_a_revoked_token_is_refused(run: Run, config: Path) -> None:
    """It stays in the list, and is not good any more."""
    token = run("token", "issue", "ci", "--config", config).stdout.strip()
    assert run("token", "revoke", "ci", "--config", config).returncode == os.EX_OK
    judged = tokens(config).load().judge(f"Bearer {token}".encode(), time.time())
    assert isinstance(judged, Refusal) and judged.reason is Reason.AUTH_REVOKED
    assert "revoked" in run("token", "list", "--config", config).stdout


def test_a_token_is_good_for_a_day_unless_it_is_said_and_for_a_month_at_the_most(
    here: Run, config: Path
) -> None:
    """It has an end in any case."""
    said = here("token", "issue", "ci", "--format", "json", "--config", config)
    (token,) = tokens(config).all()
    assert token.expires - token.created == 86400.0
    assert json.loads(said.stdout)["expires"] == stamp(token.expires)
    assert here("token", "issue", "ci", "--lifetime", "30d", "--config", config).returncode == os.EX_OK
    said = here("token", "issue", "ci", "--lifetime", "31d", "--config", config)
    assert said.returncode == os.EX_USAGE and "30 days" in said.stderr


def test_a_token_may_be_bound(here: Run, config: Path) -> None:
    """To several of each kind; the list shows it, for people and for programs."""
    words = ["--route", "git", "--route", "hub", "--rule", "read", "--address", "10.1.0.0/16"]
    words += ["--certificate", "CI.example", "--certificate", "AB:" * 31 + "AB", "--scope", "mcp"]
    said = here("token", "issue", "ci", *words, "--format", "json", "--config", config)
    bound = {
        "routes": ["git", "hub"],
        "rules": ["read"],
        "addresses": ["10.1.0.0/16"],
        "certificates": ["ab" * 32, "ci.example"],
        "scopes": ["mcp"],
    }
    assert json.loads(said.stdout)["bound"] == bound
    (listed,) = json.loads(here("token", "list", "--config", config, "--format", "json").stdout)
    assert (listed["bound"], listed["used"]) == (bound, None)
    assert "routes=git,hub rules=read" in here("token", "list", "--config", config).stdout
    for bad in (["--address", "10.1.0.1/16"], ["--certificate", "*.example"], ["--route", "a b"]):
        said = here("token", "issue", "ci", *bad, "--config", config)
        assert (said.returncode, said.stdout) == (os.EX_USAGE, "")


def test_what_a_token_is_bound_to_and_is_not_there_is_told(here: Run, config: Path) -> None:
    """By C{check}; such a token is still bound."""
    here("token", "issue", "ci", "--route", "nowhere", "--config", config)
    said = here("check", "--config", config)
    assert said.returncode == os.EX_OK
    assert "of ci is bound to the route nowhere, which there is not" in said.stderr


def test_what_another_issuer_has_issued_can_be_revoked_too(here: Run, config: Path) -> None:
    """By the id that records show, or all of a subject's; and readmitted."""
    proof = "ab" * 32
    assert here("token", "revoke", proof.upper(), "--config", config).returncode == os.EX_OK
    subject = ("--issuer", "okta", "--subject", "00u1")
    said = here("token", "revoke", *subject, "--for", "2h", "--config", config)
    assert said.returncode == os.EX_OK and "'00u1' of okta" in said.stderr
    known = tokens(config).load()
    ada = Principal("okta/00u1", "jwt", "cd" * 32, None, issuer="okta", subject="00u1")
    other = Principal("okta/x", "jwt", proof, None, issuer="okta", subject="x")
    now = time.time()
    assert known.denies(ada, now) is not None and known.denies(other, now) is not None
    assert known.denies(ada, now + 7201) is None and known.denies(other, now + 29 * 86400) is not None
    # It may be a certificate: most of those are good for longer than a month.
    assert known.denies(other, now + 365 * 86400) is not None
    listed = json.loads(here("token", "list", "--config", config, "--format", "json").stdout)
    assert [(one["id"], one["name"], one["state"]) for one in listed] == [
        (proof, None, "denied"),
        (None, "okta/00u1", "denied"),
    ]
    assert here("token", "readmit", *subject, "--config", config).returncode == os.EX_OK
    assert here("token", "readmit", proof, "--config", config).returncode == os.EX_OK
    assert list(tokens(config).load().denied) == []


@pytest.mark.parametrize("verb", ["revoke", "readmit"])
@pytest.mark.parametrize("shown", [f"eyJh.eyJz.{'c' * 99}", "mcpgate_s_c2VjcmV0", "ab" * 40])
def test_a_token_in_the_place_of_its_id_is_not_quoted(here: Run, config: Path, verb: str, shown: str) -> None:
    """It is what an operator has in hand, and it is good; it says what is wanted instead."""
    said = here("token", verb, shown, "--config", config)
    assert said.returncode == os.EX_USAGE and shown not in said.stderr and "proof" in said.stderr


def test_the_list_shows_when_a_token_was_last_used(here: Run, config: Path) -> None:
    """As the workers of the gate have written it down."""
    here("token", "issue", "ci", "--config", config)
    state = config.parent / "state"
    (token,) = tokens(config).all()
    (state / "uses").mkdir()
    (state / "uses" / token.id).touch()
    os.utime(state / "uses" / token.id, (86400.0, 86400.0))
    (listed,) = json.loads(here("token", "list", "--config", config, "--format", "json").stdout)
    assert listed["used"] == "1970-01-02T00:00:00Z"
    assert "1970-01-02T00:00:00Z" in here("token", "list", "--config", config).stdout


def test_requests_that_make_no_sense_are_usage_errors(here: Run, config: Path) -> None:
    """A bad name, a bad lifetime and an unknown token each end with 64."""
    for words in (
        ("issue", "two words"),
        ("issue", "ci", "--lifetime", "30"),
        ("revoke", "nobody"),
        ("revoke",),
        ("revoke", "--issuer", "okta"),
        ("revoke", "ab" * 32, "--issuer", "okta", "--subject", "x"),
        ("readmit", "nobody"),
        ("readmit", "ab" * 32),
    ):
        said = here("token", *words, "--config", config)
        assert (said.returncode, said.stdout) == (os.EX_USAGE, "")


def test_a_token_file_that_is_not_one_is_never_replaced(run: Run, config: Path) -> None:
    """A corrupt file is an error that names it, and is left for somebody to look at."""
    path = config.parent / "state" / "tokens.json"
    path.write_text("{")
    path.chmod(0o600)
    said = run("token", "issue", "ci", "--config", config)
    assert (said.returncode, said.stdout) == (os.EX_NOINPUT, "")
    assert str(path) in said.stderr
    assert path.read_text() == "{"


def test_a_running_gate_knows_at_once(run: Run, config: Path, start: Start) -> None:
    """The gate has been told by the time that the command ends; it need not be waited for."""
    config.write_text(config.read_text().replace("[gate]", '[gate]\nwatch = "1h"'))
    start()
    said = run("token", "issue", "ci", "--route", "nowhere", "--config", config)
    assert ask(control(config), "status")["tokens"] == 1
    assert "bound to the route nowhere" in said.stderr and said.returncode == os.EX_OK
