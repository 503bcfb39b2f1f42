"""C{[[alert]]} tables with what they name."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mcpgate.alerts.terms import AlertTerms, load_alerts
from mcpgate.config.secrets import SecretError
from mcpgate.config.tables.alert import AlertTable
from mcpgate.config.tables.peer import PeerTable
from mcpgate.tls.reading import MaterialError, Reading
from mcpgate.tls.trust import TrustStore
from mcpgate.upstream.terms import PeerTerms
from tests.provider.asking import ROOT, Demand

T = TypeVar("T")


class TheHands:
    """Whoever builds, as far as it is needed."""

    def __init__(self) -> None:
        self.reading = Reading()
        self.problems: list[tuple[str, str]] = []
        self.asked: list[tuple[str, str, int]] = []

    def attempt(self, path: str, step: Callable[[], T]) -> T | None:
        try:
            return step()
        except (MaterialError, SecretError, ValueError) as error:
            self.problems.append((path, str(error)))
            return None

    def peer(self, kind: str, table: PeerTable, host: str, port: int) -> tuple[PeerTerms, TrustStore] | None:
        self.asked.append((kind, host, port))
        return Demand().terms(port, table.name), ROOT.trust()


def loaded(hands: TheHands, **keys: Any) -> AlertTerms | None:
    """One table."""
    found = load_alerts(hands, [AlertTable(name="ops", **keys)])
    return found[0] if found else None


def secret_file(directory: Path, text: bytes, mode: int = 0o600) -> str:
    """A reference to a new file."""
    path = directory / "secret"
    path.write_bytes(text)
    path.chmod(mode)
    return f"file:{path}"


def test_a_webhook_is_verified_as_its_host() -> None:
    """Like any server that the gate opens a connection to."""
    hands = TheHands()
    terms = loaded(hands, webhook="https://hooks.test:8443/T0/x")
    assert terms is not None and terms.peer is not None
    assert hands.asked == [("alert", "hooks.test", 8443)]
    assert str(terms.url) == "https://hooks.test:8443/T0/x"
    assert terms.secret is None


def test_a_syslog_needs_nothing() -> None:
    """Nobody is verified there."""
    hands = TheHands()
    terms = loaded(hands, syslog="local")
    assert terms is not None and terms.peer is None
    assert hands.asked == hands.problems == []


def test_a_url_and_a_secret_may_stand_in_files(tmp_path: Path) -> None:
    """Neither is seen in what is logged of the terms."""
    hands = TheHands()
    reference = secret_file(tmp_path, b"https://hooks.test/s3cret\n")
    terms = loaded(hands, webhook=reference, secret=secret_file(tmp_path / "..", b"s3cret\n"))
    assert terms is not None and terms.url is not None
    assert terms.url.path == "/s3cret" and terms.secret == b"s3cret"
    assert "s3cret" not in repr(terms)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"http://hooks.test/s3cret", "what is there"),
        (b"s3cret", "what is there"),
        (b"", "it is empty"),
    ],
)
def test_a_url_that_is_none_is_not_quoted(tmp_path: Path, text: bytes, said: str) -> None:
    """It may be all that it takes to post there."""
    hands = TheHands()
    assert loaded(hands, webhook=secret_file(tmp_path, text)) is None
    ((path, problem),) = hands.problems
    assert path == "alert.ops.webhook"
    assert said in problem and "s3cret" not in problem


def test_a_secret_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    """Like that of an upstream."""
    hands = TheHands()
    reference = secret_file(tmp_path, b"s3cret", 0o644)
    assert loaded(hands, webhook="https://hooks.test/", secret=reference) is None
    assert hands.problems[0][0] == "alert.ops.secret"


def test_a_key_may_be_marked_as_one(tmp_path: Path) -> None:
    """As those who give them out for Standard Webhooks do: what follows is base64."""
    key = b"\x00\x01key"
    for text, wanted in ((b"whsec_" + base64.b64encode(key), key), (b"plain", b"plain")):
        reference = secret_file(tmp_path, text)
        terms = loaded(TheHands(), webhook="https://hooks.test/", secret=reference, secret_as="signature")
        assert terms is not None and terms.secret == wanted
    hands = TheHands()
    reference = secret_file(tmp_path, b"whsec_s3cret!")
    assert loaded(hands, webhook="https://h.test/", secret=reference, secret_as="signature") is None
    assert "is not base64" in hands.problems[0][1] and "s3cret" not in hands.problems[0][1]
