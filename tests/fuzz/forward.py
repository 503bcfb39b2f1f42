"""What goes on to the upstream: one request, and the same one, to whoever reads it (wire/forward.py)."""

from __future__ import annotations

from mcpgate.reasons import Refusal
from mcpgate.wire.forward import request_for_upstream
from mcpgate.wire.http import read_request_head
from tests.fuzz import request
from tests.fuzz.target import Target

CREDENTIALS = ((), ((b"Authorization", b"Bearer of-the-gate"),), ((b"X-Api-Key", b"of-the-gate"),))
#: The caller's own, never the upstream's to see.
CALLERS_OWN = (
    *(b"authorization", b"cookie", b"proxy-authorization", b"x-forwarded-for", b"forwarded", b"origin"),
    *(b"te", b"connection", b"upgrade", b"expect", b"x-http-method-override", b"x-original-url"),
)


def check(raw: bytes) -> None:
    """The forwarded head is accepted as strictly, framed by the gate, and holds nothing that stays here."""
    head = read_request_head(raw)
    if isinstance(head, Refusal):
        return
    for credential in CREDENTIALS:
        for length in (None, 0, 7):
            if (length is None) == (head.method == b"POST"):
                # A POST always has a length; nothing else ever has one.
                continue
            emitted = request_for_upstream(
                head, target=b"/up?x=1", host=b"up.test:8443", credential=credential, length=length
            )
            again = read_request_head(emitted)
            assert not isinstance(again, Refusal) or again.reason.value == "frame.head_size", again
            if isinstance(again, Refusal):
                continue
            request.agreed(again, emitted)
            assert (again.method, again.path, again.host, again.port) == (
                head.method,
                b"/up?x=1",
                b"up.test",
                8443,
            )
            assert again.length == (length or 0)
            assert again.keep_alive and not again.nominated and not again.expects_continue
            ours = {b"host", b"content-length", b"accept-encoding", *(name.lower() for name, _ in credential)}
            for name, value in again.headers:
                if name in ours:
                    continue
                assert (name, value) in head.headers
                assert name not in head.nominated
                assert name not in CALLERS_OWN
            for name, value in credential:
                assert again.get(name.lower()) == value
            # What is neither the connection's nor the caller's own goes through, in its order.
            mcp = [pair for pair in head.headers if pair[0].startswith((b"mcp-", b"accept-l", b"x-kept"))]
            kept = [pair for pair in mcp if pair[0] not in head.nominated and pair[0] not in ours]
            assert [pair for pair in again.headers if pair in kept] == kept


def seeds() -> list[bytes]:
    """The corpus, and a head with one of everything that stays."""
    own = b"".join(b"%b: x\r\n" % name for name in CALLERS_OWN if name not in (b"expect", b"connection"))
    many = b"GET /mcp HTTP/1.1\r\nHost: gw.test\r\nMcp-Param-A: \r\nX-Api-Key: mine\r\n" + own
    return [*request.seeds(), many + b"Connection: x-kept\r\nX-Kept: 1\r\n\r\n"]


WORDS = (
    *request.WORDS,
    *(
        b"X-Kept: 1\r\n",
        b"X-Api-Key: mine\r\n",
        b"Connection: x-kept\r\n",
        b"Mcp-Param-X:\r\n",
        b"Mcp-Param-X_Y: 1\r\n",
        b"Cookie: a\r\n",
    ),
    *(b"%b: x\r\n" % name for name in CALLERS_OWN),
)

TARGET = Target(check, seeds, WORDS)
