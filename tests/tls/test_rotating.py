"""Certificates of a server that change while it runs: what is good is used, what is not changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcpgate.tls.contexts import client_connection, client_context, server_connection
from mcpgate.tls.profile import PROFILES
from mcpgate.tls.reading import MaterialError
from mcpgate.tls.rehearsal import converse
from mcpgate.tls.rotating import Rotating
from mcpgate.tls.verify import Note
from tests.pki import Authority, pem, write, write_halves

MODERN = PROFILES["modern"]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.root()


@pytest.fixture
def directory(tmp_path: Path, authority: Authority) -> Path:
    certificates = tmp_path / "tls"
    certificates.mkdir()
    write_halves(certificates, authority.issue("a.test"), "a.crt", "a.key")
    return certificates


def rotating(directory: Path, client_ca: Path | None = None) -> Rotating:
    return Rotating(MODERN, directory, client_ca, lambda: datetime.now(UTC))


def shown(one: Rotating, authority: Authority, host: str) -> tuple[str, ...] | None:
    """The names of the certificate that a client of that host is shown; C{None}: it does not want it."""
    calling = client_context(MODERN, authority.trust(), pair=None)
    client = client_connection(calling, None, host=host, pins=None, note=Note())
    server = server_connection(one.shown.first, None, note=Note())
    if converse(client, server) != (None, None):
        return None
    certificate = server.get_certificate(as_cryptography=True)
    assert certificate is not None
    return tuple(pair.names for pair in one.shown.pairs if pair.chain[0] == certificate)[0]


def test_each_name_has_its_certificate(directory: Path, authority: Authority) -> None:
    """By SNI; whoever asks for another name gets the first, and does not want it."""
    write_halves(directory, authority.issue("b.test", "*.c.test"), "b.crt", "b.key")
    one = rotating(directory)
    assert shown(one, authority, "a.test") == ("a.test",)
    assert shown(one, authority, "b.test") == shown(one, authority, "x.c.test") == ("b.test", "*.c.test")
    assert shown(one, authority, "d.test") is None


def test_new_files_are_used_without_a_restart(directory: Path, authority: Authority) -> None:
    """There is something to tell once."""
    one = rotating(directory)
    before = one.shown
    assert not one.look() and one.shown is before
    write_halves(directory, authority.issue("b.test"), "b.crt", "b.key")
    assert one.look() and shown(one, authority, "b.test") == ("b.test",)
    assert not one.look()


def test_broken_files_change_nothing_and_are_told_once(directory: Path, authority: Authority) -> None:
    """Which it is, and why; put right, it is as before."""
    one = rotating(directory)
    good = (directory / "a.crt").read_bytes()
    write(directory / "a.crt", good[:100])
    assert one.look() and one.problem is not None and one.problem.startswith(str(directory / "a.crt"))
    assert not one.look()
    assert shown(one, authority, "a.test") == ("a.test",)
    write(directory / "a.crt", good, 0o644)
    one.look()
    assert one.problem is None and shown(one, authority, "a.test") == ("a.test",)


def test_clients_are_required_to_have_a_certificate(directory: Path, authority: Authority) -> None:
    """Of these CAs, which are looked at as well."""
    ca = write(directory.parent / "clients.pem", pem(authority.certificate), 0o644)
    one = rotating(directory, ca)
    assert shown(one, authority, "a.test") is None
    write(ca, b"nothing")
    assert one.look() and one.problem is not None and one.problem.startswith(str(ca))


def test_what_is_wrong_at_first_is_an_error(tmp_path: Path) -> None:
    """There is nothing to go on with."""
    with pytest.raises(MaterialError, match="holds no certificate"):
        rotating(tmp_path)
