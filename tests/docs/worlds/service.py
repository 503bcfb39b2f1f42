"""The gate of L{tests.docs.worlds.gate} as a unit sees it: with systemd's credentials."""

from __future__ import annotations

import shutil

from tests.docs.place import Place
from tests.docs.worlds import gate

CREDENTIALS = "/run/credentials/mcpgate.service"


def build(place: Place) -> None:
    """Build it."""
    gate.build(place)
    place.file(f"{CREDENTIALS}/github", "not-a-word-github-4d1f0e", 0o440)
    for name in ("gate.crt", "gate.key"):
        shutil.copy(f"/etc/mcpgate/tls/{name}", CREDENTIALS)
    place.environment["CREDENTIALS_DIRECTORY"] = CREDENTIALS
