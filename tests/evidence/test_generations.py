"""What is in force, as the journal has it: enough to say later what should have been, and no secret."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from mcpgate._version import __version__
from mcpgate.config.load import parse_config
from mcpgate.config.problem import ConfigError
from mcpgate.evidence import generations
from mcpgate.evidence.generations import generation_line, openssl, policy_hash, reload_line
from mcpgate.evidence.record import TEXT_LENGTH, VERSION, parse_line, timestamp
from tests.running import Loop, World

TIME = timestamp(1_800_000_000.5)


@pytest.fixture
def world(loop: Loop, tmp_path: Path) -> Any:
    made = World(loop, tmp_path)
    yield made
    made.stop()


def line_of(world: World) -> bytes:
    """The line of the generation in force."""
    assert world.gate is not None and world.gate.force is not None
    where = {"public": "127.0.0.1:1"}
    generation = world.gate.force.generation
    return generation_line("g-1", time=TIME, generation=generation, addresses=where, version="1.2.3")


def test_a_generation_is_in_the_journal_before_anything_that_happens_under_it(world: World) -> None:
    """With its number, what it demands of whom, and the certificates in force."""
    secret = world.directory / "secret"
    secret.write_text("upstream-secret\n")
    secret.chmod(0o600)
    clients = f'client_certificates = "optional"\nclient_ca = "{world.authority}"'
    text = world.config(
        listener=f'{clients}\nprofile = "intermediate"',
        upstream=f'credential = {{ bearer = "file:{secret}" }}\npins = ["{world.pin}"]\npin_at = "leaf"',
    )
    world.start(text)
    with world.caller() as caller:
        assert caller.post({"jsonrpc": "2.0", "id": 1, "method": "ping"}).json()[0] == 200
    (line,) = world.records("generation")
    assert {name: line[name] for name in ("v", "number", "mcpgate", "openssl", "fips")} == {
        "v": VERSION,
        "number": 1,
        "mcpgate": __version__,
        "openssl": openssl(),
        "fips": False,
    }
    assert line["configuration"] == {
        "file": str(world.directory / "gate.toml"),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "included": {},
    }
    assert line["evidence"] == {
        "durability": "kernel",
        "on_journal_failure": "refuse",
        "auditor": None,
    }
    (listener,) = line["listeners"]
    assert listener == {
        "name": "public",
        "listen": "tcp:0:interface=127.0.0.1",
        "address": f"127.0.0.1:{world.port}",
        "profile": "intermediate",
        "require_pq": False,
        "client_certificates": "optional",
        "hosts": listener["hosts"],
    }
    assert "localhost" in listener["hosts"]
    assert line["profiles"]["intermediate"]["versions"] == ["TLSv1.2", "TLSv1.3"]
    assert line["profiles"]["modern"]["versions"] == ["TLSv1.3"]
    (upstream,) = line["upstreams"]
    assert (upstream["name"], upstream["host"]) == ("server", f"localhost:{world.upstream.port}")
    assert (upstream["pins"], upstream["pin_at"]) == ([world.pin], "leaf")
    assert (upstream["trust"], upstream["authorities"]) == (str(world.authority), 1)
    roles = [(one["role"], one["where"]) for one in line["certificates"]]
    assert roles == [("own", "public"), ("client_ca", "public"), ("trust", "server")]
    assert all(one["not_before"] < one["not_after"] for one in line["certificates"])
    assert line["certificates_left_out"] == 0
    assert "upstream-secret" not in json.dumps(line) and str(secret) not in json.dumps(line)
    order = [
        json.loads(raw)["type"]
        for path in (world.state / "journal").glob("*.jsonl")
        for raw in path.read_bytes().splitlines()
    ]
    assert order.index("generation") < order.index("handshake")


def test_another_generation_is_another_line_and_one_that_is_refused_is_told(world: World) -> None:
    """With why it was not taken and which one stays in force."""
    world.start()
    assert world.gate is not None
    more = '[[rule]]\nname = "more"\non = { name = "get_y" }\nverdict = "allow"'
    text = world.config(listener='profile = "intermediate"\nrequire_pq = true', more=more)
    world.loop.call(world.gate.reload, parse_config(text.encode(), world.directory / "gate.toml"))
    first, second = world.records("generation")
    assert [first["number"], second["number"]] == [1, 2]
    assert first["policy"]["sha256"] != second["policy"]["sha256"]
    assert first["configuration"]["sha256"] != second["configuration"]["sha256"]
    assert first["certificates"] == second["certificates"]
    assert second["listeners"][0]["profile"] == "intermediate+pq"
    # No version but 1.3 has the key exchange that is demanded.
    assert second["profiles"]["intermediate+pq"]["versions"] == ["TLSv1.3"]
    moved = text.replace(str(world.state), str(world.directory / "elsewhere"))
    for _ in range(2):
        with pytest.raises(ConfigError):
            world.loop.call(world.gate.reload, parse_config(moved.encode(), world.directory / "gate.toml"))
    (told,) = world.records("reload")
    assert (told["what"], told["taken"], told["generation"]) == ("configuration", False, 2)
    assert "the state directory cannot change" in told["problem"]


def test_the_hash_of_a_policy_is_that_of_what_it_says(world: World) -> None:
    """Not of its order, its comments or the file it stands in."""
    rules = ('[[rule]]\nname = "a"\nverdict = "allow"\n', '[[rule]]\nname = "b"\nmask = ["email", "card"]\n')

    def hash_of(more: str) -> str:
        return policy_hash(parse_config(world.config(more=more).encode(), world.directory / "gate.toml"))

    plain = hash_of("".join(rules))
    assert hash_of("# for now\n" + "".join(reversed(rules))) == plain
    assert hash_of("".join(rules).replace("email", "iban")) != plain
    assert hash_of(rules[0] + rules[1] + 'where = { "arguments.x" = { max = 3 } }\n') != plain
    assert hash_of(rules[0]) != plain


def test_what_does_not_fit_a_line_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate's own certificates come first, as those expire."""
    world.start()
    assert world.gate is not None and world.gate.force is not None
    generation = world.gate.force.generation
    terms = generation.upstreams["server"]
    many = evolve(terms.trust, certificates=terms.trust.certificates * 2000)
    object.__setattr__(generation, "upstreams", {"server": evolve(terms, trust=many)})
    record = parse_line(line_of(world))
    found = record["certificates"]
    assert isinstance(found, list) and found[0]["role"] == "own"
    assert 100 < len(found) <= generations.CERTIFICATES_MOST
    monkeypatch.setattr(generations, "LINE_MOST", 10_000)
    line = line_of(world)
    found = parse_line(line)["certificates"]
    assert isinstance(found, list) and found[0]["role"] == "own"
    assert len(line) <= 10_000 and len(found) > 3
    object.__setattr__(generation, "upstreams", {str(number): terms for number in range(1000)})
    record = parse_line(line_of(world))
    upstreams = record["upstreams"]
    assert isinstance(upstreams, list) and 0 < len(upstreams) < 1000
    assert record["others_left_out"] == 1000 - len(upstreams) and record["listeners"]


def test_a_problem_is_bounded_and_cannot_break_the_line() -> None:
    line = reload_line("l-1", time=TIME, what="files", problem="x\x1b\n" * TEXT_LENGTH, generation=3)
    assert line.isascii() and line.count(b"\n") == 1 and b"\x1b" not in line
    assert str(parse_line(line)["problem"]).endswith(f"({3 * TEXT_LENGTH} characters)")
