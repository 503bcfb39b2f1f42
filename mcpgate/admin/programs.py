"""What programs ask for: health, readiness, metrics.

Health and readiness say one word to anybody, as a balancer has no login. Metrics say who is called how often:
they want a token, a client certificate or a login, unless the configuration says that anybody may have them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from mcpgate.admin.health import unready

if TYPE_CHECKING:
    from mcpgate.admin.site import Dashboard

#: The metrics, in the form that an Accept header asks for: content type and body.
Exposed = Callable[[str], Awaitable[tuple[str, bytes]]]

_BEARER = "bearer "


def answer(dashboard: Dashboard, exposed: Exposed) -> None:
    """Give the site its routes for programs. C{exposed}: what there is to measure."""
    programs = Programs(dashboard, exposed)
    for path, handler in (
        ("/healthz", programs.healthy),
        ("/readyz", programs.ready),
        ("/metrics", programs.metrics),
    ):
        dashboard.app.route(path, methods=["GET"], endpoint=path)(handler)


class Programs:
    """The routes."""

    def __init__(self, dashboard: Dashboard, exposed: Exposed) -> None:
        self._site = dashboard
        self._exposed = exposed

    def healthy(self, request: Any) -> bytes:
        """This process lives."""
        return _word(request, 200, "ok")

    async def ready(self, request: Any) -> bytes:
        """Whether the gate takes traffic, by its own word of the last second."""
        facts = (await self._site.gate.facts(("status",))).status
        listeners = {table.name for table in self._site.terms().config.listeners}
        word = unready(facts, listeners, self._site.wall())
        return _word(request, 200, "ready") if word is None else _word(request, 503, word)

    async def metrics(self, request: Any) -> bytes:
        """The metrics, for whoever may have them."""
        if not self._may_measure(request):
            request.setHeader("WWW-Authenticate", 'Bearer realm="metrics"')
            return _word(request, 401, "Metrics want a token, a certificate or a login.")
        kind, body = await self._exposed(request.text("accept") or "")
        request.setHeader("Content-Type", kind)
        return body

    def _may_measure(self, request: Any) -> bool:
        terms = self._site.terms()
        if terms.table.unsafe_open_metrics:
            return True
        shown = request.text("authorization") or ""
        if terms.metrics_token is not None and shown.lower().startswith(_BEARER):
            return compare_digest(shown[len(_BEARER) :].strip().encode("latin-1"), terms.metrics_token)
        return self._site.who(request) is not None


def _word(request: Any, status: int, word: str) -> bytes:
    request.setResponseCode(status)
    request.setHeader("Content-Type", "text/plain; charset=utf-8")
    return f"{word}\n".encode()
