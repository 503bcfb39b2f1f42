"""Verification: whether the evidence is what the gate has written and signed, from its files and its key.

C{verify} goes through it worker by worker, in bounded memory, and returns all that it found. It needs no gate
and no network, and believes nothing but the key that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import evolve, field, frozen

from mcpgate.evidence.absent import judge_absent
from mcpgate.evidence.content import judge_content
from mcpgate.evidence.findings import LATE, Finding, Severity
from mcpgate.evidence.held import Held
from mcpgate.evidence.history import History, VanishedError, gate_of
from mcpgate.evidence.keyfile import PUBLIC
from mcpgate.evidence.note import NoteError, VerifierKey
from mcpgate.evidence.places import Place, UnreadableError, find
from mcpgate.evidence.sequence import Sequence as Checkpoints
from mcpgate.evidence.trusted import Trusted, follow, read_keys

#: How many findings are kept; the rest is counted.
FINDINGS_MOST = 20_000
#: So many workers that are gone are told one by one.
WORKERS_MOST = 100
#: How often one begins again because a segment went away meanwhile. Retention looks every ten minutes.
AGAIN_MOST = 3


@frozen
class Verification:
    """
    What was found.

    @ivar where: What was verified.
    @ivar trusted: The key that it rests on, and those that came after it.
    @ivar given: Whether somebody brought that key along; else it is the one that lies beside the journal, and
        whoever has changed the one may have changed the other.
    @ivar findings: What there is to say, in the order of its places.
    @ivar more: How many findings there are besides.
    @ivar lines: How many lines there are; C{unsealed} of them behind the last checkpoint.
    @ivar checkpoints: How many checkpoints there are; C{copies}: how many that others hold were compared.
    """

    where: str
    trusted: Trusted
    given: bool
    findings: tuple[Finding, ...]
    more: int
    workers: int
    segments: int
    lines: int
    unsealed: int
    checkpoints: int
    copies: int
    first_time: str | None
    last_time: str | None
    _sound: bool = field(repr=False)

    @property
    def sound(self) -> bool:
        """Whether nothing was tampered with."""
        return self._sound

    @property
    def late(self) -> bool:
        """Whether lines had no checkpoint for longer than any gate lets them wait: behind checkpoints that
        were taken away, somebody could have written them without the key."""
        return any(finding.kind in LATE for finding in self.findings)

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(one for one in self.findings if one.severity is severity)


class _Told:
    """The findings so far."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.more = 0
        self.sound = True

    def __call__(self, finding: Finding) -> None:
        if finding.severity is Severity.TAMPERED:
            self.sound = False
        if len(self.findings) < FINDINGS_MOST:
            self.findings.append(finding)
        else:
            self.more += 1


def verify(
    where: Path,
    *,
    key: Path | None = None,
    checkpoints: Sequence[Path] = (),
    passed: Callable[[int, int], object] | None = None,
) -> Verification:
    """
    Verify a state directory, a journal's directory or a bundle.

    @param key: A file with a public key of the gate, such as an C{evidence.pub} that was kept elsewhere.
    @param checkpoints: Where the checkpoints are, if not there, or where others hold copies of them.
    @param passed: Called as it goes on, with how many bytes were read since the last time, and of how many.
    @raise UnreadableError: There is nothing that could be verified, or no key to do it with.
    """
    for _ in range(AGAIN_MOST):
        try:
            return _verified(where, key, checkpoints, passed)
        except VanishedError:
            # Of a gate that runs, segments are compressed and expire meanwhile.
            continue
    raise UnreadableError(f"{where}: its files come and go, again and again")


def _verified(
    where: Path,
    key: Path | None,
    checkpoints: Sequence[Path],
    passed: Callable[[int, int], object] | None,
) -> Verification:
    told = _Told()
    place, copies = _with_checkpoints(find(where), checkpoints)
    trusted = _trusted(place, key, told)
    held = Held(trusted, told)
    for copy in copies:
        held.read(copy)
    # Once more: of what a running gate has sent meanwhile, nothing is to be missed here.
    place, _ = _with_checkpoints(find(where), checkpoints)
    whose = gate_of(place)
    if whose is not None and whose != trusted.gate:
        words = f"This is evidence of the gate {whose}, and the key is of the gate {trusted.gate}."
        told(Finding(Severity.TAMPERED, "another_gate", words, file=PUBLIC))
        place = evolve(place, segments={}, sealed={})
    total = sum(file.size for file in place.segments.values())
    histories = []
    counts = 0
    for worker in sorted({worker for worker, _ in place.segments.keys() | place.sealed.keys()}):
        sequence = Checkpoints(trusted, trusted.gate, worker, told, from_first=not place.bundle)
        history = History(
            place,
            trusted.gate,
            worker,
            sequence,
            told,
            (lambda count: passed(count, total)) if passed is not None else None,
        )
        history.tell(held.compare)
        histories.append(history)
        counts += sequence.count
    judge_absent(histories, told, partly=place.bundle)
    if not place.bundle:
        _judge_workers({one.worker for one in histories}, told)
    held.end(partly=place.bundle)
    for name in place.unchained:
        words = f"{name}: is of a version before there was a chain; nothing can be said of it."
        told(Finding(Severity.NOTE, "unchained", words, file=name))
    for name in place.doubled:
        words = (
            f"{name}: stands beside the journal's own directory, where whoever reads might take it for a "
            "part of it; it was put there by somebody else."
        )
        told(Finding(Severity.TAMPERED, "doubled", words, file=name))
    if place.bundle:
        named = {one.file for one in told.findings if one.severity is Severity.TAMPERED and one.file}
        judge_content(place, trusted, named, told)
    times = [(one.first_time, one.last_time) for one in histories]
    return Verification(
        where=place.name,
        trusted=trusted,
        given=key is not None,
        findings=tuple(told.findings),
        more=told.more,
        workers=len(histories),
        segments=len(place.segments),
        lines=sum(one.lines for one in histories),
        unsealed=sum(one.tails.count for one in histories),
        checkpoints=counts,
        copies=held.count,
        first_time=min((first for first, _ in times if first), default=None),
        last_time=max((last for _, last in times if last), default=None),
        sound=told.sound,
    )


def _judge_workers(workers: set[int], told: _Told) -> None:
    """Workers are counted from 0, and what one has left never goes as a whole."""
    for worker in sorted(set(range(max(workers, default=0))) - workers)[:WORKERS_MOST]:
        words = f"All that worker {worker} wrote is gone, checkpoints and all; that of a later one is here."
        told(Finding(Severity.TAMPERED, "worker", words, worker))


def _with_checkpoints(place: Place, checkpoints: Sequence[Path]) -> tuple[Place, Sequence[Path]]:
    """
    Where a journal's directory is all there is, the first place with checkpoints is theirs, and no copy.
    """
    if place.sealed or not checkpoints:
        return place, checkpoints
    own = find(checkpoints[0])
    if not own.sealed:
        return place, checkpoints
    public = place.public or own.public
    return evolve(place, sealed=own.sealed, public=public), checkpoints[1:]


def _trusted(place: Place, key: Path | None, told: _Told) -> Trusted:
    """The key that everything rests on, and those that it leads to."""
    first: VerifierKey | None = None
    successions: tuple[bytes, ...] = ()
    if key is not None:
        try:
            first, successions = read_keys(key.read_bytes())
        except OSError as error:
            raise UnreadableError(f"{key}: {error.strerror}") from error
        except NoteError as error:
            raise UnreadableError(f"{key}: {error}") from None
    beside: VerifierKey | None = None
    if place.public is not None:
        try:
            beside, more = read_keys(place.public.read())
            successions += more
        except (NoteError, OSError) as error:
            words = f"{PUBLIC}: cannot be read: {error}."
            told(Finding(Severity.TAMPERED, "public", words, file=PUBLIC))
    if first is None:
        if beside is None:
            raise UnreadableError(f"{place.name}: there is no {PUBLIC}; name a file with the key by --key")
        first = beside
    trusted = Trusted(first)
    try:
        trusted = follow(trusted, successions)
        if beside is not None and trusted.first not in follow(Trusted(beside), successions).keys:
            # From the one that is trusted one may come to it, too.
            if beside not in trusted.keys:
                words = f"{PUBLIC}: has the key {beside}, which does not lead to the one that is trusted."
                told(Finding(Severity.TAMPERED, "public", words, file=PUBLIC))
    except NoteError as error:
        words = f"{PUBLIC}: does not lead from one key to the next: {error}."
        told(Finding(Severity.TAMPERED, "succession", words, file=PUBLIC))
    return trusted


__all__ = ["UnreadableError", "Verification", "verify"]
