"""Which certificates, keys and kinds of cryptography there were, and whether they were good (pure)."""

from __future__ import annotations

from attrs import evolve

from mcpgate.reasons import Reason
from mcpgate.report.checks.answer import Answer, Facts, Figure, Finding, percent, weakened
from mcpgate.report.checks.legs import floor
from mcpgate.tls.profile import PROFILES, judge_key

#: Suites and groups that NIST has not approved: ChaCha20-Poly1305 is in no FIPS, X25519 alone is not in SP
#: 800-56A Rev. 3.
UNAPPROVED_SUITES = (
    "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
UNAPPROVED_GROUPS = ("x25519",)


def valid(facts: Facts) -> Finding:
    """Were certificates in use valid, neither expired nor revoked?"""
    summary = facts.summary
    certificates = summary.certificates.rows
    expired = [
        one for one in certificates if one.handshakes and one.last is not None and one.not_after < one.last
    ]
    demands = {
        done.demand.where: done.demand
        for place in summary.places
        if place.leg != "inbound"
        for done in place.demanded
    }
    lists = sum(bool(demand.revocation_lists) for demand in demands.values())
    revoked = summary.refused_handshakes(Reason.TLS_REVOKED)
    late = summary.refused_handshakes(Reason.TLS_EXPIRED)
    figures = (
        Figure("certificates seen on the wire", f"{sum(bool(one.handshakes) for one in certificates):,}"),
        Figure("of these used after their end", f"{len(expired):,}"),
        Figure("handshakes refused for one that had expired", f"{late:,}"),
        Figure("handshakes refused for one that was revoked", f"{revoked:,}"),
        Figure("upstreams and providers with revocation lists", percent(lists, len(demands))),
    )
    if expired and facts.verified.sound:
        which = expired[0].subject or expired[0].sha256
        return Finding(Answer.NOT_MET, f"Certificates were in use after their end, such as {which}.", figures)
    weak = weakened(facts)
    if weak is not None:
        return evolve(weak, figures=figures)
    if not any(one.handshakes for one in certificates):
        return Finding(Answer.NOT_SHOWN, "No certificate was seen on the wire in this span.", figures)
    if not demands or lists < len(demands):
        return Finding(
            Answer.NOT_SHOWN,
            "None was in use after its end. Whether one was revoked is shown only where revocation lists are "
            "configured, and that is not so for all.",
            figures,
        )
    return Finding(
        Answer.MET, "None was in use after its end, and all were looked up in revocation lists.", figures
    )


def strength(facts: Facts) -> Finding:
    """Are keys and key exchange strong enough?"""
    summary = facts.summary
    seen = [one for one in summary.certificates.rows if one.handshakes]
    weak = [one for one in seen if judge_key(PROFILES["intermediate"], one.key) is not None]
    finished = sum(place.finished for place in summary.places)
    quantum = sum(place.post_quantum for place in summary.places)
    kinds = sorted({one.key for one in seen})
    figures = (
        Figure("kinds of keys of certificates on the wire", ", ".join(kinds) or "none"),
        Figure("certificates with a key below 112 bits of strength, or of an unknown kind", f"{len(weak):,}"),
        Figure("handshakes with a post-quantum key exchange", percent(quantum, finished)),
        Figure(
            "exchanges that were so on both legs",
            percent(summary.traffic.both_post_quantum, summary.traffic.forwarded),
        ),
    )
    if weak and facts.verified.sound:
        which = weak[0]
        return Finding(
            Answer.NOT_MET, f"A key of {which.subject or which.sha256} is too weak: {which.key}.", figures
        )
    below = floor(facts)
    if below.answer is not Answer.MET:
        return Finding(below.answer, below.why, figures)
    return Finding(
        Answer.MET,
        "All keys have 112 bits of strength or more, and all key exchange is forward secret.",
        figures,
    )


def inventory(facts: Facts) -> Finding:
    """Is there an inventory of keys and certificates?"""
    summary = facts.summary
    rows = summary.certificates.rows
    own = sum(one.role in ("own", "shown") for one in rows)
    figures = (
        Figure("certificates listed, by role", f"{len(rows):,}"),
        Figure("of these our own", f"{own:,}"),
        Figure("configured ones among them", f"{sum(one.configured for one in rows):,}"),
        Figure("left out of the list", f"{summary.certificates.left_out:,}"),
        Figure("configurations on record", f"{summary.generations.total:,}"),
    )
    weak = weakened(facts)
    if weak is not None:
        return evolve(weak, figures=figures)
    if not rows:
        return Finding(Answer.NOT_SHOWN, "No certificate is on record in this span.", figures)
    if not any(one.configured for one in rows):
        return Finding(
            Answer.NOT_SHOWN,
            "Those that were seen on the wire are listed; what else was configured is not on record in this "
            "span.",
            figures,
        )
    if summary.certificates.left_out:
        return Finding(Answer.NOT_SHOWN, "There are more certificates than were listed.", figures)
    return Finding(
        Answer.MET,
        "The report lists each with its issuer, key, pin, validity, where it is used, and whether it was "
        "seen "
        "on the wire. It covers this gate; keys elsewhere are for other inventories.",
        figures,
    )


def suites(facts: Facts) -> Finding:
    """Is it documented which protocols and suites are in use, and is that reviewed?"""
    summary = facts.summary
    versions = sorted({row.name for place in summary.places for row in place.versions.rows})
    used = {row.name for place in summary.places for row in place.suites.rows}
    figures = (
        Figure("versions in use", ", ".join(versions) or "none"),
        Figure("suites in use", f"{len(used):,}"),
        Figure("places where they are used", f"{len(summary.places):,}"),
    )
    weak = weakened(facts)
    if weak is not None:
        return evolve(weak, figures=figures)
    return Finding(
        Answer.NOT_SHOWN,
        "The report is an inventory of versions, suites and groups in use, and where. That somebody reviews "
        "it "
        "every year, watches what becomes weak and has a plan is for documents and people to show.",
        figures,
    )


def module(facts: Facts) -> Finding:
    """Is the cryptography of the kind that was prescribed, in a validated module?"""
    summary = facts.summary
    finished = sum(place.finished for place in summary.places)
    suites = sum(place.suites.of(name) for place in summary.places for name in UNAPPROVED_SUITES)
    groups = sum(place.groups.of(name) for place in summary.places for name in UNAPPROVED_GROUPS)
    fips = {one.fips for one in summary.generations.rows}
    libraries = ", ".join(row.name for row in summary.libraries.rows if row.name) or "not on record"
    said = "yes" if fips == {True} else "no" if fips == {False} else "not on record, or not all the time"
    figures = (
        Figure("OpenSSL", libraries),
        Figure("its FIPS provider in use", said),
        Figure("handshakes with ChaCha20-Poly1305", percent(suites, finished)),
        Figure("handshakes with X25519 alone", percent(groups, finished)),
    )
    weak = weakened(facts)
    if weak is not None:
        return evolve(weak, figures=figures)
    return Finding(
        Answer.NOT_SHOWN,
        "Which cryptography is prescribed is the organisation's to say. If it is FIPS-validated: the figures "
        "say whether OpenSSL's FIPS provider was in use, and how often what NIST has not approved; the "
        "certificate of the module is for its vendor to show.",
        figures,
    )


def keys(facts: Facts) -> Finding:
    """Are keys managed?"""
    found = inventory(facts)
    rows = facts.summary.certificates.rows
    own = [one for one in rows if one.role == "own" and one.handshakes]
    figures = (
        *found.figures,
        Figure("our own certificates that were shown on the wire", f"{len(own):,}"),
        Figure("the next of these ends", min((one.not_after[:10] for one in own), default="none")),
    )
    return Finding(
        Answer.NOT_SHOWN,
        "Which keys were in use, of which kind and until when is listed. How they are made, kept, replaced "
        "and "
        "destroyed is for documents and people to show.",
        figures,
    )
