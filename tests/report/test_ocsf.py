"""Events of OCSF: what the classes require is there."""

from __future__ import annotations

import json
from typing import Any

from mcpgate.reasons import Reason
from mcpgate.report.lines import Shake, read_line
from mcpgate.report.ocsf import api_activity, network_activity
from tests.report.test_joined import joined
from tests.report.written import OFFER, OUTBOUND, QUIET, closed, opened, shake

#: Of the classes in OCSF 1.3.0, base attributes among them.
REQUIRED = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}


def network(line: bytes) -> dict[str, Any]:
    """The event of a handshake."""
    read = read_line(line)
    assert isinstance(read, Shake)
    return network_activity(read)


def test_an_exchange_is_api_activity() -> None:
    """With actor, API and where it came from; its type follows from class and activity."""
    (found,) = joined(*QUIET)
    event = api_activity(found)
    assert {*REQUIRED, "actor", "api", "src_endpoint"} <= event.keys()
    assert (event["class_uid"], event["category_uid"], event["type_uid"]) == (6003, 6, 600399)
    assert event["actor"]["user"]["name"] == "ci"
    assert event["api"]["operation"] == "tools/call read_file"
    assert event["src_endpoint"] == {"ip": "192.0.2.7", "port": 40000}
    assert event["status_id"] == 1 and event["duration"] == 250
    assert event["time"] == 1794268920000
    json.dumps(event)


def test_a_refusal_is_a_failure() -> None:
    """With its reason."""
    (found,) = joined(
        *QUIET[:4], opened("x", method="tools/list"), closed("x", refused=Reason.POLICY_BLOCKED)
    )
    event = api_activity(found)
    assert (event["status_id"], event["status_code"], event["activity_id"]) == (2, "policy.blocked", 2)


def test_a_handshake_is_network_activity_with_its_tls() -> None:
    """Which way it went, and with which certificate."""
    inbound, outbound = (
        network(shake("h", offer=OFFER)),
        network(shake("h", leg="outbound", where="files", peer="[2001:db8::9]:443", handshake=OUTBOUND)),
    )
    for event in (inbound, outbound):
        assert {*REQUIRED, "dst_endpoint", "tls"} <= event.keys()
        assert (event["class_uid"], event["type_uid"]) == (4001, 400101)
    assert inbound["connection_info"]["direction_id"] == 1
    assert outbound["dst_endpoint"] == {"ip": "2001:db8::9", "port": 443, "name": "files"}
    assert outbound["tls"]["certificate"]["fingerprints"][0]["value"] == "cd" * 32
    assert inbound["unmapped"]["offered_versions"] == ["TLSv1.3", "TLSv1.2"]


def test_a_refused_handshake_says_why() -> None:
    """Without TLS, as there was none."""
    event = network(shake("h", peer="unix", refused=Reason.TLS_VERSION))
    assert (event["activity_id"], event["status_code"]) == (5, "tls.version")
    assert "tls" not in event and event["src_endpoint"] == {"name": "unix"}
