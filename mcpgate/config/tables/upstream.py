"""C{[[upstream]]}: MCP servers, what is demanded of them, and what they are shown."""

from __future__ import annotations

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.credential import FixedTable
from mcpgate.config.tables.option import SHORTEST, option, table
from mcpgate.config.tables.peer import PeerTable


@frozen
class UpstreamTable(PeerTable):
    """C{[[upstream]]}: an MCP server, and what we demand of it."""

    name: str = option(
        "The upstream's name in records, rules and messages.", forms.name(), example='"github"'
    )
    url: str = option(
        "The server's https URL; there is no other scheme.",
        forms.upstream_url(),
        example='"https://mcp.github.internal/mcp"',
    )
    credential: FixedTable | None = table(
        "What the gate shows the upstream, where no [[credential]] is for the caller.",
        FixedTable,
        default=None,
        example='{ bearer = "file:/etc/mcpgate/secrets/github" }',
    )
    # A server that is upgraded changes its tools, too: to withhold them by default would stop work on such
    # a day, and teach people to accept without a look. To say nothing would let a harmless tool become
    # another one unseen.
    definitions: str = option(
        "What happens when the upstream changes the definition of a tool: record it; alert in the log, too; "
        "quarantine the tool, or block all its tools, until somebody accepts it (mcpgate policy accept).",
        forms.word("reaction", ("record", "alert", "quarantine", "block")),
        default="alert",
        example='"quarantine"',
    )
    # Tools may think for minutes; the official Python client waits 300 s.
    answer_timeout: float = option(
        "From a forwarded request to the first byte of its answer.",
        forms.duration(SHORTEST, "1d"),
        default=300.0,
        example='"30m"',
    )
    # TCP keep-alive finds a dead peer within a minute, and most servers send heartbeats, so this only
    # bounds what a forgotten stream holds: a connection on either leg.
    quiet_timeout: float = option(
        "How long an event stream may carry nothing at all.",
        forms.duration(SHORTEST, "7d"),
        default=3600.0,
        example='"5m"',
    )
    # Below uvicorn's and Node's 5 s, so that we close first and never race their close.
    keepalive: float = option(
        "How long an unused connection is kept.", forms.duration("0s", "1h"), default=4.0, example='"55s"'
    )
    # Every open stream holds one; a pool smaller than the streams would starve calls.
    connections: int = option(
        "Most connections of one worker to this upstream at once.",
        forms.count(1, 65535),
        default=1024,
        example="64",
    )
    # Each holds its request's body, and none waits longer than one dial may take.
    queue: int = option(
        "Most callers of one worker that wait for such a connection at once.",
        forms.count(1, 65535),
        default=1024,
        example="128",
    )
