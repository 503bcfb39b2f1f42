"""Nothing but a clone in F{mcpgate}, as a newcomer has it, and what pip would have downloaded.

There is no network here, so C{make docs-test} has downloaded the packages before (F{build/newcomer}).
"""

from __future__ import annotations

import subprocess

from tests.docs.place import ROOT, Place

WHEELS = ROOT / "build" / "newcomer"


def build(place: Place) -> None:
    """Build it."""
    if not any(WHEELS.glob("*.whl")):
        raise RuntimeError(f"{WHEELS} has no packages: make docs-test downloads them")
    clone = place.home / "mcpgate"
    clone.mkdir()
    # What is committed or about to be: whatever else lies about here, no newcomer has.
    named = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(named, check=True, capture_output=True).stdout
    copied = ["tar", "-C", str(ROOT), "--null", "--ignore-failed-read", "-cf", "-", "-T", "-"]
    packed = subprocess.run(copied, input=listed, capture_output=True).stdout
    subprocess.run(["tar", "-C", str(clone), "-xf", "-"], input=packed, check=True)
    place.environment |= {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(WHEELS),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    # It is to be seen whether what was installed runs.
    del place.environment["PYTHONPATH"]
