"""How peers are configured: every leg verified, connections reused, no gap in a template."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mcpgate.config.load import parse_config
from tests.bench import peers
from tests.bench.loads import LOADS
from tests.bench.peers import HERE, PEERS, Missing, Site, _gate_tidy, _program, filled

PIN = "sha256/" + "A" * 43 + "="


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A place for a peer."""
    names = {name: tmp_path / f"{name}.pem" for name in ("authority", "chain", "key", "pair")}
    return Site(directory=tmp_path, port=1111, upstream=2222, pin=PIN, packages=tmp_path / "venv", **names)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (
            "nginx.conf",
            ["proxy_ssl_verify on;", "proxy_ssl_name localhost;", "access_log off;", 'Connection "";'],
        ),
        ("nginx.conf", ["ssl_protocols TLSv1.3;", "proxy_ssl_protocols TLSv1.3;", "keepalive 1024;"]),
        (
            "haproxy.cfg",
            ["verify required", "verifyhost localhost", "http-reuse always", "ssl-min-ver TLSv1.3"],
        ),
        (
            "envoy.yaml",
            ["trusted_ca", "match_typed_subject_alt_names", "tls_minimum_protocol_version: TLSv1_3"],
        ),
    ],
)
def test_a_peer_verifies_and_reuses(site: Site, template: str, words: list[str]) -> None:
    """What makes the comparison fair stands in each configuration, with this site's values."""
    text = site.write(template).read_text()
    assert [word for word in words if word not in text] == []
    assert str(site.authority) in text and "1111" in text and "2222" in text


def test_nginx_stays_who_it_was_started_as(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Started by root it would become nobody, who may not read the directory; others cannot change."""
    template = (HERE / "conf" / "nginx.conf").read_text()
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setenv("LOGNAME", "root")
    assert filled(template, site).splitlines()[1] == "user root;"
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    assert "user " not in filled(template, site)


def test_the_gates_configuration_is_one(site: Site) -> None:
    """It is read by the gate's own reader: a pin, a token, a rule that allows and one that blocks."""
    config = parse_config(site.write("mcpgate.toml").read_bytes(), site.directory / "mcpgate.toml")
    (upstream,), (listener,) = config.upstreams, config.listeners
    assert upstream.pins and upstream.trust != "system" and upstream.pin_mode == "enforce"
    assert listener.tokens
    assert {rule.verdict for rule in config.rules} == {"allow", "block"}


def test_a_placeholder_that_nothing_fills_is_an_error(site: Site) -> None:
    """Rather than a peer that starts with half a configuration."""
    with pytest.raises(KeyError):
        filled("listen $adress;", site)


def test_a_program_that_is_not_there_is_named() -> None:
    """The bench goes on without the peer, and says why."""
    with pytest.raises(Missing, match="no-such-program is not installed"):
        _program("no-such-program")


def test_the_gates_journal_is_emptied_and_missed(site: Site) -> None:
    """A gate that keeps no journal would win time that it must not win."""
    assert _gate_tidy(site) == "the gate wrote nothing into its journal"
    journal = site.directory / "state" / "journal" / "journal-0-00000001.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text('{"type":"segment"}\n')
    assert _gate_tidy(site) != ""
    journal.write_text('{"type":"open"}\n' * 100)
    assert _gate_tidy(site) == ""
    assert journal.stat()[stat.ST_SIZE] == 0
    assert _gate_tidy(site) != ""


def test_exceptions_are_about_loads_that_exist() -> None:
    """A load that was renamed does not slip out of a peer's own terms."""
    names = {load.name for load in LOADS}
    for peer in PEERS.values():
        assert set(peer.otherwise) | set(peer.cannot) <= names
        assert [peer.load(load).name for load in LOADS] == [load.name for load in LOADS]
    assert PEERS["fastmcp"].load(LOADS[3]).rate < LOADS[3].rate == PEERS["envoy"].load(LOADS[3]).rate


def test_another_tree_is_run_as_this_one_is(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same configuration; who has put none there is told how."""
    monkeypatch.setattr(peers, "BEFORE", tmp_path / "before")
    with pytest.raises(Missing, match="BEFORE=REVISION"):
        PEERS["before"].command(site)
    (tmp_path / "before" / "mcpgate").mkdir(parents=True)
    before, now = PEERS["before"].command(site), PEERS["now"].command(site)
    assert before[1] == f"PYTHONPATH={tmp_path / 'before'}"
    assert (before[0], *before[2:]) == (now[0], *now[2:])
