"""What must hold between C{[admin]} and the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcpgate.config.draft import Draft, Place, Sheet
from mcpgate.config.judge_admin import judge_admin
from mcpgate.config.schema import REPEATED, SINGLE

TLS = {"listen": "tcp:9443", "certificates": "tls"}
SOCKET = {"listen": "unix:/run/mcpgate/admin.sock"}
OKTA = {"name": "okta", "issuer": "https://acme.okta.com/oauth2/default"}
OIDC = {**TLS, "issuer": "okta", "client_id": "d", "public_url": "https://d.test", "viewers": "staff"}
CERTIFICATES = {**TLS, "client_ca": "ca.pem", "approvers": "oncall.example.com"}


def judged(admin: dict[str, object], **tables: list[dict[str, object]]) -> list[str]:
    """The paths of its problems, beside one listener on port 8443."""
    given = {
        "listener": [{"name": "public", "listen": "tcp:8443", "certificates": "tls"}],
        "issuer": [OKTA],
        **tables,
    }
    sheet = Sheet(Path("/etc/mcpgate"), {})
    drafts = {
        kind: [
            Draft(sheet, Place((kind, index), f"{kind}[{index}]", kind), cls).read(raw)
            for index, raw in enumerate(given.get(kind, []))
        ]
        for kind, cls in REPEATED.items()
    }
    drafts["admin"] = [Draft(sheet, Place(("admin",), "admin", "admin"), SINGLE["admin"]).read(admin)]
    assert sheet.problems == [], "this is about keys that are right by themselves"
    judge_admin(sheet, drafts)
    return [problem.path for problem in sheet.problems]


@pytest.mark.parametrize(
    "admin",
    [
        {},
        TLS,
        {**TLS, "listen": "systemd:domain=INET:name=admin", "session": "1h", "metrics_token": "env:T"},
        CERTIFICATES,
        {**CERTIFICATES, "viewers": ["*.example.com"]},
        OIDC,
        {**OIDC, "client_secret": "env:S"},
        SOCKET,
        {**SOCKET, "unsafe_open_metrics": True},
        {**SOCKET, "metrics_token": "env:T"},
    ],
)
def test_a_good_table_has_no_problems(admin: dict[str, object]) -> None:
    """Those that the cases below vary, too."""
    assert judged(admin) == []


@pytest.mark.parametrize(
    ("admin", "paths"),
    [
        ({"certificates": "tls", "session": "1h"}, ["admin.certificates", "admin.session"]),
        ({"listen": "tcp:9443"}, ["admin.certificates"]),
        ({**TLS, "listen": "tcp:8443"}, ["admin.listen"]),
        ({**SOCKET, "listen": "unix:/run/a.sock:mode=666"}, ["admin.listen"]),
        ({**SOCKET, "certificates": "tls"}, ["admin.certificates"]),
        ({**SOCKET, "viewers": "a", "profile": "modern"}, ["admin.profile", "admin.viewers"]),
        ({**TLS, "client_ca": "ca.pem"}, ["admin.client_ca"]),
        ({**TLS, "viewers": "a", "approvers": "b"}, ["admin.viewers", "admin.approvers"]),
        ({**OIDC, "viewers": "a", "client_id": "d", "issuer": "octa"}, ["admin.issuer"]),
        ({key: OIDC[key] for key in OIDC if key != "client_id"}, ["admin.client_id"]),
        ({key: OIDC[key] for key in OIDC if key != "public_url"}, ["admin.public_url"]),
        ({key: OIDC[key] for key in OIDC if key != "viewers"}, ["admin.issuer"]),
        ({**TLS, "client_id": "d"}, ["admin.client_id"]),
        ({"listen": "embedded"}, ["admin.listen"]),
        ({**CERTIFICATES, "client_secret": "env:S"}, ["admin.client_secret"]),
    ],
)
def test_a_problem_is_told_at_the_key_that_somebody_would_change(
    admin: dict[str, object], paths: list[str]
) -> None:
    """Whatever would have no effect, or let nobody in."""
    assert sorted(judged(admin)) == sorted(paths)


def test_a_provider_needs_a_discovery_document() -> None:
    """Without it, nobody knows where people log in."""
    assert judged(OIDC, issuer=[{**OKTA, "jwks": "https://acme.okta.com/keys"}]) == ["admin.issuer"]
