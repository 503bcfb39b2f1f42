"""What C{make deb} builds, and where each is installed to be tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.packages.chroot import ROOT

BUILT = ROOT / "build" / "deb"


@dataclass(frozen=True)
class Kind:
    """A package for a release of Debian."""

    suite: str
    #: Which of the files in C{BUILT} it is.
    pattern: str
    #: The command of Twisted's that knows it.
    twist: str
    #: Where zsh looks for completions.
    zsh: str = "/usr/share/zsh/vendor-completions/_mcpgate"
    #: What the package's own tests (C{debian/tests}) want besides, should it have any.
    tested_with: tuple[str, ...] = ()

    def file(self) -> Path:
        """The package; the newest, should there be several."""
        found = sorted(BUILT.glob(self.pattern), key=lambda path: path.stat().st_mtime)
        assert found, f"there is no {self.pattern} in {BUILT}: make deb builds it"
        return found[-1]


#: Beside the Python of the self-contained one.
_INSIDE = "/opt/mcpgate/bin/twist"

KINDS = (
    Kind("sid", "mcpgate_*_all.deb", "twist3", tested_with=("python3-mcp", "python3-uvicorn")),
    Kind("bookworm", "mcpgate-selfcontained_*+deb12_*.deb", _INSIDE),
    Kind("trixie", "mcpgate-selfcontained_*+deb13_*.deb", _INSIDE),
)
