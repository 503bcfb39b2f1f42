"""The keys of an issuer through its outages: what counts for how long, who asks, and who is told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcpgate.identity import source
from mcpgate.identity.kept import KeptFile
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from tests.identity.asking import Worker, issuer_of
from tests.identity.minting import rsa_key
from tests.provider.issuing import DISCOVERY, Issuing, answer
from tests.waiting import eventually

Hire = Callable[[], Worker]

DOWN = answer(503, b"{}")


def lines(worker: Worker) -> list[dict[str, Any]]:
    """What was recorded of the issuer."""
    found = [json.loads(line) for line in worker.asker.records().splitlines()]
    return [line for line in found if line["type"] == "issuer"]


def refused(found: Principal | Refusal) -> Refusal:
    """The refusal that it is."""
    assert isinstance(found, Refusal), found
    return found


def tick(worker: Worker) -> None:
    """A second has passed."""
    worker.loop.call(worker.issuers._tick)


def test_the_last_good_keys_count_for_the_stated_time_and_no_longer(
    worker: Worker, provider: Issuing
) -> None:
    """Then tokens are refused as nobody can say, and accepted again when somebody can."""
    worker.adopt(issuer_of(provider, stale=3600.0, max_lifetime=86400.0))
    token = provider.token(exp=int(time.time()) + 80000)
    assert isinstance(worker.judge(token), Principal)
    provider.broken = DOWN
    worker.shift = 3590
    tick(worker)
    eventually(lambda: len(lines(worker)) >= 2, "the outage is told")
    assert isinstance(worker.judge(token), Principal), "the last good keys were given up"
    assert isinstance(worker.judge(provider.token(now=worker.now())), Principal), "and for new tokens"
    assert worker.facts()["counting"] is True
    assert "answered 503" in worker.facts()["last_error"]
    changes = worker.changes
    worker.shift = 3610
    tick(worker)
    assert worker.changes == changes + 1, "what was remembered is not judged anew"
    refusal = refused(worker.judge(token))
    assert refusal.reason is Reason.AUTH_UNAVAILABLE
    assert refusal.retry_after and "answered 503" in refusal.detail
    assert worker.facts()["counting"] is False
    provider.broken = None
    worker.shift = 3700
    assert isinstance(worker.judge(token), Principal)
    assert [line["what"] for line in lines(worker)] == ["keys", "unreachable", "lapsed", "keys"]
    assert lines(worker)[0]["added"] == ["k1"]


def test_an_issuer_that_was_never_reached_has_no_tokens_that_count(worker: Worker, provider: Issuing) -> None:
    """The gate runs all the same, and is not slow to say so to all who come."""
    provider.broken = DOWN
    worker.adopt(issuer_of(provider))
    for _ in range(20):
        assert refused(worker.judge(provider.token())).reason is Reason.AUTH_UNAVAILABLE
    assert provider.asked[DISCOVERY] <= 2, "it was asked for each caller"
    provider.broken = None
    worker.shift = 5
    assert isinstance(worker.judge(provider.token()), Principal)


def test_an_issuer_that_is_not_there_is_left_alone_longer_each_time(
    worker: Worker, provider: Issuing
) -> None:
    provider.broken = DOWN
    worker.adopt(issuer_of(provider))
    asked = []
    for seconds in range(120):
        worker.shift = seconds
        before = sum(provider.asked.values())
        worker.judge(provider.token(now=worker.now()))
        asked += [seconds] * (sum(provider.asked.values()) > before)
    assert 6 <= len(asked) <= 10, asked
    assert max(after - before for before, after in zip(asked, asked[1:], strict=False)) <= 32


@pytest.mark.parametrize(
    "keys",
    [b"", b"{}", b"not json", b'{"keys":[]}', b'{"keys":[{"kty":"oct","k":"AA"}]}', b"[" * 5000],
    ids=["empty", "no list", "no JSON", "no keys", "a secret", "nested"],
)
def test_what_are_no_keys_takes_none_away(worker: Worker, provider: Issuing, keys: bytes) -> None:
    """A mistake at the provider, or somebody in its place."""
    worker.adopt(issuer_of(provider))
    token = provider.token()
    assert isinstance(worker.judge(token), Principal)
    provider.broken = answer(200, keys)
    assert refused(worker.judge(provider.token(kid="k9", key=rsa_key()))).reason is Reason.AUTH_UNAVAILABLE
    assert isinstance(worker.judge(token), Principal)


def test_new_keys_are_asked_for_ahead_of_need(worker: Worker, provider: Issuing) -> None:
    """While callers are served by the old ones; at the least after a day, whatever the provider says."""
    provider.cache = "max-age=99999999"
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    provider.rotate(2, keep=True)
    worker.shift = 0.74 * 86400
    tick(worker)
    assert provider.asked["/keys"] == 1
    worker.shift = 0.76 * 86400
    tick(worker)
    eventually(lambda: worker.facts()["keys"] == ["k1", "k2"], "the new keys are there")


def test_a_provider_that_wants_nothing_kept_is_asked_every_few_minutes(
    worker: Worker, provider: Issuing
) -> None:
    provider.cache = "no-store, max-age=0"
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    for shift, asked in ((200, 1), (230, 2)):
        worker.shift = shift
        tick(worker)
        eventually(lambda asked=asked: provider.asked["/keys"] == asked, f"{asked} questions")


def test_keys_outlive_a_restart(hire: Hire, provider: Issuing) -> None:
    """Also one in the middle of an outage."""
    first = hire().adopt(issuer_of(provider))
    token = provider.token()
    assert isinstance(first.judge(token), Principal)
    first.loop.call(first.issuers.stop)
    provider.broken = DOWN
    second = hire().adopt(issuer_of(provider))
    assert isinstance(second.judge(token), Principal)
    assert provider.asked == {DISCOVERY: 1, "/keys": 1}


def test_what_one_worker_was_told_all_of_them_know(hire: Hire, provider: Issuing) -> None:
    """A key that is gone, too, without anybody who shows a token by another."""
    first, second = hire().adopt(issuer_of(provider)), hire().adopt(issuer_of(provider))
    old = provider.token()
    assert isinstance(first.judge(old), Principal)
    assert isinstance(second.judge(old), Principal)
    assert provider.asked == {DISCOVERY: 1, "/keys": 1}
    provider.rotate(2)
    assert isinstance(first.judge(provider.token()), Principal)
    tick(second)
    assert refused(second.judge(old)).reason is Reason.AUTH_KEY
    assert isinstance(second.judge(provider.token()), Principal)
    assert provider.asked["/keys"] == 2


def test_a_worker_that_needs_keys_waits_for_the_one_that_asks(hire: Hire, provider: Issuing) -> None:
    provider.wait = 0.3
    first, second = hire().adopt(issuer_of(provider)), hire().adopt(issuer_of(provider))
    assert isinstance(second.judge(provider.token()), Principal)
    assert isinstance(first.judge(provider.token()), Principal)
    assert provider.asked == {DISCOVERY: 1, "/keys": 1}


def test_a_worker_that_hangs_while_it_asks_keeps_the_others_waiting_for_so_long_only(
    worker: Worker, provider: Issuing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is killed lets go of the lock; one that stands still does not."""
    monkeypatch.setattr(source, "LOCK_WITHIN", 0.3)
    standing = KeptFile(tmp_path / "issuers", "login", b"login")
    standing.begin()
    assert standing.lock()
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    standing.unlock()


def test_only_the_worker_that_asks_tells_of_an_outage(hire: Hire, provider: Issuing) -> None:
    provider.broken = DOWN
    workers = [hire().adopt(issuer_of(provider)) for _ in range(2)]
    for worker in workers:
        assert refused(worker.judge(provider.token())).reason is Reason.AUTH_UNAVAILABLE
    assert [line["what"] for worker in workers for line in lines(worker)] == ["unreachable"]


def test_keys_from_a_place_that_the_configuration_names_need_no_document(
    worker: Worker, provider: Issuing
) -> None:
    worker.adopt(issuer_of(provider, jwks="https://login.test/keys"))
    assert isinstance(worker.judge(provider.token()), Principal)
    assert provider.asked == {"/keys": 1}


def test_a_document_of_another_issuer_leads_to_no_keys(worker: Worker, provider: Issuing) -> None:
    """Whose keys are good for whom is said by the issuer itself only."""
    provider.document["issuer"] = "https://else.test"
    worker.adopt(issuer_of(provider))
    refusal = refused(worker.judge(provider.token()))
    assert refusal.reason is Reason.AUTH_UNAVAILABLE and "another issuer" in refusal.detail
    assert "/keys" not in provider.asked


def test_keys_that_have_moved_are_found_again(worker: Worker, provider: Issuing) -> None:
    """The place is known, so its document is read again only after that has failed."""
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    provider.rotate(2)
    provider.keys = "/moved"
    assert refused(worker.judge(provider.token())).reason is Reason.AUTH_UNAVAILABLE
    provider.document["jwks_uri"] = "https://login.test/moved"
    worker.shift = 2
    assert isinstance(worker.judge(provider.token()), Principal)
    assert provider.asked == {DISCOVERY: 2, "/keys": 2, "/moved": 1}


def breaking_off(provider: Issuing, *paths: str) -> None:
    """It says nothing to who asks for these, from now on."""
    real = provider.server.behave

    def behave(sock: Any, request: Any) -> None:
        if request.line.split(b" ")[1].decode() in paths:
            sock.close()
        else:
            real(sock, request)

    provider.server.behave = behave


def test_keys_whose_old_place_is_gone_are_found_again(worker: Worker, provider: Issuing) -> None:
    """Nobody answers there, a host that was given up: its document is asked after the second time."""
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    provider.rotate(2)
    breaking_off(provider, "/keys")
    provider.keys = "/moved"
    provider.document["jwks_uri"] = "https://login.test/moved"
    for seconds in (1, 10):
        worker.shift = seconds
        assert refused(worker.judge(provider.token())).reason is Reason.AUTH_UNAVAILABLE
    worker.shift = 40
    assert isinstance(worker.judge(provider.token()), Principal)


@pytest.mark.parametrize("how", ["refused", "nothing"])
def test_a_document_that_cannot_be_had_keeps_nobody_from_the_keys(
    worker: Worker, provider: Issuing, how: str
) -> None:
    """They are looked for where they were last, whatever has become of the document since."""
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    provider.rotate(2)
    provider.broken = DOWN
    assert refused(worker.judge(provider.token())).reason is Reason.AUTH_UNAVAILABLE
    provider.broken = None
    others = (DISCOVERY, "/.well-known/oauth-authorization-server/")
    if how == "nothing":
        breaking_off(provider, *others)
    else:
        refusing(provider, *others)
    worker.shift = 10
    assert isinstance(worker.judge(provider.token()), Principal)


def refusing(provider: Issuing, *paths: str) -> None:
    """It cannot be asked for these."""
    real = provider.server.behave

    def behave(sock: Any, request: Any) -> None:
        if request.line.split(b" ")[1].decode() in paths:
            sock.sendall(DOWN)
        else:
            real(sock, request)

    provider.server.behave = behave


def test_an_older_file_is_not_taken_for_news(hire: Hire, provider: Issuing, tmp_path: Path) -> None:
    """Somebody has put a copy back: a key that was withdrawn since stays withdrawn."""
    worker = hire().adopt(issuer_of(provider))
    old = provider.token()
    assert isinstance(worker.judge(old), Principal)
    (file,) = (tmp_path / "issuers").glob("*.json")
    copy = file.read_bytes()
    provider.rotate(2)
    assert isinstance(worker.judge(provider.token()), Principal)
    assert isinstance(worker.judge(old), Refusal)
    file.write_bytes(copy)
    tick(worker)
    assert isinstance(worker.judge(old), Refusal)
    assert isinstance(worker.judge(provider.token()), Principal)


def test_a_clock_that_was_set_back_does_not_make_keys_young(worker: Worker, provider: Issuing) -> None:
    """What was told in the future was not told at all."""
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    worker.shift = -7200
    provider.broken = DOWN
    tick(worker)
    assert refused(worker.judge(provider.token(now=worker.now()))).reason is Reason.AUTH_UNAVAILABLE


def test_a_key_that_is_asked_for_again_and_again_is_not_looked_for_each_time(
    worker: Worker, provider: Issuing
) -> None:
    """A client with a token of another environment costs a question a minute, not two."""
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    for seconds in range(0, 120, 5):
        worker.shift = seconds
        token = provider.token(kid="stray", key=rsa_key(), now=worker.now())
        assert refused(worker.judge(token)).reason is Reason.AUTH_KEY
    assert provider.asked["/keys"] == 3


def test_what_is_remembered_of_unknown_keys_is_bounded(worker: Worker, provider: Issuing) -> None:
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    inside = worker.issuers._sources["login"]
    for number in range(3 * source.UNKNOWN_MOST):
        inside._note_unknown(f"k-{number}", 0.0)
    assert len(inside._unknown) == source.UNKNOWN_MOST


def test_a_disk_that_refuses_costs_only_what_is_shared(
    worker: Worker, provider: Issuing, tmp_path: Path
) -> None:
    """Keys are good without a file, and status says why there is none."""
    (tmp_path / "issuers").write_bytes(b"in the way")
    worker.adopt(issuer_of(provider))
    assert isinstance(worker.judge(provider.token()), Principal)
    assert "Not a directory" in worker.facts()["file"]


def test_whoever_waits_when_the_gate_stops_is_told(worker: Worker, provider: Issuing) -> None:
    provider.wait = 0.2
    worker.adopt(issuer_of(provider))
    worker.loop.reactor.callFromThread(
        worker.loop.reactor.callLater, 0.1, worker.issuers.stop
    )
    assert isinstance(worker.judge(provider.token(), most=5), Refusal)
