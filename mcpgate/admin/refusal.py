"""Why somebody does not get what they asked the dashboard for."""

from __future__ import annotations


class Refusal(Exception):
    """What somebody may not do, or what does not work: a status and words for them."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words
