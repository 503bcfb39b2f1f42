"""Certificates are replaced ten times, five times by something broken, and no request notices.

The certificate lies as Kubernetes mounts a secret: C{tls.crt} and C{tls.key} are links through
C{..data} into a directory that is swapped. Some replacements swap that link, some rename single
files, some write into them as careless tools do.
"""

import os
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mcpgate.testing import LocalCA, certificate_pem
from mcpgate.tls.material import Pair
from tests.e2e.lab import HOSTS, GateProcess, Lab
from tests.e2e.recording import RESULT, RecordingUpstream
from tests.waiting import eventually

CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_weather"}}'

#: Requests that must be answered meanwhile, at the least.
REQUESTS = 1000

#: Callers at once: those that keep their connection throughout, and those that make one per request.
KEEPING = 3
MAKING = 3


class Mount:
    """A directory of certificate and key, as Kubernetes makes it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._count = 0
        for name in ("tls.crt", "tls.key"):
            (directory / name).symlink_to(Path("..data") / name)

    @property
    def certificate(self) -> Path:
        return self._directory / "..data" / "tls.crt"

    @property
    def key(self) -> Path:
        return self._directory / "..data" / "tls.key"

    def swap(self, pair: Pair) -> None:
        """Both at once: a new directory, and the link moved onto it."""
        self._count += 1
        version = self._directory / f"..version-{self._count}"
        version.mkdir()
        (version / "tls.crt").write_bytes(certificate_pem(*pair.chain))
        (version / "tls.key").touch(0o600)
        (version / "tls.key").write_bytes(key_pem(pair))
        link = self._directory / "..data_tmp"
        link.symlink_to(version.name)
        link.replace(self._directory / "..data")

    def rename(self, pair: Pair) -> None:
        """One after the other, each in one step."""
        for path, octets in ((self.key, key_pem(pair)), (self.certificate, certificate_pem(*pair.chain))):
            fresh = path.with_suffix(".new")
            fresh.touch(0o600)
            fresh.write_bytes(octets)
            os.replace(fresh, path)

    def write(self, pair: Pair) -> None:
        """Into the files that are there."""
        self.certificate.write_bytes(certificate_pem(*pair.chain))
        self.key.write_bytes(key_pem(pair))


def key_pem(pair: Pair) -> bytes:
    return pair.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Load:
    """Callers that call until they are stopped, and what went wrong for them."""

    def __init__(self, gate: GateProcess) -> None:
        self.answered = 0
        self.failures: list[str] = []
        #: Of connections that were made for one request.
        self.serials: set[int] = set()
        self._gate = gate
        self._over = threading.Event()
        self._counting = threading.Lock()
        keeping = [(self._keep, gate.issue(f"keeps-{number}")) for number in range(KEEPING)]
        making = [(self._make, gate.issue(f"makes-{number}")) for number in range(MAKING)]
        self._threads = [
            threading.Thread(target=self._run, args=(call, token)) for call, token in (*keeping, *making)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def goes_on(self, requests: int) -> None:
        """Return when so many more have been answered."""
        enough = self.answered + requests
        eventually(lambda: self.answered >= enough or self.failures, "requests go on", 30)

    def _run(self, call: Callable[[str], None], token: str) -> None:
        try:
            call(token)
        except Exception as error:
            self.failures.append(repr(error))

    def _keep(self, token: str) -> None:
        connection = connect(self._gate)
        while not self._over.is_set():
            self._ask(connection, token)
        connection.close()

    def _make(self, token: str) -> None:
        while not self._over.is_set():
            connection = connect(self._gate)
            self._ask(connection, token)
            self.serials.add(serial_of(connection))
            connection.close()

    def _ask(self, connection: HTTPSConnection, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/mcp", CALL, headers)
        response = connection.getresponse()
        body = response.read()
        if (response.status, body) != (200, RESULT):
            self.failures.append(f"{response.status} {body!r}")
        with self._counting:
            self.answered += 1


def connect(gate: GateProcess) -> HTTPSConnection:
    """A new connection whose certificate was verified."""
    context = ssl.create_default_context(cafile=gate.lab.ca_file)
    connection = HTTPSConnection("localhost", gate.port, context=context, timeout=20)
    connection.connect()
    return connection


def serial_of(connection: HTTPSConnection) -> int:
    """The serial number of the certificate that was shown."""
    assert isinstance(connection.sock, ssl.SSLSocket)
    return int(str((connection.sock.getpeercert() or {})["serialNumber"]), 16)


def shown(gate: GateProcess) -> int:
    """The serial number that a new connection is shown now."""
    connection = connect(gate)
    try:
        return serial_of(connection)
    finally:
        connection.close()


def await_problem(gate: GateProcess, words: str) -> None:
    """Return when C{status} says so."""
    eventually(lambda: words in (gate.status()["problem"] or ""), f"status says {words!r}")


def await_certificate(gate: GateProcess, pair: Pair) -> None:
    """Return when new connections are shown that certificate and nothing is wrong any more."""
    eventually(lambda: shown(gate) == serial(pair), "the new certificate is shown")
    eventually(lambda: gate.status()["problem"] is None, "the problem is over")


def test_a_thousand_requests_over_ten_replacements(lab: Lab, ca: LocalCA) -> None:
    """New handshakes show what was replaced well; C{status} says what was not, until it is mended."""
    now = datetime.now(UTC)
    for path in lab.certificates.iterdir():
        path.unlink()
    mount = Mount(lab.certificates)
    fresh = [ca.server(HOSTS, now) for _ in range(8)]
    first, second, third, fourth, fifth, sixth, other, unused = fresh
    expired = ca.server(HOSTS, now - timedelta(days=2), timedelta(days=1))
    mount.swap(first)

    # What is done, what status must then say, or the pair that must then be shown.
    replacements: list[tuple[Callable[[], object], str | Pair]] = [
        (lambda: mount.certificate.write_bytes(certificate_pem(*second.chain)), "does not belong"),
        (lambda: mount.key.write_bytes(key_pem(second)), second),
        (lambda: mount.certificate.write_bytes(certificate_pem(*unused.chain)[:200]), "tls.crt"),
        (lambda: mount.rename(third), third),
        (lambda: mount.key.write_bytes(key_pem(other)), "does not belong"),
        (lambda: mount.write(fourth), fourth),
        (lambda: mount.swap(expired), "has expired"),
        (lambda: mount.swap(fifth), fifth),
        (lambda: mount.certificate.write_bytes(b""), "tls.crt"),
        (lambda: mount.rename(sixth), sixth),
    ]
    assert sum(isinstance(expected, str) for _, expected in replacements) == 5

    with (
        RecordingUpstream(ca.server(HOSTS, now)) as upstream,
        lab.gate(upstream={"port": upstream.port}, gate={"watch": "100ms"}) as gate,
    ):
        serving = first
        assert shown(gate) == serial(serving)
        with Load(gate) as load:
            for replace, expected in replacements:
                replace()
                if isinstance(expected, str):
                    await_problem(gate, expected)
                else:
                    serving = expected
                    await_certificate(gate, serving)
                # Some looks at the files later nothing is different.
                load.goes_on(REQUESTS // 5)
                assert {shown(gate) for _ in range(3)} == {serial(serving)}
                assert load.failures == []
        assert load.failures == []
        assert load.answered >= REQUESTS

        good = {serial(one) for one in (first, second, third, fourth, fifth, sixth)}
        assert load.serials <= good and len(load.serials) > 1
        exchanges = gate.settled()
        assert len(exchanges) == load.answered == len(upstream.requests)
        assert {(one["outcome"], one["status"]) for one in exchanges} == {("completed", 200)}
        for number in range(KEEPING):
            kept = {one["inbound"] for one in exchanges if one["principal"] == f"keeps-{number}"}
            assert len(kept) == 1, "a connection that was there before had to be made anew"
        recorded = {
            record["handshake"]["own"]["serial"]
            for record in gate.handshakes("inbound")
            if record["handshake"] is not None
        }
        assert {int(one, 16) for one in recorded} == good
        # Said once for each of the five, and for what was seen half-way, but not at every look.
        told = [line for line in gate.log().splitlines() if "What was in force" in line]
        assert 5 <= len(told) <= 12, told
        assert "Traceback" not in gate.log()


def serial(pair: Pair) -> int:
    return pair.chain[0].serial_number
