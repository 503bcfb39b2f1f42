"""What a configuration needs of the world."""

import os
import pwd
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcpgate.config.inspect import foreign_owner, inspect
from mcpgate.config.load import parse_config
from mcpgate.config.schema import Config

NOW = datetime(2026, 11, 1, tzinfo=UTC)

FILE = """\
[gate]
state = "state"
[[listener]]
name = "public"
listen = "tcp:8443"
certificates = "tls"
client_certificates = "required"
client_ca = "clients.pem"
[[upstream]]
name = "git"
url = "https://h/mcp"
trust = "ca.pem"
credential = { bearer = "file:token" }
[[route]]
path = "/git"
upstream = "git"
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A configuration of which everything is there."""
    (tmp_path / "tls").mkdir()
    for name in ("clients.pem", "ca.pem", "token"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
    return parse_config(FILE.encode(), tmp_path / "mcpgate.toml")


def said(config: Config) -> list[str]:
    """What is found, without the directory of the test."""
    assert config.source is not None
    return [str(problem).replace(f"{config.source.parent}/", "") for problem in inspect(config, NOW, {})]


def test_when_everything_is_there_nothing_is_said(config: Config, tmp_path: Path) -> None:
    """The state directory may be there or not yet."""
    assert said(config) == []
    (tmp_path / "state").mkdir()
    assert said(config) == []
    assert list((tmp_path / "state").iterdir()) == [], "looking leaves nothing behind"


def test_everything_that_is_missing_is_said_at_once(config: Config, tmp_path: Path) -> None:
    """With the key that names it and its line."""
    (tmp_path / "tls").rmdir()
    for name in ("clients.pem", "ca.pem", "token"):
        (tmp_path / name).unlink()
    assert said(config) == [
        "listener.public.certificates (line 6): tls: no such file or directory",
        "listener.public.client_ca (line 8): clients.pem: no such file or directory",
        "upstream.git.trust (line 12): ca.pem: no such file or directory",
        "upstream.git.credential.bearer (line 13): file:token: No such file or directory",
    ]


def test_a_directory_is_no_file_and_a_pipe_is_neither(config: Config, tmp_path: Path) -> None:
    """Only certificates may be a directory."""
    (tmp_path / "ca.pem").unlink()
    (tmp_path / "ca.pem").mkdir()
    (tmp_path / "clients.pem").unlink()
    os.mkfifo(tmp_path / "clients.pem")
    assert said(config) == [
        "listener.public.client_ca (line 8): clients.pem is not a regular file",
        "upstream.git.trust (line 12): ca.pem is a directory; want a file",
    ]


def test_a_secret_that_others_may_read_is_a_problem(config: Config, tmp_path: Path) -> None:
    """Before the gate starts with it."""
    (tmp_path / "token").chmod(0o644)
    (problem,) = said(config)
    place = "upstream.git.credential.bearer (line 13): file:token"
    assert problem.startswith(f"{place}: everybody on this machine may use it")


def test_a_state_directory_that_cannot_be_one_is_a_problem(config: Config, tmp_path: Path) -> None:
    """A file in its place, or one that everybody may write to."""
    (tmp_path / "state").write_text("")
    assert said(config) == ["gate.state (line 2): state is not a directory"]
    (tmp_path / "state").unlink()
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o777)
    assert said(config) == ["gate.state (line 2): state can be written by everybody; chmod 0700 it"]


def test_a_state_directory_below_a_file_can_never_be_made(tmp_path: Path) -> None:
    """Found before the gate tries."""
    (tmp_path / "file").write_text("")
    config = parse_config(FILE.replace('"state"', '"file/state"').encode(), tmp_path / "mcpgate.toml")
    assert [problem.path for problem in inspect(config, NOW, {}) if problem.path.startswith("gate")] == [
        "gate.state"
    ]


def test_a_clock_before_this_program_was_written_is_a_problem(config: Config) -> None:
    """No certificate can be judged by it."""
    (problem,) = inspect(config, datetime(1970, 1, 1, tzinfo=UTC), {})
    assert str(problem) == "the clock says 1970-01-01: no certificate can be judged; set it first"


def test_credentials_are_looked_at_like_the_rest(config: Config, tmp_path: Path) -> None:
    """Their secrets, their keys, and what their token endpoints are verified by."""
    more = """\
[[credential]]
name = "ci"
upstream = "git"
who = { token = "ci" }
bearer = "file:ci"
[[credential]]
name = "all"
upstream = "git"
grant = "token_exchange"
token_url = "https://login/token"
trust = "login.pem"
client_id = "gate"
assertion_key = "login.key"
actor = "env:ACTOR"
"""
    text = FILE.replace('credential = { bearer = "file:token" }\n', "") + more
    assert said(parse_config(text.encode(), tmp_path / "mcpgate.toml")) == [
        "credential.ci.bearer (line 20): file:ci: No such file or directory",
        "credential.all.trust (line 26): login.pem: no such file or directory",
        "credential.all.assertion_key (line 28): login.key: no such file or directory",
        "credential.all.actor (line 29): env:ACTOR: there is no such environment variable",
    ]


def test_what_alerts_and_the_index_refer_to_is_looked_at(tmp_path: Path) -> None:
    """Where it is a reference: an address, or a word, stands for itself."""
    more = """
[[alert]]
name = "ops"
webhook = "file:hook"
secret = "env:HOOK"
[[alert]]
name = "other"
webhook = "https://hooks.test/"
[evidence]
index = "file:index"
"""
    config = parse_config((FILE + more).encode(), tmp_path / "mcpgate.toml")
    problems = {problem.path: str(problem) for problem in inspect(config, NOW, {})}
    looked_at = {"alert.ops.webhook", "alert.ops.secret", "evidence.index"}
    assert {path for path in problems if path.startswith(("alert", "evidence"))} == looked_at
    assert problems["evidence.index"].endswith("index: No such file or directory")
    plain = parse_config((FILE + '[evidence]\nindex = "sqlite"\n').encode(), tmp_path / "mcpgate.toml")
    assert "evidence.index" not in [problem.path for problem in inspect(plain, NOW, {})]


def test_a_state_directory_of_another_user_says_whose_it_is(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whoever checks knows as whom to: mostly root, who looks after the gate's user."""
    (tmp_path / "state").mkdir()
    if os.getuid() == 0:
        os.chown(tmp_path / "state", 4242, 4242)
        whose = "id 4242"
    else:
        whose = pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 424242)
    (sentence,) = said(config)
    assert f"state belongs to another user ({whose}); run this as that one" in sentence
    assert foreign_owner(config) is None


def test_root_may_look_at_another_users_and_not_serve_from_it(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks after that user's gate."""
    (tmp_path / "state").mkdir()
    if os.getuid() == 0:
        os.chown(tmp_path / "state", 4242, 4242)
    whose = "id 4242" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert inspect(config, NOW, {}, serves=False) == ()
    assert foreign_owner(config) == whose
    (sentence,) = said(config)
    assert "belongs to another user" in sentence
