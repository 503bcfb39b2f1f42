"""What an upstream answers, judged message by message before a byte of it is passed on.

A L{Hearing} knows what may be said (C{relay.hearing}).

One L{Hearing}, four forms of a body: a L{Document} is held until it is whole, as its judgement decides
about the status; L{Events} pass one by one; an L{Error} is the upstream's own refusal and passes as it
is; and what answers nothing (C{202 Accepted}) is not passed on at all.

Sources: MCP "Transports" of each revision, "Sending Messages to the Server" and "Listening for
Messages from the Server"; JSON-RPC 2.0 section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from json import JSONDecoder
from typing import Protocol

from mcpgate.policy.sayings import Saying, saying_of, text_in
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay.following import Following
from mcpgate.relay.hearing import Echo, Hearing
from mcpgate.wire.http import EVENTS, JSON, NONE, ResponseHead
from mcpgate.wire.jsonrpc import Message, parse, parse_batch
from mcpgate.wire.mcp import SERVER
from mcpgate.wire.questions import notable
from mcpgate.wire.sse import BOM, Event, EventReader, amended, around, event_of

# As the laxest readers do: NaN, halves of surrogate pairs and members that stand there twice.
_lax = JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str, strict=False).decode

# What comments and blank lines begin with, of which several may come as one.
BETWEEN = (b":", b"\n", b"\r")

# An event of which nothing passes but the message.
_BARE = Event(b"event: message\n\n", None, b"message")

# What of a message is said bit by bit. Without the slash behind it, which some servers write as an escape.
_NEWS = b"notifications"

#: Messages that are kept from the caller for one answer are recorded up to here, then only counted.
NOTED_MOST = 100

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
        echoing = self._hearing.echoing
        if echoing is not None:
            if not isinstance(message, Message):
                shown = echoing.page(body)
            else:
                shown = None if echoing.clear(body) else echoing.message(message, body, None)
            if isinstance(shown, Refusal):
                return shown
            if shown is not None:
                body = self._hearing.count(shown)
                message = parse(body)
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

    def __init__(self, hearing: Hearing, most: int, clock: Callable[[], float], ends: bool) -> None:
        """
        @param clock: seconds.
        @param ends: whether the first answer ends all that is said bit by bit before it.
        """
        self._hearing = hearing
        self._most = most
        self._ends = ends
        self._clock = clock
        # Of a batch each message is followed by itself, so that has to be known before.
        follows = hearing.masks is not None or (hearing.echoing is not None and hearing.batches)
        self._following = Following(hearing, clock) if follows else None
        self._reader = EventReader()
        self._begun = False
        # The id of the event that is looked at, as long as it passes.
        self._id: bytes | None = None
        self.size = 0
        self.resumable = False
        self.refusal: Refusal | None = None
        self.line_end = b""

    def take(self, payload: bytes, finished: bool) -> bytes | Refusal:
        reader = self._reader
        self.size += len(payload)
        passed = []
        events = reader.feed(payload)
        if self._following is not None and self._hearing.batches:
            events = [one for event in events for one in self._apart(event)]
        for event in events:
            if len(event.raw) > self._most and event.raw[:1] not in BETWEEN:
                self.refusal = self._too_large()
                break
            self._id = event.id
            if event.ambiguous or (event.raw[0] > 0x7F and event.raw != BOM):
                # What begins with a mark, or the like, may become the first of the caller's stream, when
                # what was before it is kept.
                self._hearing.drop(Reason.UPSTREAM_EVENT, "an event that clients read in different ways")
                self._id = None
            elif event.data or event.kind:
                heard = self._event(event, event.data or b"")
                if isinstance(heard, Refusal):
                    self.refusal = heard
                    break
                if heard:
                    passed.append(heard)
            elif event.raw != BOM and not self._tells(event.raw):
                # A comment, a time to retry after, or an id to resume from. A byte order mark says nothing,
                # and the official Python client loses the line after it.
                passed.append(self._behind(event.raw))
            if self._id:
                self.resumable = True
                if self._hearing.events is not None:
                    self._hearing.events[self._id] = None
        else:
            if reader.size > self._most:
                self.refusal = self._too_large()
        if self._following is not None and (finished or self.refusal is not None):
            # Nobody goes on.
            passed.append(self._following.end())
        return self._out(passed)

    @property
    def due(self) -> float | None:
        """When L{late} is to be called, if nothing is taken before; C{None}: nothing waits."""
        return self._following.due if self._following is not None else None

    def late(self) -> bytes:
        """What has waited too long for what it may be the beginning of."""
        assert self._following is not None
        passed = self._out([self._following.late()])
        assert isinstance(passed, bytes)
        return passed

    def rest(self) -> bytes:
        """All that waits, as nothing comes after it."""
        return self._following.end() if self._following is not None else b""

    def _out(self, passed: list[bytes]) -> bytes | Refusal:
        whole = passed[0] if len(passed) == 1 else b"".join(passed)
        if self.refusal is not None and not whole:
            return self.refusal
        if whole:
            self.line_end = b"\n" if whole.endswith(b"\r") else b""
        return whole

    def _tells(self, around: bytes) -> bool:
        """Whether what stands around messages (comments, ids) holds what is masked; it is then left out."""
        masks, echoing = self._hearing.masks, self._hearing.echoing
        if echoing is not None and not echoing.clear(around):
            self._hearing.dropped.append(echoing.around())
            self._id = None
            return True
        found = masks.finds(around) if masks is not None else None
        if found is None:
            return False
        self._hearing.drop(Reason.POLICY_CONTENT, found)
        self._id = None
        return True

    def _too_large(self) -> Refusal:
        return Refusal(Reason.UPSTREAM_EVENT_SIZE, f"an event of more than {self._most} bytes")

    def _apart(self, event: Event) -> list[Event]:
        """
        A batch as events of one message each, as what is said bit by bit is followed message by message.

        Where to resume from is behind the last of them.
        """
        data = event.data or b""
        if event.ambiguous or event.kind not in (b"", b"message") or len(event.raw) > self._most:
            return [event]
        read = parse(data) if data.lstrip()[:1] == b"[" else None
        if not isinstance(read, Refusal) or read.reason is not Reason.FRAME_BATCH:
            return [event]
        batch = parse_batch(data)
        if isinstance(batch, Refusal):
            return [event]
        # In JSON, line ends stand only where a space may.
        lines = [raw.replace(b"\r", b" ").replace(b"\n", b" ") for _, raw in batch.parts]
        apart = [Event(event_of(line), line, b"message") for line in lines[:-1]]
        return [*apart, Event(amended(event, lines[-1]), lines[-1], event.kind, event.id)]

    def _event(self, event: Event, data: bytes) -> bytes | Refusal:
        kind = event.kind
        if kind and kind != b"message":
            if kind == b"endpoint" and data and self._hearing.endpoint is not None and not self._begun:
                self._begun = True
                target = self._hearing.endpoint(data)
                return target if isinstance(target, Refusal) else self._behind(amended(event, target))
            # Clients know no other, so they miss nothing; and a second endpoint would lead them away.
            self._hearing.drop(Reason.UPSTREAM_EVENT, "an event that is no message")
            self._id = None
            return self._behind(b":\n\n")
        if not data:
            return self._behind(event.raw)
        self._begun = True
        hearing, following = self._hearing, self._following
        answered = len(hearing.answered)
        heard = hearing.hear(data)
        if following is None:
            if heard is None or isinstance(heard, Refusal):
                return heard if heard is not None else b""
            if hearing.echoing is not None and not _bare(event, data) and self._tells(around(event)):
                event, data = _BARE, b""
            if hearing.echoing is not None and _NEWS in heard:
                saying = self._may_go_on(hearing.echoing, heard)
                if saying is not None:
                    # From now on, with what came before it nothing can begin.
                    following = self._following = Following(hearing, self._clock)
                    return following.say(event, data, heard, saying)
            return event.raw if heard is data else amended(event, heard)
        before = b""
        if self._ends and len(hearing.answered) != answered:
            before = following.end()
        if isinstance(heard, Refusal):
            # What waits passes with the end.
            return heard
        if heard is None:
            return before
        if self._tells(around(event)):
            event, data = _BARE, b""
        if hearing.saying is not None:
            saying, hearing.saying = hearing.saying, None
            return before + following.say(event, data, heard, saying)
        return before + following.behind(event.raw if heard is data else amended(event, heard))

    def _may_go_on(self, echoing: Echo, heard: bytes) -> Saying | None:
        """What a message says bit by bit, if that may be a part of what may not be shown."""
        secrets = echoing.secrets
        if not secrets.may_begin(heard):
            said = text_in(heard)
            if said is None or not secrets.has_in_it(said):
                return None
        message = parse(heard)
        assert isinstance(message, Message)
        return saying_of(message, heard)

    def _behind(self, piece: bytes) -> bytes:
        return piece if self._following is None else self._following.behind(piece)


def reply_to(
    head: ResponseHead,
    hearing: Hearing,
    *,
    method: bytes,
    document: int,
    event: int,
    clock: Callable[[], float],
    ends: bool,
) -> Reply | Refusal:
    """
    How an answer is to be read.

    @param method: The HTTP method that is answered.
    @param document: The largest message, in bytes; C{event}: the largest event.
    @param clock: Seconds; C{ends}: whether the first answer ends what is said bit by bit before it.
    """
    content = head.content
    if content is EVENTS and head.status < 300 and head.framing is not NONE:
        return Events(hearing, event, clock, ends)
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


def _bare(event: Event, data: bytes) -> bool:
    """Whether there is no room in it for anything but the message."""
    room = len(event.raw) - len(data) - len(b"data: \n\n")
    return room <= 4 or (room <= 4 + len(b"event: message\n") and event.raw.startswith(b"event: message"))


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
