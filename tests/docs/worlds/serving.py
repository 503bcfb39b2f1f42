"""The gate of L{tests.docs.worlds.gate}, which serves, and through which two callers have called.

C{ci} has read an issue, and was refused a deletion that a rule blocks and one that nobody approved in time;
C{me} has listed and read files.
"""

from __future__ import annotations

from tests.docs.place import Place
from tests.docs.running import STATE
from tests.docs.worlds.gate import built

RULES = """\
[[rule]]
name = "never"
on = { route = "github", method = "tools/call", name = "delete_*" }
verdict = "block"

[[rule]]
name = "no-mail"
on = { route = "files" }
mask = ["email"]
"""


def build(place: Place, more: str = "") -> None:
    """Build it, with more in its configuration."""
    built(place, RULES + more)
    ci = place.command("token", "issue", "ci").split()[-1]
    me = place.command("token", "issue", "me").split()[-1]
    place.gate(place.config, STATE)
    place.call("/github", ci, {"id": 1, "method": "tools/list"})
    place.tool("/github", ci, "get_issue", number="17")
    place.tool("/github", ci, "delete_repo", name="gate")
    place.tool("/files", me, "list_directory", path="/srv")
    place.tool("/files", me, "read_file", path="/srv/notes.txt")
