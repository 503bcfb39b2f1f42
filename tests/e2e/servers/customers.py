"""A server that tells too much, in results whose form it has promised: in clear on a unix socket.

python customers.py /path/of/the.sock
"""

import sys
from typing import Annotated, Literal

import uvicorn
from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel, Field

server = MCPServer("customers", version="1")


class Customer(BaseModel):
    """What is known of a customer."""

    name: str
    mail: Annotated[str, Field(json_schema_extra={"format": "email"})]
    card: int
    account: Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]+$")]
    notes: list[str]
    rank: Literal["gold", "silver"]


@server.tool()
def get_customer() -> Customer:
    """One customer, with an address, a card and an account."""
    return Customer(
        name="Kim",
        mail="kim@example.com",
        card=4111111111111111,
        account="DE89370400440532013000",
        notes=["call 4111 1111 1111 1111", "nothing else"],
        rank="gold",
    )


@server.tool()
def get_contact() -> Annotated[dict[str, str], Field()]:
    """An address under a free name."""
    return {"first": "kim@example.com", "second": "none"}


if __name__ == "__main__":
    uvicorn.run(server.streamable_http_app(), uds=sys.argv[1], log_level="warning")
