"""The service as the gate's process tells it what to do."""

from __future__ import annotations

import socket
from datetime import UTC, datetime

import pytest
from twisted.logger import capturedLogs

from mcpgate.admin.roles import Person, Role
from mcpgate.tls.localca import write_pair
from mcpgate.workers.channel import ChannelError
from tests.admin.house import House
from tests.waiting import eventually


@pytest.mark.parametrize(
    ("admin", "url"),
    [
        ("", "https://localhost:{port}"),
        ('public_url = "https://dashboard.test"', "https://dashboard.test"),
        ('public_url = "https://dashboard.test:444"', "https://dashboard.test:444"),
    ],
)
def test_a_link_leads_to_where_browsers_find_it(house: House, admin: str, url: str) -> None:
    """By the public URL, or else by a name of the certificate."""
    house.start(house.config(admin))
    link = house.tell("link", role="viewer", by="somebody")
    assert link["url"].startswith(url.format(port=house.port) + "/login/link/") and link["role"] == "viewer"


def test_a_link_for_a_certificate_of_another_name(house: House) -> None:
    """The first that is a host's, and no pattern."""
    for name in ("gate.crt", "gate.key"):
        (house.directory / "tls" / name).unlink()
    pair = house.ca.server(["*.house.test", "page.house.test"], datetime.now(UTC))
    write_pair(pair, house.directory / "tls" / "gate.crt", house.directory / "tls" / "gate.key")
    house.start()
    assert house.tell("link", role="viewer", by="x")["url"].startswith(f"https://page.house.test:{house.port}/")


def test_a_configuration_of_another_version_is_not_served(house: House) -> None:
    """A gate that was updated while it runs starts processes of the new version."""
    house.loop.call(house._start)
    with pytest.raises(ChannelError, match="is mcpgate .*, and not 0.0: restart the gate"):
        house.adopt(house.config(), house.bind(), version="0.0")
    assert house.ended == 0


def test_a_bad_configuration_changes_nothing(house: House) -> None:
    """Whoever is logged in goes on."""
    browser = house.start().logged_in()
    with pytest.raises(ChannelError, match="certificates"):
        house.adopt(house.config().replace("/tls", "/nothing"), None)
    with pytest.raises(ChannelError, match="TOML"):
        house.adopt("[gate", None)
    assert browser.ask("/held").status == 200


def test_the_same_address_is_served_on(house: House) -> None:
    """The socket that comes with it is one too many, and is closed."""
    browser = house.start().logged_in()
    listening = house.admin._listening
    with socket.create_server(("127.0.0.1", 0)) as other:
        house.adopt(house.config('session = "1h"'), other)
    assert house.admin._listening is listening
    assert browser.ask("/held").status == 200
    assert "Max-Age=3600" in house.browser().send("/login", link=house.link()).headers["set-cookie"]


def test_another_address_is_served_instead(house: House) -> None:
    """Logins are the process's, and go on."""
    browser = house.start().logged_in()
    sock = house.bind()
    house.adopt(house.config(), sock)
    moved = house.browser()
    moved.cookies = browser.cookies
    assert moved.ask("/held").status == 200


def test_without_an_address_it_serves_nobody(house: House) -> None:
    """It is there for alerts alone."""
    house.loop.call(house._start)
    text = house.config(more='[[alert]]\nname = "log"\nsyslog = "local"\n')
    text = text.replace('listen = "tcp:0:interface=127.0.0.1"\n', "", 1)
    text = text.replace(f'certificates = "{house.directory}/tls"\n', "", 1)
    house.adopt(text, None, "")
    assert house.admin._listening is None and house.admin._readers is not None


def test_a_changed_file_is_taken_up_and_a_broken_one_is_told_once(house: House) -> None:
    """The old one is served meanwhile."""
    house.start()
    (house.directory / "tls" / "gate.crt").write_text("broken", encoding="ascii")
    with capturedLogs() as logged:
        for _ in range(3):
            house.loop.call(house.admin.look)
    told = [event for event in logged if "not taken up" in str(event.get("sentence"))]
    assert len(told) == 1
    assert house.browser().ask("/healthz").status == 200


def test_a_new_list_counts_for_whoever_the_provider_has_vouched(house: House) -> None:
    """They log in again, by the new one."""
    at = house.directory
    issuer = '[[issuer]]\nname = "okta"\nissuer = "https://acme.okta.com/oauth2/default"\n'
    issuer += f'trust = "{at}/ca.pem"\n'
    oidc = 'public_url = "https://localhost"\nissuer = "okta"\nclient_id = "d"\nviewers = "{}"\n'
    house.start(house.config(oidc.format("staff"), issuer))
    logins = house.admin.dashboard.logins
    secret = house.loop.call(logins.begin, Person("a", "oidc", Role.VIEWER), 0.0, 1e9)
    house.adopt(house.config(oidc.format("staff"), issuer), None, f"127.0.0.1:{house.port}")
    house.adopt(house.config(oidc.format("others"), issuer), house.bind())
    assert logins.find(secret, 1.0) is None


def test_it_ends_once(house: House) -> None:
    """Whoever tells it so, and how often."""
    house.start()
    for _ in range(2):
        house.loop.call(house.admin.leave)
    eventually(lambda: house.ended == 1, "it has ended")
    # As the gate's process does with its own.
    house.unbind()
    with pytest.raises(OSError):
        house.browser().ask("/healthz")
