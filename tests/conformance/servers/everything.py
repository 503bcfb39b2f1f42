"""A server of the official Python SDK with all that the suite asks for, in every revision that the SDK has.

    python -m tests.conformance.servers.everything /path/of/the.sock PORT HOST...

serves the same server in clear on a unix socket and on a loopback port, for the hosts that are named
beside that port's. On h11: httptools keeps the white space after a header's value, which the suite minds.
"""

# No postponed annotations: the SDK looks at those of the tools.

import asyncio
import json
import socket
import sys
from itertools import count
from typing import Annotated, Any

import mcp_types as types
import uvicorn
from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, Field

from tests.conformance.servers.rounds import add_rounds
from tests.conformance.servers.samples import audio, embedded, image, png, text

#: Between two steps of a tool, so that they are seen to arrive one by one.
STEP = 0.05


class Memory(EventStore):
    """Every event of every stream, for those who come back for it."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._kept: dict[int, tuple[str, Any]] = {}

    async def store_event(self, stream_id: str, message: Any) -> str:
        number = next(self._numbers)
        self._kept[number] = (stream_id, message)
        return str(number)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        last = int(last_event_id) if last_event_id.isdigit() else 0
        if last not in self._kept:
            return None
        stream, _ = self._kept[last]
        later = [(number, message) for number, (of, message) in self._kept.items() if of == stream]
        for number, message in later:
            # A message of None is the event that only opened the stream.
            if number > last and message is not None:
                await send_callback(EventMessage(message, str(number)))
        return stream


server: MCPServer[Any] = MCPServer(
    "everything",
    version="1",
    # It shows each error that a tool is meant to raise with a page of traceback.
    log_level="CRITICAL",
    request_state_security=RequestStateSecurity.ephemeral(),
)
add_rounds(server)


# --- content


@server.tool(description="A text")
def test_simple_text() -> str:
    return "This is a simple text response for testing."


@server.tool(description="A picture")
def test_image_content() -> list[types.ImageContent]:
    return [image()]


@server.tool(description="A sound")
def test_audio_content() -> list[types.AudioContent]:
    return [audio()]


@server.tool(description="A resource within the answer")
def test_embedded_resource() -> list[types.EmbeddedResource]:
    return [embedded("test://embedded-resource", "This is an embedded resource content.")]


@server.tool(description="A text, a picture and a resource")
def test_multiple_content_types() -> list[types.TextContent | types.ImageContent | types.EmbeddedResource]:
    mixed = embedded(
        "test://mixed-content-resource", json.dumps({"test": "data", "value": 123}), "application/json"
    )
    return [text("Multiple content types test:"), image(), mixed]


@server.tool(description="An error")
def test_error_handling() -> str:
    raise RuntimeError("This tool intentionally returns an error for testing")


# --- what happens while a tool works


@server.tool(description="Writes three lines into the log")
async def test_tool_with_logging(ctx: Context) -> str:
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(words)
        await asyncio.sleep(STEP)
    return "It is all in the log."


@server.tool(description="Writes one line into the log")
async def test_logging_tool(ctx: Context) -> str:
    await ctx.info("This line is for those who asked for the log.")
    return "It is all in the log."


@server.tool(description="Tells its progress three times")
async def test_tool_with_progress(ctx: Context) -> str:
    for step in (0, 50, 100):
        await ctx.report_progress(step, 100, f"Completed step {step} of 100")
        await asyncio.sleep(STEP)
    return "All of it is done."


@server.tool(description="Ends its stream, and answers when the caller has come back")
async def test_reconnection(ctx: Context) -> str:
    # Else the stream would be over before the event that opens it is out.
    await asyncio.sleep(STEP)
    await ctx.close_sse_stream()
    await asyncio.sleep(4 * STEP)
    return "Reconnection test completed."


# --- asking the caller, on the stream of the call (until 2025-11-25)


@server.tool(description="Has the caller's model say something")
async def test_sampling(prompt: str, ctx: Context) -> str:
    said = await ctx.session.create_message(
        messages=[types.SamplingMessage(role="user", content=text(prompt))],
        max_tokens=100,
        related_request_id=ctx.request_id,
    )
    return f"LLM response: {getattr(said.content, 'text', '')}"


class Answer(BaseModel):
    response: str = Field(description="User's response")


class Defaults(BaseModel):
    """One field of each primitive type, each with a default (SEP-1034)."""

    name: str = Field(default="John Doe", description="User name")
    age: int = Field(default=30, description="User age")
    score: float = Field(default=95.5, description="User score")
    status: str = Field(
        default="active",
        description="User status",
        json_schema_extra={"enum": ["active", "inactive", "pending"]},
    )
    verified: bool = Field(default=True, description="Verification status")


def _titled(**titles: str) -> list[dict[str, str]]:
    return [{"const": value, "title": title} for value, title in titles.items()]


_PLAIN = ["option1", "option2", "option3"]
_VALUES = _titled(value1="First Option", value2="Second Option", value3="Third Option")


class Choices(BaseModel):
    """The five ways to offer a choice (SEP-1330)."""

    untitledSingle: str = Field(json_schema_extra={"enum": [*_PLAIN]})
    titledSingle: str = Field(json_schema_extra={"oneOf": [*_VALUES]})
    legacyEnum: str = Field(
        json_schema_extra={
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        }
    )
    untitledMulti: list[str] = Field(json_schema_extra={"items": {"type": "string", "enum": [*_PLAIN]}})
    titledMulti: list[str] = Field(json_schema_extra={"items": {"anyOf": [*_VALUES]}})


async def _elicit(ctx: Context[Any, Any], words: str, form: type[BaseModel]) -> str:
    answer = await ctx.elicit(message=words, schema=form)
    content = answer.data.model_dump_json() if answer.action == "accept" else "{}"
    return f"User response: action={answer.action}, content={content}"


@server.tool(description="Asks the user")
async def test_elicitation(message: str, ctx: Context) -> str:
    return await _elicit(ctx, message, Answer)


@server.tool(description="Asks the user with a form whose fields have defaults")
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    return await _elicit(ctx, "Please review the form", Defaults)


@server.tool(description="Asks the user to choose")
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    return await _elicit(ctx, "Please choose", Choices)


# --- headers, capabilities, schemas, changes (2026-07-28)


@server.tool(description="Says which region a header named")
def test_x_mcp_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "none",
) -> str:
    return region


@server.tool(description="Wants a caller that can sample")
async def test_missing_capability(ctx: Context) -> str:
    able = ctx.client_capabilities
    if able is None or able.sampling is None:
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="The client does not sample",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return "The client samples."


@server.tool(description="Says that the list of tools has changed")
async def test_trigger_tool_change(ctx: Context) -> str:
    await ctx.notify_tools_changed()
    return "Told."


@server.tool(description="Says that the list of prompts has changed")
async def test_trigger_prompt_change(ctx: Context) -> str:
    await ctx.notify_prompts_changed()
    return "Told."


@server.tool(description="Has words of JSON Schema 2020-12 in its schema")
def json_schema_2020_12_tool() -> str:
    return "It is the schema that matters."


def _either(word: str, *names: str) -> dict[str, Any]:
    return {word: [{"required": [name]} for name in names]}


# The SDK makes schemas from signatures; no signature makes this one.
server._tool_manager._tools["json_schema_2020_12_tool"].parameters = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [_either("anyOf", "phone", "email")],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


# --- resources


@server.resource("test://static-text", mime_type="text/plain", description="A text")
def static_text() -> str:
    return "This is the content of the static text resource."


@server.resource("test://static-binary", mime_type="image/png", description="A picture")
def static_binary() -> bytes:
    return png()


@server.resource("test://template/{id}/data", mime_type="application/json", description="Whatever is named")
def template(id: str) -> str:
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.resource("test://watched-resource", mime_type="text/plain", description="What may be subscribed to")
def watched() -> str:
    return "Watched resource content"


# --- prompts


def _user(content: Any) -> UserMessage:
    return UserMessage(content=content)


@server.prompt(description="A prompt")
def test_simple_prompt() -> list[UserMessage]:
    return [_user(text("This is a simple prompt for testing."))]


@server.prompt(description="A prompt with arguments")
def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
    return [_user(text(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))]


@server.prompt(description="A prompt with a resource")
def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
    inside = embedded(resourceUri, "Embedded resource content for testing.")
    return [_user(inside), _user(text("Please process the embedded resource above."))]


@server.prompt(description="A prompt with a picture")
def test_prompt_with_image() -> list[UserMessage]:
    return [_user(image()), _user(text("Please analyze the image above."))]


# --- the rest of the protocol


@server.completion()
async def complete(ref: Any, argument: Any, context: Any) -> types.Completion:
    return types.Completion(values=[], total=0, has_more=False)


async def _fine(ctx: Any, params: Any) -> types.EmptyResult:
    return types.EmptyResult()


# The SDK's server has no words for these; its core takes them.
for _method, _params in {
    "logging/setLevel": types.SetLevelRequestParams,
    "resources/subscribe": types.SubscribeRequestParams,
    "resources/unsubscribe": types.UnsubscribeRequestParams,
}.items():
    server._lowlevel_server.add_request_handler(_method, _params, _fine)


def main(path: str, port: int, *hosts: str) -> None:
    """Serve until a signal."""
    allowed = [f"localhost:{port}", f"127.0.0.1:{port}", *hosts]
    app = server.streamable_http_app(
        event_store=Memory(),
        retry_interval=100,
        transport_security=TransportSecuritySettings(
            allowed_hosts=allowed, allowed_origins=[f"http://{host}" for host in allowed]
        ),
    )
    inside = socket.socket(socket.AF_UNIX)
    inside.bind(path)
    plain = socket.create_server(("127.0.0.1", port))
    serving = uvicorn.Server(uvicorn.Config(app, http="h11", log_level="warning"))
    serving.run(sockets=[inside, plain])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
