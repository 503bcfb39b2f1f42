"""C{[admin]}: where the people who run the gate look at it."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import option


@frozen
class AdminTable:
    """C{[admin]}: the dashboard, metrics and health. Without C{listen} there are none."""

    listen: str | None = option(
        "A Twisted endpoint description, such as tcp:9443:interface=127.0.0.1, on which TLS is always put; "
        "or unix:PATH, a socket that only its owner may open.",
        forms.listen(),
        default=None,
        example='"tcp:9443:interface=127.0.0.1"',
    )
    certificates: Path | None = option(
        "A PEM file, or a directory of PEM pairs chosen by SNI; not for a unix socket.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/tls"',
    )
    public_url: str | None = option(
        "The https URL by which browsers reach it.",
        forms.public_url(),
        default=None,
        example='"https://gate.example.com:9443"',
    )
    profile: str = option(
        "modern or intermediate.",
        forms.word("profile", ("modern", "intermediate")),
        default="modern",
        example='"intermediate"',
    )
    client_ca: Path | None = option(
        "PEM file of the CAs of client certificates, by which people and programs may log in.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/staff.pem"',
    )
    viewers: tuple[str, ...] = option(
        "Who may look: names in client certificates (SPIFFE ID, DNS name or e-mail address), and subjects or "
        "groups of the OIDC provider.",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='["*.staff.example.com", "auditors"]',
    )
    approvers: tuple[str, ...] = option(
        "Who may decide about held calls and accept definitions, too.",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='["oncall.staff.example.com", "platform"]',
    )
    issuer: str | None = option(
        "The issuer, of the [[issuer]] tables, whose OIDC login is offered; it needs client_id.",
        forms.name(),
        default=None,
        example='"okta"',
    )
    client_id: str | None = option(
        "The dashboard's client id at that issuer.",
        forms.text("a client id"),
        default=None,
        example='"mcpgate-dashboard"',
    )
    client_secret: str | None = option(
        "Reference to its secret, if it has one.",
        forms.reference(),
        default=None,
        example='"file:/etc/mcpgate/secrets/dashboard"',
    )
    session: float = option(
        "How long a login lasts.", forms.duration("1m", "7d"), default=8 * 3600.0, example='"1h"'
    )
    metrics_token: str | None = option(
        "Reference to a bearer token with which /metrics may be read without a login.",
        forms.reference(),
        default=None,
        example='"file:/etc/mcpgate/secrets/metrics"',
    )
    unsafe_open_metrics: bool = option(
        "Let anybody who reaches the listener read /metrics.", forms.switch(), default=False, example="true"
    )
