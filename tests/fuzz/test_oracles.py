"""Each target sees a fault when there is one: planted here, one or more for each."""

from __future__ import annotations

import re
from typing import Any

import pytest
from h11 import RemoteProtocolError

from mcpgate.config import url
from mcpgate.relay import inbound
from mcpgate.tls import hello
from mcpgate.wire import chunked, forward, http, jsonrpc
from tests.fuzz.targets import TARGETS

_BARE_LF = chunked._first_and_next(rb"([0-9A-Fa-f]{1,8})()\r?\n", rb"(?:[0-9A-Fa-f]{1,8}\r?)?")

_LAX_REQUEST = re.compile(http._REQUEST.pattern.replace(http._NAME, http._NAME.replace(b"[", b"[_")))

#: Target, what the fault is, where it is planted, and what stands there then.
FAULTS: list[tuple[str, str, object, str, Any]] = [
    ("http", "signs in lengths", http, "_LENGTH", re.compile(rb"[+-]?[0-9]+")),
    ("http", "_ in names", http, "_REQUEST", _LAX_REQUEST),
    ("answer", "cookies handed on", forward, "_STAYS_THERE", frozenset({b"content-length"})),
    ("chunks", "bare LF", chunked, "_GRAMMARS", {False: _BARE_LF, True: _BARE_LF}),
    ("json", "doubled members", jsonrpc, "_unescaped", lambda json: b""),
    ("json", "names in disguise", jsonrpc, "_disguised", lambda name: False),
    ("json", "no bound on depth", jsonrpc, "_too_deep", lambda json: False),
    ("ids", "names in disguise", jsonrpc, "_disguised", lambda name: False),
    ("calls", "names in disguise", jsonrpc, "_disguised", lambda name: False),
    ("forward", "the caller's token", forward, "_STAYS_HERE", frozenset({b"host", b"content-length"})),
    ("hello", "another name", hello, "_server_name", lambda extension: "other.test"),
    ("connection", "bodies read as requests", inbound.Inbound, "_skippable", lambda *of: 0),
    ("upstream", "bare LF", chunked, "_GRAMMARS", {False: _BARE_LF, True: _BARE_LF}),
    ("settings", "paths changed", url, "read_path", str.upper),
]


@pytest.mark.parametrize(
    ("name", "place", "what", "fault"),
    [pytest.param(name, *where, id=f"{name}: {why}") for name, why, *where in FAULTS],
)
def test_a_planted_fault_is_found(
    name: str, place: object, what: str, fault: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Already by the seeds: from there the fuzzer only goes further."""
    seeds = list(TARGETS[name].seeds())
    monkeypatch.setattr(place, what, fault)
    with pytest.raises((AssertionError, ValueError, RemoteProtocolError)):
        for raw in seeds:
            TARGETS[name].check(raw)


def test_every_target_has_a_planted_fault() -> None:
    """A target without an oracle would only see what raises."""
    assert {name for name, *_ in FAULTS} == set(TARGETS)
