"""What is wrong with lines, in a sentence (pure)."""

from __future__ import annotations

from mcpgate.evidence.findings import Finding, Severity, counted, lines_of
from mcpgate.evidence.strays import Fault


def fault_finding(fault: Fault, worker: int, segment: int, file: str) -> Finding:
    """The finding that a fault makes."""
    return Finding(
        Severity.TAMPERED,
        fault.kind,
        f"{file}, line {fault.line}: {_words(fault)}.",
        worker,
        segment,
        fault.first,
        fault.last,
        file,
        fault.line,
    )


def _words(fault: Fault) -> str:
    lines = lines_of(fault.first, fault.last)
    were = "was" if fault.first == fault.last else "were"
    are = "is" if fault.first == fault.last else "are"
    more = f" ({fault.detail})" if fault.detail else ""
    match fault.kind:
        case "edited":
            return f"{lines} {were} changed{more}"
        case "prev":
            return f"{lines} {were} changed: its `prev` does not name the line before it, which is right"
        case "replaced":
            return f"{lines} {were} put in the place of others: another process wrote {_it(fault)}"
        case "missing":
            return f"{lines} {are} missing before it{more}"
        case "reordered":
            return f"{lines} {are} not here, but elsewhere in the file: lines were put in another order"
        case "duplicated":
            return f"{counted(fault.count, 'line')} {_stand(fault)} here a second time ({lines})"
        case "foreign":
            return f"{counted(fault.count, 'line')} {_stand(fault)} here that another process wrote ({lines})"
        case "inserted":
            return f"{counted(fault.count, 'line')} {_stand(fault)} here that {_belong(fault)} nowhere"
        case "rewritten":
            return (
                f"{lines} {are} not what was signed, though each names the one before: "
                f"something among {_it(fault)} was changed, and the chain made anew{more}"
            )
        case "cut":
            return f"{lines} {are} gone from the end, which a checkpoint says were there{more}"
        case "added":
            return f"{lines} {were} added after the segment was closed"
        case _:
            return f"{lines} {are} not what {_it(fault)} should be{more}"


def _it(fault: Fault) -> str:
    return "it" if fault.first == fault.last else "them"


def _stand(fault: Fault) -> str:
    return "stands" if fault.count == 1 else "stand"


def _belong(fault: Fault) -> str:
    return "belongs" if fault.count == 1 else "belong"
