"""The tools and the prompt that ask the caller back and go on in a later request (2026-07-28).

What they have asked for and what they got stands in the request itself; the server keeps nothing.
"""

from __future__ import annotations

import json
from typing import Any

import mcp_types as types
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage

from tests.conformance.servers.samples import text

Asked = types.InputRequiredResult


def question(words: str, key: str, kind: str = "string") -> types.ElicitRequest:
    """A form with one required field."""
    schema = {"type": "object", "properties": {key: {"type": kind}}, "required": [key]}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=words, requested_schema=schema))


def sampling(words: str, most: int) -> types.CreateMessageRequest:
    """Something for the caller's model to say."""
    messages = [types.SamplingMessage(role="user", content=text(words))]
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=messages, max_tokens=most)
    )


def ask(state: str | None = None, **requests: Any) -> Asked:
    """What a caller has to answer before it gets its result."""
    return Asked(input_requests=requests, request_state=state)


def has(ctx: Context[Any, Any], *keys: str) -> bool:
    """Whether all these questions were answered."""
    return set(keys) <= set(ctx.input_responses or ())


def field(ctx: Context[Any, Any], key: str, name: str) -> object:
    """A field of the form that answered a question."""
    answer = (ctx.input_responses or {})[key]
    return (getattr(answer, "content", None) or {}).get(name)


def add_rounds(server: MCPServer[Any]) -> None:
    """Register them all."""

    @server.tool(description="Asks for a name")
    async def test_input_required_result_elicitation(ctx: Context) -> str | Asked:
        if has(ctx, "user_name"):
            return f"Hello, {field(ctx, 'user_name', 'name')}!"
        return ask(user_name=question("What is your name?", "name"))

    @server.tool(description="Asks the caller's model")
    async def test_input_required_result_sampling(ctx: Context) -> str | Asked:
        if has(ctx, "capital_question"):
            answer = (ctx.input_responses or {})["capital_question"]
            return f"The model says: {getattr(getattr(answer, 'content', None), 'text', '')}"
        return ask(capital_question=sampling("What is the capital of France?", 100))

    @server.tool(description="Asks for the caller's roots")
    async def test_input_required_result_list_roots(ctx: Context) -> str | Asked:
        if has(ctx, "client_roots"):
            answer = (ctx.input_responses or {})["client_roots"]
            return f"Roots: {[str(root.uri) for root in getattr(answer, 'roots', ())]}"
        return ask(client_roots=types.ListRootsRequest())

    @server.tool(description="Asks for a confirmation and gives a state along")
    async def test_input_required_result_request_state(ctx: Context) -> str | Asked:
        if has(ctx, "confirm") and ctx.request_state == "waiting":
            return "state-ok"
        return ask("waiting", confirm=question("Please confirm", "ok", "boolean"))

    @server.tool(description="Asks once and takes no other state than its own")
    async def test_input_required_result_tampered_state(ctx: Context) -> str | Asked:
        # A state that was not sealed here never comes as far as this function.
        if ctx.request_state is not None:
            return "state-ok"
        return ask("sealed", confirm=question("Please confirm", "ok", "boolean"))

    @server.tool(description="Asks three things at once")
    async def test_input_required_result_multiple_inputs(ctx: Context) -> str | Asked:
        if has(ctx, "user_name", "greeting", "client_roots"):
            return f"All three are here, {field(ctx, 'user_name', 'name')}."
        return ask(
            "three",
            user_name=question("What is your name?", "name"),
            greeting=sampling("Generate a greeting", 50),
            client_roots=types.ListRootsRequest(),
        )

    @server.tool(description="Asks twice, one after the other")
    async def test_input_required_result_multi_round(ctx: Context) -> str | Asked:
        state = json.loads(ctx.request_state) if ctx.request_state else {"step": 0}
        if state["step"] == 1 and has(ctx, "step1"):
            later = {"step": 2, "name": field(ctx, "step1", "name")}
            return ask(json.dumps(later), step2=question("Step 2: What is your favorite color?", "color"))
        if state["step"] == 2 and has(ctx, "step2"):
            return f"{state['name']} likes {field(ctx, 'step2', 'color')}."
        return ask(json.dumps({"step": 1}), step1=question("Step 1: What is your name?", "name"))

    @server.tool(description="Asks only what the caller says it can answer")
    async def test_input_required_result_capabilities(ctx: Context) -> Asked:
        able = ctx.client_capabilities
        asked: dict[str, Any] = {}
        if able is not None and able.sampling is not None:
            asked["greeting"] = sampling("Generate a greeting", 50)
        if able is not None and able.elicitation is not None:
            asked["user_name"] = question("What is your name?", "name")
        return ask("able", **asked)

    @server.tool(description="Tells its progress, then asks")
    async def test_streaming_elicitation(ctx: Context) -> str | Asked:
        await ctx.report_progress(1, 2, "about to ask")
        if has(ctx, "user_name"):
            return f"Hello, {field(ctx, 'user_name', 'name')}!"
        return ask(user_name=question("What is your name?", "name"))

    @server.prompt(description="Asks for what it is to be about")
    async def test_input_required_result_prompt(ctx: Context) -> list[UserMessage] | Asked:
        if has(ctx, "user_context"):
            return [UserMessage(content=text(f"About {field(ctx, 'user_context', 'context')}."))]
        return ask(user_context=question("What context should the prompt use?", "context"))
