"""C{mcpgate init}."""

import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography import x509

from mcpgate.cli.exits import Stop
from mcpgate.cli.init import SCHEMA, command
from mcpgate.config.load import load_config


def test_what_it_writes_is_a_good_configuration(tmp_path: Path) -> None:
    """The file loads, names the upstream that was asked for, and is full of comments."""
    made = CliRunner().invoke(command, [str(tmp_path / "g"), "--upstream", "https://mcp.acme.test/mcp"])
    assert made.exit_code == 0
    config = load_config(tmp_path / "g" / "mcpgate.toml")
    assert [(upstream.name, upstream.url) for upstream in config.upstreams] == [
        ("acme", "https://mcp.acme.test/mcp")
    ]
    assert config.gate.state == tmp_path / "g" / "state"
    assert "https://localhost:8443/acme" in made.output


def test_editors_are_told_of_a_schema_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first line, where they look; and of none that is not."""
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))
    CliRunner().invoke(command, [str(tmp_path / "without")], catch_exceptions=False)
    schema = tmp_path / "prefix" / SCHEMA
    schema.parent.mkdir(parents=True)
    schema.write_text("{}", encoding="utf-8")
    CliRunner().invoke(command, [str(tmp_path / "with")], catch_exceptions=False)
    without, told = ((tmp_path / name / "mcpgate.toml").read_text() for name in ("without", "with"))
    assert told == f"#:schema file://{schema}\n{without}"
    load_config(tmp_path / "with" / "mcpgate.toml")


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Keys are 0600 and the state directory 0700, whatever the umask."""
    before = os.umask(0)
    try:
        CliRunner().invoke(command, [str(tmp_path / "g")], catch_exceptions=False)
    finally:
        os.umask(before)
    modes = {
        path.relative_to(tmp_path / "g").as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "g").rglob("*")
    }
    assert (modes["ca.key"], modes["tls/gate.key"], modes["state"]) == (0o600, 0o600, 0o700)
    assert not [path for path, mode in modes.items() if mode & stat.S_IWOTH]


def test_the_certificate_names_the_machine_and_what_was_asked_for(tmp_path: Path) -> None:
    """Loopback names and addresses are always in it, --host adds to them."""
    CliRunner().invoke(
        command, [str(tmp_path), "--host", "Gate.Example.org", "--host", "10.0.0.7"], catch_exceptions=False
    )
    leaf = x509.load_pem_x509_certificate((tmp_path / "tls" / "gate.crt").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "gate.example.org"} <= set(names.get_values_for_type(x509.DNSName))
    addresses = set(map(str, names.get_values_for_type(x509.IPAddress)))
    assert addresses == {"127.0.0.1", "::1", "10.0.0.7"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), False),
        (("--host", "127.0.0.1"), False),
        (("--host", "gate.example.org"), True),
        (("--host", "gate.example.org", "--listen", "tcp:8443"), False),
    ],
)
def test_a_url_that_nobody_reaches_is_told_with_what_to_change(
    tmp_path: Path, options: tuple[str, ...], told: bool
) -> None:
    """A public name is of no use to a listener on loopback."""
    made = CliRunner().invoke(command, [str(tmp_path / "g"), *options])
    assert made.exit_code == 0
    assert ('  listen = "tcp:8443"' in made.output) is told


def test_comments_line_up_whatever_the_options(tmp_path: Path) -> None:
    """Nothing that an option changes pushes a comment out of its column."""
    options = ["--trust", str(tmp_path / "authorities-of-mcp.pem"), "--listen", "tcp:1"]
    CliRunner().invoke(command, [str(tmp_path / "g"), *options], catch_exceptions=False)
    lines = (tmp_path / "g" / "mcpgate.toml").read_text().splitlines()
    # Lines that are comments as a whole begin with the sign; a second sign in them is in the column too.
    assert len({line.rindex(" # ") for line in lines if " # " in line}) == 1


@pytest.mark.parametrize("name", ["mcpgate.toml", "ca.pem", "ca.key", "tls/gate.crt", "tls/gate.key"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    """A file that is in the way stays as it is, and nothing is written beside it."""
    there = tmp_path / name
    there.parent.mkdir(exist_ok=True)
    there.write_text("mine")
    ended = CliRunner().invoke(command, [str(tmp_path)])
    assert isinstance(ended.exception, Stop) and ended.exception.code == os.EX_CANTCREAT
    assert there.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [there]


@pytest.mark.parametrize(
    "options",
    [
        ("--upstream", "http://mcp.example.com/mcp"),
        ("--upstream", "https://user:hunter2@mcp.example.com/mcp"),
        ("--host", "*.example.com"),
        ("--listen", "ssl:8443"),
    ],
)
def test_a_bad_option_leaves_nothing_behind(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A bad option is a usage error that does not repeat what might hold a password."""
    ended = CliRunner().invoke(command, [str(tmp_path / "g"), *options])
    assert ended.exit_code == 2  # click's own; the command line makes it 64
    assert "hunter2" not in ended.output
    assert not (tmp_path / "g").exists()
