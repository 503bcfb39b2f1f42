"""C{mcpgate check --online}: the gate's own connect to every upstream, and no trace of it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcpgate.tls.localca import LocalCA, write_pair
from mcpgate.tls.material import Pair
from mcpgate.tls.pins import spki_pin
from tests import pki
from tests.cli.conftest import Run
from tests.provider.issuing import Issuing
from tests.running import ScriptedUpstream
from tests.upstream.server import OK, Server, nobody


def behind(config: Path, port: int, more: str = "") -> Path:
    """The configuration, with an upstream on loopback."""
    text = config.read_text(encoding="utf-8").replace(
        'url = "https://mcp.example.com/mcp"', f'url = "https://localhost:{port}/mcp"\n{more}'
    )
    assert str(port) in text
    config.write_text(text, encoding="utf-8")
    return config


@pytest.fixture
def pair(config: Path) -> Pair:
    """A certificate for localhost, of the CA that the upstream is to be trusted by."""
    ca = LocalCA.load(config.parent / "ca.pem", config.parent / "ca.key")
    return ca.server(["localhost"], pki.NOW)


def test_a_good_upstream_is_told_with_its_handshake(run: Run, config: Path, pair: Pair) -> None:
    """Nothing is sent, nothing is journalled."""
    server = Server(pair)
    said = run("check", "--online", "--config", behind(config, server.port))
    assert (said.returncode, said.stderr) == (os.EX_OK, "")
    assert said.stdout.startswith(f"{config} is good\n")
    assert "X25519MLKEM768" in said.stdout
    server.finish()
    assert (server.handshakes, server.told) == (1, b"")
    assert not list((config.parent / "state").rglob("*.jsonl"))


def test_facts_for_programs(run: Run, config: Path, pair: Pair) -> None:
    server = Server(pair)
    behind(config, server.port, f'pins = ["{spki_pin(pair.chain[0])}"]')
    (found,) = json.loads(run("check", "--online", "--config", config, "--format", "json").stdout)["online"]
    assert (found["upstream"], found["verdict"], found["clear_text"]) == ("example", "ok", [])
    assert (found["handshake"]["version"], found["handshake"]["pinned"]) == ("TLSv1.3", True)
    server.finish()


def test_a_refused_upstream_is_69_with_its_reason(run: Run, config: Path) -> None:
    """Facts on stdout as ever, and one line that says which and why."""
    server = Server(pki.Authority.root().issue("localhost"))
    said = run("check", "--online", "--config", behind(config, server.port))
    assert said.returncode == os.EX_UNAVAILABLE
    assert "tls.unknown_ca" in said.stdout
    (line,) = said.stderr.splitlines()
    assert line.startswith("mcpgate: upstream example is refused: tls.unknown_ca: ")
    assert server.finish().told == b""


def test_a_wrong_pin_is_69(run: Run, config: Path, pair: Pair) -> None:
    server = Server(pair)
    wrong = spki_pin(pki.Authority.root().certificate)
    said = run("check", "--online", "--config", behind(config, server.port, f'pins = ["{wrong}"]'))
    assert said.returncode == os.EX_UNAVAILABLE
    assert "upstream example is refused: tls.pin: " in said.stderr
    assert server.finish().told == b""


def test_an_upstream_that_is_not_there_is_69(run: Run, config: Path) -> None:
    said = run("check", "--online", "--config", behind(config, nobody()))
    assert said.returncode == os.EX_UNAVAILABLE
    assert "upstream example is refused: upstream.unreachable: " in said.stderr


def test_an_upstream_that_does_not_accept_us_is_69(run: Run, config: Path, pair: Pair) -> None:
    """It wants a client certificate and there is none: TLS 1.3 says so only after the handshake."""
    server = Server(pair, clients=pki.Authority.root().trust())
    said = run("check", "--online", "--config", behind(config, server.port))
    assert said.returncode == os.EX_UNAVAILABLE
    assert "upstream example is refused: tls.client_certificate: " in said.stderr
    server.finish()


def test_clear_text_beside_tls_is_a_warning(run: Run, config: Path, pair: Pair) -> None:
    """The gate itself would never use it, so it is no refusal."""
    server = Server(pair, clear=OK)
    said = run("check", "--online", "--config", behind(config, server.port))
    assert said.returncode == os.EX_OK
    assert said.stderr == (
        "mcpgate: warning: upstream example answers HTTP in clear text on the same port (status 200)\n"
    )
    assert b"authorization" not in server.finish().overheard.lower()


def test_all_upstreams_are_tried_also_after_one_was_refused(run: Run, config: Path, pair: Pair) -> None:
    server, bad = Server(pair), Server(pki.Authority.root().issue("localhost"))
    behind(config, bad.port)
    with config.open("a", encoding="utf-8") as file:
        file.write(
            f'[[upstream]]\nname = "second"\nurl = "https://localhost:{server.port}/mcp"\ntrust = "ca.pem"\n'
        )
    said = run("check", "--online", "--config", config, "--format", "json")
    assert said.returncode == os.EX_UNAVAILABLE
    found = {one["upstream"]: one["verdict"] for one in json.loads(said.stdout)["online"]}
    assert found == {"example": "tls.unknown_ca", "second": "ok"}
    server.finish()
    bad.finish()


def test_without_the_option_nothing_is_dialled(run: Run, config: Path, pair: Pair) -> None:
    server = Server(pair)
    assert run("check", "--config", behind(config, server.port)).returncode == os.EX_OK
    assert server.finish().connections == 0


# Issuers.


@pytest.fixture
def issuing(config: Path, pair: Pair) -> Iterator[Issuing]:
    """A provider that the configuration names; the upstream is good."""
    directory = config.parent
    write_pair(pair, directory / "login.crt", directory / "login.key")
    provider = Issuing(directory / "login.crt", directory / "login.key", host="localhost")
    with config.open("a", encoding="utf-8") as file:
        file.write(
            f'[[issuer]]\nname = "login"\nissuer = "{provider.minter.issuer}"\ntrust = "ca.pem"\n'
            f'address = "localhost:{provider.port}"\n'
        )
    yield provider
    provider.close()


def test_an_issuer_is_asked_for_its_keys(run: Run, config: Path, pair: Pair, issuing: Issuing) -> None:
    server = Server(pair)
    said = run("check", "--online", "--config", behind(config, server.port), "--format", "json")
    assert (said.returncode, said.stderr) == (os.EX_OK, "")
    assert json.loads(said.stdout)["keys"] == [
        {"issuer": "login", "keys": ["k1"], "left_out": [], "problem": None}
    ]
    assert not list((config.parent / "state").rglob("*.jsonl"))
    server.finish()


def test_an_issuer_that_tells_no_keys_is_69_with_the_reason(
    run: Run, config: Path, pair: Pair, issuing: Issuing
) -> None:
    server = Server(pair)
    issuing.document["issuer"] = "https://else.test"
    said = run("check", "--online", "--config", behind(config, server.port))
    assert said.returncode == os.EX_UNAVAILABLE
    told = "mcpgate: issuer login tells no keys: its discovery document names another issuer\n"
    assert said.stderr == told
    issuing.close()
    said = run("check", "--online", "--config", config)
    assert said.returncode == os.EX_UNAVAILABLE
    assert "upstream.unreachable" in said.stderr
    server.finish()


# Alerts.


def test_a_test_is_sent_to_everybody_who_would_be_told(
    run: Run, config: Path, pair: Pair
) -> None:
    """Only when it is asked for; who is not reached is 69."""
    directory = config.parent
    write_pair(pair, directory / "hook.crt", directory / "hook.key")
    hook = ScriptedUpstream(directory / "hook.crt", directory / "hook.key")
    hook.behave = lambda sock, request: sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as log, config.open("a", encoding="utf-8") as file:
        log.bind(("127.0.0.1", 0))
        log.settimeout(10)
        file.write(f'[[alert]]\nname = "ops"\nwebhook = "https://localhost:{hook.port}/s3cret"\n')
        file.write('trust = "ca.pem"\n')
        file.write(f'[[alert]]\nname = "siem"\nsyslog = "127.0.0.1:{log.getsockname()[1]}"\n')
        file.flush()
        server = Server(pair)
        behind(config, server.port)
        said = run("check", "--online", "--alerts", "--config", config, "--format", "json")
        assert (said.returncode, said.stderr) == (os.EX_OK, "")
        assert json.loads(said.stdout)["alerts"] == [
            {"alert": "ops", "problem": None},
            {"alert": "siem", "problem": None},
        ]
        assert json.loads(hook.requests[0].body)["occasion"] == "test"
        assert b" mcpgate " in log.recv(4096)
        hook.close()
        said = run("check", "--online", "--alerts", "--config", config)
        assert said.returncode == os.EX_UNAVAILABLE
        (line,) = said.stderr.splitlines()
        assert line.startswith("mcpgate: alert ops does not arrive: ") and "s3cret" not in line
        server.finish()


def test_a_test_is_sent_only_where_others_are_asked_as_well(run: Run, config: Path) -> None:
    """It is no part of judging a file."""
    assert run("check", "--alerts", "--config", config).returncode == os.EX_USAGE
