"""Which of Twisted's own words reach the log of C{mcpgate run}."""

import pytest
from twisted.logger import LogLevel, PredicateResult

from mcpgate.cli.quiet import worth_saying


@pytest.mark.parametrize(
    ("namespace", "level", "kept"),
    [
        ("mcpgate.gate.Gate", LogLevel.info, True),
        ("twisted.application.runner._runner.Runner", LogLevel.info, False),
        ("log_legacy", LogLevel.info, False),
        ("log_legacy", None, False),
        ("log_legacy", LogLevel.critical, True),
        ("twisted.internet.base", LogLevel.warn, True),
        ("somebody.elses", LogLevel.info, True),
    ],
)
def test_what_is_neither_ours_nor_a_warning_is_dropped(namespace: str, level: object, kept: bool) -> None:
    """Faults are never dropped, whoever tells them."""
    result = worth_saying({"log_namespace": namespace, "log_level": level})
    assert (result is not PredicateResult.no) is kept
