"""C{mcpgate probe}: what a server is, told to a person or a program, before it becomes an upstream."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from OpenSSL import SSL

from mcpgate.config.load import parse_config
from mcpgate.tls.pins import spki_pin
from tests import pki
from tests.cli.conftest import Run
from tests.upstream.server import OK, Server, nobody

ROOT = pki.Authority.root("test root")
GOOD = ROOT.issue("localhost", addresses=["127.0.0.1"], name="good leaf")


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """A PEM file with the CA."""
    return pki.write(tmp_path / "ca.pem", pki.pem(ROOT.certificate))


def url(server: Server, host: str = "localhost") -> str:
    """The server's URL; it listens on IPv4 alone."""
    return f"https://{host}:{server.port}/mcp"


def facts(run: Run, *words: str | Path, code: int = os.EX_OK) -> dict[str, Any]:
    """What a probe says to programs."""
    said = run("probe", *words, "--format", "json")
    assert said.returncode == code, said.stderr
    told: dict[str, Any] = json.loads(said.stdout)
    return told


def verdicts(told: dict[str, Any]) -> dict[str, str]:
    """Each verdict in a word."""
    return {one["on"]: one["verdict"] for one in told["verdicts"]}


def test_a_good_server_is_told_to_people(run: Run, trust: Path) -> None:
    """Handshake, verdicts, chain, and a pin that can be pasted."""
    server = Server(GOOD)
    said = run("probe", url(server), "--trust", trust)
    assert (said.returncode, said.stderr) == (os.EX_OK, "")
    for words in ("TLSv1.3", "X25519MLKEM768", "CN=good leaf", "CN=test root", "EC-secp256r1", "127.0.0.1"):
        assert words in said.stdout
    assert f'pins = ["{spki_pin(GOOD.chain[0])}"]  # leaf, CN=good leaf' in said.stdout
    assert f'pins = ["{spki_pin(ROOT.certificate)}"]  # issuer (root), CN=test root' in said.stdout
    assert server.finish().told == b""


def test_facts_for_programs(run: Run, trust: Path) -> None:
    server = Server(GOOD)
    told = facts(run, url(server), "--trust", trust)
    assert told["url"] == url(server)
    assert told["handshake"]["post_quantum"] is True
    assert set(verdicts(told)) == {"trust", "name", "modern, require_pq", "modern", "intermediate"}
    assert set(verdicts(told).values()) == {"ok"}
    assert [one["at"] for one in told["chain"]] == ["leaf", "issuer (root)"]
    assert told["chain"][0]["names"] == ["localhost", "127.0.0.1"]
    assert 80 < told["chain"][0]["days_left"] < 91
    assert told["clear_text"][0] == {
        "port": server.port,
        "status": None,
        "exposed": False,
        "detail": "does not answer HTTP in clear text",
    }
    server.finish()


def test_a_pasted_pin_is_one_that_the_configuration_takes(run: Run, trust: Path) -> None:
    """Each line is TOML, and together with the rest of an upstream it is a good one."""
    server = Server(GOOD)
    for pin in facts(run, url(server), "--trust", trust)["pins"]:
        assert tomllib.loads(pin["toml"]) == {"pins": [pin["pin"]]}
        config = parse_config(
            f"""
            [gate]
            state = "/state"
            [[listener]]
            name = "main"
            listen = "tcp:0:interface=127.0.0.1"
            certificates = "/tls"
            [[upstream]]
            name = "server"
            url = "{url(server)}"
            {pin["toml"]}
            [[route]]
            path = "/mcp"
            upstream = "server"
            """.encode(),
            trust,
        )
        assert config.upstreams[0].pins == (pin["pin"],)
    server.finish()


def test_a_chain_that_is_not_trusted_is_shown_with_a_warning(run: Run, tmp_path: Path) -> None:
    """Only the leaf has shown that it has its key, so only its pin is offered."""
    other = pki.write(tmp_path / "other.pem", pki.pem(pki.Authority.root("other root").certificate))
    server = Server(ROOT.intermediate().issue("localhost"))
    said = run("probe", url(server), "--trust", other)
    assert said.returncode == os.EX_OK
    assert "tls.unknown_ca" in said.stdout
    assert "find out first whose key it is" in said.stdout
    assert len(facts(run, url(server), "--trust", other)["pins"]) == 1
    server.finish()


def test_the_name_that_counts_is_the_urls_wherever_is_dialled(run: Run, trust: Path) -> None:
    """C{--address} is where, not who."""
    server = Server(ROOT.issue("mcp.example.com"))
    where = ("--address", f"127.0.0.1:{server.port}", "--trust", trust)
    assert verdicts(facts(run, "https://mcp.example.com/", *where))["name"] == "ok"
    assert verdicts(facts(run, "https://mcp.example.org/", *where))["name"] == "tls.name"
    server.finish()


def test_an_old_server_is_told_which_profile_would_do(run: Run, trust: Path) -> None:
    server = Server(GOOD, newest=SSL.TLS1_2_VERSION)
    told = verdicts(facts(run, url(server), "--trust", trust))
    assert (told["modern"], told["intermediate"]) == ("tls.version", "ok")
    server.finish()


def test_clear_text_beside_tls_is_told(run: Run, trust: Path) -> None:
    """On the same port, and on a port that is named."""
    server, neighbour = Server(GOOD, clear=OK), Server(None, clear=OK)
    said = run("probe", url(server), "--trust", trust, "--also-port", str(neighbour.port))
    assert "answers HTTP in clear text on the same port (status 200)" in said.stdout
    assert f"answers HTTP in clear text on port {neighbour.port} (status 200)" in said.stdout
    assert b"authorization" not in server.finish().overheard.lower()
    neighbour.finish()


def test_a_server_without_acceptable_tls_is_69_with_all_verdicts(run: Run, trust: Path) -> None:
    server = Server(None, clear=OK)
    told = facts(run, url(server), "--trust", trust, code=os.EX_UNAVAILABLE)
    assert set(verdicts(told).values()) == {"tls.plaintext"}
    assert (told["handshake"], told["chain"], told["pins"]) == (None, [], [])
    assert told["clear_text"][0]["exposed"]
    server.finish()


def test_nobody_there_is_69_and_one_line(run: Run, trust: Path) -> None:
    port = nobody()
    said = run("probe", f"https://127.0.0.1:{port}", "--trust", trust)
    assert (said.returncode, said.stdout) == (os.EX_UNAVAILABLE, "")
    assert said.stderr == f"mcpgate: 127.0.0.1:{port}: Connection refused\n"


@pytest.mark.parametrize("words", [["http://localhost/"], ["localhost"], [], ["https://u:p@localhost/"]])
def test_what_is_no_https_url_is_a_usage_error(run: Run, words: list[str]) -> None:
    said = run("probe", *words)
    assert (said.returncode, said.stdout) == (os.EX_USAGE, "")


def test_a_trust_file_that_cannot_be_used_is_66(run: Run, tmp_path: Path) -> None:
    said = run("probe", "https://localhost/", "--trust", tmp_path / "absent.pem")
    assert said.returncode == os.EX_NOINPUT
    assert "absent.pem" in said.stderr and len(said.stderr.splitlines()) == 1


def test_what_a_certificate_says_cannot_leave_its_line(run: Run, trust: Path) -> None:
    """A subject is the peer's own text: it must not move the cursor, nor end a TOML comment."""
    server = Server(ROOT.issue("localhost", name="\x1b[2Jevil\nurl = 1"))
    said = run("probe", url(server), "--trust", trust)
    assert "\x1b" not in said.stdout
    assert not any(line.strip().startswith("url = ") for line in said.stdout.splitlines())
    server.finish()
