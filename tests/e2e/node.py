"""Node, and where its packages are: what C{package.json} asks for is installed by the Makefile."""

from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[2] / "build" / "node"

# A package, too: the Inspector needs a newer one than many machines have.
_NODE = PACKAGES / "node_modules" / ".bin" / "node"


def node() -> str:
    """The command; an error that says what to do when it is not there."""
    if not _NODE.is_file():
        raise FileNotFoundError(f"node and the packages in {PACKAGES} are missing; 'make test' installs them")
    return str(_NODE)
