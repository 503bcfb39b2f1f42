"""One question to a provider over https, and its whole answer, bounded in size and time.

No redirect is followed, no cookie kept, no proxy asked and nothing compressed: an answer is what the
server that was verified said to this very request. A fault names the provider and what is wrong with it,
and holds nothing of what was asked or answered, as there are secrets in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from mcpgate.config.url import read_url
from mcpgate.provider.reply import NotVerified, ProviderError, Reply, Unfit
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.readiness import Readiness
from mcpgate.upstream.connect import late_refusal
from mcpgate.upstream.terms import PeerTerms

if TYPE_CHECKING:
    from mcpgate.provider.endpoint import Endpoints, Notes

__all__ = ["Provider", "ProviderError", "Reply"]

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

# Head, chunk sizes and trailers on top of twice the body that is wanted: the smallest chunks that anybody
# honest sends are larger than their own framing.
OVERHEAD = 64 * 1024


class Provider:
    """A party that is asked over https; C{terms} are replaced when a generation comes into force."""

    def __init__(self, reactor: Any, readiness: Readiness, notes: Notes, terms: PeerTerms) -> None:
        """
        @param notes: where its handshakes are noted.
        """
        self.terms = terms
        self._reactor = reactor
        self._readiness = readiness
        self._notes = notes
        self._flights: set[Callable[[str], None]] = set()

    async def get(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        accept: str = JSON,
        most: int,
        within: float,
    ) -> Reply:
        """
        Ask for a document.

        @param url: https; its host is verified under the provider's terms, whichever it is.
        @param headers: further header lines.
        @param most: bytes of body; a longer one is an error.
        @param within: seconds for all of it.
        @raise ProviderError: there is no whole answer. Any status is one.
        """
        return await self._ask("GET", url, [("Accept", accept), *headers], None, most, within)

    async def post(
        self,
        url: str,
        form: Sequence[tuple[str, str]] | bytes,
        *,
        headers: Sequence[tuple[str, str]] = (),
        content_type: str = FORM,
        accept: str = JSON,
        most: int,
        within: float,
    ) -> Reply:
        """
        Send a form, or a body as it is; otherwise as L{get}.

        @param headers: further header lines.
        """
        body = form if isinstance(form, bytes) else urlencode(form).encode("ascii")
        lines = [("Accept", accept), ("Content-Type", content_type), *headers]
        return await self._ask("POST", url, lines, body, most, within)

    def stop(self) -> None:
        """Give up what is on its way: whoever waits is told."""
        for give_up in tuple(self._flights):
            give_up("the gate stops")

    async def _ask(
        self,
        method: str,
        url: str,
        lines: Sequence[tuple[str, str]],
        body: bytes | None,
        most: int,
        within: float,
    ) -> Reply:
        name = self.terms.name
        try:
            where = read_url(url, query=True)
        except ValueError as error:
            # Perhaps out of a document of the provider's: it must not be quoted.
            raise ProviderError(name, "a URL that it names", str(error)) from None
        shown = f"https://{where.authority}{where.path}"
        # Loaded by the first question: see there.
        from mcpgate.provider.endpoint import Endpoints
        from mcpgate.provider.exchange import exchange

        endpoints = Endpoints(
            self._reactor, self._readiness, self._notes, self.terms, 2 * most + OVERHEAD
        )
        flight = Deferred.fromCoroutine(
            exchange(self._reactor, endpoints, method, str(where), lines, body, most)
        )
        given_up = ""

        def give_up(why: str) -> None:
            nonlocal given_up
            given_up = given_up or why
            flight.cancel()

        timer = self._reactor.callLater(within, give_up, f"no whole answer within {within:g} s")
        self._flights.add(give_up)
        why, refusal = "", None
        try:
            return await flight
        except NotVerified as error:
            why, refusal = str(error), error.refusal
        except Unfit as error:
            why = str(error)
        except Exception as error:
            # Also whatever Twisted makes of a request that is given up.
            why, refusal = (given_up, None) if given_up else _broken(endpoints, error)
        finally:
            self._flights.discard(give_up)
            if timer.active():
                timer.cancel()
            if why:
                endpoints.abort()
        # Not in front of what Twisted raised: that may quote an answer.
        raise ProviderError(name, shown, why, refusal) from None


def _broken(endpoints: Endpoints, error: Exception) -> tuple[str, Refusal | None]:
    """What is wrong with a connection, in words of ours: those of others may quote what was said on it."""
    transport = endpoints.transport
    if transport is not None and transport.flooded:
        return "more than is read of any answer", None
    if transport is not None and transport.left:
        refusal = late_refusal(transport.error)
        if refusal.reason is Reason.TLS_CLIENT_CERTIFICATE:
            return str(refusal), refusal
        how = "it closed the connection" if transport.error is None else "the connection broke"
        return f"{how} before a whole answer", None
    return f"its answer is not HTTP ({type(error).__name__})", None
