"""A dashboard to walk: a gate with one, some traffic that it has seen, and a browser that is logged in."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509

from mcpgate.tls.pins import spki_pin
from tests.e2e.caller import Caller, call
from tests.e2e.dashboard import link, serving
from tests.e2e.driven import Driven
from tests.e2e.lab import ROOT, GateProcess
from tests.waiting import eventually

#: Where pictures of what was seen are kept.
PICTURES = ROOT / "build" / "screenshots"

#: What somebody may call a tool who wants to break out of a page.
HOSTILE = "\"'><img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>\u202e"


def traffic(gate: GateProcess) -> None:
    """An answer, a blocked tool, a tool with a name that breaks pages, and a caller without TLS."""
    with socket.create_connection(("127.0.0.1", gate.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n\r\n")
        while plain.recv(4096):
            pass
    with Caller(gate) as caller:
        for tool in ("get_time", "delete_all", "nobody_has_it"):
            caller.post(call(tool)).read()
        # Whoever speaks the older revision has no header to put it into.
        meta = {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": HOSTILE}}
        caller.post(meta, {"MCP-Protocol-Version": "2025-11-25"}).read()


@contextmanager
def browsing(gate: GateProcess, directory: Path) -> Iterator[Driven]:
    """A browser that has logged in by a one-time link."""
    certificate = x509.load_pem_x509_certificate((gate.lab.certificates / "gate.crt").read_bytes())
    with Driven(directory / "profile", [spki_pin(certificate)]) as browser:
        serving(gate)
        browser.go(link(gate))
        assert browser.faults() == []
        browser.press("main button")
        yield browser


def at(browser: Driven, path: str) -> None:
    """Go to another page of the same dashboard."""
    browser.go(f"{browser.tell('location.origin')}{path}")


def filled(browser: Driven, path: str, words: str) -> None:
    """Go to a page again and again until it says something: the index is a moment behind the journal."""

    def look() -> bool:
        at(browser, path)
        return words in browser.text("main")

    eventually(look, f"{path} says {words}")
