"""Each target sees a fault when there is one: planted here, one or more for each."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

import pytest
from h11 import RemoteProtocolError

from mcpgate.config import url
from mcpgate.identity import claims, document, jose
from mcpgate.policy import checks, detectors, folded, runs
from mcpgate.relay import hearing, inbound, reply
from mcpgate.tls import hello
from mcpgate.wire import agreement, chunked, forward, http, jsonrpc, proxy, sse
from mcpgate.wire.jsonrpc import Batch
from tests.fuzz.targets import TARGETS

_BARE_LF = chunked._first_and_next(rb"([0-9A-Fa-f]{1,8})()\r?\n", rb"(?:[0-9A-Fa-f]{1,8}\r?)?")

_LAX_REQUEST = re.compile(http._REQUEST.pattern.replace(http._NAME, http._NAME.replace(b"[", b"[_")))

_SOURCE = proxy._source

_UNAWARE = staticmethod(lambda piece: sse._end(piece, 0, []))


class _AsWritten(dict[int, str]):
    def __missing__(self, code: int) -> str:
        return chr(code)


_LAX_HEAD = re.compile(sse._HEAD.pattern.replace(rb"[\x20-", rb"[\0-\t\x20-"))

#: Target, what the fault is, where it is planted, and what stands there then.
FAULTS: list[tuple[str, str, object, str, Any]] = [
    ("http", "signs in lengths", http, "_LENGTH", re.compile(rb"[+-]?[0-9]+")),
    ("http", "_ in names", http, "_REQUEST", _LAX_REQUEST),
    ("http", "_ in names beside parameters", http, "_REQUEST_WITH_PARAMS", _LAX_REQUEST),
    ("http", "parameters that are one", http, "_taken_for_one", lambda fields: None),
    ("answer", "cookies handed on", forward, "_STAYS_THERE", frozenset({b"content-length"})),
    ("chunks", "bare LF", chunked, "_GRAMMARS", {False: _BARE_LF, True: _BARE_LF}),
    ("sse", "LF CR is one end", sse, "_PAIRS", (b"\n\n", b"\n\n", b"\r\r")),
    ("sse", "pieces by themselves", sse.EventReader, "_end_of_held", _UNAWARE),
    ("sse", "comments in events", sse, "_SILENT", frozenset(b"\r\n")),
    ("sse", "two marks", sse, "BOM", b"\xef\xbb\xbfdata"),
    ("sse", "ids with NUL", sse, "_HEAD", _LAX_HEAD),
    ("sse", "no fields", sse, "_read", sse.Event),
    ("sse", "lines of text", sse, "_MORE_LINE_ENDS", re.compile(rb"[\v\f]")),
    ("sse", "a mark in Latin-1", sse, "_MISTAKEN_BOM", b"\xef\xbb\xbf"),
    ("reply", "answers to anybody", reply.Hearing, "_one", lambda self, message, raw: raw),
    ("reply", "events of any kind", reply.Events, "_event", lambda self, event, data: event.raw),
    ("reply", "results in errors", reply, "_brings_a_result", lambda body: False),
    ("reply", "batches taken apart", hearing, "parse_batch", lambda body: Batch(())),
    ("json", "doubled members", jsonrpc, "_unescaped", lambda json: b""),
    ("json", "names in disguise", jsonrpc, "_disguised", lambda name: False),
    ("json", "no bound on depth", jsonrpc, "_too_deep", lambda json: False),
    ("ids", "names in disguise", jsonrpc, "_disguised", lambda name: False),
    ("calls", "names in disguise", jsonrpc, "_disguised", lambda name: False),
    ("names", "never decoded", agreement, "PREFIX", b"\0"),
    ("names", "Latin-1 taken", agreement, "decode", lambda value: value.decode("latin-1")),
    ("forward", "the caller's token", forward, "_STAYS_HERE", frozenset({b"host", b"content-length"})),
    ("hello", "another name", hello, "_server_name", lambda extension: "other.test"),
    ("tokens", "doubled members", document, "_decode", json.loads),
    ("tokens", "proofs not asked for", claims, "_judge_binding", lambda *of: None),
    ("tokens", "keys that tokens bring", jose, "_HEADERS", jose._HEADERS | {"jwk"}),
    ("proxy", "UDP taken", proxy, "_SIZES", {**proxy._SIZES, 0x12: 12}),
    ("proxy", "the rest unread", proxy, "_judge_tlvs", lambda header, at: None),
    ("proxy", "another caller", proxy, "_source", lambda family, octets: _SOURCE(family, octets[::-1])),
    ("proxy", "another sum", proxy, "_crc32c", lambda octets: zlib.crc32(octets).to_bytes(4, "big")),
    ("connection", "bodies read as requests", inbound.Inbound, "_skippable", lambda *of: 0),
    ("upstream", "bare LF", chunked, "_GRAMMARS", {False: _BARE_LF, True: _BARE_LF}),
    ("detectors", "no check digits hold", checks, "luhn", lambda digits: False),
    ("detectors", "texts as they are written", folded, "_folds", _AsWritten()),
    ("detectors", "escapes read as they stand", detectors, "flat", lambda raw: raw),
    ("detectors", "texts that have no neighbours", detectors, "members", lambda raw, name: []),
    ("detectors", "events that never pass", runs.Runs, "end_all", lambda self: []),
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
