"""What tests of running gates share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.running import Loop, World

#: Tests with real peers that are about what is said and not about when: they may share the cores with others.
SHARING = {
    "test_a_browser_walks_the_dashboard",
    "test_a_caller_without_a_good_token_is_told_how_to_get_in",
    "test_a_challenge_leads_a_client_to_its_token",
    "test_a_foreign_application_has_all_three_doors",
    "test_a_house_that_speaks_only_saml_gets_in",
    "test_a_page_is_served_only_if_its_origin_is_known",
    "test_a_report_answers_from_what_a_gate_has_recorded",
    "test_a_session_outlives_the_gate_and_serves_nobody_else",
    "test_a_task_is_its_callers_alone_and_follows_its_tool",
    "test_a_tool_that_changes_is_caught_until_it_is_accepted",
    "test_an_answer_cut_at_any_byte_is_seen_to_be_cut",
    "test_an_upstream_is_shown_a_token_for_each_caller",
    "test_demo_tells_the_whole_story",
    "test_every_client_works_with_every_upstream",
    "test_every_hostile_request_is_refused_over_tls",
    "test_every_hostile_token_is_refused_by_a_running_gate",
    "test_fastmcp_client_lists_calls_reads_and_streams",
    "test_included_policies_come_into_force_with_the_rest",
    "test_no_planted_secret_is_in_the_evidence",
    "test_no_secret_is_seen_anywhere",
    "test_official_clients_get_their_tokens_by_themselves",
    "test_official_python_client_lists_calls_reads_and_streams",
    "test_old_sse_clients_work_through_the_gate",
    "test_real_servers_behind_ready_policies_give_no_secrets",
    "test_recorded_bodies_are_for_the_auditor_alone",
    "test_scanners_find_exactly_the_profile",
    "test_status_and_tokens_reach_a_running_gate",
    "test_ten_bad_configurations_each_give_one_clear_line",
    "test_the_dashboard_lets_in_whom_it_knows",
    "test_tokens_of_well_known_issuers_let_their_callers_in",
    "test_two_gates_with_different_profiles_live_in_one_tac",
    "test_typescript_sdk_v1_lists_calls_reads_and_streams",
    "test_typescript_sdk_v2_lists_calls_reads_and_streams",
    "test_what_a_caller_proves_itself_with_stays_at_the_gate",
    "test_what_an_upstream_says_to_the_gate_stays_there",
    "test_what_cannot_start_says_why_in_one_line",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """How C{make test} parts the tests; without it, all are run."""
    parser.addoption(
        "--cores", choices=("shared", "alone"), help="only tests that may share the cores, or only the others"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave those to the other run that are its."""
    cores = config.getoption("--cores")
    if cores is None or not collection_path.name.startswith("test_"):
        return None
    alone = "e2e" in collection_path.parts and collection_path.stem not in SHARING
    return True if alone != (cores == "alone") else None


#: From here on a parameter is told by its name: keys and certificates that were made just now are others in
#: each process, and several of them can share tests only if they call them the same.
LONG = 100


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """The name of a text that is long; pytest numbers those of one name. Newer ones do that by themselves."""
    return argname if isinstance(val, str | bytes) and len(val) > LONG else None


# No test is about how long it takes: on a busy machine any of them may take a second.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    """A reactor in a thread, for the whole run."""
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture
def world(loop: Loop, tmp_path: Path) -> Iterator[World]:
    """A gate that is not started yet, with all it needs around it."""
    world = World(loop, tmp_path)
    yield world
    world.stop()
