"""All that can be seen of what a gate has done: files, pages, and what verbs print."""

from __future__ import annotations

import gzip
import os
import re
import sqlite3
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from html import unescape
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

from click.testing import CliRunner

from mcpgate.cli import cli
from tests.admin.browser import Browser
from tests.e2e.lab import MCPGATE, GateProcess
from tests.e2e.planted import Planted
from tests.waiting import PATIENCE, eventually

#: Pages of one kind, such as those of single exchanges.
EACH_MOST = 5


def unpacked(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """What is in a bundle, by its name."""
    with zipfile.ZipFile(BytesIO(raw)) as opened:
        for each in opened.namelist():
            content = opened.read(each)
            yield each, gzip.decompress(content) if each.endswith(".gz") else content


def database(path: Path) -> bytes:
    """All rows of all tables."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [row for name in names for row in connection.execute(f'SELECT * FROM "{name}"')]
    finally:
        connection.close()
    return "\n".join(map(repr, rows)).encode()


def pages(page: Browser, *more: str) -> dict[str, str]:
    """Every page that can be reached by links from the first one, by its path."""
    found: dict[str, str] = {}
    kinds: dict[str, int] = {}
    left = ["/", *more]
    while left:
        path = left.pop()
        kind = re.sub(r"/[^/]*-[^/]*", "/*", path.partition("?")[0])
        if path in found or path.startswith(("/static", "/logout", "/login")):
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] > EACH_MOST:
            continue
        answer = page.ask(path)
        found[path] = f"{answer.status} {dict(answer.headers)}\n{answer.body}"
        for href in re.findall(r'(?:href|action)="([^"]+)"', answer.body):
            target = urlsplit(unescape(href))
            if not target.scheme and not target.netloc and target.path.startswith("/"):
                left.append(target.path + (f"?{target.query}" if target.query else ""))
            elif target.path == "" and target.query:
                left.append(f"{path.partition('?')[0]}?{target.query}")
    return found


def live(page: Browser, meanwhile: Callable[[], object]) -> bytes:
    """What events say."""
    connection, answer = page.open("/live")
    got = b""
    try:
        assert answer.status == 200, answer.status
        meanwhile()
        while b"\n\n" not in got or b"data:" not in got:
            got += answer.read1(65536)
    finally:
        connection.close()
    return got


def told(scene: Planted, *words: str) -> bytes:
    """What a verb prints, or fails with."""
    done = CliRunner(env=scene.env).invoke(cli, words)
    return (done.output + repr(done.exception)).encode()


def bodies(scene: Planted, gate: GateProcess) -> bytes:
    """What the auditor reads of all calls."""
    ids = [str(row["id"]) for row in gate.exchanges(name=scene.shown.texts["a tool"])]
    words = ("--key", str(scene.auditor), "--config", str(gate.config))
    return b"".join(told(scene, "evidence", "show", id, *words) for id in ids)


def verbs(scene: Planted, gate: GateProcess, out: Path) -> Iterator[tuple[str, bytes]]:
    """What the command line prints."""
    config = str(gate.config)
    ids = [row["id"] for name in ("get_credential", "get_stream") for row in gate.exchanges(name=name)]
    one = [["evidence", "show", id, "--config", config] for id in ids]
    for words in (
        *one,
        ["evidence", "show", "--last", "500", "--config", config],
        ["evidence", "show", "--last", "500", "--refused", "--format", "json", "--config", config],
        ["evidence", "export", "--from", "1h", "--config", config],
        ["evidence", "export", "--from", "1h", "--format", "csv", "--config", config],
        ["evidence", "export", "--from", "1h", "--format", "ocsf", "--config", config],
        ["evidence", "what-if", "--from", "1h", "--profile", "modern", "--require-pq", "--config", config],
        [
            "evidence",
            "report",
            "--from",
            "1h",
            "--profile",
            "pci-4.2.1",
            "--out",
            str(out),
            "--config",
            config,
        ],
        ["evidence", "key", "--config", config],
        ["evidence", "verify", "--config", config],
        ["evidence", "index", "--rebuild", "--config", config],
        ["status", "--config", config],
        ["status", "--format", "json", "--config", config],
        ["check", "--config", config],
        ["policy", "held", "--config", config],
    ):
        name = " ".join(words[: 2 if words[0] in ("evidence", "policy") else 1])
        yield f"mcpgate {name}", told(scene, *words)
    follow = [*MCPGATE, "evidence", "follow", "--whole", "--config", config]
    with subprocess.Popen(follow, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        assert running.stdout is not None
        got = b""
        while got.count(b"\n") < 100:
            got += os.read(running.stdout.fileno(), 65536)
        running.terminate()
    yield "mcpgate evidence follow", got


def logged_in(gate: GateProcess, scene: Planted, *options: str) -> Browser:
    """A browser with a link's cookie; both are secrets from now on."""
    printed = CliRunner().invoke(cli, ["dashboard", *options, "--config", str(gate.config)]).output.strip()
    number = len([name for name in scene.secrets.texts if name.startswith("a link")])
    secret = scene.secrets.new(f"a link {number}", urlsplit(printed).path.rpartition("/")[2])
    page = Browser(gate.lab.ca_file, scene.admin_port)
    before = page.ask(f"/login/link/{secret}")
    assert before.status == 200
    page.redeem(secret)
    for name, value in page.cookies.items():
        scene.secrets.new(f"the cookie {name} {number}", value)
    return page


def index_filled(scene: Planted, gate: GateProcess) -> None:
    """Wait until all exchanges so far are in the index."""
    known = len(gate.settled())
    path = scene.lab.state / "index" / "index.sqlite"

    def look() -> bool:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            asked = "SELECT COUNT(*) FROM exchange WHERE outcome IS NOT NULL"
            (count,) = connection.execute(asked).fetchone()
        finally:
            connection.close()
        return bool(count >= known)

    eventually(look, "the index is filled", PATIENCE)
