"""C{mcpgate probe}: what a server negotiates, and what the gate would say to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click
from cryptography import x509

from mcpgate.cli.exits import Stop
from mcpgate.cli.text import Written, cell, format_option, outline, show
from mcpgate.config.url import HTTPS_PORT, Url, read_authority, read_url
from mcpgate.reasons import Refusal
from mcpgate.tls.certificate import describe
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.reading import MaterialError, Reading
from mcpgate.tls.trust import load_trust
from mcpgate.upstream.probe import Report, Seen, Unreachable, probe


@click.command(short_help="Show what a server negotiates, its chain and its pins.")
@click.argument("url", type=Written("URL", read_url))
@click.option(
    "--address",
    type=Written("HOST:PORT", partial(read_authority, default_port=HTTPS_PORT)),
    help="Where to dial, if not where the URL leads.",
)
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="PEM file of CAs to believe, instead of the system's.",
)
@click.option(
    "--also-port",
    "also_ports",
    type=click.IntRange(1, 65535),
    multiple=True,
    metavar="PORT",
    help="Ask for clear text there too, beside the URL's port and port 80.",
)
@format_option
def command(
    url: Url, address: tuple[str, int] | None, trust: Path | None, also_ports: tuple[int, ...], form: str
) -> None:
    """Look at the server of an https URL: handshake, chain, pins to paste, verdict of each profile.

    Nothing is sent to it over TLS, and over clear text only an empty question.
    """
    now = datetime.now(UTC)
    try:
        store = load_trust(Reading(), trust, None, now)
        report = probe(url.host, address or (url.host, url.port), store, also_ports)
    except MaterialError as error:
        raise Stop(str(error), os.EX_NOINPUT) from error
    except Unreachable as error:
        raise Stop(str(error), os.EX_UNAVAILABLE) from error
    facts = facts_of(url, report, now)
    show(facts, form, lambda: text_of(facts))
    if report.seen is None:
        raise Stop("the server does not finish a TLS handshake under any profile", os.EX_UNAVAILABLE)


def facts_of(url: Url, report: Report, now: datetime) -> dict[str, object]:
    """A report as values that JSON can say."""
    seen = report.seen
    return {
        "url": str(url),
        "address": report.peer,
        "handshake": None if seen is None else negotiated(seen.handshake),
        "verdicts": list(_verdicts(report)),
        "chain": [] if seen is None else list(_chain(seen, now)),
        "pins": [] if seen is None else list(_pins(seen)),
        "clear_text": [
            {"port": one.port, "status": one.status, "exposed": one.exposed, "detail": one.told}
            for one in report.in_clear
        ],
    }


def negotiated(handshake: Handshake) -> dict[str, object]:
    """The outcome of a handshake, without what is known of the certificate."""
    return {
        "version": handshake.version,
        "cipher": handshake.cipher,
        "group": handshake.group,
        "post_quantum": handshake.post_quantum,
        "alpn": handshake.alpn or None,
    }


def verdict(refusal: Refusal | None) -> dict[str, object]:
    """C{ok}, or the reason's code and the detail."""
    if refusal is None:
        return {"verdict": "ok", "detail": None}
    return {"verdict": refusal.reason.value, "detail": refusal.detail or None}


def text_of(facts: Mapping[str, object]) -> str:
    """The facts for people; the pins last, as lines to paste."""
    shown = dict(facts)
    pins = shown.pop("pins")
    chain = shown.pop("chain")
    assert isinstance(pins, list) and isinstance(chain, list)
    lines = [outline(shown)]
    for number, certificate in enumerate(chain):
        at, *rest = certificate.items()
        lines += ["", outline({f"certificate {number}, {at[1]}": dict(rest)})]
    if pins:
        lines += ["", "a pin to paste, one of these beside a backup of yours"]
        lines += [f"  {pin['toml']}  # {pin['at']}, {cell(pin['subject'])}" for pin in pins]
        if not all(pin["trusted"] for pin in pins):
            lines.append("  but find out first whose key it is: the chain or the name is refused")
    return "\n".join(lines)


def _verdicts(report: Report) -> Iterator[dict[str, object]]:
    if report.seen is not None:
        yield {"on": "trust", **verdict(report.seen.trust)}
        yield {"on": "name", **verdict(report.seen.name)}
    for demand, refusal in report.verdicts.items():
        yield {"on": demand, **verdict(refusal)}


def _chain(seen: Seen, now: datetime) -> Iterator[dict[str, object]]:
    for number, certificate in enumerate(seen.chain):
        facts = describe(certificate)
        yield {
            "at": _place(number, certificate),
            "subject": facts.subject,
            "issuer": facts.issuer,
            "not_before": facts.not_before.isoformat(),
            "not_after": facts.not_after.isoformat(),
            "days_left": (facts.not_after - now).days,
            "key": facts.key,
            "names": [*facts.dns_names, *facts.addresses, *facts.uris],
            "pin": facts.spki_pin,
        }


def _pins(seen: Seen) -> Iterator[dict[str, object]]:
    # Of a chain that is not trusted only the leaf has proved anything: that it has its key.
    for number, certificate in enumerate(seen.chain if seen.trust is None else seen.chain[:1]):
        facts = describe(certificate)
        yield {
            "at": _place(number, certificate),
            "subject": facts.subject,
            "pin": facts.spki_pin,
            "toml": f'pins = ["{facts.spki_pin}"]',
            "trusted": seen.trust is None and seen.name is None,
        }


def _place(number: int, certificate: x509.Certificate) -> str:
    """What C{pin_at} calls it: the leaf, or an issuer; that it is the last one, a root, is worth a word."""
    if number == 0:
        return "leaf"
    return "issuer (root)" if certificate.subject == certificate.issuer else "issuer"
