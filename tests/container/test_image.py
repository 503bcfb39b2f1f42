"""The image does what the pages about containers and Kubernetes say, with the configuration shown there."""

from __future__ import annotations

import json
import os
import re
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcpgate.sessions.keyfile import KeyFile
from mcpgate.testing import LocalCA, certificate_pem, write_pair
from tests.container.image import ROOT, Image, Running, Volumes
from tests.docs.fences import read_page
from tests.e2e.lab import McpServer, free_port
from tests.packages.installed import call
from tests.waiting import eventually

pytestmark = pytest.mark.container

NAME = "gate.example.com"
PAGE = ROOT / "docs/howto/kubernetes.md"


def pair(ca: LocalCA, directory: Path) -> dict[str, bytes]:
    """A certificate and its key, as cert-manager puts them into a secret."""
    paths = directory / "tls.crt", directory / "tls.key"
    write_pair(ca.server([NAME, "localhost"], datetime.now(UTC)), *paths)
    return {path.name: path.read_bytes() for path in paths}


def documents() -> list[dict[str, Any]]:
    """The manifests of the page."""
    page = read_page(PAGE.read_text(encoding="utf-8"))
    texts = [fence.text for fence in page.fences if fence.language == "yaml"]
    return [one for text in texts for one in yaml.safe_load_all(text)]


def configuration(ports: tuple[int, int], upstream: str) -> str:
    """That of the page, for ports and an upstream of ours, without what there is not: issuer, database."""
    (text,) = (one["data"]["mcpgate.toml"] for one in documents() if one["kind"] == "ConfigMap")
    for old, new in (
        ('listen = "tcp:8443"', f'listen = "tcp:{ports[0]}:interface=127.0.0.1"'),
        ('listen = "tcp:9443"', f'listen = "tcp:{ports[1]}:interface=127.0.0.1"'),
        ('"https://files.example.com/mcp"', f'"{upstream}"\ntrust = "/run/secrets/mcpgate/words/ca.pem"'),
    ):
        assert old in text
        text = text.replace(old, new)
    for table in (r"\[\[issuer\]\]", r"\[evidence\]"):
        text, found = re.subn(rf"{table}\n(?:.+\n)+", "", text)
        assert found == 1
    return text


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """Built once."""
    assert os.geteuid() == 0, "only root can make containers here"
    built = Image.build()
    yield built
    built.remove()


@pytest.fixture(scope="module")
def ca() -> LocalCA:
    """Who vouches for gate and upstream."""
    return LocalCA.create("mcpgate containers", datetime.now(UTC))


@pytest.fixture
def ports() -> tuple[int, int]:
    """For callers, and for those who look at it."""
    return free_port(), free_port()


@pytest.fixture
def weather(tmp_path: Path, ca: LocalCA) -> Iterator[McpServer]:
    """A real MCP server behind TLS, outside of the container."""
    (tmp_path / "weather").mkdir()
    with McpServer(tmp_path / "weather", ca) as server:
        yield server


@pytest.fixture
def volumes(tmp_path: Path, image: Image, ca: LocalCA, ports: tuple[int, int], weather: McpServer) -> Volumes:
    """What the page mounts."""
    (tmp_path / "volumes").mkdir()
    volumes = Volumes(tmp_path / "volumes", int(image.config["User"].partition(":")[2]))
    volumes.configure(configuration(ports, weather.url))
    volumes.secret("tls", pair(ca, tmp_path))
    words = {"metrics": b"not-a-word-1\n", "files": b"not-a-word-2\n"}
    volumes.secret("words", {**words, "ca.pem": certificate_pem(ca.certificate)})
    return volumes


@pytest.fixture
def running(image: Image, volumes: Volumes) -> Iterator[Running]:
    """A gate in a container, which serves."""
    with image.serving(volumes) as running:
        eventually(running.serves, "the gate serves", 60)
        yield running


def get(port: int, path: str, host: str) -> tuple[int, str]:
    """What a kubelet would get: it believes any certificate."""
    context = ssl._create_unverified_context()
    connection = HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip()
    finally:
        connection.close()


def test_it_needs_neither_root_nor_a_shell_nor_a_network(image: Image, volumes: Volumes) -> None:
    """It names its user by number and its commands by path, and judges a configuration all by itself."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image.config["User"])
    assert all(words[0].startswith("/") for words in (image.command, image.config["Healthcheck"]["Test"][1:]))
    done = image.run(volumes, *image.config["Entrypoint"], "check", "--config", "/etc/mcpgate/mcpgate.toml")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads((image.root / "opt/mcpgate/share/mcpgate/sbom.cdx.json").read_text())
    assert {"openssl", "twisted", "libpq"} <= {one["name"].lower() for one in told["components"]}


def test_a_key_that_everybody_may_read_is_refused(image: Image, volumes: Volumes, ca: LocalCA) -> None:
    """A secret mounted without a mode is a configuration that is not good; the page shows the words."""
    volumes.secret("tls", pair(ca, volumes.directory), mode=0o644)
    done = image.run(volumes, *image.command)
    assert done.returncode == 78
    assert "everybody on this machine may access the key (mode 0644)" in done.stdout + done.stderr


def test_it_serves_a_call_from_a_root_that_nobody_can_write(
    running: Running, volumes: Volumes, ca: LocalCA, ports: tuple[int, int], tmp_path: Path
) -> None:
    """A call by the official client; what is kept is in the volume, for the gate's user alone."""
    python = "/opt/mcpgate/bin/python"
    done = running.execute(python, "-c", "open('/opt/mcpgate/new', 'w')")
    assert "Read-only file system" in done.stderr
    where = ("--state", "/var/lib/mcpgate/state")
    token = running.execute("mcpgate", "token", "issue", "me", *where).stdout.strip()
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(certificate_pem(ca.certificate))
    assert "Oslo" in call(f"https://localhost:{ports[0]}/files", trusted, token)
    state = volumes.state / "state"
    assert state.stat().st_mode & 0o777 == 0o700 and state.stat().st_uid == volumes.group
    assert "get_weather" in "".join(path.read_text() for path in (state / "journal").glob("*.jsonl"))


def test_session_keys_come_from_a_secret(image: Image, volumes: Volumes) -> None:
    """As the page's first container puts them where the gate looks: they are its own then, and its alone."""
    begun = volumes.directory / "begun"
    begun.mkdir()
    KeyFile(begun).begin(time.time())
    volumes.secret("session", {"session-keys.json": (begun / "session-keys.json").read_bytes()})
    (gates,) = (one for one in documents() if one["kind"] == "StatefulSet")
    (first,) = gates["spec"]["template"]["spec"]["initContainers"]
    for _ in ("at first", "when the pod starts again"):
        done = image.run(volumes, *first["command"])
        assert (done.returncode, done.stderr) == (0, "")
    made = (volumes.state / "state/session-keys.json").stat()
    assert (made.st_mode & 0o777, made.st_uid) == (0o600, volumes.group)
    done = image.run(volumes, "mcpgate", "session", "keys", "--state", "/var/lib/mcpgate/state")
    assert done.returncode == 0, done.stderr


def test_probes_are_answered_by_the_name_of_the_certificate(running: Running, ports: tuple[int, int]) -> None:
    """As the page sets them; by the address, as they come otherwise, they are refused."""
    assert get(ports[1], "/healthz", NAME) == (200, "ok")
    assert get(ports[1], "/readyz", NAME) == (200, "ready")
    assert get(ports[1], "/readyz", f"10.1.2.3:{ports[1]}")[0] == 421


def test_the_probe_of_life_asks_the_gate_itself(running: Running) -> None:
    """Over its control socket, where the page's configuration has it."""
    (gates,) = (one for one in documents() if one["kind"] == "StatefulSet")
    (gate,) = gates["spec"]["template"]["spec"]["containers"]
    done = running.execute(*gate["livenessProbe"]["exec"]["command"])
    assert done.returncode == 0 and "running" in done.stdout


def test_a_renewed_certificate_is_taken_up(
    running: Running, volumes: Volumes, ca: LocalCA, ports: tuple[int, int]
) -> None:
    """The link is swapped, as a kubelet does it, and nobody is told."""
    was = ssl.get_server_certificate(("127.0.0.1", ports[0]))
    volumes.secret("tls", pair(ca, volumes.directory))
    eventually(lambda: ssl.get_server_certificate(("127.0.0.1", ports[0])) != was, "the new certificate", 30)
