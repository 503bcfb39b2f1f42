"""What a running gate says of itself is true, can be said in JSON, and holds no secret."""

from __future__ import annotations

import json
import os
import resource
import time

import pytest
from attrs import fields

from mcpgate.config.problem import ConfigError
from mcpgate.config.tables.gate import LimitsTable
from mcpgate.identity.bound import Bound
from tests.running import World, call


def test_a_gate_that_has_served_nobody_says_what_it_demands(world: World) -> None:
    """And that there is nothing more to tell yet."""
    world.start(world.config(upstream=f'pins = ["{world.pin}"]\nrequire_pq = true'))
    status = world.status()
    assert (status["running"], status["draining"], status["generation"]) == (True, False, 1)
    assert (status["process"], status["tokens"], status["problem"]) == (os.getpid(), 1, None)
    assert status["untaken"] == []
    assert status["configuration"] == str(world.directory / "gate.toml")
    journal = status["journal"]
    assert {key: journal[key] for key in ("failure", "failing_since", "owed", "dropped", "unrecorded")} == {
        "failure": None, "failing_since": None, "owed": 0, "dropped": 0, "unrecorded": 0,
    }  # fmt: skip
    # The segment's own line, and that of the generation.
    assert (journal["segment"], journal["lines"]) == (1, 2)
    assert journal["unsealed"] < 60 and journal["seals"]["failure"] is None
    (listener,) = status["listeners"]
    assert (listener["name"], listener["profile"], listener["require_pq"]) == ("public", "modern", False)
    assert (listener["address"], listener["connections"]) == (f"127.0.0.1:{world.port}", 0)
    (certificate,) = listener["certificates"]
    assert certificate["names"] == ["localhost", "gate.test"]
    (upstream,) = status["upstreams"]
    assert (upstream["name"], upstream["pins"], upstream["require_pq"]) == ("server", 1, True)
    assert upstream["connections"] == {"idle": 0, "leased": 0, "dialing": 0, "waiting": 0}
    assert (upstream["last_handshake"], upstream["last_refusal"]) == (None, None)
    assert status["refused"] == {}
    assert status["sessions"] == {"known": 0, "unmarked": 0, "ended_idle": 0, "failure": None}


def test_a_gate_in_use_says_who_is_connected_and_how_the_upstream_was_reached(world: World) -> None:
    world.start(world.config(upstream=f'pins = ["{world.pin}"]'))
    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200
        status = world.status()
    (upstream,) = status["upstreams"]
    assert status["listeners"][0]["connections"] == 1
    assert upstream["connections"]["idle"] == 1
    assert upstream["last_handshake"]["version"] == "TLSv1.3"
    assert upstream["last_handshake"]["pinned"] is True
    assert upstream["last_handshake"]["certificate"]["names"] == ["localhost"]
    assert upstream["client_certificate"] is None
    world.wait_for(lambda: world.status()["listeners"][0]["connections"] == 0)


def test_every_limit_is_shown_and_the_bound_that_is_in_effect(world: World) -> None:
    """What is configured, and what the descriptors of the process leave of it."""
    world.start(world.config(upstream="queue = 7", more='[limits]\nconnections = 9\nbody_rate = "2KiB"'))
    status = world.status()
    assert set(status["limits"]) == {option.name for option in fields(LimitsTable)}
    assert (status["limits"]["connections"], status["limits"]["body_rate"]) == (9, 2048)
    upstream = status["upstreams"][0]["limits"]
    assert (upstream["queue"], upstream["quiet_timeout"]) == (7, 3600.0)
    assert status["callers"] == {
        "connections": 0,
        "most": 9,
        "descriptors": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "addresses": 0,
        "most_of_one_address": 0,
        "handshakes": 0,
        "streams": 0,
        "throttled": 0,
    }
    world.loop.call(setattr, world.listening.force.crowd, "descriptors", 50)
    world.reload(world.config(more="[limits]\nconnections = 900"))
    assert world.status()["callers"]["most"] == 5


def test_refusals_on_both_legs_are_seen(world: World) -> None:
    """The upstream's as the reason that the record has; those of callers as a count."""
    wrong = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    world.start(world.config(upstream=f'pins = ["{wrong}"]'))
    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 502
    with pytest.raises(OSError):
        world.caller(sni="localhost", trust=world.directory / "upstream.crt")
    (upstream,) = world.status()["upstreams"]
    assert upstream["last_refusal"].startswith("tls.pin: ")
    world.wait_for(lambda: world.status()["listeners"][0]["handshakes_refused"] == 1)


def test_a_change_that_was_not_taken_is_said_until_one_is(world: World) -> None:
    """With the problem's place; the generation is still the old one."""
    world.start()
    with pytest.raises(ConfigError):
        world.reload(world.config(upstream='credential = { bearer = "file:nowhere" }'))
    status = world.status()
    assert "upstream.server.credential.bearer" in status["problem"]
    assert (status["untaken"], status["generation"]) == (["configuration"], 1)
    world.reload(world.config())
    status = world.status()
    assert (status["problem"], status["untaken"], status["generation"]) == (None, [], 2)


def test_tokens_that_are_bound_to_what_is_not_there_are_told(world: World) -> None:
    """As a reload may take away what they were bound to."""
    rule = '[[rule]]\nname = "extra"\nverdict = "allow"\non = { name = "x" }'
    world.issued_file.issue("bound", 60.0, time.time(), bound=Bound.to(rules=["extra"]))
    world.start(world.config(more=rule))
    assert world.status()["token_doubts"] == []
    world.reload(world.config())
    (said,) = world.status()["token_doubts"]
    assert said.endswith("of bound is bound to the rule extra, and no rule of that name allows anything")


def test_nothing_that_is_said_is_a_secret_and_json_can_say_all_of_it(world: World) -> None:
    """Tokens, credentials, keys: not even of a gate that has just used them."""
    secret = world.directory / "secret"
    secret.write_text("very-secret-credential\n")
    secret.chmod(0o600)
    world.start(world.config(upstream=f'credential = {{ bearer = "file:{secret}" }}'))
    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200
    status = world.status()
    said = json.dumps(status)
    assert json.loads(said) == status
    assert "very-secret" not in said
    assert world.token not in said
    assert world.token.split("_", 2)[2] not in said
    assert "PRIVATE" not in said


def test_a_gate_that_does_not_run_says_only_that(world: World) -> None:
    world.start()
    world.stop_gate()
    assert world.status() == {"running": False}
