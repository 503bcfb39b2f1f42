"""The clients of the TypeScript SDKs, which are programs of C{clients/} run by node."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.e2e.lab import GateProcess
from tests.e2e.node import PACKAGES, node
from tests.e2e.tour import Facts, Place

CLIENTS = Path(__file__).with_name("clients")

# Node needs half a second to start and a TLS handshake; the rest is for a busy machine.
PATIENCE = 60.0


def told(gate: GateProcess, ticket: Path, token: str | None, *command: str) -> dict[str, Any]:
    """What a program printed of the story: its facts, or why it C{failed}."""
    return printed(
        command,
        NODE_EXTRA_CA_CERTS=str(gate.lab.ca_file),
        GATE_URL=gate.url,
        GATE_TOKEN=token or "",
        TICKET=str(ticket),
    )


def tour(place: Place, *command: str) -> Facts:
    """What a program printed of the tour (C{tour.py})."""
    return printed(
        command,
        NODE_EXTRA_CA_CERTS=str(place.ca_file),
        URL=place.url,
        TOKEN=place.token or "",
        FILES=str(place.files),
    )


def printed(command: Sequence[str], **variables: str) -> dict[str, Any]:
    """The last line that a program printed."""
    run = subprocess.run(
        [node(), str(CLIENTS / command[0]), *command[1:]],
        env={**os.environ, "NODE_PACKAGES": str(PACKAGES), **variables},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    print(run.stdout, run.stderr)
    assert run.stdout, f"{' '.join(command)} printed nothing: {run.stderr}"
    facts: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return facts
