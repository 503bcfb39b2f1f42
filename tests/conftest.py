"""What tests of running gates share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.running import Loop, World

#: Tests with real peers that are about what is said and not about when: they may share the cores with others.
SHARING = {
    "test_a_foreign_application_has_all_three_doors",
    "test_demo_tells_the_whole_story",
    "test_every_client_works_with_every_upstream",
    "test_fastmcp_client_lists_calls_reads_and_streams",
    "test_official_python_client_lists_calls_reads_and_streams",
    "test_old_sse_clients_work_through_the_gate",
    "test_real_servers_behind_ready_policies_give_no_secrets",
    "test_ten_bad_configurations_each_give_one_clear_line",
    "test_tokens_of_well_known_issuers_let_their_callers_in",
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
