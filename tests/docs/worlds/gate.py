"""A gate that is configured as a package configures it, F{/etc/mcpgate/mcpgate.toml}, and does not run.

It stands before C{files.example.com} and C{github.example.com}, MCP servers whose certificates are of an
authority that everybody believes; its own name is C{gate.example.com}.
"""

from __future__ import annotations

from pathlib import Path

from tests.docs.mcp_server import Tool
from tests.docs.place import Place

CONFIG = """\
[gate]
state = "/var/lib/mcpgate"

[[listener]]
name = "public"
listen = "tcp:8443"
public_url = "https://gate.example.com:8443"
certificates = "/etc/mcpgate/tls"

[[upstream]]
name = "files"
url = "https://files.example.com/mcp"

[[upstream]]
name = "github"
url = "https://github.example.com/mcp"

[[route]]
path = "/files"
upstream = "files"

[[route]]
path = "/github"
upstream = "github"

[[rule]]
name = "use-files"
on = { route = "files" }
verdict = "allow"

[[rule]]
name = "use-github"
on = { route = "github" }
verdict = "allow"
"""

FILES = {
    "read_file": Tool("Reads a file.", lambda path: f"contents of {path}", ("path",)),
    "list_directory": Tool("Lists a directory.", lambda path: "notes.txt\nplan.txt", ("path",)),
    "delete_file": Tool("Deletes a file.", lambda path: f"deleted {path}", ("path",)),
}
GITHUB = {
    "get_issue": Tool(
        "Gets an issue.", lambda owner, repo, number: f"{owner}/{repo}#{number}", ("owner", "repo", "number")
    ),
    "search_issues": Tool("Searches.", lambda query: f"nothing about {query}", ("query",)),
    "merge_pull_request": Tool("Merges.", lambda number: f"merged {number}", ("number",)),
}


def build(place: Place) -> None:
    """Build it."""
    place.name("gate.example.com", "127.0.0.1")
    place.pair(["gate.example.com", "localhost"], "/etc/mcpgate/tls/gate.crt", "/etc/mcpgate/tls/gate.key")
    Path("/var/lib/mcpgate").mkdir(mode=0o700)
    place.mcp("files.example.com", FILES)
    place.mcp("github.example.com", GITHUB)
    place.config = place.file("/etc/mcpgate/mcpgate.toml", CONFIG)
