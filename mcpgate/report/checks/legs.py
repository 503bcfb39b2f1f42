"""Whether connections were encrypted, with whom, and how strongly at least (pure)."""

from __future__ import annotations

from attrs import evolve

from mcpgate.reasons import Reason
from mcpgate.report.checks.answer import (
    Answer,
    Facts,
    Figure,
    Finding,
    percent,
    weakened,
    weakened_exchanges,
)

#: Refusals of a peer's certificate, chain, name, pin or key.
UNTRUSTED = (
    Reason.TLS_CHAIN,
    Reason.TLS_UNKNOWN_CA,
    Reason.TLS_EXPIRED,
    Reason.TLS_NOT_YET_VALID,
    Reason.TLS_REVOKED,
    Reason.TLS_CRL,
    Reason.TLS_NAME,
    Reason.TLS_NO_SAN,
    Reason.TLS_BAD_SAN,
    Reason.TLS_PIN,
    Reason.TLS_KEY,
    Reason.TLS_CLIENT_CERTIFICATE,
)
#: Refusals of what is too weak.
WEAK = (Reason.TLS_VERSION, Reason.TLS_CIPHER, Reason.TLS_GROUP)


def encrypted(facts: Facts) -> Finding:
    """Was all that passed the gate encrypted, on both legs?"""
    summary, traffic = facts.summary, facts.summary.traffic
    below = sum(place.below for place in summary.places)
    figures = (
        Figure("exchanges", f"{traffic.exchanges:,}"),
        Figure("of these forwarded to an upstream", f"{traffic.forwarded:,}"),
        Figure(
            "with both handshakes on record", "all" if not _unknown(facts) else f"not {_unknown(facts):,}"
        ),
        Figure("handshakes below TLS 1.2 with forward secrecy and AEAD", f"{below:,}"),
        Figure("connections in clear text, refused", f"{summary.plaintext:,}"),
        Figure("of these with a credential in them", f"{summary.exposed:,}"),
    )
    if below and facts.verified.sound:
        return Finding(Answer.NOT_MET, "Handshakes below the least floor were observed.", figures)
    weak = weakened_exchanges(facts)
    if weak is not None:
        return evolve(weak, figures=figures)
    why = (
        "Every exchange names the handshakes of its connections, and each of these was TLS at or above the "
        "floor."
    )
    if summary.exposed:
        why += (
            " Callers have sent credentials in clear text, which the gate refused but others may have seen."
        )
    return Finding(Answer.MET, why, figures)


def _unknown(facts: Facts) -> int:
    return facts.summary.traffic.inbound_unknown + facts.summary.traffic.outbound_unknown


def trusted(facts: Facts) -> Finding:
    """Were only peers accepted whose keys and certificates are trusted?"""
    summary = facts.summary
    outbound = (*summary.on("outbound"), *summary.on("provider"))
    finished = sum(place.finished for place in outbound)
    pinned, unpinned = (sum(getattr(place, key) for place in outbound) for key in ("pinned", "unpinned"))
    refused = summary.refused_handshakes(*UNTRUSTED)
    figures = (
        Figure("handshakes with upstreams and providers, chain and name verified", f"{finished:,}"),
        Figure("of these with a pinned key in the chain", percent(pinned, finished)),
        Figure("whose pins did not match, and were only to be reported", f"{unpinned:,}"),
        Figure("handshakes refused for a certificate, name, pin or key", f"{refused:,}"),
    )
    weak = weakened(facts)
    if weak is not None:
        return evolve(weak, figures=figures)
    if unpinned:
        return Finding(
            Answer.NOT_MET,
            "Upstreams with keys other than the pinned ones were accepted (report_only).",
            figures,
        )
    if not finished:
        return Finding(Answer.NOT_SHOWN, "There was no connection to an upstream in this span.", figures)
    why = (
        "The gate finishes a handshake only with a chain to a configured authority, a name that matches and, "
        "where there are pins, a pinned key; what did not come up to that was refused."
    )
    return Finding(Answer.MET, why, figures)


def floor(facts: Facts) -> Finding:
    """Was there no fallback to insecure versions, suites or groups?"""
    summary = facts.summary
    finished = sum(place.finished for place in summary.places)
    below = sum(place.below for place in summary.places)
    undemanded = sum(place.undemanded for place in summary.places)
    short = sum(done.below for place in summary.places for done in place.demanded)
    offered = summary.refused_handshakes(*WEAK)
    modern = sum(place.versions.of("TLSv1.3") for place in summary.places)
    figures = (
        Figure("handshakes observed", f"{finished:,}"),
        Figure("of these TLS 1.3", percent(modern, finished)),
        Figure("below TLS 1.2 with forward secrecy and AEAD", f"{below:,}"),
        Figure("below what the configuration demanded then", f"{short:,}"),
        Figure("whose demand is not on record", f"{undemanded:,}"),
        Figure("refused for version, suite or group", f"{offered:,}"),
    )
    if (below or short) and facts.verified.sound:
        return Finding(Answer.NOT_MET, "Handshakes below the floor were observed.", figures)
    weak = weakened(facts)
    if weak is not None:
        return evolve(weak, figures=figures)
    if not finished:
        return Finding(Answer.NOT_SHOWN, "There was no handshake in this span.", figures)
    return Finding(
        Answer.MET,
        "All handshakes that came to something were at or above the floor; whoever offered less was refused. "
        "What a peer would have accepted beyond that was not tried.",
        figures,
    )
