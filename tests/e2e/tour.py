"""The tour of everything that MCP has, and what must be seen on it.

Whatever the client, it does all that it can with the server of C{servers/everything.*}, and gives back
what it saw as L{Facts}: those of each feature under the feature's name, and the revision that it found
under C{version}. C{tourists.py} has the clients of the Python SDK and FastMCP, C{typescript.py} with
C{clients/tour.mjs} those of the TypeScript SDKs, C{inspector.py} the Inspector's.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

Facts = Mapping[str, Any]

LEGACY = "2025-11-25"
MODERN = "2026-07-28"

NOTE = "note://changing"
QUESTION = "How is the weather?"

#: What the client's model and user say.
MODEL_SAYS = "mild"
USER_SAYS = "fine"

#: The tool that has to do with a feature.
TOOL_OF = {
    "call": "get_weather",
    "progress": "slow",
    "logging": "log",
    "sampling": "ask_model",
    "elicitation": "ask_user",
    "subscribe": "write",
    "cancel": "linger",
    "reconnect": "part",
}

#: What every client sees that can do such a thing at all.
SIGHTS: Facts = {
    "list": sorted(TOOL_OF.values()),
    "call": "sunny in Oslo",
    # The server goes on after each only when the client has heard it.
    "progress": {"heard": [0, 50, 100], "answer": "done"},
    "logging": {"heard": [["info", "one"], ["warning", {"two": 2}]], "answer": "logged"},
    "sampling": {"asked": [QUESTION], "answer": f"the model says: {MODEL_SAYS}"},
    "elicitation": {"asked": [QUESTION], "answer": f"the user says: {USER_SAYS}"},
    # The note is written until the client hears of it, for its stream may not be there the first time.
    "subscribe": {"updated": [NOTE], "read": "written on"},
    # What the server leaves behind, looked for before the client goes: its end would end the call, too.
    "cancel": {"noticed": True},
    # What comes after the first of them was said when there was no stream.
    "reconnect": {"heard": [0, 1], "answer": "met again"},
}

FEATURES: Sequence[str] = tuple(SIGHTS)

# Everything is on one machine. Whoever waits this long waits for ever.
PATIENCE = 20.0


@frozen
class Place:
    """Where a client goes: a gate, or (without a token) a server itself."""

    url: str
    ca_file: Path
    token: str | None
    #: Where the server leaves and looks for files.
    files: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

