"""What of all that happens needs a person (pure).

Records say what has happened, and a running gate's C{status} how things are. Either may be in trouble
without the other: a journal that cannot be written tells of it by C{status} alone, and a leak is in
the journal alone. Nothing is remembered here but what is wrong now, so that its end can be told; what was
told to whom, and when it is told again, is C{telling}'s.

Sentences are ours. What peers and upstreams chose stands in them only as far as somebody needs it to find
the matter (a tool's name, an address), bounded and printable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mcpgate.alerts.alert import Alert, Severity, plain
from mcpgate.evidence.record import timestamp
from mcpgate.metrics.certificates import Expiry, certificates
from mcpgate.reasons import Reason

Record = Mapping[str, Any]
Facts = Mapping[str, Any]

#: Twice the longest that a line waits for its checkpoint (C{evidence.checkpoint_every}): one that failed
#: has been tried again by then.
UNSEALED_MOST = 120.0
#: From here on a certificate that ends is urgent whatever C{alert.expiry} says.
URGENT = 3 * 86400.0

_DAY = 86400.0

_CERTIFICATES = {
    "listener": "the certificate of the listener {name} ({subject})",
    "client": "the certificate that the upstream {name} is shown ({subject})",
    "upstream": "the certificate that the upstream {name} shows",
    "provider": "the certificate that {name} shows, which is asked for keys or tokens",
}

_DEFINITIONS = {
    "changed": (Severity.CRITICAL, "has changed the definition of the tool {tool}"),
    "suspicious": (Severity.CRITICAL, "hides characters in the definition of the tool {tool}"),
    "key": (Severity.WARNING, "proves itself by another key than when its tools were seen"),
}


class Occasions:
    """What needs a person, out of records and facts in their order."""

    def __init__(self) -> None:
        #: What is wrong now, by its key, with its occasion.
        self._wrong: dict[str, str] = {}
        self._records = {
            "handshake": self._handshake,
            "echo": self._echo,
            "definition": self._definition,
            "reload": self._reload,
            "gap": self._gap,
            "repair": self._repair,
        }

    def of_records(self, records: Iterable[Record]) -> list[Alert]:
        """What they tell. A record that is not as it should be tells nothing."""
        found: list[Alert] = []
        for record in records:
            of = self._records.get(record.get("type", ""))
            if of is not None:
                try:
                    found += of(record)
                except (KeyError, TypeError, ValueError, AttributeError):
                    continue
        return found

    def of_facts(self, facts: Facts | None, now: float) -> list[Alert]:
        """
        What a running gate says that is wrong, and what is no longer.

        @param facts: C{None}: it did not answer; nothing is known, so nothing is over.
        @param now: Unix seconds.
        """
        if facts is None or not facts.get("running"):
            return []
        time = timestamp(now)
        standing = [*self._problems(facts, time), *self._journal(facts, time)]
        found = [*standing, *self._over({one.key for one in standing}, time)]
        self._wrong = {one.key: one.occasion for one in standing}
        return found + [_expiry(one, now) for one in certificates(facts)]

    # Records.

    def _handshake(self, record: Record) -> Iterator[Alert]:
        where = plain(record["where"])
        extra = record["extra"] or {}
        seen = record["handshake"] or {}
        if record["reason"] == Reason.TLS_PIN.value or seen.get("pinned") is False:
            refused = record["outcome"] != "ok"
            what = "was refused" if refused else "was not refused, as pin_mode is report_only"
            yield Alert(
                occasion="pin",
                severity=Severity.CRITICAL,
                key=f"pin:{record['leg']}:{where}:{refused}",
                sentence=f"{where} proved itself by a key that is not pinned; the connection {what}",
                evidence=record["id"],
                time=record["time"],
                about={"leg": record["leg"], "name": where, "peer": plain(record["peer"])},
            )
        if record["reason"] == Reason.TLS_PLAINTEXT.value and extra.get("credential_exposed") is True:
            peer = plain(record["peer"])
            yield Alert(
                occasion="plaintext",
                severity=Severity.CRITICAL,
                key=f"plaintext:{where}",
                sentence=f"{peer} has sent a credential in clear text to the listener {where}; it was not "
                "looked at, but whoever is on the way may have it: revoke it",
                evidence=record["id"],
                time=record["time"],
                about={"listener": where, "peer": peer},
            )

    def _echo(self, record: Record) -> Iterator[Alert]:
        upstream, what = plain(record["upstream"]), plain(record["what"])
        yield Alert(
            occasion="credential",
            severity=Severity.CRITICAL,
            key=f"credential:{upstream}",
            sentence=f"the upstream {upstream} has shown the credential that the gate proves itself with; it "
            f"was {what} before the caller saw it: renew it",
            evidence=record["id"],
            time=record["time"],
            about={"upstream": upstream, "what": what, "exchange": plain(record["exchange"])},
        )

    def _definition(self, record: Record) -> Iterator[Alert]:
        known = _DEFINITIONS.get(record["what"])
        if known is None:
            return
        severity, does = known
        upstream, tool = plain(record["upstream"]), plain(record["tool"] or "-")
        yield Alert(
            occasion="definition",
            severity=severity,
            key=f"definition:{upstream}:{record['what']}:{tool}",
            sentence=f"the upstream {upstream} {does.format(tool=tool)}: mcpgate policy definitions",
            evidence=record["id"],
            time=record["time"],
            about={"upstream": upstream, "tool": tool, "what": record["what"]},
        )

    def _reload(self, record: Record) -> Iterator[Alert]:
        yield _not_taken(_CHANGES.get(record["what"], "what is in force"), record["time"], record["id"])

    def _gap(self, record: Record) -> Iterator[Alert]:
        exchanges, lines = int(record["exchanges"]), int(record["lines"])
        lost = f"{exchanges} exchanges were forwarded off the record, and {lines} lines are lost"
        yield Alert(
            occasion="journal",
            severity=Severity.CRITICAL,
            key="journal:gap",
            sentence=f"the journal could not be written for a while: {lost}",
            evidence=record["id"],
            time=record["time"],
            about={"exchanges": str(exchanges), "lines": str(lines)},
        )

    def _repair(self, record: Record) -> Iterator[Alert]:
        if record["what"] != "deleted":
            # A crash in the middle of a line, or somebody who rotates files.
            return
        file = plain(record["file"])
        yield Alert(
            occasion="journal",
            severity=Severity.CRITICAL,
            key="journal:deleted",
            sentence=f"somebody has removed a file of the journal while it was written: {file}",
            evidence=record["id"],
            time=record["time"],
            about={"bytes": str(record["dropped"])},
        )

    # Facts.

    def _problems(self, facts: Facts, time: str) -> Iterator[Alert]:
        for what in facts.get("untaken") or ():
            yield _not_taken(_CHANGES.get(what, "what is in force"), time, None)

    def _journal(self, facts: Facts, time: str) -> Iterator[Alert]:
        journal = facts.get("journal") or {}
        if journal.get("failure"):
            yield _of_journal("failing", f"cannot be written: {plain(journal['failure'])}", time)
        age = journal.get("unsealed")
        if isinstance(age, int | float) and age > UNSEALED_MOST:
            failure = (journal.get("seals") or {}).get("failure")
            why = f": {plain(failure)}" if failure else ""
            yield _of_journal("unsealed", f"has had no signed checkpoint for {age:.0f} s{why}", time)

    def _over(self, wrong: set[str], time: str) -> Iterator[Alert]:
        for key, occasion in self._wrong.items():
            if key not in wrong:
                yield Alert(
                    occasion=occasion,
                    severity=Severity.OVER,
                    key=key,
                    sentence=_OVER[key],
                    evidence=None,
                    time=time,
                )


_RELOAD = "reload:failed"
_CHANGES = {
    "configuration": "the configuration",
    "files": "the files that the configuration names",
    "tokens": "the issued tokens",
}
_OVER = {
    _RELOAD: "the configuration and its files are in force as they stand",
    "journal:failing": "the journal can be written again",
    "journal:unsealed": "the journal's checkpoints are signed again",
}


def _not_taken(what: str, time: str, evidence: str | None) -> Alert:
    return Alert(
        occasion="reload",
        severity=Severity.CRITICAL,
        key=_RELOAD,
        # Why may quote the configuration, which is nobody's business on the way to a webhook.
        sentence=f"a change of {what} was not taken; what was in force stays so: mcpgate status says why",
        evidence=evidence,
        time=time,
        standing=True,
    )


def _of_journal(what: str, words: str, time: str) -> Alert:
    return Alert(
        occasion="journal",
        severity=Severity.CRITICAL,
        key=f"journal:{what}",
        sentence=f"the journal {words}",
        evidence=None,
        time=time,
        standing=True,
    )


def _expiry(one: Expiry, now: float) -> Alert:
    left = one.not_after - now
    severity = Severity.CRITICAL if left < URGENT else Severity.WARNING
    end = datetime.fromtimestamp(one.not_after, UTC).strftime("%Y-%m-%d %H:%M UTC")
    days = f"in {left / _DAY:.0f} days" if left > 2 * _DAY else f"in {left / 3600:.0f} hours"
    which = _CERTIFICATES[one.kind].format(name=plain(one.name), subject=plain(one.subject))
    when = f"ends {days}, on {end}" if left > 0 else f"has ended on {end}"
    return Alert(
        occasion="certificate",
        severity=severity,
        key=f"certificate:{one.kind}:{one.name}:{plain(one.serial)}:{severity}",
        sentence=f"{which} {when}",
        evidence=None,
        time=timestamp(now),
        about={"kind": one.kind, "name": one.name, "serial": plain(one.serial)},
        standing=True,
        until=one.not_after,
    )
