"""A gate whose state directory is on a disk of its own, which somebody has filled with a backup."""

from __future__ import annotations

import subprocess

from tests.docs import running
from tests.docs.place import Place


def build(place: Place) -> None:
    """Build it."""
    running.stage(place)
    mount = ["mount", "-t", "tmpfs", "-o", "size=8M,mode=700", "disk", str(running.STATE)]
    subprocess.run(mount, check=True)
    running.start(place)
    proof = running.token(place, "ada")
    assert running.call(proof, path="plan.txt") == 200
    try:
        with (running.STATE / "backup.tar").open("wb", buffering=0) as filling:
            while True:
                filling.write(bytes(4096))
    except OSError:
        pass
    # What is open already has room to the end of its last page.
    while running.call(proof, path="plan.txt") != 503:
        pass
    place.environment["MCPGATE_TOKEN"] = proof
