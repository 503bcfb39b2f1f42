"""The clients of the TypeScript SDKs, which are programs of C{clients/} run by node."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.e2e.lab import GateProcess
from tests.e2e.node import PACKAGES, node

CLIENTS = Path(__file__).with_name("clients")

# Node needs half a second to start and a TLS handshake; the rest is for a busy machine.
PATIENCE = 60.0


def told(gate: GateProcess, ticket: Path, token: str | None, *command: str) -> dict[str, Any]:
    """What a program printed, the last line of it: the facts of a story, or why it C{failed}."""
    environment = {
        **os.environ,
        "NODE_EXTRA_CA_CERTS": str(gate.lab.ca_file),
        "NODE_PACKAGES": str(PACKAGES),
        "GATE_URL": gate.url,
        "GATE_TOKEN": token or "",
        "TICKET": str(ticket),
    }
    run = subprocess.run(
        [node(), str(CLIENTS / command[0]), *command[1:]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    print(run.stdout, run.stderr)
    facts: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return facts
