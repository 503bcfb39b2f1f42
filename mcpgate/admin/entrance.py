"""How people come in and go: one-time links, a provider, and the end of a login.

A link is shown as a page with a button, and is used up only by that: what looks at links on their way (a
chat that shows a preview) does not press buttons. The secret of a link stands in no log of ours, and our
pages tell no other site where they were.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, urlencode

from mcpgate.admin.asking import AWAY_COOKIE, COOKIE, cookie_of, set_cookie, source_of
from mcpgate.admin.login import AWAY, hashed
from mcpgate.admin.oidc import NotProven, destination, find, prove
from mcpgate.admin.refusal import Refusal
from mcpgate.admin.roles import Person
from mcpgate.admin.terms import Oidc
from mcpgate.admin.together import Together
from mcpgate.identity.discovery import Places
from mcpgate.relay.throttle import Throttle

if TYPE_CHECKING:
    from mcpgate.admin.site import Dashboard

# Bad links and failed logins of one address, until it is told to wait. Links have 256 random bits: this is
# about noise, and people who paste half of one.
FAILURES = 10
FAILURES_PERIOD = 60.0

# Seconds between two questions to the provider about those of an address that has used its failures up.
QUESTIONS_APART = 1.0

# Seconds for which it is known where a provider has people log in: anybody may ask to be sent there, and the
# provider should not hear of each.
KNOWN = 60.0

_GONE = "That link has been used, or is older than five minutes. Ask for another one: mcpgate dashboard"


def enter(dashboard: Dashboard) -> None:
    """Give the site its routes for those who are not logged in, or not any more."""
    entrance = Entrance(dashboard)
    app = dashboard.app
    app.route("/login", methods=["GET"], endpoint="login")(entrance.show)
    app.route("/login", methods=["POST"], endpoint="log in")(entrance.log_in)
    app.route("/login/link/<secret>", methods=["GET"], endpoint="link")(entrance.link)
    app.route("/login/oidc", methods=["GET"], endpoint="leave")(entrance.leave)
    app.route("/login/callback", methods=["GET"], endpoint="callback")(entrance.come_back)
    app.route("/logout", methods=["POST"], endpoint="log out")(entrance.log_out)


class Entrance:
    """The routes."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._site = dashboard
        self._throttle = Throttle()
        self._questions = Throttle()
        #: By what was found to be known where people log in, what that was, and until when it counts.
        self._places: tuple[Oidc, Places, float] | None = None
        self._finding = Together[tuple[Oidc, Places, float]]()

    def show(self, request: Any) -> bytes:
        """What to do to be let in."""
        if self._site.who(request) is not None:
            return self._site.lead(request, _after(request))
        terms = self._site.terms()
        values = {
            "title": "Log in",
            "oidc": terms.oidc.issuer.name if terms.oidc is not None else None,
            "certificate": terms.table.client_ca is not None,
            "after": urlencode({"next": _after(request)}),
        }
        return self._site.page(request, "login.html", values, None)

    def link(self, request: Any, secret: str) -> bytes:
        """A page with a button for a link; whether the link is good is said to whoever presses it."""
        return self._site.page(request, "link.html", {"title": "Log in", "secret": secret}, None)

    def log_in(self, request: Any) -> bytes:
        """The button was pressed."""
        secret = self._site.form(request).get("link", "")
        person = self._site.logins.redeem(secret, monotonic())
        if person is None:
            self._failed(request, _GONE)
        return self._begin(request, person, "/")

    async def leave(self, request: Any) -> bytes:
        """Send somebody to the provider."""
        oidc = self._site.terms().oidc
        if oidc is None:
            raise Refusal(404, "There is no such page.")
        now = monotonic()
        try:
            if self._places is None or self._places[0] is not oidc or self._places[2] <= now:
                self._places = await self._finding.ask(lambda: self._find(oidc))
            state, browser, journey = self._site.logins.leave(now, _after(request), source_of(request))
            # Who waited for it with others may have begun by another configuration.
            place = destination(self._places[1], self._places[0], state, journey)
        except NotProven as error:
            raise Refusal(502, str(error)) from None
        set_cookie(request, AWAY_COOKIE, browser, seconds=AWAY)
        request.setResponseCode(303)
        request.setHeader("Location", place)
        return b""

    async def _find(self, oidc: Oidc) -> tuple[Oidc, Places, float]:
        return oidc, await find(self._site.provider(), oidc), monotonic() + KNOWN

    async def come_back(self, request: Any) -> bytes:
        """They are back, with a code or with an error."""
        oidc = self._site.terms().oidc
        if oidc is None:
            raise Refusal(404, "There is no such page.")
        said = _query(request)
        browser = cookie_of(request, AWAY_COOKIE)
        journey = self._site.logins.arrive(said.get("state", ""), browser, monotonic())
        set_cookie(request, AWAY_COOKIE, "", seconds=0)
        if journey is None:
            self._failed(request, "That login did not begin in this browser, or took too long. Begin again.")
        source, now = source_of(request), monotonic()
        if self._throttle.spent(source, now, FAILURES, FAILURES_PERIOD):
            # A neighbour of whoever fails there gets in, and the provider hears of few made-up codes.
            if self._questions.fail(source, now, 1, QUESTIONS_APART):
                self._failed(request, "")
        try:
            names, name = await prove(self._site.provider(), oidc, said, journey, self._site.wall())
        except NotProven as error:
            self._site.log.warn("a login by {issuer} failed: {why}", issuer=oidc.issuer.name, why=str(error))
            self._failed(request, str(error))
        if self._site.terms().oidc is not oidc:
            # Who vouches for them, and for whom it counts, may be another matter by now.
            self._failed(request, "The configuration has changed meanwhile. Begin again.")
        found = self._site.terms().roles.of(names)
        if found is None:
            self._site.log.warn("{name} of {issuer} is on no list", name=name, issuer=oidc.issuer.name)
            self._failed(request, "You are known there, and on no list of those who may look here.")
        return self._begin(request, Person(name, "oidc", found[0]), journey.after)

    def log_out(self, request: Any) -> bytes:
        """The end of a login."""
        self._site.decider(request)
        self._site.logins.end(cookie_of(request, COOKIE))
        set_cookie(request, COOKIE, "", seconds=0)
        return self._site.lead(request, "/login")

    def _begin(self, request: Any, person: Person, after: str) -> bytes:
        # Whatever this browser had before, it is over: nobody can have planted it.
        self._site.logins.end(cookie_of(request, COOKIE))
        seconds = self._site.terms().table.session
        secret = self._site.logins.begin(person, monotonic(), seconds)
        set_cookie(request, COOKIE, secret, seconds=seconds)
        self._site.log.info(
            "{who} is logged in, as {role} (login {login})",
            who=str(person), role=person.role, login=hashed(secret).hex()[:8],
        )  # fmt: skip
        return self._site.lead(request, after)

    def _failed(self, request: Any, words: str) -> NoReturn:
        wait = self._throttle.fail(source_of(request), monotonic(), FAILURES, FAILURES_PERIOD)
        if wait:
            request.setHeader("Retry-After", str(wait))
            raise Refusal(429, f"Too many logins have failed from your address; wait {wait} seconds.")
        raise Refusal(403, words)


def _after(request: Any) -> str:
    """Where to go after the login: a path of ours."""
    return _query(request).get("next", "/")


def _query(request: Any) -> dict[str, str]:
    return dict(parse_qsl(request.uri.decode("latin-1").partition("?")[2]))
