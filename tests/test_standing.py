"""What stands, and how it changes: judged whole, taken or dropped, and told once when it is no good."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mcpgate.config.load import parse_config
from mcpgate.config.problem import ConfigError
from mcpgate.evidence.journal import JournalError
from mcpgate.evidence.keyfile import KeyFile as EvidenceKeyFile
from mcpgate.identity.denied import Denied
from mcpgate.relay.bound import ListenError
from mcpgate.sessions.keyfile import KeyFile
from mcpgate.standing import Standing
from tests.running import World


class Office:
    """A standing on the reactor of the tests."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.standing = Standing(world.loop.reactor, self.config(world.config()))

    def config(self, text: str) -> Any:
        return parse_config(text.encode(), self.world.directory / "gate.toml")

    def call(self, what: Any, *arguments: Any) -> Any:
        """In the reactor's thread, where addresses are bound."""
        return self.world.loop.call(what, *arguments)

    def begin(self) -> Office:
        self.call(self.standing.claim)
        self.call(lambda: self.standing.take(self.standing.first()))
        return self

    def second(self, port: int = 0) -> Any:
        """The configuration with another listener."""
        more = (
            f'[[listener]]\nname = "second"\nlisten = "tcp:{port}:interface=127.0.0.1"\n'
            f'certificates = "{self.world.certificates}"\n'
        )
        return self.config(self.world.config(more=more))


@pytest.fixture
def office(world: World) -> Iterator[Office]:
    office = Office(world)
    yield office
    office.call(office.standing.end)


def port_of(bound: Any) -> int:
    return int(bound.address.rpartition(":")[2])


def listened(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_change_is_bound_and_judged_but_not_in_force(office: Office) -> None:
    """Until it is taken; dropped, its addresses are free again."""
    standing = office.begin().standing
    config = office.second()
    change = office.call(standing.judge, config)
    assert (change.generation.number, standing.generation.number) == (2, 1)
    port = port_of(change.fresh["second"])
    assert listened(port) and set(standing.addresses.bound) == {"public"}
    office.call(standing.drop, change)
    office.world.wait_for(lambda: not listened(port))
    assert standing.config is not config

    change = office.call(standing.judge, config)
    office.call(standing.take, change)
    assert (standing.config, standing.generation.number) == (config, 2)
    assert set(standing.addresses.bound) == {"public", "second"}
    port = port_of(standing.addresses.bound["second"])
    office.call(lambda: standing.take(standing.judge(office.config(office.world.config()))))
    office.world.wait_for(lambda: not listened(port))
    assert set(standing.addresses.bound) == {"public"}


def test_one_address_that_is_taken_leaves_none_bound(office: Office) -> None:
    """The problem is that of the configuration, and kept to be shown."""
    standing = office.begin().standing
    taken = port_of(standing.addresses.bound["public"])
    with pytest.raises(ConfigError, match="in use"):
        office.call(standing.judge, office.second(taken))
    assert "in use" in standing.problems["configuration"]
    assert set(standing.addresses.bound) == {"public"}
    office.call(lambda: standing.take(standing.judge(office.second())))
    assert standing.problems == {}


EMBEDDED = '[[listener]]\nname = "site"\nlisten = "embedded"\npublic_url = "https://site.test"\n'


def test_an_embedded_listener_binds_nothing(office: Office) -> None:
    """And gives back the address that one of the same name had."""
    standing = office.begin().standing
    port = port_of(standing.addresses.bound["public"])
    config = office.config(office.world.config(more=EMBEDDED))
    office.call(lambda: standing.take(standing.judge(config)))
    assert set(standing.addresses.bound) == {"public"} and set(standing.generation.listeners) == {
        "public",
        "site",
    }
    text = office.world.config(more=EMBEDDED.replace('"site"', '"public"'))
    begin, end = text.index("[[listener]]"), text.index("[[upstream]]")
    office.call(lambda: standing.take(standing.judge(office.config(text[:begin] + text[end:]))))
    office.world.wait_for(lambda: not listened(port))
    assert standing.addresses.bound == {}


def test_where_nothing_is_embedded_an_embedded_listener_is_an_error(office: Office) -> None:
    """At a start as at a reload: nobody would hand over a request, and nothing would be served."""
    config = office.config(office.world.config(more=EMBEDDED))
    other = Standing(office.world.loop.reactor, config)
    other.alone = True
    other.prepare()
    with pytest.raises(ConfigError, match="listener.site.listen.*nobody would be served"):
        office.call(other.first)
    standing = office.begin().standing
    standing.alone = True
    with pytest.raises(ConfigError, match="nothing but the gate"):
        office.call(standing.judge, config)
    assert "nothing but the gate" in standing.problems["configuration"]


def test_what_is_for_a_whole_life_cannot_change(office: Office) -> None:
    """All of it is told at once."""
    standing = office.begin().standing
    evidence = '[evidence]\ncheckpoints = "/srv/checkpoints"\ncopies = "syslog"\nkeep = "90d"'
    text = office.world.config(gate='workers = 4\nwatch = "1h"', more=evidence).replace(
        str(office.world.state), str(office.world.directory / "elsewhere")
    )
    with pytest.raises(ConfigError) as caught:
        office.call(standing.judge, office.config(text))
    assert [problem.path for problem in caught.value.problems] == [
        "gate.state", "gate.workers", "evidence.checkpoints", "evidence.copies",
    ]  # fmt: skip
    standing.stopping = True
    with pytest.raises(ConfigError, match="stopping"):
        office.call(standing.judge, office.second())


def test_files_that_did_not_change_are_no_change(office: Office) -> None:
    """Broken ones are none either, and the problem is over when they are as they were."""
    standing = office.begin().standing
    certificate = office.world.certificates / "gate.crt"
    good = certificate.read_bytes()
    assert office.call(standing.judge_files) is None
    certificate.write_bytes(good[:100])
    assert office.call(standing.judge_files) is None
    assert "gate.crt" in standing.problems["files"]
    certificate.write_bytes(good)
    assert office.call(standing.judge_files) is None
    assert standing.problems == {}
    certificate.write_bytes(good + b"\n")
    change = office.call(standing.judge_files)
    assert (change.generation.number, dict(change.fresh)) == (2, {})


def test_tokens_stay_as_they_were_when_their_file_is_broken(office: Office) -> None:
    """It must not lock everybody out."""
    standing = office.begin().standing
    assert len(standing.tokens.all()) == 1
    tokens = office.world.state / "tokens.json"
    good = tokens.read_bytes()
    tokens.write_bytes(good[:20])
    assert "tokens.json" in (office.call(standing.look_at_tokens) or "")
    assert len(standing.tokens.all()) == 1 and "tokens" in standing.problems
    tokens.write_bytes(good)
    assert office.call(standing.look_at_tokens) is None
    assert standing.problems == {}


def test_what_was_denied_stays_denied_when_the_file_is_gone(office: Office) -> None:
    """Tokens of the gate's own are good no more, and those of others that it refused are not good again."""
    standing = office.begin().standing
    now = time.time()
    office.world.issued_file.deny(Denied(now, now + 60, id="ab" * 32))
    assert office.call(standing.look_at_tokens) is None
    path = office.world.state / "tokens.json"
    raw = path.read_bytes()
    path.unlink()
    for _ in range(2):
        assert office.call(standing.look_at_tokens) is None and "is gone" in standing.problems["tokens"]
        assert not standing.tokens.all() and len(list(standing.tokens.denied)) == 1
    path.write_bytes(raw)
    path.chmod(0o600)
    assert office.call(standing.look_at_tokens) is None
    assert len(standing.tokens.all()) == 1 and standing.problems == {}


def test_status_is_told_also_where_the_uses_of_tokens_cannot_be_read(office: Office) -> None:
    """As when there are no descriptors left, when it is wanted most."""
    standing = office.begin().standing
    standing.config.gate.state.joinpath("uses").write_text("")
    assert standing.of_tokens()["token_uses"] == []


def test_session_keys_are_begun_when_the_directory_is_ours(office: Office) -> None:
    """Not by judging it, as mcpgate check does; and those that are there are kept."""
    standing, keys = office.standing, office.world.state / "session-keys.json"
    office.call(standing.prepare)
    assert not keys.exists()
    office.begin()
    raw = keys.read_bytes()
    assert len(standing.generation.session_keys) == 1 and office.call(standing.judge_files) is None
    office.call(standing.end)
    office.begin()
    assert keys.read_bytes() == raw


def test_a_rotation_is_a_change_of_files(office: Office) -> None:
    """A broken file is none, nor is one that is gone: what was sealed can be opened still."""
    standing, keys = office.begin().standing, office.world.state / "session-keys.json"
    KeyFile(office.world.state).rotate(0.0)
    change = office.call(standing.judge_files)
    assert len(change.generation.session_keys) == 2
    office.call(standing.take, change)
    assert standing.taken_up() == {"generation": 2}
    good = keys.read_bytes()
    keys.write_bytes(good[:40])
    assert office.call(standing.judge_files) is None
    assert "session-keys.json" in standing.taken_up()["problem"]
    keys.unlink()
    assert office.call(standing.judge_files) is None
    assert "is gone" in standing.taken_up()["problem"]
    assert len(standing.generation.session_keys) == 2
    keys.write_bytes(good)
    keys.chmod(0o600)
    assert office.call(standing.judge_files) is None
    assert standing.taken_up() == {"generation": 2}


def test_keys_that_cannot_be_made_are_no_start(office: Office) -> None:
    """And the file that is in the way is left as it is."""
    keys = office.world.state / "session-keys.json"
    office.call(office.standing.prepare)
    keys.write_bytes(b"")
    with pytest.raises(JournalError, match="session-keys.json"):
        office.call(office.standing.claim)
    assert keys.read_bytes() == b""


def test_the_evidence_key_is_begun_and_told_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the directory is ours; its public half is what others need, so the log has it."""
    said: list[str] = []
    told = SimpleNamespace(info=lambda text, **facts: said.append(text.format(**facts)))
    monkeypatch.setattr(Standing, "log", told)
    state = office.world.state
    for _ in range(2):
        office.call(office.standing.claim)
        office.call(office.standing.end)
    keys = EvidenceKeyFile(state).load()
    assert keys is not None and (state / "evidence.pub").read_bytes() == keys.published()
    assert said == [f"evidence is signed by {keys.signing.verifier}"]
    (state / "evidence-key.json").write_bytes(b"")
    with pytest.raises(JournalError, match=r"evidence-key\.json.*put a copy back"):
        office.call(office.standing.claim)


def test_the_state_directory_is_ours_until_the_end(office: Office) -> None:
    """Whoever else wants it is told whose it is, and can have it afterwards."""
    office.begin()
    other = Office(office.world)
    with pytest.raises(JournalError, match="another gate .* already uses this state directory"):
        other.call(other.standing.claim)
    office.call(office.standing.end)
    other.call(other.standing.claim)
    other.call(other.standing.end)


class Companion:
    """What runs beside, and is told what stands."""

    verbs: dict[str, Any] = {}

    def __init__(self) -> None:
        self.refuses: Exception | None = None
        self.done: list[tuple[str, Any]] = []

    def prepare(self, config: Any, holders: Any) -> Any:
        if self.refuses is not None:
            raise self.refuses
        return config

    def take(self, prepared: Any) -> None:
        self.done.append(("take", prepared))

    def drop(self, prepared: Any) -> None:
        self.done.append(("drop", prepared))

    def facts(self) -> dict[str, Any] | None:
        return {"state": "serves"} if self.done else None


def test_what_runs_beside_follows_the_configuration(office: Office) -> None:
    """It takes what is taken, drops what is dropped, and is not told of files that are its own matter."""
    standing = office.standing
    beside = standing.beside = Companion()
    assert standing.of_beside() == {}
    office.begin()
    assert [what for what, _ in beside.done] == ["take"] and standing.of_beside() == {
        "admin": {"state": "serves"}
    }
    other = office.config(office.world.config(gate='watch = "30m"'))
    office.call(lambda: standing.drop(standing.judge(other)))
    assert beside.done[-1] == ("drop", other)
    office.call(lambda: standing.take(standing.judge(other)))
    assert beside.done[-1] == ("take", other)


@pytest.mark.parametrize(
    "error", [ListenError("admin: cannot listen on tcp:1: in use"), ConfigError([], None)]
)
def test_what_it_cannot_do_keeps_everything_as_it_was(office: Office, error: Exception) -> None:
    """Also the addresses that the same configuration would have bound."""
    standing = office.standing
    beside = standing.beside = Companion()
    office.begin()
    beside.refuses = error
    with pytest.raises(ConfigError):
        office.call(standing.judge, office.second())
    assert [*standing.addresses.bound] == ["public"] and len(beside.done) == 1
    assert standing.problems["configuration"]
    other = Standing(office.world.loop.reactor, standing.config)
    other.beside = beside
    with pytest.raises(type(error)):
        office.call(other._bound, standing.generation)


def test_the_same_problem_is_told_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look finds it again."""
    told: list[str] = []
    monkeypatch.setattr(office.standing, "log", _Log(told))
    for kind in ("files", "files", "configuration"):
        office.standing.complain(kind, "a.pem: no certificate")
    assert told == ["a.pem: no certificate"]
    assert list(office.standing.told()) == ["a.pem: no certificate"]


class _Log:
    def __init__(self, told: list[str]) -> None:
        self._told = told

    def error(self, _: str, *, problem: str) -> None:
        self._told.append(problem)
