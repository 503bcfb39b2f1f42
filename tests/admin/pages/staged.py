"""An index, a gate and somebody who looks, all made up, so that pages are tested by values alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from lxml import html

from mcpgate.admin.page import Asked, GateFacts, Shown, Sources
from mcpgate.admin.pages import PAGES
from mcpgate.admin.render import render
from mcpgate.admin.roles import Person, Role
from mcpgate.index.answers import (
    EVERYTHING,
    Certificate,
    Count,
    Event,
    Exchange,
    ExchangeStory,
    Filter,
    Found,
    Handshake,
    Leg,
    Offer,
    OverTime,
    Page,
    Posture,
    Refused,
    Session,
    SessionStory,
    Step,
)

NOW = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
ALICE = Person("alice", "link", Role.APPROVER)
VICTOR = Person("victor", "certificate", Role.VIEWER)
#: What somebody may call a tool who wants to break out of a page, or to turn a text around.
HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7*7 }}\u202e\u200bevil\x1b[2J"


def on_a_leg(*counts: tuple[str | None, int]) -> Leg:
    """A leg on which everything was called the same."""
    total = sum(count for _, count in counts)
    all = tuple(Count(name, count, count / total if total else 0.0) for name, count in counts)
    return Leg(total, Count("post-quantum", total, 1.0 if total else 0.0), all, all, all)


class MadeIndex:
    """Answers with one of everything. C{text}: what others have chosen in it. C{asked}: what it was asked."""

    def __init__(self, text: str = "get_weather", rows: int = 1) -> None:
        self.text = text
        self.rows = rows
        self.asked: list[tuple[str, Any]] = []

    def _page(self, one: Any) -> Page[Any]:
        return Page((one,) * self.rows, "further" if self.rows > 1 else None)

    def gates(self) -> tuple[str, ...]:
        return ("gate-1", self.text)[: self.rows]

    def posture(self, since: datetime, until: datetime, *, gate: str | None = None) -> Posture:
        self.asked.append(("posture", (since, until)))
        used = on_a_leg((self.text, 3), (None, 1)) if self.rows else on_a_leg()
        return Posture(
            since=since,
            until=until,
            gates=("gate-1",),
            exchanges=1031232,
            refused_exchanges=40,
            refused_handshakes=3,
            masked=7,
            bytes_in=1,
            bytes_out=2,
            inbound=used,
            outbound=used,
            routes=(),
            methods=(),
            verdicts=(),
            outcomes=(),
            refusals=(Refused("tls.version", 3, 0), Refused("policy.unlisted", 0, 40))[: self.rows * 2],
            expiries=(self.certificate(),) * self.rows,
            pinned=(self.certificate(),) * self.rows,
        )

    def over_time(
        self, leg: str, since: datetime, until: datetime, steps: int = 60, *, gate: str | None = None
    ) -> OverTime:
        self.asked.append(("over_time", (leg, since, until, steps)))
        used = on_a_leg((self.text, 3), (None, 1)) if self.rows else on_a_leg()
        length = (until - since) / 2
        return OverTime(
            leg,
            since,
            until,
            int(length.total_seconds()),
            (Step(since, used), Step(since + length, used)),
            used,
        )

    def certificate(self, seen: str = "wire", days: float = 12.5) -> Certificate:
        return Certificate(
            gate="gate-1",
            seen=seen,
            role="own",
            leg="inbound",
            place="public",
            subject=f"CN={self.text}",
            issuer=f"CN=CA {self.text}",
            serial="01ab",
            sha256="ab" * 32,
            spki_pin="sha256/" + "A" * 43 + "=",
            not_before=NOW - timedelta(days=10),
            not_after=NOW + timedelta(days=days),
            key="EC P-256",
            names=(self.text,),
            chain=(),
            pinned=None,
            in_force=seen == "disk",
            first=NOW,
            last=NOW,
            handshakes=5 if seen == "wire" else 0,
        )

    def certificates(self, *, gate: str | None = None) -> tuple[Certificate, ...]:
        return (self.certificate("wire"), self.certificate("disk"))[: self.rows * 2]

    def session_row(self) -> Session:
        return Session(
            gate="gate-1",
            id="s-1",
            kind="session",
            principal=self.text,
            how="jwt",
            issuer=None,
            subject=None,
            listener="public",
            route="weather",
            upstream="weather",
            revision="2025-11-25",
            mcp_session=self.text,
            first=NOW,
            last=NOW,
            exchanges=5,
            open=1,
            refused=1,
            masked=3,
            bytes_in=1,
            bytes_out=2,
        )

    def handshake(self, leg_name: str = "inbound", outcome: str = "ok") -> Handshake:
        good = outcome == "ok"
        return Handshake(
            gate="gate-1",
            id="h-1",
            time=NOW,
            worker=0,
            leg=leg_name,
            outcome=outcome,
            place="public",
            peer="192.0.2.7:51234",
            local="192.0.2.1:8443",
            reason=None if good else "tls.version",
            detail=None if good else self.text,
            version="TLSv1.3" if good else None,
            suite="TLS_AES_256_GCM_SHA384" if good else None,
            bits=256 if good else None,
            group="X25519MLKEM768" if good else None,
            post_quantum=good,
            alpn="http/1.1",
            sni=self.text,
            certificate="ab" * 32,
            own="cd" * 32,
            pinned=True if leg_name == "outbound" else None,
            generation=4,
            milliseconds=4.2,
            offer=None if good else Offer(self.text, ("TLSv1.2",), ("c1", "c2"), ("x25519",), ()),
            extra={} if good else {"credential_exposed": True, "unrecorded": 9},
        )

    def exchange_row(self) -> Exchange:
        return Exchange(
            gate="gate-1",
            id="x-1",
            worker=0,
            segment=1,
            seq=5,
            time=NOW,
            closed=NOW,
            inbound="h-1",
            outbound="h-2",
            principal=self.text,
            how="jwt",
            proof=None,
            issuer=None,
            subject=None,
            listener="public",
            route="weather",
            upstream="weather",
            http="POST",
            revision="2026-07-28",
            session="s-1",
            mcp_session=None,
            method="tools/call",
            name=self.text,
            verdict="block",
            rule="never-delete",
            outcome="refused",
            status=200,
            reason="policy.blocked",
            detail=self.text,
            bytes_in=412,
            bytes_out=18231,
            seconds=0.0123,
            waited=0.01,
            masked={"email": 3},
            more={"shadow": {"new": "block"}, "trace": self.text},
        )

    def event(self, type: str) -> Event:
        facts = {
            "detail": self.text,
            "decided": "approved",
            "by": self.text,
            "why": self.text,
            "hold": "k-0",
            "number": 4,
            "mcpgate": "0.1.0",
            "openssl": "OpenSSL 3.5.4",
            "fips": False,
            "configuration": {"sha256": "ab" * 32, "included": {self.text: "cd" * 32}},
            "policy": {"sha256": "ef" * 32, "rules": 3, "budgets": 0},
            "listeners": [{}],
            "upstreams": [
                {"name": "weather", "pins": ["sha256/AAAA"], "pin_mode": "report_only", "trust": self.text}
            ],
        }
        return Event("gate-1", "e-1", NOW, 0, 1, 7, type, None, "weather", "x-1", facts)

    def sessions(
        self, filter: Filter = EVERYTHING, *, after: str | None = None, rows: int = 50
    ) -> Page[Session]:
        self.asked.append(("sessions", (filter, after)))
        return self._page(self.session_row())

    def session(self, id: str, *, after: str | None = None, rows: int = 50) -> SessionStory | None:
        shakes = (self.handshake(), self.handshake("outbound"))
        calls = self._page(self.exchange_row())
        return SessionStory(self.session_row(), shakes, calls) if id == "s-1" else None

    def exchanges(
        self, filter: Filter = EVERYTHING, *, after: str | None = None, rows: int = 50
    ) -> Page[Exchange]:
        self.asked.append(("exchanges", (filter, after)))
        return self._page(self.exchange_row())

    def exchange(self, id: str) -> ExchangeStory | None:
        if id != "x-1":
            return None
        events = (self.event("echo"),) * self.rows
        return ExchangeStory(self.exchange_row(), self.handshake(), self.handshake("outbound"), events)

    def refused_handshakes(
        self, filter: Filter = EVERYTHING, *, after: str | None = None, rows: int = 50
    ) -> Page[Handshake]:
        self.asked.append(("refused", (filter, after)))
        return self._page(self.handshake(outcome="refused"))

    def events(
        self,
        type: str | None = None,
        filter: Filter = EVERYTHING,
        *,
        after: str | None = None,
        rows: int = 50,
    ) -> Page[Event]:
        return self._page(self.event(type or "echo"))

    def search(self, text: str) -> Found:
        self.asked.append(("search", text))
        some = self.rows > 0
        return Found(
            (self.session_row(),) if some else (),
            (self.exchange_row(),) if some else (),
            (self.handshake(),) if some else (),
            (self.event("echo"),) if some else (),
        )


def held(text: str = "get_weather", **more: Any) -> dict[str, Any]:
    """A call that waits, as the gate tells of it."""
    return {
        "id": "k-1",
        "since": "2026-11-26T09:28:00.000000Z",
        "deadline": "2026-11-26T09:33:00.000000Z",
        "left": 180,
        "principal": text,
        "how": "jwt",
        "route": "weather",
        "method": "tools/call",
        "name": text,
        "rule": "ask-first",
        "said": text,
        "params": f'{{"name": "{text}"}}',
        "cut": False,
        "exchange": "x-1",
        "rounds": None,
        "decided": None,
        "by": None,
        **more,
    }


def status(text: str = "weather") -> dict[str, Any]:
    """What a gate says of itself, so far as pages show it."""
    certificate = {
        "names": [text],
        "serial": "01",
        "issuer": text,
        "not_after": "2026-12-08T09:30:00+00:00",
        "pin": "sha256/x",
    }
    shake = {
        "version": "TLSv1.3",
        "cipher": "TLS_AES_256_GCM_SHA384",
        "group": "X25519MLKEM768",
        "post_quantum": True,
        "pinned": True,
    }
    return {
        "generation": 4,
        "draining": False,
        "problem": None,
        "configuration": "/etc/mcpgate/mcpgate.toml",
        "journal": {"failure": None, "unsealed": 0.0, "seals": {"last": text, "failure": None}},
        "callers": {"connections": 12, "most": 16384},
        "issuers": [
            {
                "name": "ci",
                "issuer": text,
                "keys": [text],
                "counting": True,
                "fetched": "2026-11-26T09:00:00Z",
                "count_until": None,
                "last_error": text,
            }
        ],
        "listeners": [
            {
                "name": "public",
                "address": "0.0.0.0:8443",
                "profile": "modern",
                "require_pq": False,
                "client_certificates": "optional",
                "certificates": [certificate],
                "connections": 12,
            }
        ],
        "upstreams": [
            {
                "name": "weather",
                "url": "https://weather.example.com/mcp",
                "profile": "modern",
                "require_pq": True,
                "pins": 2,
                "definitions": {"changed": 1, "failure": None},
                "echoed": 0,
                "last_handshake": shake,
                "last_refusal": text,
            },
            {
                "name": "new",
                "url": "https://new.example.com/mcp",
                "profile": "modern",
                "require_pq": False,
                "pins": 0,
                "definitions": None,
                "echoed": 0,
                "last_handshake": None,
                "last_refusal": None,
            },
        ],
    }


def sources(
    index: MadeIndex | None,
    state: str = "/nowhere",
    *,
    text: str = "weather",
    gate: GateFacts | None = None,
) -> Sources:
    """Where pages get their values, with a gate that has something to tell, or C{gate}."""
    told = GateFacts(status(text), (held(text),), held(text)) if gate is None else gate
    return Sources(told, state, index)


def asked(path: str, parts: Mapping[str, str] | None = None, person: Person = ALICE) -> Asked:
    """A request, by its path and query."""
    place, _, query = path.partition("?")
    return Asked(place, person, NOW.timestamp(), dict(parse_qsl(query)), parts or {})


def show(pattern: str, request: Asked, given: Sources) -> Shown:
    """What the page of that path shows."""
    page = next(page for page in PAGES if page.path == pattern)
    return page.show(request, given)


def drawn(shown: Shown, csrf: str = "mark") -> str:
    """The page as a browser gets it."""
    of_all = {"person": ALICE, "csrf": csrf, "menu": (), "path": "/", "problem": None, "title": "A page"}
    return render(shown.template, {**of_all, **shown.values}).decode()


def parsed(text: str) -> Any:
    """It, as a browser reads it."""
    return html.document_fromstring(text)


def text_of(shown: Shown) -> str:
    """What can be read on it, in one line."""
    return " ".join(parsed(drawn(shown)).body.text_content().split())
