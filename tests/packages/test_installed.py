"""Each package, installed in a fresh system: it does what it is for, and leaves nothing but evidence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcpgate.testing import LocalCA, write_pair
from tests.e2e.lab import HOSTS, McpServer
from tests.packages.chroot import ROOT, Chroot, missing
from tests.packages.installed import CONFIG, STATE, USER, Installed, call
from tests.packages.kinds import KINDS, Kind

pytestmark = pytest.mark.packages

#: What stays of the user, as files that are evidence go on being its; and of those who kept lists meanwhile.
OF_THE_SYSTEM = {"/etc/.pwd.lock", "/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-"}
UNITS = ("mcpgate.service", "mcpgate.socket")


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.suite)
def installed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    """The package in a chroot of its own; the last test takes it away again."""
    kind: Kind = request.param
    lacks = missing()
    assert lacks is None, lacks
    with Chroot(kind.suite, tmp_path_factory.mktemp(kind.suite) / "root") as chroot:
        yield Installed(chroot, kind)


@pytest.fixture(scope="module")
def ca() -> LocalCA:
    """Who vouches for the upstream, and for the gate."""
    return LocalCA.create("mcpgate packages", datetime.now(UTC))


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory, ca: LocalCA) -> Iterator[McpServer]:
    """A real MCP server behind TLS, outside of the chroot."""
    with McpServer(tmp_path_factory.mktemp("weather"), ca) as server:
        yield server


def test_twist_lists_it(installed: Installed) -> None:
    """Twisted's own command knows the plugin, without looking for it each time."""
    assert "mcpgate" in installed.chroot.run(installed.kind.twist, "--help").stdout.split()


def test_the_first_configuration_says_what_is_to_be_done(installed: Installed) -> None:
    """What was installed can be read by the gate, serves nobody, and C{check} names what it lacks."""
    said = installed.mcpgate("check", user=USER, good=(78,))
    assert f"{CONFIG} cannot be used (1 problem)" in said
    assert "listener.main.certificates" in said and "/etc/mcpgate/tls" in said


def test_its_user_and_directories_are_there(installed: Installed) -> None:
    """A user without a shell; what it may read it cannot change."""
    line = installed.chroot.run("getent", "passwd", USER).stdout.strip().split(":")
    assert line[5] == STATE and line[6].endswith("nologin")
    for directory in ("/etc/mcpgate", "/etc/mcpgate/tls", "/etc/mcpgate/secrets"):
        assert installed.owner_and_mode(directory) == "root:mcpgate 750"


def test_its_units_are_good_and_not_enabled(installed: Installed) -> None:
    """systemd has nothing to say about them, and nobody but the administrator starts them."""
    for unit in UNITS:
        done = installed.chroot.run("systemd-analyze", "verify", f"/usr/lib/systemd/system/{unit}")
        # Of other units in a system that never booted it may say something.
        assert "mcpgate" not in done.stderr, done.stderr
    wanted = installed.chroot.path("/etc/systemd/system")
    assert not [path for path in wanted.rglob("*mcpgate*")]


def test_its_pages_and_completions_are_there(installed: Installed) -> None:
    """man finds the pages, bash takes the completion, and zsh and fish find theirs."""
    for page in (("8", "mcpgate"), ("8", "mcpgate-run"), ("5", "mcpgate.toml")):
        assert installed.chroot.run("man", "-w", *page).stdout.startswith("/usr/share/man/")
    source = ". /usr/share/bash-completion/completions/mcpgate && complete -p mcpgate"
    assert "mcpgate" in installed.chroot.run("bash", "-c", source).stdout
    for path in (installed.kind.zsh, "/usr/share/fish/vendor_completions.d/mcpgate.fish"):
        assert installed.chroot.path(path).is_file()
    for path in ("policies/github.toml", "prometheus/mcpgate.rules.yml", "grafana/mcpgate.json"):
        assert installed.chroot.path(f"/usr/share/mcpgate/{path}").is_file()


def test_a_first_gate_serves_a_call(installed: Installed, weather: McpServer, ca: LocalCA) -> None:
    """C{mcpgate init}, by the user that runs it, and a call through what it wrote; keys are for it alone."""
    home = "/srv/first"
    installed.chroot.run("install", "-d", "-o", USER, "-g", USER, "-m", "0700", home)
    _copy_ca(ca, installed.chroot.path(f"{home}/upstream-ca.pem"))
    installed.mcpgate(
        "init", home, "--upstream", weather.url, "--trust", f"{home}/upstream-ca.pem",
        "--listen", "tcp:0:interface=127.0.0.1", "--dashboard", "none", user=USER,
    )  # fmt: skip
    config = f"{home}/mcpgate.toml"
    assert f"{config} is good" in installed.mcpgate("check", "--config", config, user=USER)
    for secret in ("ca.key", "tls/gate.key"):
        assert installed.owner_and_mode(f"{home}/{secret}") == "mcpgate:mcpgate 600"
    token = installed.token(config)
    with installed.serving(config) as port:
        url = f"https://localhost:{port}/localhost"
        assert "Oslo" in call(url, installed.chroot.path(f"{home}/ca.pem"), token)


def test_the_service_serves_a_call_and_keeps_evidence(
    installed: Installed, weather: McpServer, ca: LocalCA
) -> None:
    """The installed configuration, filled in as it says, is good; its gate records what it passes, sealed."""
    chroot = installed.chroot
    # As the unit's StateDirectory= makes it.
    chroot.run("install", "-d", "-o", USER, "-g", USER, "-m", "0700", STATE)
    tls = chroot.path("/etc/mcpgate/tls")
    write_pair(ca.server(HOSTS, datetime.now(UTC)), tls / "gate.crt", tls / "gate.key")
    _copy_ca(ca, chroot.path("/etc/mcpgate/ca.pem"))
    chroot.run("chgrp", USER, "/etc/mcpgate/tls/gate.key")
    chroot.run("chmod", "0640", "/etc/mcpgate/tls/gate.key")
    file = chroot.path(CONFIG)
    text = file.read_text(encoding="utf-8")
    for old, new in (
        ('"tcp:8443"', '"tcp:0:interface=127.0.0.1"'),
        ("https://mcp.example.com/mcp", weather.url),
        ('trust = "system"', 'trust = "/etc/mcpgate/ca.pem"'),
    ):
        assert old in text
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    assert f"{CONFIG} is good" in installed.mcpgate("check", user=USER)

    token = installed.token(CONFIG)
    with installed.serving(CONFIG) as port:
        assert "Oslo" in call(f"https://localhost:{port}/example", chroot.path("/etc/mcpgate/ca.pem"), token)
    assert is_sound(installed.mcpgate("evidence", "verify"))
    shown = chroot.path(f"{STATE}/journal").glob("*.jsonl")
    assert any('"get_weather"' in one.read_text(encoding="ascii") for one in shown)
    for secret in ("evidence-key.json", "session-keys.json", "tokens.json"):
        assert installed.owner_and_mode(f"{STATE}/{secret}") == "mcpgate:mcpgate 600"
    assert installed.owner_and_mode(STATE) == "mcpgate:mcpgate 700"


def test_its_own_tests_pass(installed: Installed) -> None:
    """What Debian's autopkgtest would run, with an MCP server and a client of Debian's own."""
    names = ("command", "call") if installed.kind.tested_with else ()
    for name in names:
        chroot = installed.chroot
        shutil.copy(ROOT / "debian" / "tests" / name, chroot.path("/tmp"))
        room = f"/srv/{name}"
        chroot.run("install", "-d", room)
        chroot.run(f"/tmp/{name}", env={"AUTOPKGTEST_TMP": room})
        shutil.rmtree(chroot.path(room))


def test_it_goes_without_a_trace_but_evidence(installed: Installed) -> None:
    """Removed, configuration and state stay; purged, evidence alone, verifiable, without what signed it."""
    chroot = installed.chroot
    for made in chroot.path("/srv").iterdir():
        shutil.rmtree(made)
    ours = {"/etc/mcpgate/ca.pem", "/etc/mcpgate/tls/gate.crt", "/etc/mcpgate/tls/gate.key"}
    evidence = [f"{STATE}/evidence.pub", f"{STATE}/journal/", f"{STATE}/checkpoints/"]

    chroot.run("apt-get", "-q", "remove", "-y", installed.name)
    left = installed.left() - OF_THE_SYSTEM
    assert not [one for one in left if not one.startswith(("/etc/mcpgate", STATE, "/var/lib/systemd/"))]
    assert CONFIG in left and f"{STATE}/evidence-key.json" in left
    if chroot.path(f"/usr/bin/{installed.kind.twist}").exists():
        assert "mcpgate" not in chroot.run(installed.kind.twist, "--help").stdout.split()

    for path in ours:
        chroot.path(path).unlink(missing_ok=True)
    said = chroot.run("apt-get", "-q", "purge", "-y", installed.name)
    assert f"the evidence is kept in {STATE}" in said.stdout + said.stderr
    left = installed.left() - OF_THE_SYSTEM
    directories = {STATE, f"{STATE}/journal", f"{STATE}/checkpoints"}
    assert not [one for one in left - directories if not one.startswith(tuple(evidence))]
    assert {one.rpartition(".")[2] for one in left - directories} == {"pub", "jsonl", "checkpoints"}

    # Who verifies it has an mcpgate of their own.
    chroot.install(installed.kind.file())
    assert is_sound(installed.mcpgate("evidence", "verify", STATE))
    chroot.path(f"{STATE}/evidence.pub").unlink()
    for room in ("journal", "checkpoints"):
        shutil.rmtree(chroot.path(f"{STATE}/{room}"))
    chroot.run("apt-get", "-q", "purge", "-y", installed.name)
    assert installed.left() <= OF_THE_SYSTEM


def is_sound(said: str) -> bool:
    """Whether that is what C{mcpgate evidence verify} says of evidence that is whole."""
    return said.splitlines()[0].split() == ["verdict", "sound"]


def _copy_ca(ca: LocalCA, to: Path) -> None:
    ca.save(to, to.with_name("unused.key"))
    to.with_name("unused.key").unlink()
    to.chmod(0o644)
