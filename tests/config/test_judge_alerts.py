"""What must hold between the keys of an C{[[alert]]}."""

import pytest

from tests.config.test_judge import judged

HOOK = {"name": "ops", "webhook": "https://hooks.test/x"}
LOG = {"name": "siem", "syslog": "local"}


@pytest.mark.parametrize(
    ("alerts", "paths"),
    [
        ([HOOK, LOG], []),
        ([{**HOOK, "secret": "env:S", "secret_as": "signature", "pins": ["sha256/" + "A" * 43 + "="]}], []),
        ([{**LOG, "syslog": "logs.test:514"}], []),
        ([HOOK, HOOK], ["alert[1].name"]),
        ([{"name": "ops"}], ["alert[0]"]),
        ([{**HOOK, "syslog": "local"}], ["alert[0]"]),
        ([{**HOOK, "webhook": "file:hook"}], []),
        ([{**LOG, "secret": "env:S"}], ["alert[0].secret"]),
        ([{**LOG, "secret_as": "bearer"}], ["alert[0].secret_as"]),
        ([{**LOG, "secret": "env:S", "secret_as": "bearer"}], ["alert[0].secret", "alert[0].secret_as"]),
        ([{**LOG, "trust": "ca.pem", "require_pq": True}], ["alert[0].trust", "alert[0].require_pq"]),
        ([{**HOOK, "secret_as": "signature"}], ["alert[0].secret_as"]),
        ([{**HOOK, "client_key": "k.pem"}], ["alert[0].client_key"]),
        ([{**HOOK, "on": "pin", "expiry": "2d"}], ["alert[0].expiry"]),
        ([{**HOOK, "on": ["pin", "certificate"], "expiry": "2d"}], []),
    ],
)
def test_a_problem_is_told_at_the_key_that_somebody_would_change(
    alerts: list[dict[str, object]], paths: list[str]
) -> None:
    """One way to tell somebody, and nothing that would have no effect."""
    assert sorted(judged(alert=alerts)) == sorted(paths)
