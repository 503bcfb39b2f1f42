"""What somebody has who has followed I{Get started} as far as the first configuration: its server runs, and
F{gate/mcpgate.toml} pins it. No gate runs yet."""

from __future__ import annotations

import subprocess
import sys
import time

from tests.docs.fences import read_page
from tests.docs.place import ROOT, Place
from tests.docs.shell import listeners

PAGE = ROOT / "docs" / "start" / "first-call.md"

#: Seconds for the server, which imports a lot, on a busy machine.
_PATIENCE = 40.0


def build(place: Place) -> None:
    """Build it, by the files that the page shows."""
    for fence in read_page(PAGE.read_text(encoding="utf-8")).fences:
        if fence.path in ("server.py", "client.py"):
            place.file(fence.path, fence.content)
    _run(
        place,
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"),
        *("-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", "server.key", "-out", "server.pem"),
    )
    serve(place)
    url = "https://localhost:9000/mcp"
    place.command("init", "gate", "--upstream", url, "--trust", "server.pem")
    shown = place.command("probe", url, "--trust", "server.pem")
    pins = next(line for line in shown.splitlines() if line.startswith("  pins = ")).partition("]")[0].strip()
    config = place.home / "gate" / "mcpgate.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace('# pins = ["sha256/..."]', f"{pins}]"), encoding="utf-8")
    place.config = config


def serve(place: Place) -> None:
    """Start the server of the page, on port 9000."""
    program = [sys.executable, "-m", "uvicorn", "server:app", "--port", "9000"]
    tls = ["--ssl-certfile", "server.pem", "--ssl-keyfile", "server.key"]
    with (place.notes / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [*program, *tls], cwd=place.home, env=place.environment, stdout=log, stderr=log
        )
    place.stack.callback(server.wait)
    place.stack.callback(server.kill)
    end = time.monotonic() + _PATIENCE
    while "0100007F:2328" not in listeners():
        if server.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"no server: {(place.notes / 'server.log').read_text()}")
        time.sleep(0.05)


def _run(place: Place, *command: str) -> None:
    subprocess.run(command, cwd=place.home, env=place.environment, check=True, capture_output=True)
