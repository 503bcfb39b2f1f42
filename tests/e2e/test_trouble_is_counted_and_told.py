"""Metrics agree with the journal, and whoever is to be told of trouble is told, with the evidence for it."""

import json
import resource
import socket
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping
from http.client import HTTPSConnection
from typing import Any

import pytest
from attrs import frozen
from prometheus_client.parser import text_string_to_metric_families

from mcpgate.testing import LocalCA
from tests.e2e.caller import PATIENCE, Caller, call
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RecordingUpstream, answer
from tests.waiting import eventually

METRICS_TOKEN = "canary-of-the-metrics"
HOOK_TOKEN = "canary-of-the-hook"
CALLERS_TOKEN = "canary-of-a-caller"
WRONG = "sha256/" + "A" * 43 + "="


@frozen
class Scene:
    """A gate, who is told by webhook, and who by syslog."""

    gate: GateProcess
    hook: RecordingUpstream
    log: socket.socket
    upstream: RecordingUpstream

    def scrape(self, accept: str = "text/plain", token: str | None = METRICS_TOKEN) -> tuple[int, str, str]:
        """C{/metrics}, over the dashboard's own TLS: status, content type, page."""
        port = int(self.gate.status()["admin"]["address"].rpartition(":")[2])
        context = ssl.create_default_context(cafile=self.gate.lab.ca_file)
        http = HTTPSConnection("localhost", port, context=context, timeout=PATIENCE)
        try:
            bearer = {"Authorization": f"Bearer {token}"} if token else {}
            http.request("GET", "/metrics", headers={"Accept": accept, **bearer})
            reply = http.getresponse()
            return reply.status, reply.headers["Content-Type"], reply.read().decode()
        finally:
            http.close()

    def samples(self) -> Mapping[tuple[str, frozenset[tuple[str, str]]], float]:
        """What is read there now."""
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(self.scrape()[2])
            for sample in family.samples
        }

    def counted(self, name: str, *by: str) -> Counter[tuple[str, ...]]:
        """One metric, summed by some of its labels."""
        found: Counter[tuple[str, ...]] = Counter()
        for (metric, labels), value in self.samples().items():
            if metric == name and value:
                found[tuple(dict(labels)[label] for label in by)] += int(value)
        return found

    def told(self, occasion: str) -> list[dict[str, Any]]:
        """What was posted about something."""
        posted = [json.loads(request.body) for request in self.hook.requests]
        return [one for one in posted if one["occasion"] == occasion]


def tables(lab: Lab, scene_ports: Mapping[str, int]) -> dict[str, Any]:
    """The configuration."""
    upstream = {"port": scene_ports["upstream"]}
    return {
        "upstream": [upstream, {**upstream, "name": "stranger", "pins": [WRONG]}],
        "route": [{}, {"path": "/stranger", "upstream": "stranger"}],
        "admin": {
            "listen": "tcp:0:interface=127.0.0.1",
            "certificates": lab.certificates,
            "metrics_token": f"file:{lab.directory / 'metrics'}",
        },
        "more": {
            "alert": [
                {
                    "name": "ops",
                    "webhook": f"https://localhost:{scene_ports['hook']}/services/canary-of-a-path",
                    "trust": lab.ca_file,
                    "secret": f"file:{lab.directory / 'hook'}",
                    "expiry": "999d",
                },
                {"name": "siem", "syslog": f"127.0.0.1:{scene_ports['log']}", "on": ["pin"]},
            ]
        },
    }


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[Scene]:
    """All of it, begun."""
    lab = Lab(tmp_path_factory.mktemp("told"), ca)
    for name, secret in (("metrics", METRICS_TOKEN), ("hook", HOOK_TOKEN)):
        (lab.directory / name).write_text(secret)
        (lab.directory / name).chmod(0o600)
    pair = ca.server(HOSTS, lab.now)
    with (
        RecordingUpstream(pair) as upstream,
        RecordingUpstream(pair, answer(b"", status="204 No Content")) as hook,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as log,
    ):
        log.bind(("127.0.0.1", 0))
        log.settimeout(PATIENCE)
        ports = {"upstream": upstream.port, "hook": hook.port, "log": log.getsockname()[1]}
        made = tables(lab, ports)
        with lab.gate(lab.config(**made)) as gate:
            scene = Scene(gate, hook, log, upstream)
            eventually(lambda: (gate.status()["admin"] or {}).get("state") == "serves", "the admin process")
            eventually(lambda: scene.counted("mcpgate_up") == {(): 1}, "the gate is asked")
            yield scene


def in_clear(scene: Scene, *lines: str) -> bytes:
    """Send a request in clear text to the TLS port, as somebody with the wrong URL does."""
    with socket.create_connection(("127.0.0.1", scene.gate.port), PATIENCE) as sock:
        sock.sendall("\r\n".join(["GET /mcp HTTP/1.1", "Host: localhost", *lines, "", ""]).encode())
        return sock.recv(4096)


def test_metrics_say_what_the_journal_says(scene: Scene) -> None:
    """After calls that pass, calls that are refused, and handshakes that come to nothing."""
    gate = scene.gate
    with Caller(gate) as caller:
        for _ in range(5):
            assert caller.post(call("get_weather")).read()
        assert b"error" in caller.post(call("delete_all")).read()
    with Caller(gate, token="mcpgate_000000000000_nobody") as stranger:
        assert stranger.post(call("get_weather")).status == 401
    old = ssl.create_default_context(cafile=gate.lab.ca_file)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", gate.port), PATIENCE) as sock:
        old.wrap_socket(sock, server_hostname="localhost")
    in_clear(scene)

    def on_record() -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
        handshakes = Counter(
            (one["leg"], one["outcome"], one["reason"] or "none") for one in gate.journal("handshake")
        )
        exchanges = Counter(
            (one["route"], one["method"] or one["http"], one["verdict"] or "none", one["outcome"])
            for one in gate.exchanges()
        )
        return handshakes, exchanges

    def agree() -> bool:
        seen = scene.counted("mcpgate_handshakes_total", "leg", "outcome", "reason")
        ended = scene.counted("mcpgate_exchanges_total", "route", "method", "verdict", "outcome")
        handshakes, exchanges = on_record()
        return sum(exchanges.values()) >= 7 and (seen, ended) == (handshakes, exchanges)

    eventually(agree, f"metrics agree with the journal: {on_record()}")
    handshakes, exchanges = on_record()
    assert exchanges["weather", "tools/call", "allow", "completed"] == 5
    assert handshakes["inbound", "refused", "tls.plaintext"] == 1
    assert handshakes["inbound", "refused", "tls.version"] == 1
    samples = scene.samples()
    route = frozenset({("route", "weather")})
    for name in ("request", "upstream", "added"):
        assert samples[f"mcpgate_{name}_seconds_count", route] == 5, name
    whole, part = (samples[f"mcpgate_{name}_seconds_sum", route] for name in ("request", "upstream"))
    assert samples["mcpgate_added_seconds_sum", route] == pytest.approx(whole - part, abs=1e-6)
    assert samples["mcpgate_generation", frozenset()] == 1
    # What the gate says of itself is up to a second old.
    kinds = Counter({("listener", "public"): 1, ("upstream", "weather"): 1})
    ends = "mcpgate_certificate_not_after_seconds"
    eventually(
        lambda: Counter(scene.counted(ends, "kind", "name").keys()) == kinds,
        "the listener's certificate is shown, and the one that the upstream has shown",
    )


def test_metrics_want_a_token_and_speak_openmetrics(scene: Scene) -> None:
    """Whoever has none learns nothing of the gate."""
    assert scene.scrape(token=None)[0] == scene.scrape(token="guess")[0] == 401
    status, kind, page = scene.scrape("application/openmetrics-text; version=1.0.0")
    assert status == 200 and kind.startswith("application/openmetrics-text")
    assert page.endswith("# EOF\n")
    assert "\nmcpgate_index_failed 0.0\n" in page, "how the searchable copy is doing is known, too"


def test_a_pin_that_does_not_match_is_told_with_its_record(scene: Scene) -> None:
    """By webhook, over verified TLS and with its secret; and by syslog."""
    with Caller(scene.gate) as caller:
        body = json.dumps(call("get_weather")).encode()
        lines = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        lines |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "get_weather"}
        caller.ask("POST", "/stranger", body, lines | {"Authorization": f"Bearer {scene.gate.token}"})
        assert caller.receive().status == 502
    (alert,) = eventually(lambda: scene.told("pin"), "the webhook is told")
    (record,) = [one for one in scene.gate.handshakes("outbound") if one["reason"] == "tls.pin"]
    assert (alert["evidence"], alert["severity"], alert["alert"]) == (record["id"], "critical", "ops")
    assert alert["about"]["name"] == "stranger"
    datagram = scene.log.recv(4096).decode()
    assert datagram.startswith("<82>1 ") and datagram.endswith(f" [{record['id']}]"), datagram
    assert f" pin - critical: pin: {alert['sentence']}" in datagram
    (request,) = [one for one in scene.hook.requests if json.loads(one.body)["occasion"] == "pin"]
    assert request.all("authorization") == [f"Bearer {HOOK_TOKEN}"]


def test_a_credential_in_clear_text_is_told_and_is_in_nothing_that_tells_of_it(scene: Scene) -> None:
    """Neither in the alert, nor in the metrics, the log or the journal."""
    assert b" 400 " in in_clear(scene, f"Authorization: Bearer {CALLERS_TOKEN}")
    (alert,) = eventually(lambda: scene.told("plaintext"), "the webhook is told")
    assert alert["about"]["listener"] == "public"
    posted = b"".join(request.head + request.body for request in scene.hook.requests)
    kept = b"".join(path.read_bytes() for path in (scene.gate.lab.state / "journal").iterdir())
    shown = scene.scrape()[2] + scene.gate.log() + json.dumps(scene.gate.status())
    assert CALLERS_TOKEN.encode() not in posted + kept
    assert not [canary for canary in (CALLERS_TOKEN, HOOK_TOKEN, METRICS_TOKEN) if canary in shown]
    assert scene.counted("mcpgate_exposed_credentials_total", "listener") == {("public",): 1}


def test_a_change_that_was_not_taken_is_told_and_so_is_its_end(scene: Scene) -> None:
    """The alert does not say why: the reason may quote the file."""
    good = scene.gate.config.read_text()
    scene.gate.config.write_text(good.replace("[[rule]]", '[[rule]]\nverdikt = "canary"', 1))
    scene.gate.hangup()
    (began,) = eventually(lambda: scene.told("reload"), "the webhook is told")
    (record,) = scene.gate.journal("reload")
    assert began["severity"] == "critical" and "canary" not in json.dumps(began)
    assert began["evidence"] in (record["id"], None)
    eventually(lambda: scene.counted("mcpgate_reload_failed") == {(): 1}, "the metrics show it")
    scene.gate.config.write_text(good)
    scene.gate.hangup()
    eventually(lambda: [one["severity"] for one in scene.told("reload")] == ["critical", "over"], "its end")
    assert scene.counted("mcpgate_reloads_failed_total") == {(): 1}


def test_a_journal_that_cannot_be_written_is_told(scene: Scene) -> None:
    """It stops every call, and cannot tell of itself."""
    gate = scene.gate
    written = max(path.stat().st_size for path in (gate.lab.state / "journal").iterdir())
    soft, hard = resource.prlimit(gate.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gate.pid, resource.RLIMIT_FSIZE, (written, hard))
    try:
        with Caller(gate) as caller:
            assert caller.post(call("get_weather")).status == 503
        (began,) = eventually(lambda: scene.told("journal"), "the webhook is told")
        assert began["sentence"].startswith("the journal cannot be written: ")
        eventually(lambda: scene.counted("mcpgate_journal_failed") == {(): 1}, "the metrics show it")
    finally:
        resource.prlimit(gate.pid, resource.RLIMIT_FSIZE, (soft, hard))
    eventually(lambda: [one["severity"] for one in scene.told("journal")] == ["critical", "over"], "its end")


def test_a_certificate_that_ends_soon_is_told(scene: Scene) -> None:
    """Sooner for whoever wants to know sooner, and each once: the gate has said so many times by now."""
    told = eventually(
        lambda: found if len(found := scene.told("certificate")) >= 2 else None,
        "the listener's certificate is told, and the one that the upstream has shown",
    )
    (shown,) = [one for one in told if one["about"]["kind"] == "listener"]
    (listener,) = scene.gate.status()["listeners"]
    assert shown["about"]["serial"] == listener["certificates"][0]["serial"]
    assert shown["severity"] == "warning" and "ends in" in shown["sentence"]
    assert {one["about"]["kind"] for one in told} == {"listener", "upstream"}


def test_the_status_says_what_became_of_alerts(scene: Scene) -> None:
    """All that was posted has arrived."""
    shown = eventually(
        lambda: [row for row in scene.gate.status()["admin"]["alerts"] if row["sent"] >= 1],
        "the admin process has told",
    )
    assert {row["name"] for row in shown} <= {"ops", "siem"}
    assert all((row["failure"], row["failed"], row["dropped"]) == (None, 0, 0) for row in shown)
