"""A gate that is configured as a package configures it, F{/etc/mcpgate/mcpgate.toml}, and does not run.

It stands before C{files.example.com}, C{github.example.com} and C{jira.example.com}, MCP servers whose
certificates are of an authority that everybody believes; its own name is C{gate.example.com}. The files that
pieces of configurations name are there: secrets, authorities, ready policies.
"""

from __future__ import annotations

import shutil

from mcpgate.testing import certificate_pem
from tests.docs import running
from tests.docs.mcp_server import McpServer, Tool
from tests.docs.place import ROOT, Place
from tests.docs.running import STATE
from tests.identity.saml.provider import metadata, signer

CONFIG = f"""{running.CONFIG}
[[upstream]]
name = "jira"
url = "https://jira.example.com/mcp"
"""

FILES = {
    "read_file": Tool("Reads a file.", lambda path: f"Contents of {path}, by ada@example.com", ("path",)),
    "list_directory": Tool("Lists a directory.", lambda path: "notes.txt\nplan.txt", ("path",)),
    "delete_file": Tool("Deletes a file.", lambda path: f"deleted {path}", ("path",)),
}
GITHUB = {
    "get_issue": Tool("Gets an issue.", lambda number: f"Issue {number}: it does not compile", ("number",)),
    "search_issues": Tool("Searches issues.", lambda query: f"nothing about {query}", ("query",)),
    "create_note": Tool("Makes a note.", lambda text: "noted", ("text",)),
    "delete_repo": Tool("Deletes a repository.", lambda name: f"deleted {name}", ("name",)),
}
JIRA = {"get_ticket": Tool("Gets a ticket.", lambda key: f"{key} is done", ("key",))}

#: The last line of its listener.
_LISTENER = 'certificates = "/etc/mcpgate/tls"\n'

SECRETS = ("github", "github-ci", "github-people", "login")
AUTHORITIES = ("login-ca.pem", "vault-ca.pem", "clients.pem")


def build(place: Place) -> None:
    """Build it."""
    built(place)


def built(place: Place, more: str = "", *, listener: str = "") -> dict[str, McpServer]:
    """Build it, with more in its configuration and that of its listener; its servers, by name."""
    place.name("gate.example.com", "127.0.0.1")
    place.pair(["gate.example.com", "localhost"], "/etc/mcpgate/tls/gate.crt", "/etc/mcpgate/tls/gate.key")
    STATE.mkdir(mode=0o700, exist_ok=True)
    for name in SECRETS:
        place.file(f"/etc/mcpgate/secrets/{name}", f"not-a-word-{name}-4d1f0e", 0o600)
    place.file("/run/vault/token", "hvs.not-a-word-4d1f0e", 0o600)
    for name in AUTHORITIES:
        place.file(f"/etc/mcpgate/{name}", certificate_pem(place.ca.certificate))
    place.file("/etc/mcpgate/corp-metadata.xml", metadata(signer()))
    shutil.copytree(ROOT / "etc/policies", "/usr/share/mcpgate/policies")
    shutil.copytree(ROOT / "etc/policies", "/etc/mcpgate/policies")
    place.config = place.file(
        "/etc/mcpgate/mcpgate.toml", CONFIG.replace(_LISTENER, _LISTENER + listener) + more
    )
    tools = {"files": FILES, "github": GITHUB, "jira": JIRA}
    return {name: place.mcp(f"{name}.example.com", several) for name, several in tools.items()}
