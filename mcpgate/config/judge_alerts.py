"""What must hold between the keys of an C{[[alert]]} (pure): one way to tell somebody, and no key in vain."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import fields_dict

from mcpgate.config.draft import Draft
from mcpgate.config.tables.peer import PeerTable

#: About who is posted to, and how.
_WEBHOOK = ("secret", "secret_as", *(key for key in fields_dict(PeerTable) if key != "name"))


def judge_alerts(alerts: Iterable[Draft]) -> None:
    """Each of them."""
    for alert in alerts:
        _tells_somebody(alert)
        if alert.get("secret") is None and "secret_as" in alert.values and alert.sound("secret"):
            alert.report("secret_as", "has no effect without secret")
        occasions = alert.get("on")
        if "expiry" in alert.values and isinstance(occasions, tuple) and "certificate" not in occasions:
            alert.report("expiry", 'has no effect where on does not name "certificate"')


def _tells_somebody(alert: Draft) -> None:
    if not alert.sound("webhook", "syslog"):
        return
    webhook, syslog = alert.get("webhook"), alert.get("syslog")
    if (webhook is None) is (syslog is None):
        what = "needs one of: webhook, syslog; for both, add another [[alert]]"
        return alert.sheet.report(alert.place, what)
    if webhook is None:
        for key in _WEBHOOK:
            # Without a secret to be used, how it would be is told apart.
            if key in alert.values and (key != "secret_as" or "secret" in alert.values):
                alert.report(key, "has no effect without webhook")
