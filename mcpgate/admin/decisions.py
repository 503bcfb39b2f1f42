"""What approvers decide: held calls, and changed definitions of tools.

Each is recorded with the name of whoever decided, as what is decided by the command line is; and each form
has to be one that our own page has given this very login.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from twisted.internet.threads import deferToThreadPool

from mcpgate.admin.gate import GateError
from mcpgate.admin.refusal import Refusal
from mcpgate.definitions.guards import accept_in
from mcpgate.definitions.known import NotKnown
from mcpgate.definitions.store import Store, StoreError

if TYPE_CHECKING:
    from mcpgate.admin.site import Dashboard

#: What may be said of a call, and what the page then says.
_OF_CALLS = {"approve": "approved", "deny": "denied"}
#: What may be said of a change.
_OF_CHANGES = {"accept": "accepted", "withdrawn": "withdrawn"}


def decide(dashboard: Dashboard) -> None:
    """Give the site its routes for forms that decide something."""
    decisions = Decisions(dashboard)
    dashboard.app.route("/held/<id>/decide", methods=["POST"], endpoint="decide")(decisions.of_call)
    dashboard.app.route("/definition/accept", methods=["POST"], endpoint="accept")(decisions.of_change)


class Decisions:
    """The routes."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._site = dashboard

    def _approver(self, request: Any) -> tuple[str, Mapping[str, str]]:
        """Who decides, as it is recorded, and their form."""
        login, form = self._site.decider(request)
        if not login.person.decides:
            raise Refusal(403, "Only approvers decide; you may look.")
        return str(login.person), form

    async def of_call(self, request: Any, id: str) -> bytes:
        """Approve a held call, or deny it."""
        by, form = self._approver(request)
        verb = form.get("word", "")
        if verb not in _OF_CALLS:
            raise Refusal(400, "A call is approved or denied.")
        try:
            await self._site.gate.ask(verb, by, id=id, reason=form.get("reason", ""))
        except GateError as error:
            raise Refusal(409, f"Nothing was decided: {error}.") from None
        return self._site.lead(request, f"/held?done={_OF_CALLS[verb]}")

    async def of_change(self, request: Any) -> bytes:
        """Accept what a tool has changed to, or forget it."""
        by, _ = self._approver(request)
        said = dict(parse_qsl(request.uri.decode("latin-1").partition("?")[2]))
        upstream, tool = said.get("upstream", ""), said.get("tool", "")
        word, fingerprint = said.get("word", ""), said.get("fingerprint", "")
        if word not in _OF_CHANGES or not fingerprint:
            raise Refusal(400, "A change is accepted, or it was withdrawn.")
        store = Store(Path(self._site.terms().config.gate.state))
        reactor = self._site.reactor

        def accept() -> None:
            accept_in(store, upstream, [tool], by, fingerprint, withdrawn=word == "withdrawn")

        try:
            await deferToThreadPool(reactor, reactor.getThreadPool(), accept)
        except (NotKnown, StoreError) as error:
            raise Refusal(409, f"Nothing was decided: {error}.") from None
        finally:
            store.close()
        try:
            # It is recorded at once; the gate looks by itself every C{gate.watch} otherwise.
            await self._site.gate.ask("files")
        except GateError as error:
            self._site.log.warn("the gate was not told of an accepted definition: {why}", why=str(error))
        return self._site.lead(request, f"/definitions?done={_OF_CHANGES[word]}")
