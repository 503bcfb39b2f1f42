"""The dashboard of a gate that runs lets people in by a link, by a certificate and by a real OIDC provider;
what they decide there is on record with their names, and who may only look decides nothing."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from mcpgate.testing import LocalCA, TLSPeer, write_pair
from mcpgate.tls.contexts import client_connection, client_context
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.verify import Note
from tests.admin.browser import Answer, Browser
from tests.e2e.caller import Caller, call
from tests.e2e.dashboard import admin, browser, client, link, logged_in, serving
from tests.e2e.held import RULES, held
from tests.e2e.lab import GateProcess, Lab, McpServer
from tests.e2e.providers import DASHBOARD, DASHBOARD_URL, Provider, Providers
from tests.waiting import PATIENCE, eventually

NAME = urlsplit(DASHBOARD_URL).hostname or ""
#: Browsers know it by its public URL, which leads to wherever it really is.
PUBLIC = {"name": NAME, "said_port": 443}

@pytest.fixture(scope="module")
def gate(
    tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer, providers: Providers
) -> Iterator[GateProcess]:
    """Two workers, a rule that holds calls, and every way to log in."""
    lab = Lab(tmp_path_factory.mktemp("dashboard"), ca)
    write_pair(ca.server([NAME], lab.now), lab.certificates / "page.crt", lab.certificates / "page.key")
    secret = lab.directory / "secret"
    secret.touch(mode=0o600)
    secret.write_text(DASHBOARD["client_secret"], encoding="ascii")
    table = admin(
        lab,
        public_url=DASHBOARD_URL,
        client_ca=str(lab.ca_file),
        viewers=["*.staff.example.com", "auditors", "mallory@example.com"],
        approvers=["oncall.staff.example.com", "oncall"],
        issuer="standard",
        client_id=DASHBOARD["client_id"],
        client_secret=f"file:{secret}",
    )
    with lab.gate(
        upstream={"url": weather.url},
        # Tokens of the provider's are for people here, and for no caller.
        listener={"issuers": ["none"]},
        rules=RULES,
        gate={"workers": 2},
        admin=table,
        more={"issuer": [providers["standard"].table()]},
    ) as running:
        yield running


@contextmanager
def waiting(gate: GateProcess, name: str) -> Iterator[tuple[str, Caller]]:
    """A call that waits for a person, and its caller."""
    with Caller(gate, gate.issue(name)) as caller:
        caller.begin(call("get_weather", {"city": "Oslo"}))
        rows = eventually(
            lambda: [one for one in held(gate) if one["principal"] == name], f"a call of {name} waits"
        )
        yield str(rows[0]["id"]), caller


def decide(page: Browser, hold: str, word: str) -> Answer:
    """Send the form that the page gives to whoever looks at it, or one that is as good if it gives none."""
    form = page.ask(f"/held/{hold}/decide?word={word}")
    mark = form if form.status == 200 else page.ask("/held")
    return page.send(f"/held/{hold}/decide", csrf=mark.csrf, word=word, reason="seen")


def decided(gate: GateProcess, hold: str) -> tuple[str, str]:
    """Who has decided about it, and how, by the journal."""
    rows = eventually(lambda: [one for one in gate.journal("decision") if one["hold"] == hold], "a decision")
    return str(rows[0]["by"]), str(rows[0]["decided"])


def test_a_link_of_the_command_line_lets_an_approver_in(gate: GateProcess) -> None:
    """Whoever may open the control socket may decide there as well."""
    assert link(gate).startswith(f"{DASHBOARD_URL}/login/link/")
    page = logged_in(gate, **PUBLIC)
    with waiting(gate, "by-link") as (hold, caller):
        assert hold in page.ask("/held").body
        answer = decide(page, hold, "approve")
        assert (answer.status, answer.headers["location"]) == (303, "/held?done=approved")
        assert "sunny in Oslo" in caller.receive().read().decode()
    by, word = decided(gate, hold)
    assert word == "approved" and by.endswith("(link)") and "(uid " in by


def test_who_may_only_look_decides_nothing(gate: GateProcess) -> None:
    """With a viewer's link: the call goes on waiting, and the journal says nothing."""
    page = logged_in(gate, "--viewer", **PUBLIC)
    with waiting(gate, "looked-at") as (hold, _):
        answer = decide(page, hold, "approve")
        assert answer.status == 403 and "Only approvers" in answer.body
        assert hold in [one["id"] for one in held(gate) if one["decided"] is None]
    assert not [one for one in gate.journal("decision") if one["hold"] == hold and one["by"] != "the caller"]


@pytest.mark.parametrize(
    ("name", "may"), [("vera.staff.example.com", False), ("oncall.staff.example.com", True)]
)
def test_a_client_certificate_lets_its_holder_in(gate: GateProcess, name: str, may: bool) -> None:
    """By the lists of names; and a certificate that is on none of them opens nothing."""
    page = browser(gate, client=client(gate.lab, name), **PUBLIC)
    assert page.ask("/held").status == 200
    with waiting(gate, f"held-for-{may}") as (hold, _):
        form = page.ask(f"/held/{hold}/decide?word=deny")
        assert (form.status == 200) is may
        if may:
            assert decide(page, hold, "deny").status == 303
            assert decided(gate, hold) == (f"{name} (certificate)", "denied")
    stranger = browser(gate, client=client(gate.lab, "somebody.example.com"), **PUBLIC)
    assert stranger.ask("/held").status == 303


class Visitor:
    """Somebody's browser, between the dashboard and the provider, whose answer to who they are is a name."""

    def __init__(self, gate: GateProcess, provider: Provider) -> None:
        self.page = browser(gate, **PUBLIC)
        self.there = Browser(provider.ca_file, provider.port, name="id.example.com", said_port=443)

    def back(self, name: str) -> str:
        """Go to the provider, log in there, and come as far as being sent back: to this path."""
        away = self.page.ask("/login/oidc?next=/held")
        assert away.status == 303, away.body
        place = urlsplit(away.headers["location"])
        assert place.hostname == "id.example.com"
        path = f"{place.path}?{place.query}"
        for _ in range(5):
            answer = self.there.ask(path)
            assert answer.status in (302, 303), answer.body
            place = urlsplit(answer.headers["location"])
            if place.hostname == NAME:
                return f"{place.path}?{place.query}"
            asks = "/interaction/" in place.path
            path = f"{place.path}?as={name}" if asks else f"{place.path}?{place.query}"
        raise AssertionError("it went round in circles")

    def log_in(self, name: str) -> Answer:
        """All of it."""
        # As browsers say of who was sent to us by another site.
        return self.page.ask(self.back(name), Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")


def test_a_real_provider_vouches_for_people(gate: GateProcess, providers: Providers) -> None:
    """By the groups that it says they are in; where they wanted to go, they come."""
    otto = Visitor(gate, providers["standard"])
    answer = otto.log_in("otto")
    assert (answer.status, answer.headers.get("location")) == (303, "/held"), answer.body
    with waiting(gate, "by-provider") as (hold, caller):
        assert decide(otto.page, hold, "approve").status == 303
        assert "sunny in Oslo" in caller.receive().read().decode()
    assert decided(gate, hold) == ("otto@example.com (oidc)", "approved")
    vera = Visitor(gate, providers["standard"])
    assert vera.log_in("vera").status == 303
    with waiting(gate, "by-viewer") as (hold, _):
        assert decide(vera.page, hold, "approve").status == 403


def test_whom_a_provider_knows_may_be_on_no_list(gate: GateProcess, providers: Providers) -> None:
    """And an e-mail address that nobody has verified is no name."""
    for name in ("stranger", "mallory"):
        visitor = Visitor(gate, providers["standard"])
        answer = visitor.log_in(name)
        assert answer.status == 403 and "on no list" in answer.body
        assert visitor.page.ask("/held").status == 303


def test_who_comes_back_has_to_be_who_has_left(gate: GateProcess, providers: Providers) -> None:
    """Not with somebody else's code, not twice, not in another browser, not from another provider."""
    otto, other = (Visitor(gate, providers["standard"]) for _ in range(2))
    path = otto.back("otto")
    assert other.page.ask(path).status == 403
    assert otto.page.ask(path).status == 403
    path = otto.back("otto")
    assert otto.page.ask(f"{path.partition('&iss=')[0]}&iss=https%3A%2F%2Fevil.test").status == 403
    path = otto.back("otto")
    state = path.partition("state=")[2].partition("&")[0]
    assert otto.page.ask(f"/login/callback?code=made-up&state={state}").status == 403
    path = otto.back("otto")
    assert otto.page.ask(path).status == 303
    assert otto.page.ask(path).status == 403


def test_nothing_of_a_login_is_in_the_log(gate: GateProcess, providers: Providers) -> None:
    """Neither link, code, state, cookie nor secret; that somebody is logged in is."""
    visitor = Visitor(gate, providers["standard"])
    path = visitor.back("otto")
    visitor.page.ask(path)
    page = logged_in(gate, **PUBLIC)
    secrets = [value.partition("=")[2] for value in path.partition("?")[2].split("&") if value[:2] != "is"]
    secrets += [*visitor.page.cookies.values(), *page.cookies.values(), DASHBOARD["client_secret"]]
    text = gate.log() + json.dumps(gate.journal())
    assert len(secrets) >= 5 and "is logged in, as approver" in text
    assert [secret for secret in secrets if secret in text] == []


def test_the_tls_of_the_dashboard_is_a_listeners(gate: GateProcess) -> None:
    """Post-quantum for whoever can, TLS 1.3 alone, no other host's pages, and nothing in clear."""
    port = serving(gate)["address"].rpartition(":")[2]
    note = Note()
    context = client_context(PROFILES["modern"], gate.lab.ca.trust(), pair=None)
    with socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as sock:
        peer = TLSPeer(client_connection(context, sock, host="localhost", pins=None, note=note), sock)
        sock.setblocking(False)
        peer.shake()
        assert (note.refusal, peer.group) == (None, "X25519MLKEM768")
    old = ssl.create_default_context(cafile=str(gate.lab.ca_file))
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", int(port)), PATIENCE) as raw, pytest.raises(ssl.SSLError):
        old.wrap_socket(raw, server_hostname="localhost")
    page = browser(gate, **PUBLIC)
    assert page.ask("/login", Host="evil.test").status == 421
    plain = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE)
    plain.request("GET", "/login")
    assert plain.getresponse().status == 400
    plain.close()
