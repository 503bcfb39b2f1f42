"""When tokens were last used, as all workers and the command line see it."""

from __future__ import annotations

import os
import time
from pathlib import Path

from mcpgate.identity.issued import TokenFile
from mcpgate.identity.principal import Principal
from mcpgate.identity.uses import Uses, last_uses, stamp
from tests.running import World, call

CI = Principal("ci", "token", "0123456789ab", None)
JWT = Principal("okta/ada", "jwt", "ab" * 32, None)


def begun(state: Path) -> Uses:
    uses = Uses()
    uses.begin(state)
    return uses


def test_the_time_of_a_file_says_it(tmp_path: Path) -> None:
    """One for each token, whoever of the workers has seen it; tokens of others have none."""
    assert last_uses(tmp_path) == {}
    one, other = begun(tmp_path), begun(tmp_path)
    one.note(CI)
    one.note(JWT)
    one.keep(1_000.0, 1.0)
    assert last_uses(tmp_path) == {CI.id: 1_000.0}
    other.note(CI)
    other.keep(2_000.0, 1.0)
    one.keep(3_000.0, 2.0)
    assert last_uses(tmp_path) == {CI.id: 2_000.0}
    assert stamp(last_uses(tmp_path)[CI.id]) == "1970-01-01T00:33:20Z"


def test_what_cannot_be_written_is_told_and_harms_nobody(tmp_path: Path) -> None:
    """A request is served all the same."""
    (tmp_path / "uses").write_text("in the way")
    uses = begun(tmp_path)
    assert uses.failure is not None
    uses.note(CI)
    uses.keep(1_000.0, 1.0)
    assert uses.failure is not None and "uses" in uses.failure


def used(world: World) -> dict[str, float]:
    """What is known after a look at all connections now."""
    world.status()
    return dict(last_uses(world.state))


def put_back(world: World, id: str) -> None:
    os.utime(world.state / "uses" / id, (1.0, 1.0))


def test_a_call_is_a_use_however_its_head_was_recognised(world: World) -> None:
    """The first of a connection is read, the second found, and all others are the same as the one before."""
    world.start()
    id, begin = world.issued.id, time.time() - 1
    assert used(world) == {}
    with world.caller() as caller:
        for number in range(4):
            assert caller.post(call("get_x", id=number)).json()[0] == 200
            assert used(world)[id] >= begin
            put_back(world, id)
        assert used(world)[id] == 1.0, "nobody has asked for anything since"
        assert caller.post(call("get_x")).json()[0] == 200
    world.wait_for(lambda: not world.listening.connections)
    assert used(world)[id] >= begin


def test_several_tokens_on_one_connection_are_each_in_use(world: World) -> None:
    """A proxy's connection carries those of many, and only the last is known at the end."""
    other, text = world.issued_file.issue("other", 60.0, time.time())
    ours = world.token
    world.start()
    with world.caller() as caller:
        for turn in range(2):
            for world.token in (ours, text):
                assert caller.post(call("get_x")).json()[0] == 200
            if not turn:
                assert set(used(world)) == {world.issued.id, other.id}
                put_back(world, world.issued.id)
                put_back(world, other.id)
        assert min(used(world).values()) > 1.0


def test_an_attempt_is_no_use(world: World) -> None:
    """A token that is refused, on a connection where it was good, shows as not used since."""
    world.start()
    id = world.issued.id
    with world.caller() as caller:
        for number in range(3):
            assert caller.post(call("get_x", id=number)).json()[0] == 200
        assert id in used(world)
        put_back(world, id)
        TokenFile(world.state / "tokens.json").revoke("ci", time.time())
        world.look()
        assert caller.post(call("get_x")).json()[0] == 401
        assert used(world)[id] == 1.0


def test_status_shows_the_latest(world: World) -> None:
    """With the names that people know them by."""
    world.start()
    with world.caller() as caller:
        assert caller.post(call("get_x")).json()[0] == 200
        (shown,) = world.status()["token_uses"]
    assert (shown["name"], shown["id"]) == ("ci", world.issued.id)
