"""What is new becomes records."""

from __future__ import annotations

import json
from typing import Any

from mcpgate.definitions.known import News
from mcpgate.definitions.telling import tell


class Listening:
    """Stands in for the witness."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def stamp(self) -> str:
        return "2027-01-15T08:00:00.500000Z"

    def tell(self, line: bytes) -> bool:
        self.lines.append(json.loads(line))
        return True


def test_each_piece_of_news_is_a_line() -> None:
    """With the exchange by which it was seen, or none for what a person did."""
    witness: Any = Listening()
    changed = News("changed", "get_x", "sha256:a", "sha256:b", "sha256/k", True, "why")
    tell(witness, "up", [changed, News("key", None, "sha256/k", "sha256/l")], "x-1")
    tell(witness, "up", [News("accepted", "get_x", "sha256:a", "sha256:b", by="anna")])
    first, second, third = witness.lines
    assert {key: first[key] for key in ("type", "exchange", "upstream", "tool", "what", "old", "new")} == {
        "type": "definition",
        "exchange": "x-1",
        "upstream": "up",
        "tool": "get_x",
        "what": "changed",
        "old": "sha256:a",
        "new": "sha256:b",
    }
    assert (first["key"], first["renewed"], first["detail"], first["by"]) == ("sha256/k", True, "why", None)
    assert (second["what"], second["tool"]) == ("key", None)
    assert (third["what"], third["exchange"], third["by"]) == ("accepted", None, "anna")
    assert len({line["id"] for line in witness.lines}) == 3
