"""A stranger with a packet capture of a whole demonstration finds TLS records, and nothing to read.

The capture is of the loopback interface, where all of it happens. Two controls show that the capture
and the search work: every handshake of the journal is found in it as a connection, and the one text
that was sent in clear on purpose is found by the same search.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from mcpgate.relay.answer import plaintext_bytes
from tests.e2e.demo import kept_demo
from tests.journals import records_in
from tests.waiting import eventually

MARKER = b"mcpgate-demo-plaintext-marker"

#: What is in the bodies and the headers of the run, in lower case as the search is. All are so long
#: that ciphertext of some megabytes does not contain them by chance.
WORDS = (
    b"jsonrpc",
    b"tools/call",
    b"tools/list",
    b"initialize",
    b"get_weather",
    b"delete_all",
    b"arguments",
    b"progress",
    b"unknown tool",
    b"sunny in",
    b"io.modelcontextprotocol",
    b"authorization",
    b"bearer ",
    b"mcp-protocol-version",
    b"mcp-session-id",
    b"mcp-method",
    b"content-type",
    b"application/json",
    b"event-stream",
    b"user-agent",
    b"http/1.1 ",
    b"post /",
)

# TLS records (RFC 8446 5.1): type, the version that they all claim, length, payload.
_RECORD_HEAD = 5
_HANDSHAKE = 22
_TYPES = {20, 21, _HANDSHAKE, 23}

#: From one end of a connection to the other: (source port, destination port).
Way = tuple[int, int]


class Capture:
    """What C{dumpcap} writes while it runs."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def settle(self) -> None:
        """Wait until everything so far is in the file: what is made last is captured last."""
        ports: list[str] = []

        def look() -> bool:
            # Anew each time: the first may have been made before the capture had begun.
            with socket.create_server(("127.0.0.1", 0)) as to, socket.create_connection(to.getsockname()):
                ports.append(str(to.getsockname()[1]))
            return bool(self.fields(f"tcp.dstport in {{{','.join(ports)}}}", "frame.number"))

        eventually(look, "the capture shows a connection that was just made", 30)

    def fields(self, display: str, *names: str) -> list[list[str]]:
        """These fields of every packet that the display filter lets through."""
        options = [part for name in names for part in ("-e", name)]
        # Bytes as they were on the wire, not as TLS or HTTP would have them put together.
        plain = ["-o", "tcp.desegment_tcp_streams:FALSE", "--disable-protocol", "tls"]
        command = ["tshark", "-n", "-r", str(self.file), *plain, "-Y", display, "-T", "fields", *options]
        # A file that is still being written may end in half a packet; tshark shows the others.
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def streams(self, ports: set[int]) -> dict[str, dict[Way, bytes]]:
        """The bytes of each connection to one of these ports, each way, in order and without gaps."""
        wanted = ",".join(map(str, sorted(ports)))
        packets = self.fields(
            f"tcp.len > 0 && tcp.port in {{{wanted}}}",
            *("tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.seq", "tcp.payload"),
        )
        ways: dict[str, dict[Way, dict[int, bytes]]] = defaultdict(lambda: defaultdict(dict))
        for stream, source, to, seq, payload in packets:
            ways[stream][int(source), int(to)][int(seq)] = bytes.fromhex(payload)
        return {
            stream: {way: _joined(parts) for way, parts in both.items()} for stream, both in ways.items()
        }


def _joined(parts: dict[int, bytes]) -> bytes:
    whole = b""
    for seq in sorted(parts):
        # Relative numbers begin at 1. What was sent again is cut off; what is missing cannot be made up.
        at = seq - 1
        assert at <= len(whole), "the capture lost a packet"
        whole = whole[:at] + parts[seq] if at + len(parts[seq]) > len(whole) else whole
    return whole


def cannot(why: str) -> NoReturn:
    """Root can install tshark and capture, so there it is a failure; others may not be allowed to."""
    if os.geteuid() == 0:
        pytest.fail(why)
    pytest.skip(why)


@contextmanager
def captured(file: Path) -> Iterator[Capture]:
    """All TCP on loopback, from here on."""
    with subprocess.Popen(
        # 64 MiB of buffer: on a busy machine other tests are on this interface, too.
        ["dumpcap", "-q", "-i", "lo", "-f", "tcp", "-B", "64", "-w", str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as dumpcap:
        try:
            eventually(lambda: file.exists() or dumpcap.poll() is not None, "dumpcap captures")
            if dumpcap.poll() is not None:
                assert dumpcap.stderr is not None
                cannot(f"dumpcap cannot capture here: {dumpcap.stderr.read().decode()}")
            capture = Capture(file)
            # It creates the file a moment before it captures.
            capture.settle()
            yield capture
        finally:
            dumpcap.send_signal(signal.SIGINT)


def test_a_capture_of_a_whole_run_has_nothing_but_tls_and_the_marker(tmp_path: Path) -> None:
    """No byte of any body, header or token in clear; the marker, sent in clear on purpose, is found."""
    if shutil.which("tshark") is None:
        cannot("tshark is not installed; make test installs it where it may")
    state = tmp_path / "kept"
    with captured(tmp_path / "lo.pcapng") as capture:
        with kept_demo(state, tmp_path / "printed") as demo:
            token = demo.token.encode()
            subprocess.run([sys.executable, "-c", demo.snippet], check=True, capture_output=True, timeout=30)
            assert demo.end() == 0
        capture.settle()

    shakes = [record for record in records_in(state / "state") if record["type"] == "handshake"]
    streams = capture.streams({_server(one) for one in shakes})

    # The control of the capture: no handshake that the gate has recorded is missing.
    seen = {way for both in streams.values() for way in both}
    for one in shakes:
        if one["leg"] == "inbound":
            assert (_port(one["peer"]), _port(one["local"])) in seen
    dialed = sum(one["leg"] == "outbound" for one in shakes)
    assert sum(_port_of(both) in _outbound(shakes) for both in streams.values()) == dialed

    plain = [stream for stream, both in streams.items() if any(MARKER in way for way in both.values())]
    assert len(plain) == 1, "the marker was not found, so that nothing else was found means nothing"
    _is_the_deliberate_try(streams.pop(plain[0]))
    for both in streams.values():
        for octets in both.values():
            _is_all_tls(octets)
            _has_none_of((*WORDS, token.lower(), token[8:].lower()), octets)


def test_the_search_finds_what_it_looks_for() -> None:
    """Words are found in any case and amid anything, and what is not TLS is seen not to be."""
    with pytest.raises(AssertionError):
        _has_none_of(WORDS, os.urandom(64) + b"MCP-Protocol-Version" + os.urandom(64))
    with pytest.raises(AssertionError):
        _is_all_tls(b"POST /weather HTTP/1.1\r\n")
    with pytest.raises(AssertionError):
        _is_all_tls(b"\x16\x03\x01\x00\x02ab" + b"{}")


def _is_the_deliberate_try(both: Mapping[Way, bytes]) -> None:
    """The try in clear carried its marker and no header but Host; the answer is the fixed one."""
    request, answer = sorted(both.values(), key=lambda octets: MARKER not in octets)
    assert re.fullmatch(rb"GET /%b HTTP/1\.1\r\nHost: localhost:\d+\r\n\r\n" % MARKER, request)
    assert answer == plaintext_bytes()


def _is_all_tls(octets: bytes) -> None:
    """Every byte belongs to a TLS record, the first of them to a handshake."""
    at = 0
    while at < len(octets):
        kind, major, length = octets[at], octets[at + 1], int.from_bytes(octets[at + 3 : at + 5], "big")
        assert kind in _TYPES
        assert major == 3
        assert at > 0 or kind == _HANDSHAKE
        at += _RECORD_HEAD + length
    assert at == len(octets), "a record is not whole"


def _has_none_of(words: tuple[bytes, ...], octets: bytes) -> None:
    lowered = octets.lower()
    assert [word for word in words if word in lowered] == []


def _server(shake: Mapping[str, Any]) -> int:
    """The port that was listening: the gate's, or the upstream's."""
    return _port(shake["local"] if shake["leg"] == "inbound" else shake["peer"])


def _outbound(shakes: list[Mapping[str, Any]]) -> set[int]:
    return {_server(one) for one in shakes if one["leg"] == "outbound"}


def _port_of(both: Mapping[Way, bytes]) -> int:
    """The port that a connection was made to: where its ClientHello went."""
    (port,) = {to for (_, to), octets in both.items() if octets[5:6] == b"\x01" or MARKER in octets}
    return port


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
