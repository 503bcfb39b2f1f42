"""A part of HAProxy's configuration, which HAProxy itself has to find good."""

from __future__ import annotations

import shutil
import subprocess

from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import Place

#: What a part goes without.
WHOLE = """\
defaults
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen whole
  bind 127.0.0.1:65000
"""


def check(place: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: for what HAProxy does not understand, or where there is none to ask.
    """
    found = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise NotGood("there is no haproxy to ask: apt install haproxy")
    config = place.notes / "haproxy.cfg"
    config.write_text(WHOLE + fence.text + "\n", encoding="utf-8")
    done = subprocess.run([found, "-c", "-f", str(config)], capture_output=True, text=True)
    if done.returncode:
        raise NotGood((done.stdout + done.stderr).strip())
