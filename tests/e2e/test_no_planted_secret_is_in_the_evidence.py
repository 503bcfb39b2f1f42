"""Secrets in headers, arguments, results, URLs, certificates and files: none of them is in the journal, its
seals and copies, the index, a page, metrics, alerts, reports, exports, logs or a temporary file.

What is recorded on purpose is found in the same places by the same search, so that it is known to find.
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

import pytest

from mcpgate.ops.control import ask
from mcpgate.testing import LocalCA
from tests.admin.browser import Browser
from tests.e2e import surfaces
from tests.e2e.lab import GateProcess
from tests.e2e.planted import Planted
from tests.e2e.planting import asking, call, fill, plant
from tests.e2e.watching import Watch
from tests.waiting import eventually

#: What people are shown on purpose, by where: the params of a call to who decides about it, and to who uses
#: a link or asks for a page what they came with.
ALLOWED = {
    "held calls, for an approver": {"an argument of a held call", "in a URI that is held"},
    "mcpgate policy held": {"in a URI that is held"},
    "pages for who came with it": {"a link of nobody", "a query of the dashboard", "a hold of nobody"},
    "evidence-key.json": {"the key of evidence"},
}

#: And what is found where: positive controls.
FOUND = {
    "the journal": {
        "a principal", "a tool", "a resource", "an upstream", "the name of the gate", "the subject of gate",
        "the subject of upstream", "the subject of shown", "the subject of caller",
    },
    "the journal, compressed": {"a principal", "a tool", "the subject of caller"},
    "checkpoints": {"the name of the gate"},
    "copies": {"the name of the gate"},
    "evidence.pub": {"the name of the gate"},
    "evidence-key.json": {"the name of the gate"},
    "the index": {"a principal", "a tool", "a resource", "the subject of upstream", "the subject of caller"},
    "files of the index": {"a principal"},
    "other files of the state directory": {"a principal"},
    "pages for a viewer": {"a principal", "a tool", "an upstream", "a resource"},
    "pages for an approver": {"a principal", "a tool", "an upstream", "a resource"},
    "held calls, for a viewer": {"a principal", "a resource"},
    "held calls, for an approver": {"a principal"},
    "pages for who came with it": set(),
    "pages for everybody": set(),
    "news": set(),
    "metrics": {"an upstream"},
    "the status": {"an upstream", "a principal"},
    "mcpgate status": {"an upstream", "a principal"},
    "mcpgate check": {"an upstream"},
    "mcpgate policy held": {"a principal"},
    "mcpgate evidence show": {"a principal", "a tool", "an upstream", "the subject of upstream"},
    "mcpgate evidence follow": {"a principal", "an upstream"},
    "mcpgate evidence export": {"a principal", "a tool", "an upstream", "the subject of caller"},
    "mcpgate evidence what-if": {"a principal"},
    "mcpgate evidence report": set(),
    "mcpgate evidence verify": set(),
    "mcpgate evidence key": {"the name of the gate"},
    "mcpgate evidence index": set(),
    "report.html": {"a principal", "a tool", "an upstream", "the subject of upstream"},
    "report.json": {"a principal", "a tool", "an upstream", "the subject of upstream"},
    "a bundle": {"a principal", "a tool", "the name of the gate"},
    "webhook": {"an upstream", "the name of the gate"},
    "syslog": {"an upstream", "the name of the gate"},
    "the log": {"an upstream", "the subject of upstream", "the name of the gate"},
    "files that were made for a moment": {"a principal", "the name of the gate"},
}  # fmt: skip


class Seen:
    """All that there is to be seen, by where; and what the auditor reads with their key."""

    def __init__(self, scene: Planted) -> None:
        self.scene = scene
        self.places: dict[str, bytes] = {}
        self.made: Watch
        self.modes: dict[str, int] = {}
        self.bodies = b""

    def see(self, where: str, what: bytes | str) -> None:
        raw = what if isinstance(what, bytes) else what.encode("utf-8", "replace")
        self.places[where] = self.places.get(where, b"") + b"\n" + raw

    def lines(self, where: str) -> bytes:
        """Each line once: pages and records have much in common."""
        return b"\n".join(dict.fromkeys(self.places[where].split(b"\n")))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[Seen]:
    """All of it has happened, and the gate has ended."""
    scene = Planted(tmp_path_factory.mktemp("planted"), ca)
    seen, out = Seen(scene), tmp_path_factory.mktemp("out")
    try:
        with Watch([scene.tmp, scene.lab.state, out]) as seen.made:
            (scene.tmp / "seen-by-the-watch").touch()
            (scene.tmp / "seen-by-the-watch").unlink()
            scene.start()
            try:
                eventually(lambda: scene.gate.status()["admin"]["state"] == "serves", "the admin process")
                happen(seen, out)
            finally:
                code = scene.gate.terminate()
        assert code == 0
        last(seen, out)
        yield seen
    finally:
        scene.close()


def happen(seen: Seen, out: Path) -> None:
    """While the gate runs."""
    scene, gate = seen.scene, seen.scene.gate
    viewer = surfaces.logged_in(gate, scene, "--viewer")
    approver = surfaces.logged_in(gate, scene)
    seen.see("news", surfaces.live(viewer, lambda: scene.ask(call("get_x"))))
    plant(scene)
    fill(scene)
    held(scene)
    people(seen)
    mistakes(seen)
    surfaces.index_filled(scene, gate)
    for who, page in (("a viewer", viewer), ("an approver", approver)):
        found = surfaces.pages(page, "/search?q=shown", "/search?q=get_", "/certificates")
        assert len(found) > 30, sorted(found)
        for path, text in found.items():
            seen.see(f"held calls, for {who}" if path.startswith("/held") else f"pages for {who}", text)
    token = scene.secrets.texts["the token of the metrics"]
    program = Browser(scene.lab.ca_file, scene.admin_port)
    for kind in ("text/plain", "application/openmetrics-text"):
        seen.see("metrics", program.ask("/metrics", Authorization=f"Bearer {token}", Accept=kind).body)
    for path in ("/healthz", "/readyz", "/login", "/metrics"):
        seen.see("pages for everybody", repr(program.ask(path)))
    for where, what in surfaces.verbs(scene, gate, out):
        seen.see(where, what)
    seen.see("the status", json.dumps(gate.status()))
    seen.bodies = surfaces.bodies(scene, gate)


def held(scene: Planted) -> None:
    """Two requests wait for a person, until the gate ends."""
    called = call("hold_x", secret=scene.new("an argument of a held call"))
    uri = f"https://shown.example/held?key={scene.new('in a URI that is held')}"
    for message in (called, asking("resources/read", uri=uri)):
        Thread(target=scene.ask, args=(message,), daemon=True).start()
    control = scene.lab.state / "control.sock"
    eventually(lambda: len(ask(control, "held")["held"]) == 2, "both are held")


def people(seen: Seen) -> None:
    """Who logs in, or fails to, brings secrets."""
    scene, new = seen.scene, seen.scene.new
    page = Browser(scene.lab.ca_file, scene.admin_port)
    away = page.ask("/login/oidc?next=/")
    assert away.status == 303, away.body
    for name, value in page.cookies.items():
        scene.secrets.new(f"the cookie {name} of a journey", value)
    state = dict(parse_qsl(urlsplit(away.headers["location"]).query))["state"]
    scene.secrets.new("the state of a journey", state)
    back = page.ask(f"/login/callback?code={new('a code')}&state={state}")
    assert back.status == 403 and "did not take the code" in back.body, back.body
    assert any(b" /token " in request.head for request in scene.provider.requests)
    cookie = f"x={new('a cookie of another')}"
    seen.see("pages for everybody", back.body)
    for path in (
        f"/{new('a path of the dashboard')}",
        f"/login/callback?error={new('an error of a provider')}&state={new('a state of nobody')}",
    ):
        seen.see("pages for everybody", repr(page.ask(path, Cookie=cookie)))
    seen.see("pages for everybody", repr(page.send("/login", link=new("another link of nobody"))))
    wrong = f"Bearer {new('a wrong token of the metrics')}"
    seen.see("pages for everybody", repr(page.ask("/metrics", Authorization=wrong)))
    for path in (
        f"/login/link/{new('a link of nobody')}",
        f"/exchanges?principal={new('a query of the dashboard')}",
        f"/held/{new('a hold of nobody')}",
    ):
        seen.see("pages for who came with it", repr(page.ask(path)))


def mistakes(seen: Seen) -> None:
    """Secrets where none belongs, in a configuration that is not taken."""
    scene, gate = seen.scene, seen.scene.gate
    good, place = gate.config.read_text(), scene.lab.directory
    refused = len(gate.journal("reload"))
    url = f'url = "https://localhost:{scene.upstream.port}/mcp"'
    for number, (old, wrong) in enumerate((
        (url, 'url = "https://u:{}@localhost/mcp"'),
        (url, 'url = "https://localhost/mcp?key={}"'),
        (f'secret = "file:{place}/hook-secret"', 'secret = "{}"'),
        ('secret_as = "signature"', 'secret_as = "{}"'),
        (f'webhook = "file:{place}/hook"', 'webhook = "http://localhost/{}"'),
        (f'webhook = "file:{place}/hook"', 'webhook = "https://u:{}@localhost/"'),
        (f'metrics_token = "file:{place}/metrics"', 'metrics_token = "{}"'),
        ('index = "sqlite"', 'index = "postgresql://u:{}@localhost/x"'),
        (f'copies = ["{scene.copies}"', 'copies = ["https://u:{}@localhost/"'),
        ("[gate]", '[gate]\n"{}" = \n'),
    )):  # fmt: skip
        assert old in good, old
        gate.config.write_text(good.replace(old, wrong.format(scene.new(f"a mistake, {number}: {wrong}"))))
        seen.see("mcpgate check", surfaces.told(scene, "check", "--config", str(gate.config)))
        if number in (0, 3, 7, 9):
            refused += 1
            gate.hangup()
            eventually(partial(reloads, gate, refused), f"it is not taken: {wrong}")
    # One that is taken: its database is down.
    secret = scene.file("index", f"postgresql://u:{scene.new('the password of a database')}@localhost:9/x")
    gate.config.write_text(good.replace('index = "sqlite"', f'index = "{secret}"'))
    seen.see("mcpgate evidence index", surfaces.told(scene, "check", "--config", str(gate.config)))
    generation = gate.status()["generation"]
    gate.hangup()
    eventually(lambda: gate.status()["generation"] > generation, "it is taken")
    seen.see("mcpgate status", surfaces.told(scene, "status", "--config", str(gate.config)))
    gate.config.write_text(good)
    gate.hangup()
    eventually(lambda: gate.status()["generation"] > generation + 1, "the good one is taken")


def reloads(gate: GateProcess, least: int) -> bool:
    """Whether so many changes were not taken."""
    return len(gate.journal("reload")) >= least


def last(seen: Seen, out: Path) -> None:
    """What is left when the gate has ended."""
    scene = seen.scene
    state = scene.lab.state
    scene.listen()
    for path in sorted(one for one in state.rglob("*") if one.is_file()):
        raw, name = path.read_bytes(), path.name
        where = "other files of the state directory"
        if path.parent.name == "journal":
            where = "the journal"
        elif path.parent.name == "index":
            where = "files of the index"
        elif path.parent.name == "checkpoints":
            where = "checkpoints"
        elif name in ("evidence.pub", "evidence-key.json"):
            where = name
        seen.see(where, raw)
        if name.endswith(".gz"):
            seen.see("the journal", gzip.decompress(raw))
            seen.see("the journal, compressed", gzip.decompress(raw))
        seen.modes[str(path.relative_to(state))] = path.stat().st_mode & 0o777
    for path in scene.copies.rglob("*.checkpoints"):
        seen.see("copies", path.read_bytes())
    seen.see("the index", surfaces.database(state / "index" / "index.sqlite"))
    seen.see("the log", scene.gate.log())
    seen.see("webhook", b"\n".join(scene.alerts))
    seen.see("syslog", b"\n".join(scene.datagrams))
    (bundle,) = out.glob("*.zip")
    for name, raw in surfaces.unpacked(bundle.read_bytes()):
        seen.see(name if name.startswith("report.") else "a bundle", raw)
    (page,) = out.glob("*.html")
    seen.see("report.html", page.read_bytes())
    for made, contents in seen.made.contents.items():
        for raw in contents:
            if "evidence-key.json" in made:
                # Before it is renamed, and as that.
                seen.see("evidence-key.json", raw)
                continue
            unpacked = surfaces.unpacked(raw) if zipfile.is_zipfile(BytesIO(raw)) else (("", raw),)
            for _, each in unpacked:
                seen.see("files that were made for a moment", each)


def found(seen: Seen) -> Mapping[str, set[str]]:
    """The secrets that are to be seen, by where."""
    return {where: set(seen.scene.secrets.found(seen.lines(where))) for where in seen.places}


def test_more_than_fifty_secrets_were_in_use_and_what_is_on_record_is_found(seen: Seen) -> None:
    """Positive controls, for each place: what is sought in it can be found in it."""
    scene = seen.scene
    assert len(scene.secrets.texts) > 150
    shown = b"".join(request.head + request.body for request in scene.upstream.requests)
    assert {"the upstream's credential", "an argument", "a deep argument", "in a URI, 1"} <= set(
        scene.secrets.found(shown)
    )
    assert "the secret at the provider" in scene.secrets.found(
        b"".join(request.head + request.body for request in scene.provider.requests)
    )
    asked = b"".join(request.head for request in scene.hook.requests)
    assert "in the address of a webhook" in scene.secrets.found(asked)
    kinds = {record["type"] for record in scene.gate.journal()}
    assert {"payload", "echo", "reload", "generation", "dropped"} <= kinds
    assert {json.loads(alert)["occasion"] for alert in scene.alerts} >= {"credential", "plaintext", "reload"}
    assert set(seen.places) == set(FOUND)
    assert {
        where: missing
        for where, names in FOUND.items()
        if (missing := names - set(scene.shown.found(seen.lines(where))))
    } == {}


def test_no_secret_is_to_be_seen_anywhere(seen: Seen) -> None:
    """But to those for whom it is."""
    every = {where: names - ALLOWED.get(where, set()) for where, names in found(seen).items()}
    assert {where: names for where, names in every.items() if names} == {}


def test_what_is_for_few_is_shown_to_them(seen: Seen) -> None:
    """An approver sees what they decide about; so the search finds secrets, too."""
    for where, names in ALLOWED.items():
        assert names <= set(seen.scene.secrets.found(seen.lines(where))), where


def test_the_auditor_reads_bodies_without_what_was_masked(seen: Seen) -> None:
    """With their key: what was called with and answered is there, and what rules mask is not."""
    read = set(seen.scene.secrets.found(seen.bodies))
    assert {"an argument", "a name of an argument", "a deep argument", "a result", "structured"} <= read
    assert {"what is masked in a request", "what is masked in an answer", "an address"} & read == set()
    assert "the upstream's credential" not in read


def test_files_are_their_owners_alone_and_none_is_where_others_look(seen: Seen) -> None:
    """All of the state directory; and the gate has made nothing where temporary files go."""
    assert len(seen.modes) > 20
    assert {name: oct(mode) for name, mode in seen.modes.items() if mode & 0o177} == {}
    tmp = f"{seen.scene.tmp}/"
    assert [name for name in seen.made.names if name.startswith(tmp)] == [f"{tmp}seen-by-the-watch"]
