"""The files for a service manager: systemd has nothing to say of them, and they fit the gate."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mcpgate.cli.manual import CODES
from mcpgate.config.tables.gate import GateTable
from tests.cli.sandboxed import allowed, settings

ROOT = Path(__file__).resolve().parent.parent
SERVICE = ROOT / "etc/systemd/mcpgate.service"
SOCKET = ROOT / "etc/systemd/mcpgate.socket"


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units of a machine on which there is a command where they look for it: any one will do."""
    for unit in (SERVICE, SOCKET):
        text = unit.read_text(encoding="utf-8")
        (tmp_path / unit.name).write_text(text.replace("/usr/bin/mcpgate", sys.executable), encoding="utf-8")
    return tmp_path


def test_systemd_has_nothing_to_say_of_the_units(units: Path) -> None:
    """No unknown key, no missing program. The manual is not installed here."""
    files = [units / SERVICE.name, units / SOCKET.name]
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, timeout=60
    )
    assert (said.stdout, said.stderr, said.returncode) == ("", "", 0)


def test_the_sandbox_leaves_little_exposed() -> None:
    """By what systemd makes of it: 2.0 of 10 at the most."""
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", SERVICE],
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = re.search(r"Overall exposure level for mcpgate\.service: ([\d.]+)", said.stdout)
    assert found is not None, said.stderr
    assert said.returncode == 0 and float(found[1]) <= 2.0


def test_only_what_the_gate_needs_is_given_back_to_it() -> None:
    """Of what is taken away as a whole. What it must not have is not there."""
    calls = allowed(SERVICE)
    assert "setpriority" in calls and "sched_setaffinity" not in calls
    assert not {"ptrace", "mount", "chown", "setuid", "bpf", "reboot", "init_module", "chroot"} & calls


def test_its_pages_of_the_manual_are_there() -> None:
    """Those that it refers to."""
    for unit in (SERVICE, SOCKET):
        for name, section in re.findall(r"man:([\w.-]+)\((\d)\)", settings(unit, "Documentation")[0]):
            assert (ROOT / f"docs/man/{name}.{section}").is_file()


def test_what_trying_again_does_not_mend_is_not_tried_again() -> None:
    """All codes but those of an address or a peer, which may come, and of a stop."""
    (codes,) = settings(SERVICE, "RestartPreventExitStatus")
    mended_by_time = {os.EX_OK, 1, os.EX_UNAVAILABLE}
    not_of_run = {os.EX_SOFTWARE, os.EX_TEMPFAIL, 130}
    assert set(map(int, codes.split())) == set(CODES) - mended_by_time - not_of_run


def test_the_drain_fits_into_the_stop() -> None:
    """As long as nobody asks for a longer one; then the gate asks for the time."""
    (most,) = settings(SERVICE, "TimeoutStopSec")
    drain = next(field for field in GateTable.__attrs_attrs__ if field.name == "drain").default
    assert int(most) > drain


def test_what_must_stay_off_says_why() -> None:
    """Whoever hardens the unit further reads it."""
    lines = SERVICE.read_text(encoding="utf-8").splitlines()
    place = lines.index("MemoryDenyWriteExecute=no")
    assert lines[place - 1].startswith("#") and "ffi" in " ".join(lines[place - 3 : place])


def test_the_socket_is_the_one_that_the_listener_names() -> None:
    """As its comment shows it."""
    text = SOCKET.read_text(encoding="utf-8")
    (name,) = settings(SOCKET, "FileDescriptorName")
    assert f'listen = "systemd:name={name}"' in text


def test_the_user_owns_the_state_and_reads_the_configuration() -> None:
    """The same user in all files."""
    (user,) = settings(SERVICE, "User")
    line = (ROOT / "etc/sysusers.d/mcpgate.conf").read_text(encoding="utf-8").splitlines()[-1]
    assert re.fullmatch(rf'u {user} - "[^"]+" /var/lib/mcpgate', line)
    entries = (ROOT / "etc/tmpfiles.d/mcpgate.conf").read_text(encoding="utf-8").splitlines()
    rows = [entry.split() for entry in entries if entry and not entry.startswith("#")]
    whose = {row[1]: [word.lstrip(":") for word in row[2:5]] for row in rows if row[0] == "d"}
    assert whose.pop("/var/lib/mcpgate") == ["0700", user, user]
    assert set(whose) == {"/etc/mcpgate", "/etc/mcpgate/tls", "/etc/mcpgate/secrets"}
    assert all(row == ["0750", "root", user] for row in whose.values())


def test_what_was_closed_further_stays_closed(tmp_path: Path) -> None:
    """At every boot systemd makes what is missing, and of what is there it opens nothing for anybody."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nmcpgate:x:990:990::/:/bin/false\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nmcpgate:x:990:\n")
    (tmp_path / "var/lib").mkdir(parents=True)
    secrets = tmp_path / "etc/mcpgate/secrets"
    secrets.mkdir(parents=True)
    secrets.chmod(0o700)
    before = secrets.stat()
    conf = ROOT / "etc/tmpfiles.d/mcpgate.conf"
    # Without root it cannot give the others away, and says so.
    subprocess.run(
        ["systemd-tmpfiles", f"--root={tmp_path}", "--create", conf], capture_output=True, timeout=60
    )
    after = secrets.stat()
    assert (after.st_mode, after.st_gid) == (before.st_mode, before.st_gid)
    assert (tmp_path / "etc/mcpgate/tls").stat().st_mode & 0o777 == 0o750
