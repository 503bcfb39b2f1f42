"""What becomes of a question to a provider: an answer, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from mcpgate.reasons import Refusal


class ProviderError(Exception):
    """
    There is no answer. C{server}: the provider's name, C{url}: what was asked for, without a query.

    C{refusal}: what its TLS leg was refused for, where it was.
    """

    #: Which leg is at fault.
    leg = "provider"

    def __init__(self, server: str, url: str, why: str, refusal: Refusal | None = None) -> None:
        super().__init__(f"{server}: {url}: {why}")
        self.server = server
        self.url = url
        self.why = why
        self.refusal = refusal


@frozen
class Reply:
    """A whole answer. The names of C{headers} are in lower case; lines of the same name are joined."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class NotVerified(Exception):
    """There is no connection: the server cannot be reached, or is not what is demanded of it."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class Unfit(Exception):
    """What came is no answer, in words of ours."""
