"""What is said of records: only what is sure."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from mcpgate.reasons import Reason
from mcpgate.trial.recorded import Connection, Recorded
from mcpgate.trial.replay import Now, judged_again, newly, replay
from tests.trial.rules import subject
from tests.trial.test_recorded import HANDSHAKE

LEG = Connection(HANDSHAKE, "10.0.0.7")
CALL = Recorded(
    id="x1",
    time="2026-11-26T00:00:00.000000Z",
    principal="ci",
    how="token",
    proof="0123456789ab",
    route="files",
    upstream="files",
    revision="2025-11-25",
    method="tools/call",
    name="read_file",
    verdict="allow",
    rule="reads",
    inbound=LEG,
    outbound=LEG,
)

ALL = '[[rule]]\nname = "all"\nverdict = "allow"\n'
READS = '[[rule]]\nname = "reads"\nverdict = "allow"\non = { name = "read_*" }\n'


def now(directory: Path, rules: str, one: Recorded = CALL) -> Now:
    return judged_again(subject(directory, rules), one)


@pytest.mark.parametrize(
    ("rules", "verdict", "rule", "reason"),
    [
        (ALL, "allow", "all", None),
        ("", "block", None, Reason.POLICY_UNLISTED),
        (
            ALL + '[[rule]]\nname = "no"\nverdict = "block"\nwho = { token = "ci" }',
            "block",
            "no",
            Reason.POLICY_BLOCKED,
        ),
        (ALL + '[[rule]]\nname = "no"\nverdict = "block"\nwho = { token = "eve" }', "allow", "all", None),
        (
            ALL + '[[rule]]\nname = "no"\nverdict = "block"\nwho = { token = "0123456789ab" }',
            "block",
            "no",
            Reason.POLICY_BLOCKED,
        ),
        (ALL + '[[rule]]\nname = "wait"\nverdict = "hold"\non = { name = "read_*" }', "hold", "wait", None),
        (
            ALL + '[[rule]]\nname = "no"\nverdict = "block"\nwho = { address = "10.0.0.0/24" }',
            "block",
            "no",
            Reason.POLICY_BLOCKED,
        ),
        (ALL + 'require = { "inbound.version" = "TLSv1.2" }', "block", "all", Reason.POLICY_TRANSPORT),
        (ALL + 'require = { "inbound.post_quantum" = true, "outbound.pinned" = true }', "allow", "all", None),
        (
            ALL + 'require = { "outbound.cipher" = "TLS_AES_256_GCM_SHA384" }',
            "block",
            "all",
            Reason.POLICY_TRANSPORT,
        ),
    ],
)
def test_what_is_on_record_decides(
    tmp_path: Path, rules: str, verdict: str, rule: str | None, reason: Reason | None
) -> None:
    """Who, from where, by which connections, what."""
    assert now(tmp_path, rules) == Now(verdict, rule, reason)


SCOPED = ALL + 'require = { scope = "x" }\n'


@pytest.mark.parametrize("how", ["certificate", "anonymous"])
def test_who_has_no_scopes_for_sure_lacks_them(tmp_path: Path, how: str) -> None:
    """They are on no record, but only tokens have some."""
    one = evolve(CALL, how=how)
    assert now(tmp_path, SCOPED, one) == Now("block", "all", Reason.AUTH_SCOPE)
    asked = evolve(subject(tmp_path, ALL), scopes={"files": frozenset({"x"})})
    assert judged_again(asked, one) == Now("block", None, Reason.AUTH_SCOPE)


@pytest.mark.parametrize("how", ["jwt", "token"])
def test_what_scopes_somebody_had_is_not_guessed(tmp_path: Path, how: str) -> None:
    """Unless it makes no difference."""
    one = evolve(CALL, how=how, issuer="okta", subject="kim", vouched=True)
    assert now(tmp_path, SCOPED, one) == Now(None, unknown=("scopes",))
    asked = evolve(subject(tmp_path, ALL), scopes={"files": frozenset({"x"})})
    assert judged_again(asked, one) == Now(None, unknown=("scopes",))
    assert now(tmp_path, SCOPED + READS, one).verdict == "allow"
    never = '[[rule]]\nname = "no"\nverdict = "block"\n'
    assert now(tmp_path, SCOPED + never, one).verdict == "block"


def test_whose_certificate_came_beside_a_token_is_not_guessed(tmp_path: Path) -> None:
    """Unless the handshake tells that there was none."""
    rules = ALL + 'who = { certificate = "spiffe://acme/*" }'
    bare = Connection(evolve(HANDSHAKE, peer=None), "10.0.0.7")
    assert now(tmp_path, rules, evolve(CALL, inbound=bare)).verdict == "block"
    assert now(tmp_path, rules, CALL).unknown == ("more of the caller",)
    assert now(tmp_path, rules, evolve(CALL, inbound=None)).unknown == ("more of the caller",)
    proved = evolve(CALL, how="certificate", principal="spiffe://acme/x")
    assert now(tmp_path, rules, proved).verdict == "allow"


@pytest.mark.parametrize(("subject", "verdict"), [("kim", "allow"), ("eve", "block")])
def test_who_vouched_for_a_caller_is_on_record(tmp_path: Path, subject: str, verdict: str) -> None:
    """So rules about an issuer's subjects can be told, in journals since there are issuers."""
    rules = ALL + 'who = { issuer = "okta", subject = "kim" }'
    one = evolve(CALL, how="jwt", issuer="okta", subject=subject, vouched=True)
    assert now(tmp_path, rules, one).verdict == verdict
    assert now(tmp_path, rules, evolve(one, vouched=False)).unknown == ("more of the caller",)


@pytest.mark.parametrize(
    ("rules", "one", "unknown"),
    [
        (ALL + 'where = { "arguments.path" = "/srv/*" }', CALL, ("arguments",)),
        (
            ALL + '[[rule]]\nname = "no"\nverdict = "block"\nwhere = { "arguments.force" = true }',
            CALL,
            ("arguments",),
        ),
        (ALL + 'who = { group = "dev" }', CALL, ("more of the caller",)),
        (ALL + 'who = { issuer = "okta", "claim.a" = "b" }', CALL, ("more of the caller",)),
        (ALL + 'who = { address = "10.0.0.0/8" }', evolve(CALL, inbound=None), ("more of the caller",)),
        (
            ALL + 'require = { "inbound.version" = "TLSv1.3" }',
            evolve(CALL, inbound=None),
            ("inbound connection",),
        ),
        (
            ALL + 'require = { "outbound.pinned" = true }',
            evolve(CALL, outbound=None),
            ("outbound connection",),
        ),
        (ALL, evolve(CALL, name="x" * 1024 + "... (2000 characters)"), ("name",)),
        (
            '[[rule]]\nname = "p"\nverdict = "allow"\non = { method = "prompts/get" }',
            evolve(CALL, method="completion/complete", name="greet"),
            ("what name refers to",),
        ),
    ],
)
def test_what_is_not_on_record_is_not_guessed(
    tmp_path: Path, rules: str, one: Recorded, unknown: tuple[str, ...]
) -> None:
    """And it is said what would have to be known."""
    found = now(tmp_path, rules, one)
    assert (found.verdict, found.unknown) == (None, unknown)


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        # Another rule allows it without looking.
        (ALL + READS + 'where = { "arguments.path" = "/srv/*" }', "allow"),
        # One that blocks it without looking.
        (
            READS + 'where = { "arguments.path" = "/srv/*" }\n[[rule]]\nname = "no"\nverdict = "block"',
            "block",
        ),
        # None of those that look is about it.
        (
            ALL
            + '[[rule]]\nname = "no"\nverdict = "block"\non = { name = "x" }\nwhere = { "arguments.a" = 1 }',
            "allow",
        ),
        (
            ALL + '[[rule]]\nname = "no"\nverdict = "block"\non = { name = "x" }\nwho = { group = "dev" }',
            "allow",
        ),
        # Somebody else's.
        (ALL + '[[rule]]\nname = "no"\nverdict = "block"\nwho = { token = "x", group = "dev" }', "allow"),
        # A hold stays one, whatever else allows.
        (ALL + READS + 'where = { "arguments.a" = 1 }\n[[rule]]\nname = "w"\nverdict = "hold"', "hold"),
    ],
)
def test_what_is_not_on_record_may_not_matter(tmp_path: Path, rules: str, verdict: str) -> None:
    """Where the verdict is the same whatever it was, it is known."""
    assert now(tmp_path, rules).verdict == verdict


@pytest.mark.parametrize(
    ("one", "verdict"),
    [
        (evolve(CALL, method="ping", name=None), "allow"),
        (evolve(CALL, method="tools/list", name=None), "allow"),
        (evolve(CALL, method="notifications/initialized", name=None), "allow"),
        (evolve(CALL, method="resources/read", name="note://x"), "allow"),
        (evolve(CALL, method="resources/read", name="note://x/../y"), "block"),
        (evolve(CALL, method="resources/subscribe", name="note://x"), "allow"),
        (evolve(CALL, method="completion/complete", name="note://x"), "allow"),
        (evolve(CALL, method="subscriptions/listen", name="note://x note://y"), "allow"),
        (evolve(CALL, method="strange/method", name=None), "block"),
        (evolve(CALL, route="gone"), "block"),
        (evolve(CALL, route=None), "block"),
    ],
)
def test_every_kind_of_message_is_judged(tmp_path: Path, one: Recorded, verdict: str) -> None:
    """As it was recorded, so far as that says what it was."""
    assert judged_again(subject(tmp_path, ALL, ("files",)), one).verdict == verdict


def test_masks_that_are_sure_are_told(tmp_path: Path) -> None:
    """Not those that depend on the arguments."""
    rules = ALL + '[[rule]]\nname = "m"\nmask = ["email"]\nblock = ["private-key"]\n'
    assert now(tmp_path, rules).masks == ("email", "private-key")
    unsure = ALL + '[[rule]]\nname = "m"\nmask = ["email"]\nwhere = { "arguments.a" = 1 }\n'
    assert now(tmp_path, unsure).masks == ()


def test_masks_that_are_gone_are_told(tmp_path: Path) -> None:
    """Of what something was masked: only if no rule could mask it now."""
    one = evolve(CALL, masked=frozenset({"email", "card"}))
    mask = '[[rule]]\nname = "m"\nmask = ["email"]\n'
    assert now(tmp_path, ALL + mask, one).unmasked == ("card",)
    assert now(tmp_path, ALL + mask + 'on = { name = "other" }', one).unmasked == ("card", "email")
    for unsure in ('where = { "arguments.a" = 1 }', 'who = { group = "dev" }'):
        assert now(tmp_path, ALL + mask + unsure, one).unmasked == ("card",)
    assert now(tmp_path, "", one).unmasked == ()
    tally = replay(subject(tmp_path, ALL + mask), [one, CALL])
    assert [(kind.unmasked, count.count) for kind, count in tally.unmasked()] == [(("card",), 1)]


def test_records_are_counted_by_what_they_have_in_common(tmp_path: Path) -> None:
    """What changes and how often, when for the first and the last time, with an exchange to look at."""
    rules = READS + 'where = { "arguments.path" = "/srv/*" }\n[[rule]]\nname = "m"\nmask = ["email"]\n'
    messages = [
        CALL,
        evolve(CALL, id="x2", name="write_file", time="2026-11-26T00:00:02.000000Z"),
        evolve(CALL, id="x3", name="write_file", time="2026-11-26T00:00:01.000000Z"),
        evolve(CALL, id="x4", name="write_file", verdict="block"),
        evolve(CALL, id="x5", method="tools/list", name=None),
        evolve(CALL, id="x6", method="tools/list", name=None, verdict="block"),
    ]
    tally = replay(subject(tmp_path, rules), messages)
    assert tally.messages == 6
    changes = dict(newly(tally))
    ((kind, count),) = changes["block"]
    assert (kind.name, kind.was, count.count) == ("write_file", "allow", 2)
    assert (count.first[17:19], count.last[17:19], count.example) == ("01", "02", "x2")
    assert [(kind.method, count.example) for kind, count in changes["allow"]] == [("tools/list", "x6")]
    assert changes["hold"] == []
    assert [kind.unknown for kind, _ in tally.undecidable()] == [("arguments",)]
    assert {kind.method for kind, _ in tally.masked()} == {"tools/list", "tools/call"}


NO_CANCEL = '[[rule]]\nname = "no"\nverdict = "block"\non = { method = "tasks/cancel" }\n'


@pytest.mark.parametrize(
    ("method", "name", "rules", "said"),
    [
        ("tasks/get", "read_file", READS, ("allow", "reads")),
        ("tasks/result", "read_file", "", ("block", None)),
        ("tasks/get", None, READS, ("block", None)),
        ("tasks/cancel", "read_file", READS + NO_CANCEL, ("block", "no")),
        ("tasks/get", "read_file", READS + NO_CANCEL, ("allow", "reads")),
        ("tasks/list", None, READS, ("allow", None)),
        ("tasks/list", None, "", ("block", None)),
        ("subscriptions/listen", "read_file read_more", READS, ("allow", "reads")),
        ("subscriptions/listen", "read_file rm", READS, ("block", None)),
        ("notifications/tasks/status", None, READS, (None, None)),
    ],
)
def test_tasks_follow_the_tools_that_are_on_record(
    tmp_path: Path, method: str, name: str | None, rules: str, said: tuple[str | None, str | None]
) -> None:
    """As at a gate: nothing of them is newly blocked by the rules that let them pass."""
    found = now(tmp_path, rules, evolve(CALL, method=method, name=name))
    assert (found.verdict, found.rule) == said
