"""The site of the dashboard: pages, static files, logins and decisions, by Klein.

A page is shown to whoever is logged in; everybody else is led to the login. What is decided is decided by
approvers, with a form that our own page has given them, and recorded with their name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from time import time
from typing import Any
from urllib.parse import parse_qsl, quote

from attrs import evolve
from klein import Klein
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool
from twisted.web.iweb import IRequest
from werkzeug.exceptions import HTTPException

from mcpgate.admin.asking import asker
from mcpgate.admin.entrance import enter
from mcpgate.admin.gate import GateError, GateLink
from mcpgate.admin.login import Login, Logins
from mcpgate.admin.page import Asked, NotFound, Page, Sources
from mcpgate.admin.readers import Readers
from mcpgate.admin.refusal import Refusal
from mcpgate.admin.render import read_static, render
from mcpgate.admin.terms import AdminTerms
from mcpgate.provider.client import Provider

#: Fields of a form; ours have three.
FIELDS_MOST = 20
#: Pages that are made at the same time, in threads of their own: an index that is slow holds up pages, and
#: not what reads the journal for alerts, or resolves a name.
AT_ONCE = 8
#: Where somebody may be led after a login: a path of ours.
_PATH = re.compile(r"/(?![/\\])[!-~]{0,500}")


class Dashboard:
    """All that is served. C{terms} and C{index} are replaced when they change."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        gate: GateLink,
        terms: Callable[[], AdminTerms],
        provider: Callable[[], Provider],
        pages: Iterable[Page],
        wall: Callable[[], float] = time,
    ) -> None:
        """
        @param provider: the one by which people log in, where there is one.
        """
        self.reactor = reactor
        self.provider = provider
        self.wall = wall
        self.gate = gate
        self.terms = terms
        self.logins = Logins()
        self.pages = tuple(pages)
        #: What reads beside the gate, once there is something to read.
        self.readers: Readers | None = None
        #: Makes pages, from the start of the service to its end.
        self.pool = ThreadPool(0, AT_ONCE, name="pages")
        self.app: Any = Klein()
        self._menu = tuple((page.path, page.title) for page in self.pages if page.menu)
        for page in self.pages:
            self._add(page)
        self.app.route("/static/<path:name>", methods=["GET"], endpoint="static")(self.static)
        enter(self)
        self.app.handle_errors(Refusal)(self._refused)
        self.app.handle_errors(HTTPException)(self._unknown)
        self.app.handle_errors(Exception)(self._failed)

    # Pages.

    def _add(self, page: Page) -> None:
        async def show(request: Any, **parts: str) -> bytes:
            login = self.who(request)
            if login is None:
                return self.to_login(request)
            facts = await self.gate.facts(page.asks, parts.get("id", ""))
            query = dict(reversed(parse_qsl(request.uri.decode("latin-1").partition("?")[2])))
            asked = Asked(request.path.decode("utf-8", "replace"), login.person, self.wall(), query, parts)
            terms = self.terms()
            readers = self.readers
            sources = Sources(facts, str(terms.config.gate.state), config=terms.config)
            if readers is not None:
                sources = evolve(
                    sources, index=readers.index, name=readers.name, freshness=readers.freshness
                )
            try:
                shown = await deferToThreadPool(self.reactor, self.pool, page.show, asked, sources)
            except NotFound as error:
                raise Refusal(404, str(error)) from None
            request.setResponseCode(shown.status)
            problem = facts.problem or (facts.status or {}).get("problem")
            return self.page(request, shown.template, {**shown.values, "title": page.title}, login, problem)

        self.app.route(page.path, methods=["GET"], endpoint=f"page {page.path}")(show)

    def page(
        self,
        request: Any,
        template: str,
        values: Mapping[str, object],
        login: Login | None,
        problem: str | None = None,
    ) -> bytes:
        """A template with what each has (C{render})."""
        request.setHeader("Content-Type", "text/html; charset=utf-8")
        of_all = {
            "person": login.person if login else None,
            "csrf": login.csrf if login else "",
            "menu": self._menu if login else (),
            "path": request.path.decode("utf-8", "replace"),
            "problem": problem,
        }
        return render(template, {**of_all, **values})

    def static(self, request: Any, name: str) -> bytes:
        """A static file; it needs no login, as it says nothing of the gate."""
        found = read_static(name)
        if found is None:
            raise Refusal(404, "There is no such file.")
        request.setHeader("Content-Type", found[1])
        # Its path changes with it (C{render.static}).
        request.setHeader("Cache-Control", "public, max-age=31536000, immutable")
        return found[0]

    # Who asks.

    def who(self, request: Any) -> Login | None:
        """Who asks, if they may look."""
        return asker(request, self.logins, self.terms(), self.wall())

    def decider(self, request: Any) -> tuple[Login, Mapping[str, str]]:
        """
        Who has sent a form to decide something, and the form.

        @raise Refusal: they may not.
        """
        login = self.who(request)
        if login is None:
            raise Refusal(403, "You are not logged in, or not any more.")
        form = self.form(request)
        if not self.logins.marked(form.get("csrf", ""), login.csrf):
            raise Refusal(403, "That form is not one of this login's; reload the page and try again.")
        return login, form

    def form(self, request: Any) -> Mapping[str, str]:
        """
        The fields of a form.

        @raise Refusal: it is none.
        """
        request.content.seek(0)
        try:
            text = request.content.read().decode("ascii")
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MOST))
        except ValueError:
            raise Refusal(400, "That is no form of this dashboard.") from None

    def to_login(self, request: Any) -> bytes:
        """Lead somebody to the login, and back here after it."""
        here = request.uri.decode("latin-1")
        after = f"?next={quote(here, safe='')}" if here != "/" and _PATH.fullmatch(here) else ""
        return self.lead(request, f"/login{after}")

    def lead(self, request: Any, path: str) -> bytes:
        """Have the browser go on to a path of ours."""
        request.setResponseCode(303)
        request.setHeader("Location", path if _PATH.fullmatch(path) else "/")
        return b""

    # What does not work.

    def refuse(self, request: Any, status: int, words: str) -> bytes:
        """Say why not."""
        request.setResponseCode(status)
        values = {"title": "Not possible", "words": words}
        return self.page(request, "message.html", values, self.who(request))

    def _refused(self, request: IRequest, failure: Any) -> bytes:
        return self.refuse(request, failure.value.status, failure.value.words)

    def _unknown(self, request: IRequest, failure: Any) -> bytes:
        status = failure.value.code or 404
        known = {404: "There is no such page.", 405: "That is not how this page is used."}
        return self.refuse(request, status, known.get(status, "That is not possible."))

    def _failed(self, request: IRequest, failure: Any) -> bytes:
        if failure.check(GateError):
            return self.refuse(request, 502, str(failure.value))
        self.log.failure("a page failed", failure=failure)
        return self.refuse(request, 500, "This page has failed; the gate's log says why.")
