"""C{mcpgate evidence report}, C{export} and C{what-if} on what a real gate has recorded; the bundle is
verified where there is no gate."""

import csv
import io
import json
import shutil
import socket
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcpgate.evidence.reading import lines, segments
from mcpgate.evidence.verify import verify
from mcpgate.testing import LocalCA
from tests.e2e.caller import Caller, call
from tests.e2e.lab import ROOT, GateProcess, Lab, McpServer
from tests.waiting import eventually


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA, weather: McpServer) -> Iterator[GateProcess]:
    """A gate that was called, has blocked, and was tried in clear text and by an old client."""
    lab = Lab(tmp_path_factory.mktemp("report"), ca)
    with lab.gate(
        upstream={"url": weather.url, "pins": [weather.pin]}, listener={"profile": "intermediate"}
    ) as running:
        with Caller(running) as caller:
            for city in ("Oslo", "Bergen", "Narvik"):
                with caller.post(call("get_weather", {"city": city})) as answer:
                    answer.read()
            with caller.post(call("delete_everything", {})) as answer:
                answer.read()
        _tls12(running)
        with pytest.raises(ssl.SSLError):
            _old(running)
        with socket.create_connection(("127.0.0.1", running.port), 10) as plain:
            plain.sendall(b"POST /mcp HTTP/1.1\r\nAuthorization: Bearer canary-abc\r\n\r\n")
            plain.recv(1000)
        running.settled()
        eventually(lambda: len(running.handshakes("inbound")) >= 4, "all handshakes are on record")
        yield running


def _context(gate: GateProcess) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=gate.lab.ca_file)


def _tls12(gate: GateProcess) -> None:
    """A connection of a client that could have had more than it took."""
    context = _context(gate)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", gate.port), 10) as raw:
        with context.wrap_socket(raw, server_hostname="localhost") as tls:
            assert tls.version() == "TLSv1.2"


def _old(gate: GateProcess) -> None:
    """A client that offers nothing that the gate takes."""
    context = _context(gate)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", gate.port), 10) as raw:
        with context.wrap_socket(raw, server_hostname="localhost"):
            pass


@pytest.fixture(scope="module")
def made(gate: GateProcess, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A report for PCI, and what the verb said of it."""
    bundle = tmp_path_factory.mktemp("bundle") / "day.zip"
    ended = gate.lab.command(
        *("evidence", "report", "--state", gate.lab.state, "--from", "1h", "--profile", "pci-4.2.1"),
        *("--out", bundle, "--format", "json"),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return bundle, json.loads(ended.stdout)


def test_a_report_says_what_happened(gate: GateProcess, made: tuple[Path, dict[str, Any]]) -> None:
    """All that was called is encrypted, verified and counted; what was refused is there with its reason."""
    bundle, said = made
    assert said["sound"] is True and said["exchanges"] == 4
    answers = {one["clause"]: one["answer"] for one in said["controls"]}
    assert answers["4.2.1 (4.2.1.c)"] == answers["4.2.1, third point"] == answers["10.3.4"] == "met"
    with zipfile.ZipFile(bundle) as opened:
        facts = json.loads(opened.read("report.json"))
    summary = facts["summary"]
    places = {place["where"]: place for place in summary["places"]}
    assert {row["name"] for row in places["public"]["versions"]["rows"]} == {"TLSv1.3", "TLSv1.2"}
    assert places["public"]["demanded"][0]["demand"]["profile"] == "intermediate"
    assert places["weather"]["pinned"] == places["weather"]["finished"] > 0
    assert places["weather"]["post_quantum"] == places["weather"]["finished"]
    refused = {(one["kind"], one["reason"]): one["count"] for one in summary["refusals"]}
    policy = [count for (kind, reason), count in refused.items() if reason.startswith("policy.")]
    assert policy == [1]
    assert refused["inbound", "tls.plaintext"] == 1
    assert refused["inbound", "tls.cipher"] == 1
    assert (summary["plaintext"], summary["exposed"]) == (1, 1)
    assert facts["verified"]["sound"] and facts["verified"]["checkpoints"] > 0


def test_the_page_stands_beside_the_bundle_and_in_it(made: tuple[Path, dict[str, Any]]) -> None:
    """The same page, for nobody but its owner."""
    bundle, said = made
    page = Path(said["page"])
    with zipfile.ZipFile(bundle) as opened:
        assert opened.read("report.html") == page.read_bytes()
    assert b"Verification: sound" in page.read_bytes()
    assert bundle.stat().st_mode & 0o077 == page.stat().st_mode & 0o077 == 0
    assert [path.name for path in bundle.parent.iterdir() if path.name.startswith(".")] == []


def test_the_bundle_is_verified_by_the_key_alone(
    gate: GateProcess, made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Where there is no gate, no state directory and no network; and a changed line is found."""
    bundle, _ = made
    key = tmp_path / "known.pub"
    shutil.copyfile(gate.lab.state / "evidence.pub", key)
    found = verify(bundle, key=key)
    assert found.sound and found.given and found.lines > 10
    # And so does whoever has nothing of ours.
    stranger = (sys.executable, ROOT / "docs" / "verify" / "verify.py", key)
    assert subprocess.run([*stranger, bundle], capture_output=True, timeout=60).returncode == 0
    forged = tmp_path / "forged.zip"
    with zipfile.ZipFile(bundle) as opened, zipfile.ZipFile(forged, "w") as changed:
        for name in opened.namelist():
            content = opened.read(name)
            if name.startswith("journal/"):
                assert b'"outcome":"refused"' in content
                content = content.replace(b'"outcome":"refused"', b'"outcome":"failed!"', 1)
            changed.writestr(name, content)
    assert not verify(forged, key=key).sound
    assert subprocess.run([*stranger, forged], capture_output=True, timeout=60).returncode == 1


def test_a_tampered_journal_is_told_by_the_report(gate: GateProcess, tmp_path: Path) -> None:
    """It is written all the same, says so, and nothing is met; the verb ends with 1."""
    state = tmp_path / "state"
    shutil.copytree(gate.lab.state, state, ignore=shutil.ignore_patterns("*.sock"))
    (segment,) = segments(state)
    content = segment.path.read_bytes()
    segment.path.write_bytes(content.replace(b'"name":"delete_everything"', b'"name":"detect_everything"'))
    ended = gate.lab.command(
        *("evidence", "report", "--state", state, "--from", "1h", "--profile", "soc2-cc6.7"),
        *("--out", tmp_path, "--format", "json"),
    )
    said = json.loads(ended.stdout)
    assert ended.returncode == 1
    assert said["sound"] is False
    assert "met" not in {one["answer"] for one in said["controls"]}
    assert "TAMPERED" in Path(said["page"]).read_text()


def test_a_report_of_nothing_is_none(gate: GateProcess, tmp_path: Path) -> None:
    """And what is asked wrongly is said in one line."""
    verb = ("evidence", "report", "--state", gate.lab.state, "--profile", "iso-a8.24", "--out", tmp_path)
    ended = gate.lab.command(*verb, "--from", "2020-01-01", "--to", "2020-01-02")
    assert (ended.returncode, ended.stdout) == (66, "") and "no line" in ended.stderr
    ended = gate.lab.command(*verb, "--from", "soon")
    assert ended.returncode == 64 and "is no time" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_if_tells_who_could_from_who_could_not(gate: GateProcess) -> None:
    """A client that took TLS 1.2 and offered no more would be shut out; the others would not notice."""
    verb = ("evidence", "what-if", "--state", gate.lab.state, "--from", "1h", "--profile", "modern")
    found = json.loads(gate.lab.command(*verb, "--format", "json").stdout)
    assert (found["shut_out"], found["better"]) == (1, 0)
    (peer,) = found["peers"]
    assert (peer["leg"], peer["version"], peer["reason"]) == ("inbound", "TLSv1.2", "tls.version")
    assert peer["address"] == "127.0.0.1"


def test_records_are_exported(gate: GateProcess) -> None:
    """As they were written, and as rows."""
    verb = ("evidence", "export", "--state", gate.lab.state, "--from", "1h")
    written = b"".join(line for segment in segments(gate.lab.state) for line in lines(segment))
    assert gate.lab.command(*verb).stdout.encode() == written
    rows = list(csv.DictReader(io.StringIO(gate.lab.command(*verb, "--format", "csv").stdout)))
    assert len(rows) == 4
    assert {row["inbound_group"] for row in rows} <= {"X25519MLKEM768", "x25519"}
    assert rows[0]["outbound_pinned"] == "yes"
