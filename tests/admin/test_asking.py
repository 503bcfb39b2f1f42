"""Who asks: by a cookie, by a certificate, by the socket that they could open."""

from __future__ import annotations

import getpass
import http.client
import os
import socket
import time
from datetime import UTC, datetime

import pytest

from mcpgate.ops.control import private_socket
from mcpgate.tls.localca import LocalCA, certificate_pem
from tests.admin.house import House, line
from tests.admin.pages.staged import held
from tests.waiting import PATIENCE, eventually

LISTS = """client_ca = "{at}/ca.pem"
viewers = ["*.staff.example.com"]
approvers = ["oncall.staff.example.com", "spiffe://example.org/oncall"]
"""


def lists(house: House) -> str:
    """A configuration with client certificates."""
    return house.config(LISTS.format(at=house.directory))


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("a.staff.example.com", "viewer"),
        ("ONCALL.staff.example.com", "approver"),
        ("spiffe://example.org/oncall", "approver"),
    ],
)
def test_a_certificate_logs_its_holder_in(house: House, name: str, role: str) -> None:
    """With each request; no cookie is given, and none is needed."""
    browser = house.start(lists(house)).browser(client=house.client(name))
    page = browser.ask("/held")
    assert page.status == 200
    assert f"{name.lower()} (certificate)" in page.body and role in page.body
    assert not browser.cookies


def test_a_certificate_that_is_on_no_list_shows_nothing(house: House) -> None:
    """Verified as it is."""
    browser = house.start(lists(house)).browser(client=house.client("a.other.example.com"))
    assert browser.ask("/").status == 303


def test_a_form_of_a_certificates_holder_has_to_be_ours_too(house: House) -> None:
    """Browsers show certificates by themselves."""
    house.start(lists(house))
    browser = house.browser(client=house.client("oncall.staff.example.com"))
    house.answers["held"] = {"held": [held()]}
    csrf = browser.ask(f"/held/{held()['id']}/decide?word=approve").csrf
    house.answers["approve"] = {"decided": "approved"}
    assert browser.send("/held/h1/decide", word="approve").status == 403
    assert browser.send("/held/h1/decide", word="approve", csrf=csrf).status == 303
    other = house.browser(client=house.client("spiffe://example.org/oncall"))
    assert other.send("/held/h1/decide", word="approve", csrf=csrf).status == 403


def test_a_ca_that_is_trusted_no_more_ends_its_holders_connections(house: House) -> None:
    """Without a restart: the file is looked at again and again."""
    house.start(lists(house))
    browser = house.browser(client=house.client("a.staff.example.com"))
    house.write(line("open"))
    connection, answer = browser.open("/live")
    assert answer.status == 200
    another = LocalCA.create("another", datetime.now(UTC))
    (house.directory / "ca.pem").write_bytes(certificate_pem(another.certificate))
    house.loop.call(house.admin.look)
    assert eventually(lambda: _is_over(answer), "the stream ends")
    connection.close()


def _is_over(answer: http.client.HTTPResponse) -> bool:
    try:
        return answer.read1(65536) == b""
    except (OSError, http.client.HTTPException):
        return True


def test_a_certificate_that_ends_meanwhile_is_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection outlives it; what is asked on it then is asked by nobody."""
    house.start(lists(house))
    browser = house.browser(client=house.client("oncall.staff.example.com"))
    house.write(line("open"))
    connection, answer = browser.open("/live")
    assert answer.status == 200
    monkeypatch.setattr(house.admin.dashboard, "wall", lambda: time.time() + 10 * 365 * 86400)
    assert eventually(lambda: _is_over(answer), "the stream ends")
    assert browser.ask("/held").status == 303
    connection.close()


def test_certificates_count_no_more_on_connections_from_before(house: House) -> None:
    """When the house goes on by a provider alone, with the same lists."""
    house.start(lists(house))
    browser = house.browser(client=house.client("oncall.staff.example.com"))
    house.write(line("open"))
    connection, answer = browser.open("/live")
    assert answer.status == 200
    listed = "".join(LISTS.splitlines(keepends=True)[1:])
    provider = 'public_url = "https://localhost"\nissuer = "staff"\nclient_id = "dashboard"\n'
    issuer = '[[issuer]]\nname = "staff"\nissuer = "https://idp.example.com"\n'
    house.adopt(house.config(listed + provider, issuer), house._listening[0])
    assert eventually(lambda: _is_over(answer), "the stream ends")
    connection.close()


def test_whoever_may_open_the_socket_decides(house: House) -> None:
    """By the kernel's word for who it is; no link is needed, and there is none."""
    path = house.directory / "admin.sock"
    sock, _ = private_socket(path, "taken")
    house.loop.call(house._start)
    house.adopt(house.config(listen=f"unix:{path}"), sock, f"unix:{path}")
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(PATIENCE)
    connection.sock.connect(str(path))
    connection.request("GET", "/held")
    answer = connection.getresponse()
    body = answer.read().decode()
    assert answer.status == 200
    assert f"uid {os.getuid()}) (socket)" in body and getpass.getuser() in body
    connection.request("GET", "/", headers={"Host": "evil.test"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (421, b"This is not the dashboard of that host.\n")
    connection.close()
    sock.close()
