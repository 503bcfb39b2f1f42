"""C{[[alert]]}: who is told when something needs a person."""

from __future__ import annotations

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import option
from mcpgate.config.tables.peer import PeerTable

#: What an alert may be about.
OCCASIONS = (
    "certificate",
    "pin",
    "reload",
    "journal",
    "credential",
    "definition",
    "plaintext",
)


@frozen
class AlertTable(PeerTable):
    """C{[[alert]]}: where alerts are sent. The keys of the TLS connection are about the webhook's server."""

    name: str = option("The alert's name in messages and records.", forms.name(), example='"ops"')
    on: tuple[str, ...] = option(
        "What it is about: certificate (soon to expire), pin (a mismatch), reload (it failed), journal (it "
        "cannot be written or sealed), credential (an upstream has shown the gate's), definition (a tool "
        "has changed), plaintext (a caller's credential came in clear). All of them, if left out.",
        forms.many(forms.word("occasion", OCCASIONS), lone=True),
        default=OCCASIONS,
        example='["certificate", "pin"]',
    )
    webhook: str | None = option(
        "The https URL to which alerts are posted, as JSON; or a reference to it, as such a URL may be all "
        "that it takes to post there.",
        forms.webhook(),
        default=None,
        example='"https://hooks.example.com/mcpgate"',
    )
    secret: str | None = option(
        "Reference to a secret that goes with what is posted.",
        forms.reference(),
        default=None,
        example='"file:/etc/mcpgate/secrets/hook"',
    )
    secret_as: str = option(
        "How it goes with it: bearer, as a bearer token; or signature, which it is the key of (Standard "
        "Webhooks).",
        forms.word("way to use it", ("bearer", "signature"), quote=False),
        default="bearer",
        example='"signature"',
    )
    syslog: str | None = option(
        "Instead: local, the syslog of this machine, or HOST:PORT (UDP, RFC 5424, in clear).",
        forms.syslog(),
        default=None,
        example='"local"',
    )
    expiry: float = option(
        "How long before its end a certificate is worth an alert.",
        forms.duration("1h", "999d"),
        default=14 * 86400.0,
        example='"30d"',
    )
    again: float = option(
        "How long the same is not told again.", forms.duration("1m", "30d"), default=3600.0, example='"1d"'
    )
