"""Who did what, and whether the record of it stands (pure)."""

from __future__ import annotations

from attrs import evolve

from mcpgate.report.checks.answer import Answer, Facts, Figure, Finding, weakened_exchanges


def authorized(facts: Facts) -> Finding:
    """Could only authorized callers transmit, and only what they may?"""
    summary, traffic = facts.summary, facts.summary.traffic
    anonymous = traffic.proofs.of("anonymous")
    figures = (
        Figure("exchanges of callers who had proved who they are", f"{traffic.proofs.total - anonymous:,}"),
        Figure("of callers who had not to (unsafe_anonymous)", f"{anonymous:,}"),
        Figure("refused for want of a good proof", f"{summary.refused_exchanges('auth.'):,}"),
        Figure("refused by rules", f"{summary.refused_exchanges('policy.'):,}"),
        Figure("decided by a person", f"{summary.kind('decision').total:,}"),
        Figure("values masked in requests", f"{traffic.masked_requests.total:,}"),
        Figure("values masked in answers", f"{traffic.masked_answers.total:,}"),
    )
    weak = weakened_exchanges(facts)
    if weak is not None:
        return evolve(weak, figures=figures)
    if anonymous:
        return Finding(Answer.NOT_MET, "Callers were served who had not proved who they are.", figures)
    return Finding(
        Answer.MET,
        "Nothing is forwarded that no rule allows to a caller who has proved who it is; what that means for "
        "each tool is in the rules, of which the report has the hash.",
        figures,
    )


def record(facts: Facts) -> Finding:
    """Is what was done on record, and would a change of the record be found?"""
    verified, summary = facts.verified, facts.summary
    figures = (
        Figure("lines verified", f"{verified.lines:,}"),
        Figure("checkpoints verified", f"{verified.checkpoints:,}"),
        Figure("lines after the last checkpoint", f"{verified.unsealed:,}"),
        Figure("exchanges without an end", f"{summary.traffic.unfinished.total:,}"),
        Figure("exchanges forwarded while the journal could not be written", f"{summary.off_record:,}"),
        Figure("lines lost while it could not be written", f"{summary.lost:,}"),
        Figure("steps of the clock", f"{summary.kind('clock').total:,}"),
    )
    if not verified.sound:
        return Finding(Answer.NOT_MET, "Verification has found that the journal was tampered with.", figures)
    if summary.off_record:
        return Finding(Answer.NOT_MET, "Exchanges were forwarded while they could not be recorded.", figures)
    if summary.lost:
        return Finding(Answer.NOT_MET, "Lines were lost while the journal could not be written.", figures)
    if verified.late:
        late = "Lines waited for a checkpoint longer than any gate lets them; who wrote them is not shown."
        return Finding(Answer.NOT_SHOWN, late, figures)
    if not verified.checkpoints:
        return Finding(Answer.NOT_SHOWN, "There is no signed checkpoint over these lines.", figures)
    return Finding(
        Answer.MET,
        "Each line holds the hash of the line before it, and signed checkpoints hold the roots of them. A "
        "change of what they cover is found by whoever has the public key. What somebody with that host and "
        "its key could rewrite is found only against a copy of the checkpoints that is kept elsewhere.",
        figures,
    )
