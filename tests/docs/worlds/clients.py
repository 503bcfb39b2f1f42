"""A gate that runs, with a certificate of F{/etc/ssl/acme-ca.pem}, and the packages of clients for Node."""

from __future__ import annotations

from pathlib import Path

from tests.docs import running
from tests.docs.place import Place
from tests.e2e.node import PACKAGES, node


def build(place: Place) -> None:
    """Build it."""
    running.stage(place)
    place.authority("/etc/ssl/acme-ca.pem")
    running.start(place)
    # The Inspector needs a newer node than many machines have.
    place.environment["PATH"] = f"{Path(node()).parent}:{place.environment['PATH']}"
    (place.home / "node_modules").symlink_to(PACKAGES / "node_modules")
