"""The clients on Python that go on the tour (C{tour.py}): the official SDK's, and FastMCP's.

The two differ in how they are made and in what they call things; FastMCP has no words of its own for
subscriptions, so both use those of the SDK's session.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import fastmcp
import httpx2
import mcp
import mcp.types
from attrs import define, field
from fastmcp.client.transports import SSETransport, StreamableHttpTransport
from mcp.client.session import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import listen

from tests.e2e.tour import MODEL_SAYS, MODERN, NOTE, PATIENCE, USER_SAYS, Facts, Place

# A tour takes a second or two. A client that gets no answer to its first request waits for minutes.
TOUR_MOST = 2 * PATIENCE

Hear = Callable[[float], None]


@define
class Ears:
    """What a client is told without having asked."""

    logged: list[list[Any]] = field(factory=list)
    updated: set[str] = field(factory=set)
    model_asked: list[str] = field(factory=list)
    user_asked: list[str] = field(factory=list)

    async def log(self, params: mcp.types.LoggingMessageNotificationParams) -> None:
        self.logged.append([params.level, params.data])

    async def message(self, message: object) -> None:
        if isinstance(message, mcp.types.ResourceUpdatedNotification):
            self.updated.add(str(message.params.uri))

    def sampled(self, params: mcp.types.CreateMessageRequestParams) -> mcp.types.CreateMessageResult:
        [asked] = params.messages
        self.model_asked.append(asked.content.text)
        said = mcp.types.TextContent(type="text", text=MODEL_SAYS)
        return mcp.types.CreateMessageResult(role="assistant", model="a", content=said)

    def elicited(self, message: str) -> dict[str, str]:
        self.user_asked.append(message)
        return {"answer": USER_SAYS}


class Tourist:
    """What a client can do; what is called the same in both is here."""

    def __init__(self, client: Any, ears: Ears) -> None:
        self.client = client
        self.ears = ears

    @property
    def session(self) -> ClientSession:
        return self.client.session

    async def tools(self) -> list[str]:
        raise NotImplementedError

    async def call(self, name: str, arguments: dict[str, Any], hear: Hear | None = None) -> str:
        raise NotImplementedError

    async def read(self, uri: str) -> str:
        raise NotImplementedError


class Official(Tourist):
    """The official SDK's."""

    async def tools(self) -> list[str]:
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name: str, arguments: dict[str, Any], hear: Hear | None = None) -> str:
        answer = await self.client.call_tool(name, arguments, progress_callback=hear and progress_to(hear))
        return answer.content[0].text

    async def read(self, uri: str) -> str:
        return (await self.client.read_resource(uri)).contents[0].text


class FastMCP(Tourist):
    """FastMCP's."""

    async def tools(self) -> list[str]:
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, name: str, arguments: dict[str, Any], hear: Hear | None = None) -> str:
        answer = await self.client.call_tool(name, arguments, progress_handler=hear and progress_to(hear))
        return answer.content[0].text

    async def read(self, uri: str) -> str:
        return (await self.client.read_resource(uri))[0].text


def progress_to(hear: Hear) -> Any:
    async def progress(progress: float, total: float | None, message: str | None) -> None:
        hear(progress)

    return progress


@asynccontextmanager
async def official(place: Place, mode: str, *, sse: bool = False) -> AsyncIterator[Tourist]:
    """The official client as its documentation has it; over HTTP+SSE if so wanted."""
    ears = Ears()

    async def sampling(context: object, params: Any) -> mcp.types.CreateMessageResult:
        return ears.sampled(params)

    async def elicitation(context: object, params: Any) -> mcp.types.ElicitResult:
        return mcp.types.ElicitResult(action="accept", content=ears.elicited(params.message))

    trust = ssl.create_default_context(cafile=place.ca_file)

    def http(headers: Any = None, timeout: Any = None, auth: Any = None) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(verify=trust, headers=place.headers, timeout=timeout)

    async with http() as one:
        if sse:
            transport = sse_client(place.url, httpx_client_factory=http)
        else:
            transport = streamable_http_client(place.url, http_client=one)
        async with mcp.Client(
            transport,
            mode=mode,
            sampling_callback=sampling,
            elicitation_callback=elicitation,
            logging_callback=ears.log,
            log_level="debug",
            message_handler=ears.message,
        ) as client:
            yield Official(client, ears)


@asynccontextmanager
async def fast(place: Place, mode: str, *, sse: bool = False) -> AsyncIterator[Tourist]:
    """FastMCP's client as its documentation has it; over HTTP+SSE if so wanted."""
    ears = Ears()

    async def sampling(messages: object, params: Any, context: object) -> mcp.types.CreateMessageResult:
        return ears.sampled(params)

    async def elicitation(message: str, wanted: object, params: object, context: object) -> dict[str, str]:
        return ears.elicited(message)

    transport = SSETransport if sse else StreamableHttpTransport
    async with fastmcp.Client(
        transport(place.url, auth=place.token, verify=ssl.create_default_context(cafile=place.ca_file)),
        mode=mode,
        sampling_handler=sampling,
        elicitation_handler=elicitation,
        log_handler=ears.log,
        message_handler=ears.message,
    ) as client:
        yield FastMCP(client, ears)


async def tour(tourist: Tourist, place: Place, *, sse: bool = False) -> Facts:
    """All of it that there is on the transport.

    What goes wrong is among the facts, so that the rest is seen, too.
    """
    version = tourist.session.protocol_version
    stops: dict[str, Callable[[Tourist, Place], Awaitable[object]]] = {
        "list": tools,
        "call": call,
        "progress": progress,
        "logging": logging,
        "sampling": sampling,
        "elicitation": elicitation,
        "subscribe": listening if version == MODERN else subscribe,
        "cancel": cancel,
    }
    if version != MODERN and not sse:
        stops["reconnect"] = reconnect
    facts: dict[str, object] = {"version": version}
    for name, stop in stops.items():
        try:
            facts[name] = await asyncio.wait_for(stop(tourist, place), PATIENCE)
        except Exception as error:
            facts[name] = {"failed": repr(error)}
    return facts


async def tools(tourist: Tourist, place: Place) -> object:
    return sorted(await tourist.tools())


async def call(tourist: Tourist, place: Place) -> object:
    return await tourist.call("get_weather", {"city": "Oslo"})


async def progress(tourist: Tourist, place: Place) -> object:
    ticket = uuid4().hex
    heard: list[float] = []

    def hear(progress: float) -> None:
        heard.append(progress)
        place.files.joinpath(f"{ticket}-{progress:g}").touch()

    return {"answer": await tourist.call("slow", {"ticket": ticket}, hear), "heard": heard}


async def logging(tourist: Tourist, place: Place) -> object:
    if tourist.session.protocol_version != MODERN:
        await tourist.session.set_logging_level("info")
    return {"answer": await tourist.call("log", {}), "heard": tourist.ears.logged}


async def sampling(tourist: Tourist, place: Place) -> object:
    return {"answer": await tourist.call("ask_model", {}), "asked": tourist.ears.model_asked}


async def elicitation(tourist: Tourist, place: Place) -> object:
    return {"answer": await tourist.call("ask_user", {}), "asked": tourist.ears.user_asked}


async def subscribe(tourist: Tourist, place: Place) -> object:
    """The legacy way: what is said goes to the stream of the session."""
    await tourist.session.subscribe_resource(NOTE)
    while not tourist.ears.updated:
        await tourist.call("write", {"text": "written on"})
        await asyncio.sleep(0.05)
    return {"updated": list(tourist.ears.updated), "read": await tourist.read(NOTE)}


async def listening(tourist: Tourist, place: Place) -> object:
    """The modern way: a request whose answer is a stream."""
    async with listen(tourist.session, resource_subscriptions=[NOTE]) as events:
        await tourist.call("write", {"text": "written on"})
        event = await anext(aiter(events))
    return {"updated": [event.uri], "read": await tourist.read(NOTE)}


async def cancel(tourist: Tourist, place: Place) -> object:
    trace = place.files / uuid4().hex
    began = asyncio.Event()
    lingering = asyncio.create_task(
        tourist.call("linger", {"ticket": trace.name}, lambda progress: began.set())
    )
    beginning = asyncio.create_task(began.wait())
    await asyncio.wait((lingering, beginning), return_when=asyncio.FIRST_COMPLETED)
    if lingering.done():
        # It was to go on until it is cancelled; says why it did not.
        return {"answer": lingering.result()}
    lingering.cancel()
    while not trace.exists():
        await asyncio.sleep(0.01)
    return {"noticed": True}


async def reconnect(tourist: Tourist, place: Place) -> object:
    heard: list[float] = []
    return {"answer": await tourist.call("part", {}, heard.append), "heard": heard}


def official_tour(place: Place, mode: str, *, sse: bool = False) -> Facts:
    """The official client's."""

    async def go() -> Facts:
        async with official(place, mode, sse=sse) as tourist:
            return await tour(tourist, place, sse=sse)

    return asyncio.run(asyncio.wait_for(go(), TOUR_MOST))


def fast_tour(place: Place, mode: str, *, sse: bool = False) -> Facts:
    """FastMCP's."""

    async def go() -> Facts:
        async with fast(place, mode, sse=sse) as tourist:
            return await tour(tourist, place, sse=sse)

    return asyncio.run(asyncio.wait_for(go(), TOUR_MOST))
