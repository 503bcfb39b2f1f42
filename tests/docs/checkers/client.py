"""C{client KEY...}: what a client's configuration says has to lead to the tools of a server.

The keys lead to the table of one server. Each client has its own name for a URL and its own way to write a
variable.
"""

from __future__ import annotations

import json
import re
import ssl
import tomllib
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from tests.docs.checkers import NotGood
from tests.docs.fences import Fence
from tests.docs.place import SYSTEM, Place

# ${NAME}, ${env:NAME}, ${input:name}, $NAME: whatever it is called, there is one token.
_VARIABLE = re.compile(r"\$(?:\{[\w:]+\}|\w+)|…")


def check(place: Place, fence: Fence, arguments: str) -> None:
    """
    @raise NotGood: where it leads nowhere.
    """
    table: Any = tomllib.loads(fence.text) if fence.language == "toml" else json.loads(fence.text)
    for key in arguments.split():
        if key not in table:
            raise NotGood(f"there is no {key}")
        table = table[key]
    token = place.command("token", "issue", "client").split()[-1]
    url, proof = _told(table)
    tools = _tools(url, _VARIABLE.sub(token, proof))
    if not tools:
        raise NotGood(f"no tools at {url}")


def _told(table: dict[str, Any]) -> tuple[str, str]:
    """The URL, and the value of Authorization."""
    if "args" in table:
        words = table["args"]
        name, _, value = words[words.index("--header") + 1].partition(":")
        variables = table["env"]
        written = re.sub(r"\$\{(\w+)\}", lambda match: str(variables[match[1]]), value)
        return next(word for word in words if word.startswith("https://")), written.strip()
    url = table.get("url") or table.get("httpUrl")
    if not isinstance(url, str):
        raise NotGood("it has no url")
    if "bearer_token_env_var" in table:
        return url, f"Bearer ${table['bearer_token_env_var']}"
    return url, table["headers"]["Authorization"]


def _tools(url: str, proof: str) -> list[str]:
    place = urlsplit(url)
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    headers = {
        "Authorization": proof,
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/list",
    }
    trusting = ssl.create_default_context(cafile=str(SYSTEM))
    connection = HTTPSConnection(place.hostname or "", place.port, context=trusting, timeout=20)
    connection.request("POST", place.path, json.dumps(message), headers)
    with connection.getresponse() as answer:
        if answer.status != 200:
            raise NotGood(f"{url} answers {answer.status}: {answer.read()[:300].decode()}")
        return [tool["name"] for tool in json.loads(answer.read())["result"]["tools"]]
