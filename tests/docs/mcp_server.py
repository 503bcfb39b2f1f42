"""A small MCP server for worlds: the tools that they give it, and nothing that a page does not need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, frozen

from tests.docs.hosts import Answer, Request


@frozen
class Tool:
    """What it says of itself, and what it does with its arguments; the names of these are all texts."""

    description: str
    run: Callable[..., str]
    arguments: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def listed(self, name: str) -> dict[str, Any]:
        """Itself, as in a list."""
        names = (*self.arguments, *self.optional)
        schema: dict[str, Any] = {"type": "object", "properties": {one: {"type": "string"} for one in names}}
        if self.arguments:
            schema["required"] = list(self.arguments)
        return {"name": name, "description": self.description, "inputSchema": schema}


@define
class McpServer:
    """Answers by itself, in JSON, to any version of MCP; it has no sessions. C{called}: which tools were."""

    name: str
    tools: dict[str, Tool]
    called: list[str]

    @classmethod
    def of(cls, name: str, tools: Mapping[str, Tool]) -> McpServer:
        """One with these tools."""
        return cls(name, dict(tools), [])

    def respond(self, request: Request) -> Answer:
        """Answer a request over HTTP."""
        if request.method != "POST":
            return Answer(status=405, headers={"Allow": "POST"})
        message = request.json
        if isinstance(message, list):
            answers = [answer for one in message if (answer := self._answer(one)) is not None]
            return Answer(answers) if answers else Answer(status=202)
        answer = self._answer(message)
        return Answer(status=202) if answer is None else Answer(answer)

    def _answer(self, message: dict[str, Any]) -> dict[str, Any] | None:
        if "id" not in message or "method" not in message:
            return None
        result = self._result(message["method"], message.get("params") or {})
        if result is None:
            error = {"code": -32601, "message": "Method not found"}
            return {"jsonrpc": "2.0", "id": message["id"], "error": error}
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}

    def _result(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        info = {"name": self.name, "version": "1"}
        if method == "initialize":
            asked = params.get("protocolVersion", "2025-11-25")
            return {"protocolVersion": asked, "capabilities": {"tools": {}}, "serverInfo": info}
        if method == "server/discover":
            return {
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "serverInfo": info,
                "resultType": "complete",
                "ttlMs": 60000,
                "cacheScope": "private",
            }
        if method == "ping":
            return {}
        if method == "tools/list":
            modern = {"resultType": "complete", "ttlMs": 60000, "cacheScope": "private"}
            listed = [tool.listed(name) for name, tool in self.tools.items()]
            return {"tools": listed, **(modern if "_meta" in params else {})}
        if method == "tools/call" and params.get("name") in self.tools:
            return self._called(params["name"], params.get("arguments") or {}, "_meta" in params)
        return None

    def _called(self, name: str, arguments: dict[str, Any], modern: bool) -> dict[str, Any]:
        self.called.append(name)
        text = self.tools[name].run(**arguments)
        result: dict[str, Any] = {"content": [{"type": "text", "text": text}]}
        return {**result, "resultType": "complete"} if modern else result
