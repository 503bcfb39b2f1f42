"""What must hold between the keys of C{[evidence]}."""

from pathlib import Path

import pytest

from mcpgate.config.draft import Draft, Place, Sheet
from mcpgate.config.judge_evidence import judge_evidence
from mcpgate.config.tables.evidence import EvidenceTable


def judged(**keys: object) -> list[str]:
    """The paths of the problems of a table with these keys."""
    sheet = Sheet(Path("/etc/mcpgate"), {})
    draft = Draft(sheet, Place(("evidence",), "evidence", "evidence"), EvidenceTable).read(keys)
    assert sheet.problems == [], "this is about keys that are right by themselves"
    judge_evidence({"evidence": [draft]})
    return [problem.path for problem in sheet.problems]


@pytest.mark.parametrize(
    ("keys", "paths"),
    [
        ({}, []),
        ({"copies": ["syslog", "syslog:loghost:514", "syslog:[2001:db8::1]:514", "/mnt/witness"]}, []),
        ({"copies": "syslog"}, []),
        ({"copies": ["syslog", "witness", "syslog:loghost:x"]}, ["evidence.copies[1]", "evidence.copies[2]"]),
        ({"copies": ["/mnt/a", "/mnt/a"]}, ["evidence.copies[1]"]),
        ({"copies": ["/srv/c"], "checkpoints": "/srv/c"}, ["evidence.copies[0]"]),
        ({"keep_size": "1GiB"}, []),
        ({"keep_size": "1MiB", "segment_size": "64KiB"}, []),
        ({"keep_size": "1MiB"}, ["evidence.keep_size"]),
        ({"keep": "1h"}, ["evidence.keep"]),
        ({"keep": "1h", "segment_age": "10m"}, []),
    ],
)
def test_each_is_reported_at_the_key_that_somebody_would_change(
    keys: dict[str, object], paths: list[str]
) -> None:
    assert judged(**keys) == paths


def test_without_the_table_there_is_nothing_to_judge() -> None:
    judge_evidence({"evidence": []})
