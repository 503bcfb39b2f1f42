"""Tests mirror the sources: what C{mcpgate/tls/pins.py} promises is shown in C{tests/tls/test_pins.py}.

So whoever changes a file knows where to look, and a file that nobody tests is seen. The exceptions
are listed below, each with the place where the file is shown to work instead. The list may only
shrink: a new file brings its tests with it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Where a source file without a test file of its own is tested.
ELSEWHERE = {
    # Values, without anything that they do.
    **{
        f"reference/record/{name}.py": "reference/record/test_page.py"
        for name in ("bookkeeping", "events", "exchanges", "field", "generations", "handshakes")
    },
    "evidence/terms.py": "evidence/test_opening.py",
    "relay/hearing.py": "relay/test_reply.py",
    "relay/judging.py": "relay/test_answering.py",
    "policy/asked.py": "relay/test_reply.py",
    "holds/held.py": "holds/test_docket.py",
    "evidence/position.py": "evidence/test_reading.py",
    "index/answers.py": "index/test_queries.py",
    # From which every statement is made, and every answer.
    "index/schema.py": "index/test_filling.py",
    "index/store.py": "index/test_filling.py",
    "index/told.py": "index/test_queries.py",
    "report/clause.py": "report/test_profiles.py",
    "report/frameworks.py": "report/test_profiles.py",
    "report/verified.py": "report/test_report.py",
    # What the verbs about a span have in common.
    "cli/evidence_span.py": "cli/test_evidence_report.py",
    "identity/principal.py": "identity/test_peer.py",
    "identity/accepts.py": "relay/test_admission.py",
    # Every attack on assertions is one on their signatures.
    "identity/saml/signature.py": "identity/saml/test_assertion.py",
    "identity/saml/terms.py": "relay/test_granting.py",
    "identity/terms.py": "identity/test_claims.py",
    "alerts/sender.py": "alerts/test_telling.py",
    "provider/exchange.py": "provider/test_client.py",
    "provider/reply.py": "provider/test_client.py",
    "tls/handshake.py": "tls/test_observe.py",
    "upstream/terms.py": "test_generation.py",
    # What every exchange goes through that has to be given something to show.
    "credentials/showing.py": "credentials/test_over_the_wire.py",
    # What is loaded with a generation.
    "credentials/loading.py": "test_generation.py",
    # The tables of the file, each key of which is read there.
    "config/tables/admin.py": "config/test_schema.py",
    "config/tables/alert.py": "config/test_schema.py",
    "config/tables/evidence.py": "config/test_schema.py",
    "config/tables/credential.py": "config/test_schema.py",
    "config/tables/gate.py": "config/test_schema.py",
    "config/tables/issuer.py": "config/test_schema.py",
    "config/tables/listener.py": "config/test_schema.py",
    "config/tables/option.py": "config/test_schema.py",
    "config/tables/peer.py": "config/test_schema.py",
    "config/tables/policy.py": "config/test_schema.py",
    "config/tables/route.py": "config/test_schema.py",
    "config/tables/rule.py": "config/test_schema.py",
    "config/tables/saml.py": "config/test_schema.py",
    "config/tables/upstream.py": "config/test_schema.py",
    "config/tables/vault.py": "config/test_schema.py",
    # What a journal is written by, and what a witness waits for.
    "evidence/linefile.py": "evidence/test_journal.py",
    "evidence/commits.py": "evidence/test_witness.py",
    "evidence/outage.py": "evidence/test_witness.py",
    # What is sent by it.
    "relay/errand.py": "relay/test_farewell.py",
    # What pages are given, and give; and what is said instead.
    "admin/page.py": "admin/test_site.py",
    "admin/refusal.py": "admin/test_site.py",
    # What every gate in the tests goes through.
    "relay/bound.py": "test_gate.py",
    "relay/force.py": "test_gate.py",
    # What an application's requests go through.
    "bodies.py": "test_web.py",
    "relay/embedded.py": "test_web.py",
    # What all listeners have in common.
    "relay/entry.py": "relay/test_listener.py",
    # What verification is made of, shown by whatever may be done to a journal.
    "evidence/absent.py": "evidence/test_verify.py",
    "evidence/findings.py": "evidence/test_verify.py",
    "evidence/held.py": "evidence/test_verify.py",
    "evidence/history.py": "evidence/test_verify.py",
    "evidence/places.py": "evidence/test_verify.py",
    "evidence/lineplace.py": "evidence/test_verify.py",
    "evidence/signed.py": "evidence/test_verify.py",
    "evidence/runs.py": "evidence/test_verify.py",
    "evidence/sequence.py": "evidence/test_verify.py",
    "evidence/strays.py": "evidence/test_verify.py",
    "evidence/tails.py": "evidence/test_verify.py",
    "evidence/walk.py": "evidence/test_verify.py",
    "evidence/wording.py": "evidence/test_verify.py",
    # Names for numbers, shown on real hellos and handshakes.
    "tls/codepoints.py": "tls/test_hello.py",
    # What two ends in memory do; the tests of refusals are made of it.
    "tls/rehearsal.py": "tls/test_inbound_refusals.py",
    # The command line, run as people run it.
    "__main__.py": "cli/test_check.py",
    "_version.py": "test_packaging.py",
    "cli/evidence_which.py": "cli/test_evidence_show.py",
    "cli/journals.py": "cli/test_policy_replay.py",
    "cli/judged.py": "cli/test_check.py",
    "cli/online.py": "cli/test_check_online.py",
    "cli/rules.py": "cli/test_policy_test.py",
    "cli/run.py": "cli/test_process.py",
    "cli/state.py": "cli/test_token.py",
    "cli/tap.py": "test_packaging.py",
    "cli/telling.py": "cli/test_worker.py",
    # The demonstration, which checks itself and is checked again by what it prints and leaves.
    "cli/demo.py": "e2e/test_demo_tells_the_whole_story.py",
    "demo/caller.py": "e2e/test_demo_tells_the_whole_story.py",
    "demo/children.py": "e2e/test_demo_tells_the_whole_story.py",
    "demo/direct.py": "e2e/test_demo_tells_the_whole_story.py",
    "demo/issuer.py": "e2e/test_demo_tells_the_whole_story.py",
    "demo/scene.py": "e2e/test_demo_tells_the_whole_story.py",
    "demo/server.py": "e2e/test_demo_tells_the_whole_story.py",
    "demo/story.py": "e2e/test_demo_tells_the_whole_story.py",
    "demo/visit.py": "e2e/test_demo_tells_the_whole_story.py",
}


def own_test_of(source: str) -> str:
    """Where the tests of a source file belong, both as paths within their trees."""
    path = Path(source)
    return path.with_name(f"test_{path.name}").as_posix()

# A room's __init__ is a sentence; the package's own is shown in test_public.py.
SOURCES = sorted(
    path.relative_to(ROOT / "mcpgate").as_posix()
    for path in (ROOT / "mcpgate").rglob("*.py")
    if path.name != "__init__.py"
)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_file_has_its_tests(source: str) -> None:
    """A file of its own where everybody expects it, or a place that is named above."""
    tested = (ROOT / "tests" / own_test_of(source)).is_file()
    assert tested or source in ELSEWHERE, f"mcpgate/{source} has no tests/{own_test_of(source)}"


@pytest.mark.parametrize(("source", "place"), ELSEWHERE.items())
def test_every_exception_is_one(source: str, place: str) -> None:
    """It names files that exist, and goes as soon as there is a test file."""
    assert source in SOURCES, f"mcpgate/{source} is gone: so is its exception"
    assert (ROOT / "tests" / place).is_file()
    assert not (ROOT / "tests" / own_test_of(source)).is_file(), f"{source} needs no exception any more"
