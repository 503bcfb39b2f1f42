"""What may be said on one answer: who awaits what, what becomes of it, and what was kept back.

A message that may not be said is kept from the caller and noted; what cannot be read in one way only is a
refusal, which ends the answer. What may be said passes in the bytes in which it came.

What an upstream says of itself, between the answers, is subject to the masks of whoever hears it; answers
are subject to those of their requests (C{relay.answering}).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Protocol

from attrs import Factory, define

from mcpgate.policy.asked import Asked
from mcpgate.policy.echo import Secrets
from mcpgate.policy.lists import JUDGED_NEWS
from mcpgate.policy.masks import Masked, Masks
from mcpgate.policy.sayings import Saying, saying_of
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import ResponseHead
from mcpgate.wire.jsonrpc import REQUEST, RESPONSE, Batch, Message, parse, parse_batch
from mcpgate.wire.mcp import SERVER

#: Requests by their ids, which are as their sender chose them: 1 and "1" are two.
Outstanding = MutableMapping[int | str, Asked]

#: What becomes of an answer before it is passed on: the bytes to pass on, or why not.
#: C{None} for the request: this worker has not seen it. It may drop the answer, as L{Hearing.hear} may.
Amend = Callable[["Asked | None", Message, bytes], bytes | None | Refusal]

#: The same for a notification.
News = Callable[[Message, bytes], bytes | None | Refusal]
#: Why a request or notification of the upstream's own is kept from the caller, if it is; with what else it
#: has asked the caller.
Keep = Callable[[Message, "Mapping[int | str, str] | None"], Refusal | None]

#: What stands in the place of an answer that may not pass.
Stand = Callable[["Asked | None", "int | str", Refusal], bytes]


class Echo(Protocol):
    """What may not be shown (C{relay.echoing})."""

    @property
    def secrets(self) -> Secrets: ...

    def clear(self, raw: bytes) -> bool: ...

    def message(self, message: Message, raw: bytes, asked: Asked | None) -> Masked | Refusal | None: ...

    def page(self, body: bytes) -> Masked | Refusal | None: ...

    def around(self) -> Refusal: ...

    def spoken(self) -> None: ...

    def head(self, head: ResponseHead, emitted: bytes) -> tuple[ResponseHead, bytes]: ...


#: Answers of one stream whose ids are remembered to tell a second one: eight times the requests that are
#: remembered of a session. A stream of 2024-11-05 brings all answers of its session, for days.
ANSWERED_MOST = 1024


@define(eq=False)
class Hearing:
    """
    What may be said on one answer, and what was.

    @ivar outstanding: The requests that it may answer. Whichever is answered is taken out.
    @ivar amend: Called with each answer, in order.
    @ivar keep: Called with each message that is no answer, in order; C{None}: nothing of that is kept.
    @ivar news: Called with each notification that is not everybody's (C{policy.lists}), if there are rules.
    @ivar asked: Gets the upstream's own requests, by id; C{None} where it may ask nothing (2026-07-28).
    @ivar again: Whether what it may answer may have been answered before: the caller has come back for what
        it missed.
    @ivar events: Gets the ids of the events that pass.
    @ivar strangers: Whether it may answer what this worker does not know: a stream that is resumed by
        C{Last-Event-ID}, or that of 2024-11-05, which brings all answers.
    @ivar batches: Whether several messages may come in one piece (2025-03-26).
    @ivar decline: Answers a request of the upstream's that does not reach the caller; returns what is noted.
    @ivar masks: What everything but the answers is subject to; C{None}: nothing.
    @ivar masked: How many values of each detector were masked.
    @ivar follows: Whether what is said bit by bit is left to who follows it (C{relay.following}).
    @ivar saying: What the last message said of that kind, if it did.
    @ivar echoing: Finds what the upstream was shown in what it says; C{None}: it was shown nothing.
    @ivar stand: Makes what stands in the place of an answer that shows it and cannot be masked.
    @ivar dropped: What was kept from the caller and is not recorded yet.
    """

    outstanding: Outstanding
    amend: Amend
    asked: MutableMapping[int | str, str] | None = None
    again: bool = False
    events: MutableMapping[bytes, None] | None = None
    strangers: bool = False
    batches: bool = False
    endpoint: Callable[[bytes], bytes | Refusal] | None = None
    masks: Masks | None = None
    masked: dict[str, int] = Factory(dict)
    keep: Keep | None = None
    decline: Callable[[Message, Refusal], Refusal] | None = None
    dropped: list[Refusal] = Factory(list)
    answered: set[int | str] = Factory(set)
    news: News | None = None
    follows: bool = False
    saying: Saying | None = None
    echoing: Echo | None = None
    stand: Stand | None = None

    def hear(self, raw: bytes) -> bytes | None | Refusal:
        """What to pass on of one message, or of one batch; C{None}: nothing."""
        message = parse(raw)
        if type(message) is Message:
            return self._one(message, raw)
        if message.reason is Reason.FRAME_BATCH and self.batches:  # type: ignore[union-attr]
            batch = parse_batch(raw)
            return self._several(batch, raw) if isinstance(batch, Batch) else _unreadable(batch)
        return _unreadable(message)  # type: ignore[arg-type]

    def _several(self, batch: Batch, whole: bytes) -> bytes | None | Refusal:
        heard = []
        changed = False
        for message, raw in batch.parts:
            one = self._one(message, raw)
            if isinstance(one, Refusal):
                return one
            changed = changed or one is not raw
            if one is not None:
                heard.append(one)
        if not changed:
            return whole
        return b"[%b]" % b",".join(heard) if heard else None

    def _one(self, message: Message, raw: bytes) -> bytes | None | Refusal:
        if self.echoing is not None and not self.echoing.clear(raw):
            # Before anything else learns of it: what is kept of definitions is shown to people.
            shown = self._unechoed(self.echoing, message, raw)
            if shown is None:
                return None
            if shown is not raw:
                read = parse(shown)
                assert isinstance(read, Message)
                message, raw = read, shown
        id = message.id
        if message.kind is RESPONSE:
            assert id is not None
            asked = self.outstanding.get(id) if self.again else self.outstanding.pop(id, None)
            if (asked is None and not self.strangers) or (self.again and id in self.answered):
                if id in self.answered:
                    self.drop(Reason.UPSTREAM_REPEATED, "a second answer to one request")
                else:
                    self.drop(Reason.UPSTREAM_UNASKED, "an answer to no request that awaits one here")
                return None
            heard = self.amend(asked, message, raw)
            if not isinstance(heard, Refusal):
                if len(self.answered) >= ANSWERED_MOST:
                    self.answered.clear()
                self.answered.add(id)
            elif asked is not None and not self.again:
                # Whoever waits for it has no answer yet: it gets ours.
                self.outstanding[id] = asked
            return heard
        questions = self.asked
        if message.kind is REQUEST and questions is None:
            self.drop(Reason.UPSTREAM_ASKS, "a request of its own")
            return None
        kept = self.keep(message, questions) if self.keep is not None else None
        if kept is not None:
            self.dropped.append(kept)
            return None
        if message.kind is REQUEST:
            assert questions is not None and id is not None and message.method is not None
            questions[id] = message.method
        elif questions and message.method == "notifications/cancelled":
            withdrawn = message.params.get("requestId")
            if type(withdrawn) is int or type(withdrawn) is str:
                questions.pop(withdrawn, None)
        if self.news is not None and message.method in JUDGED_NEWS:
            heard = self.news(message, raw)
            if heard is None or isinstance(heard, Refusal):
                return heard
            if heard is not raw:
                read = parse(heard)
                assert isinstance(read, Message)
                message, raw = read, heard
        if self.follows:
            self.saying = saying_of(message, raw)
            if self.saying is not None:
                return raw
        if self.masks is None:
            return raw
        return self.screened(self.masks, message, raw)

    def _unechoed(self, echoing: Echo, message: Message, raw: bytes) -> bytes | None:
        """A message without the gate's own credential, or what stands in its place; C{None}: nothing does."""
        id = message.id
        answers = message.kind is RESPONSE
        asked = self.outstanding.get(id) if answers and id is not None else None
        found = echoing.message(message, raw, asked)
        if not isinstance(found, Refusal):
            return raw if found is None else self.count(found)
        if answers:
            assert self.stand is not None and id is not None
            return self.stand(asked, id, found)
        if message.kind is REQUEST and self.asked is not None and self.decline is not None:
            found = self.decline(message, found)
        self.dropped.append(found)
        return None

    def screened(self, masks: Masks, message: Message, raw: bytes) -> bytes | None:
        """What may pass of what is no answer."""
        screened = masks.apply(message, raw, sender=SERVER)
        if isinstance(screened, Refusal):
            if message.kind is REQUEST:
                assert self.asked is not None and message.id is not None
                self.asked.pop(message.id, None)
                screened = self.decline(message, screened) if self.decline is not None else screened
            self.dropped.append(screened)
            return None
        return raw if screened is None else self.count(screened)

    def count(self, screened: Masked) -> bytes:
        """Note what was masked; returns what may pass."""
        for detector, number in screened.counts.items():
            self.masked[detector] = self.masked.get(detector, 0) + number
        return screened.raw

    def drop(self, reason: Reason, detail: str) -> None:
        """Keep something from the caller."""
        self.dropped.append(Refusal(reason, detail))


def _unreadable(refusal: Refusal) -> Refusal:
    return Refusal(Reason.UPSTREAM_MESSAGE, str(refusal))

