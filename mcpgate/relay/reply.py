"""What an upstream answers, judged message by message before a byte of it is passed on.

A L{Hearing} knows what may be said: which requests await an answer here, and whether the upstream may
ask something itself. A message that may not be said is kept from the caller and noted; what cannot be
read in one way only is a refusal, which ends the answer. What may be said passes in the bytes in which
it came.

What an upstream says of itself, between the answers, is subject to the masks of whoever hears it; answers
are subject to those of their requests (C{relay.answering}).

One L{Hearing}, four forms of a body: a L{Document} is held until it is whole, as its judgement decides
about the status; L{Events} pass one by one; an L{Error} is the upstream's own refusal and passes as it
is; and what answers nothing (C{202 Accepted}) is not passed on at all.

Sources: MCP "Transports" of each revision, "Sending Messages to the Server" and "Listening for
Messages from the Server"; JSON-RPC 2.0 section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from json import JSONDecoder
from typing import Protocol

from attrs import Factory, define

from mcpgate.policy.asked import Asked
from mcpgate.policy.lists import JUDGED_NEWS
from mcpgate.policy.masks import Masked, Masks
from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.http import EVENTS, JSON, NONE, ResponseHead
from mcpgate.wire.jsonrpc import REQUEST, RESPONSE, Batch, Message, parse, parse_batch
from mcpgate.wire.mcp import SERVER
from mcpgate.wire.questions import notable
from mcpgate.wire.sse import BOM, Event, EventReader, amended, around

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

# As the laxest readers do: NaN, halves of surrogate pairs and members that stand there twice.
_lax = JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str, strict=False).decode

# What comments and blank lines begin with, of which several may come as one.
BETWEEN = (b":", b"\n", b"\r")

# An event of which nothing passes but the message.
_BARE = Event(b"event: message\n\n", None, b"message")

#: Messages that are kept from the caller for one answer are recorded up to here, then only counted.
NOTED_MOST = 100

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
        return raw if self.masks is None else self._screened(self.masks, message, raw)

    def _screened(self, masks: Masks, message: Message, raw: bytes) -> bytes | None:
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


class Reply(Protocol):
    """An answer's body as it arrives. C{size}: how much of it came."""

    size: int

    def take(self, payload: bytes, finished: bool) -> bytes | Refusal:
        """What to pass on now. A refusal ends the answer, and nothing more is taken."""


class Document:
    """One message, held until it is whole. C{most}: its largest size in bytes."""

    def __init__(self, hearing: Hearing, most: int) -> None:
        self._hearing = hearing
        self._most = most
        # Not a list of pieces: one of many tiny ones takes forty times what they hold.
        self._held = bytearray()
        self.size = 0

    def take(self, payload: bytes, finished: bool) -> bytes | Refusal:
        self.size += len(payload)
        if self.size > self._most:
            return Refusal(Reason.UPSTREAM_ANSWER_SIZE, f"more than {self._most} bytes")
        if finished and not self._held:
            return self.judge(payload)
        self._held += payload
        return self.judge(bytes(self._held)) if finished else b""

    def judge(self, body: bytes) -> bytes | Refusal:
        """What to pass on of a whole body."""
        heard = self._hearing.hear(body)
        if isinstance(heard, Refusal) or self._hearing.answered:
            return heard if heard is not None else b""
        # Nobody waits for what else it may be.
        dropped = self._hearing.dropped
        why = dropped.pop().detail if dropped else "a message that is no answer"
        return Refusal(Reason.UPSTREAM_MESSAGE, why)


class Error(Document):
    """
    The body of an answer that HTTP calls an error: the upstream's own refusal, relayed as it is.

    It may be anything or nothing, and the official servers give it ids of their own (C{null},
    C{"server-error"}). But it must not be a result, which some client might take for one.
    """

    def judge(self, body: bytes) -> bytes | Refusal:
        message = parse(body)
        if message.error is None if isinstance(message, Message) else _brings_a_result(body):
            return Refusal(Reason.UPSTREAM_MESSAGE, "a message that is no error, in an error of HTTP")
        if isinstance(message, Message) and notable(message):
            # MCP has such an error in answers alone, where it is judged.
            return Refusal(Reason.UPSTREAM_MESSAGE, "a question to the caller, in an error of HTTP")
        masks = self._hearing.masks
        if masks is None:
            return body
        if not isinstance(message, Message):
            found = masks.finds(body)
            return body if found is None else Refusal(Reason.POLICY_CONTENT, found)
        screened = masks.apply(message, body, sender=SERVER)
        if isinstance(screened, Refusal):
            return screened
        return body if screened is None else self._hearing.count(screened)


class Silence:
    """What answers nothing: its body, if it has one, is for nobody. C{most}: where that ends."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = 0

    def take(self, payload: bytes, finished: bool) -> bytes | Refusal:
        self.size += len(payload)
        if self.size > self._most:
            return Refusal(Reason.UPSTREAM_ANSWER_SIZE, f"more than {self._most} bytes that answer nothing")
        return b""


class Events:
    """
    A stream of events, each passed on as it is complete. C{most}: the largest size of one, in bytes.

    @ivar resumable: Whether an event had an id: a client that misses what comes later can come back
        for it (2025-03-26 and later).
    @ivar refusal: Why nothing of the stream passes behind what L{take} has just returned.
    @ivar line_end: What must follow before anything else of ours, or the end: the second half of a CRLF
        that has not come yet. The standard can do without; but the parser of the TypeScript SDK takes a
        CR for a line's end only when something follows.
    """

    def __init__(self, hearing: Hearing, most: int) -> None:
        self._hearing = hearing
        self._most = most
        self._reader = EventReader()
        self._begun = False
        self.size = 0
        self.resumable = False
        self.refusal: Refusal | None = None
        self.line_end = b""

    def take(self, payload: bytes, finished: bool) -> bytes | Refusal:
        reader = self._reader
        self.size += len(payload)
        passed = []
        for event in reader.feed(payload):
            if len(event.raw) > self._most and event.raw[:1] not in BETWEEN:
                self.refusal = self._too_large()
                break
            if event.ambiguous or (event.raw[0] > 0x7F and event.raw != BOM):
                # What begins with a mark, or the like, may become the first of the caller's stream, when
                # what was before it is kept.
                self._hearing.drop(Reason.UPSTREAM_EVENT, "an event that clients read in different ways")
            elif event.data or event.kind:
                heard = self._event(event, event.data or b"")
                if isinstance(heard, Refusal):
                    self.refusal = heard
                    break
                passed.append(heard)
            elif event.raw != BOM and not self._tells(event.raw):
                # A comment, a time to retry after, or an id to resume from. A byte order mark says nothing,
                # and the official Python client loses the line after it.
                passed.append(event.raw)
            if event.id:
                self.resumable = True
                if self._hearing.events is not None:
                    self._hearing.events[event.id] = None
        else:
            if reader.size > self._most:
                self.refusal = self._too_large()
        whole = passed[0] if len(passed) == 1 else b"".join(passed)
        if self.refusal is not None and not whole:
            return self.refusal
        if whole:
            self.line_end = b"\n" if whole.endswith(b"\r") else b""
        return whole

    def _tells(self, around: bytes) -> bool:
        """Whether what stands around messages (comments, ids) holds what is masked; it is then left out."""
        masks = self._hearing.masks
        found = masks.finds(around) if masks is not None else None
        if found is None:
            return False
        self._hearing.drop(Reason.POLICY_CONTENT, found)
        return True

    def _too_large(self) -> Refusal:
        return Refusal(Reason.UPSTREAM_EVENT_SIZE, f"an event of more than {self._most} bytes")

    def _event(self, event: Event, data: bytes) -> bytes | Refusal:
        kind = event.kind
        if kind and kind != b"message":
            if kind == b"endpoint" and data and self._hearing.endpoint is not None and not self._begun:
                self._begun = True
                target = self._hearing.endpoint(data)
                return target if isinstance(target, Refusal) else amended(event, target)
            # Clients know no other, so they miss nothing; and a second endpoint would lead them away.
            self._hearing.drop(Reason.UPSTREAM_EVENT, "an event that is no message")
            return b":\n\n"
        if not data:
            return event.raw
        self._begun = True
        heard = self._hearing.hear(data)
        if heard is None or isinstance(heard, Refusal):
            return heard if heard is not None else b""
        if self._hearing.masks is not None and self._tells(around(event)):
            return amended(_BARE, heard)
        return event.raw if heard is data else amended(event, heard)


def reply_to(
    head: ResponseHead, hearing: Hearing, *, method: bytes, document: int, event: int
) -> Reply | Refusal:
    """
    How an answer is to be read.

    @param method: The HTTP method that is answered.
    @param document: The largest message, in bytes; C{event}: the largest event.
    """
    content = head.content
    if content is EVENTS and head.status < 300 and head.framing is not NONE:
        return Events(hearing, event)
    if head.length > document:
        return Refusal(Reason.UPSTREAM_ANSWER_SIZE, f"{head.length} bytes are announced")
    if head.status >= 300:
        # Events that nobody would look into are for nobody.
        return Error(hearing, document) if content is not EVENTS else Silence(document)
    asks = method == b"POST" and hearing.outstanding
    if head.status in (202, 204) or not (asks or method == b"GET"):
        return Silence(document)
    if content is JSON and method == b"POST":
        return Document(hearing, document)
    return Refusal(Reason.UPSTREAM_CONTENT, "an answer that is neither JSON nor an event stream")


def _brings_a_result(body: bytes) -> bool:
    """Whether some reader, of what L{parse} refused, could find a result in it."""
    if body.find(b'"result"') < 0 and body.find(b"\\u") < 0:
        return False
    try:
        value = _lax(body.decode("utf-8-sig", "replace"))
    except ValueError:
        return False
    except RecursionError:
        return True
    found = value if type(value) is list else [value]
    return any(type(one) is tuple and any(name == "result" for name, _ in one) for one in found)


def _unreadable(refusal: Refusal) -> Refusal:
    return Refusal(Reason.UPSTREAM_MESSAGE, str(refusal))

