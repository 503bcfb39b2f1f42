"""A browser, and the server that its page comes from.

The browser is Chromium without a window, whichever package has it. It trusts the gate's certificate
by its key alone, so that nothing has to be put into anybody's certificate store.
"""

import json
import os
import shutil
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509

from mcpgate.tls.pins import spki_pin
from tests.e2e.lab import GateProcess
from tests.e2e.typescript import CLIENTS, PACKAGES

#: What Debian, Google and others call it; all take the same options.
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")

# A browser needs seconds to start, and a page has some hundred modules to load.
PATIENCE = 60.0

_TYPES = {".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript"}


class PageServer:
    """Serves C{clients/page.html} with the SDK's modules, in clear on loopback, and hears what the page says.

    @ivar settings: what the page is told when it asks.
    @ivar told: what it said, once L{heard} is set.
    """

    def __init__(self) -> None:
        self.heard = threading.Event()
        self.settings: dict[str, str] = {}
        self.told: dict[str, Any] = {}
        pages = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/settings":
                    return self._send(json.dumps(pages.settings).encode(), "application/json")
                file = _file(self.path)
                if file is None:
                    return self.send_error(404)
                self._send(file.read_bytes(), _TYPES[file.suffix])

            def do_POST(self) -> None:
                pages.told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self._send(b"", "text/plain")
                pages.heard.set()

            def _send(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _file(path: str) -> Path | None:
    """A file of the page or of a package, and nothing else."""
    under, _, name = path.partition("/packages/")
    root = PACKAGES / "node_modules" if name and not under else CLIENTS
    file = (root / (name or path.lstrip("/"))).resolve()
    inside = file.is_relative_to(root.resolve()) and file.is_file() and file.suffix in _TYPES
    return file if inside else None


def visited(gate: GateProcess, pages: PageServer, host: str, profile: Path) -> dict[str, Any]:
    """What the page told after a browser was sent to it.

    @param host: the name of this machine that is a part of the page's origin.
    @param profile: a directory for the browser's own files.
    """
    pages.heard.clear()
    pages.settings = {"gate": gate.url, "token": gate.token}
    url = f"http://{host}:{pages.port}/page.html"
    certificate = x509.load_pem_x509_certificate((gate.lab.certificates / "gate.crt").read_bytes())
    key = spki_pin(certificate).removeprefix("sha256/")
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None or not (PACKAGES / "node_modules" / "@modelcontextprotocol").is_dir():
        pytest.fail("there is no browser, or not the TypeScript SDKs; 'make browser' installs them")
    # A sandbox of its own does not work for root, as whom containers run.
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={profile}", "--remote-debugging-port=0", "--enable-logging=stderr"]
    command += [f"--ignore-certificate-errors-spki-list={key}", url]
    log = profile.with_suffix(".log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        heard = pages.heard.wait(PATIENCE)
    finally:
        # Debian's command is a shell that waits for the browser, and a browser is many processes: all
        # of them are of the session that was begun for them.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert heard, f"the page told nothing; the browser wrote:\n{log.read_text(errors='replace')[-4000:]}"
    return pages.told
