"""TLS at the dashboard: what listeners demand, and Twisted's HTTP behind it."""

from __future__ import annotations

import socket
import ssl

import pytest
from twisted.logger import capturedLogs

from mcpgate.admin.listening import Told
from mcpgate.reasons import Reason, Refusal
from tests.admin.house import House
from tests.waiting import PATIENCE, eventually


def test_handshakes_are_told_in_the_log(house: House) -> None:
    """With what was negotiated; refused ones with why."""
    house.start()
    with capturedLogs() as logged:
        house.browser().ask("/healthz")
        old = ssl.create_default_context(cafile=str(house.authority))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with socket.create_connection(("127.0.0.1", house.port), PATIENCE) as raw:
            with pytest.raises(ssl.SSLError):
                old.wrap_socket(raw, server_hostname="localhost")
        eventually(lambda: any("refusal" in event for event in logged), "it is told")
    (good,) = [event for event in logged if event.get("version")]
    assert (good["version"], good["who"], good["where"]) == ("TLSv1.3", "no certificate", "admin")
    assert any("tls.version" in str(event.get("refusal")) for event in logged)


def test_a_flood_of_refused_ones_is_counted(house: House) -> None:
    """Nobody fills the disk by them."""
    told = Told()
    for number in range(50):
        told.floods.whole("admin", Reason.TLS_CLOSED, f"10.0.0.{number}:1", 100.0)
    with capturedLogs() as logged:
        told.tell_floods(110.0)
    (one,) = logged
    assert one["count"] == 40 and one["where"] == "admin"
    with capturedLogs() as logged:
        told.handshake(
            leg="inbound", where="admin", peer="a:1", local="b:1", refusal=Refusal(Reason.TLS_CLOSED, "x")
        )
    assert len(logged) == 1


def test_a_name_that_is_not_ours_is_shown_the_usual_certificate_and_no_page(house: House) -> None:
    """The server name and the Host have to agree, as at every listener."""
    browser = house.start().browser()
    assert browser.ask("/login", Host="dashboard.test").status == 421
    other = house.browser(name="dashboard.test")
    assert other.ask("/login").status == 200


def test_a_large_answer_arrives_whole_at_a_slow_reader(house: House) -> None:
    """The transport holds back whoever writes, and forgets nothing."""
    house.start()
    big = "x" * 3_000_000

    def show(request: object) -> str:
        return big

    house.loop.call(lambda: house.admin.dashboard.app.route("/big")(show))
    connection, answer = house.browser().open("/big")
    parts = []
    while part := answer.read(100_000):
        parts.append(part)
    assert b"".join(parts).decode() == big
    connection.close()


def test_a_connection_is_used_again_and_forgotten_at_its_end(house: House) -> None:
    """As browsers and Prometheus do it."""
    house.start()
    connection, answer = house.browser().open("/healthz")
    answer.read()
    for _ in range(3):
        connection.request("GET", "/healthz", headers={"Host": f"localhost:{house.port}"})
        assert connection.getresponse().read() == b"ok\n"
    assert len(house.admin._listening.connections) == 1
    connection.close()
    eventually(lambda: not house.admin._listening.connections, "it is forgotten")
