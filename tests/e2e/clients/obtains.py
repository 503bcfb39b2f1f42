"""The client of the official Python SDK, which gets its token by itself from what the gate's 401 tells it.

It knows the gate's URL (C{GATE_URL}), the authorization server that it is registered with (C{ISSUER}), and
its id and secret there. Whom to trust, and where they are, is the environment's to say. It lists tools and
makes the calls of C{CALLS}, each a tool and its arguments; prints what it got as one line.
"""

from __future__ import annotations

import asyncio
import json
import os

import httpx2
from mcp import Client
from mcp.client.auth import TokenStorage
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from mcp.types import TextContent


class Kept(TokenStorage):
    """In memory; and the scope of each token that it ever was given."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.scopes: list[str | None] = []

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens
        self.scopes.append(tokens.scope)

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise NotImplementedError("it is registered already")


async def main() -> None:
    url, kept = os.environ["GATE_URL"], Kept()
    auth = ClientCredentialsOAuthProvider(
        url, kept, os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"], issuer=os.environ["ISSUER"]
    )
    async with (
        httpx2.AsyncClient(auth=auth) as http,
        Client(streamable_http_client(url, http_client=http), mode=os.environ["ERA"]) as client,
    ):
        tools = await client.list_tools()
        answers = []
        for name, arguments in json.loads(os.environ["CALLS"]):
            result = await client.call_tool(name, arguments)
            answers.append("".join(part.text for part in result.content if isinstance(part, TextContent)))
    said = {"tools": [tool.name for tool in tools.tools], "answers": answers, "scopes": kept.scopes}
    print(json.dumps(said))


asyncio.run(main())
