"""The table: a new target is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from tests.fuzz import (
    answer,
    calls,
    chunks,
    connection,
    detectors,
    forward,
    hello,
    ids,
    message,
    names,
    proxy,
    reply,
    request,
    settings,
    sse,
    tokens,
    upstream,
)
from tests.fuzz.target import Target

TARGETS: Mapping[str, Target] = {
    "http": request.TARGET,
    "answer": answer.TARGET,
    "chunks": chunks.TARGET,
    "sse": sse.TARGET,
    "reply": reply.TARGET,
    "json": message.TARGET,
    "ids": ids.TARGET,
    "calls": calls.TARGET,
    "names": names.TARGET,
    "forward": forward.TARGET,
    "hello": hello.TARGET,
    "tokens": tokens.TARGET,
    "detectors": detectors.TARGET,
    "proxy": proxy.TARGET,
    "connection": connection.TARGET,
    "upstream": upstream.TARGET,
    "settings": settings.TARGET,
}
