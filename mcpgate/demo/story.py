"""What the demonstration tries, one function each; the first promise that is not kept ends it.

A step returns what was seen, for somebody else to tell. What it says about answers was read from the
answers, what it says about TLS and verdicts from the journal, and what reached a server was asked of
that server.
"""

from __future__ import annotations

import time

import msgspec
from attrs import frozen

from mcpgate.demo import direct
from mcpgate.demo.direct import Reply
from mcpgate.demo.promise import promise, soon
from mcpgate.demo.records import Exchange, Shake
from mcpgate.demo.scene import Scene
from mcpgate.demo.visit import Visit

#: The two eras of MCP, as the official client is asked for them, and what they come to.
ERAS = {"legacy": "2025-11-25", "2026-07-28": "2026-07-28"}

HYBRID = "X25519MLKEM768"

#: What its issuer says of a CI job, and for how long: as short as such jobs are.
JOB = "repo:acme/deploy:ref:refs/heads/main"
REPOSITORY = "acme/deploy"
JOB_LIFE = 300.0

# Seconds for the official client to be imported and to make half a dozen calls.
_PATIENCE = 30.0


@frozen
class Told:
    """A visit of the official client, and the exchanges that the gate has recorded of it."""

    visit: Visit
    exchanges: list[Exchange]

    def call(self, tool: str) -> Exchange:
        """The recorded call of a tool."""
        found = [one for one in self.exchanges if one.opened.name == tool]
        promise(len(found) == 1, f"the journal has {len(found)} calls of {tool}, not one")
        return found[0]


@frozen
class Tried:
    """A call by one of our own clients, and its record."""

    reply: Reply
    exchange: Exchange


@frozen
class Job:
    """
    A CI job's call, and the call of one whose token is over; the handshake with their issuer, and every
    credential that the server has been shown by then.
    """

    good: Tried
    late: Tried
    tokens: tuple[str, str]
    issuer: Shake
    shown: frozenset[str]


@frozen
class Refused:
    """A connection in clear text: what it was told, and the record of the handshake that it was not."""

    reply: Reply
    shake: Shake


def visit(scene: Scene, era: str) -> Told:
    """The official client visits: its calls are answered, but for the tool that a rule blocks."""
    before = len(scene.records.exchanges())
    child = scene.children.start(
        f"client-{era}",
        "mcpgate.demo.caller",
        scene.url,
        era,
        env={
            "SSL_CERT_FILE": str(scene.ca_file),
            "MCPGATE_TOKEN": scene.token,
            # The machine's proxy knows nothing of this localhost.
            "NO_PROXY": "*",
            "no_proxy": "*",
        },
    )
    seen = msgspec.json.decode(child.finish(_PATIENCE), type=Visit)
    scene.records.settle()
    told = Told(seen, scene.records.exchanges()[before:])

    promise(seen.protocol == ERAS[era], f"the {era} client spoke {seen.protocol}, not {ERAS[era]}")
    promise("sunny" in seen.answer, f"get_weather answered {seen.answer!r}")
    promise(seen.last == "done", f"slow answered {seen.last!r}")
    promise(seen.progress == [0, 50, 100], f"the progress that was heard is {seen.progress}")
    for tool in ("get_weather", "slow"):
        promise(told.call(tool).opened.verdict == "allow", f"the call of {tool} is not recorded as allowed")
    for one in told.exchanges:
        promise(_verified(one), f"the exchange {one.opened.id} has no record of verified TLS on each leg")
    return told


def block(scene: Scene, told: Told) -> Exchange:
    """
    The tool that a rule blocks was answered as an unknown one and is in no list, although the gate has
    seen that the server has it; it never ran.
    """
    code, words = told.visit.refused
    has = "delete_all" in scene.records.defined()
    promise(has, "the server has no delete_all, so blocking it shows nothing")
    promise("delete_all" not in told.visit.tools, "the caller was shown delete_all")
    promise(code == -32602 and words == "Unknown tool: delete_all", f"delete_all answered {code} {words!r}")
    exchange = told.call("delete_all")
    promise(exchange.opened.verdict == "block", "the call of delete_all is not recorded as blocked")
    promise(exchange.outbound is None, "the call of delete_all was given a connection to the server")
    promise("delete_all" not in ran(scene), "the server ran delete_all")
    return exchange


def ran(scene: Scene) -> list[str]:
    """The tools that the server says it has run so far."""
    return scene.server.written.read_text(encoding="utf-8").split()


def post_quantum(scene: Scene) -> Tried:
    """Our own client gets an answer with post-quantum key exchange on both legs."""
    tried = _call(scene, "/weather")
    promise(tried.reply.status == 200, f"our own client was answered {tried.reply.status}")
    promise("sunny" in str(tried.reply.message.get("result")), "our own client got no weather")
    for shake in (tried.exchange.inbound, tried.exchange.outbound):
        found = shake.handshake.group if shake and shake.handshake else None
        promise(found == HYBRID, f"a leg of our own client's call negotiated {found}, not {HYBRID}")
    return tried


def in_clear(scene: Scene) -> Refused:
    """HTTP in clear to the TLS port is told so, and recorded."""
    since = scene.records.count()
    reply = direct.in_clear(scene.port)
    shake = scene.records.shake("inbound", reply.caller, since)
    promise(reply.status == 400, f"HTTP in clear was answered {reply.status}")
    promise(shake.reason == "tls.plaintext", f"HTTP in clear is recorded as {shake.reason}")
    promise(
        shake.extra == {"credential_exposed": False}, f"the record of HTTP in clear says {shake.extra}"
    )
    return Refused(reply, shake)


def wrong_pin(scene: Scene) -> Tried:
    """A server that all but the pin speaks for is refused before it is sent a byte."""
    tried = _call(scene, "/impostor")
    refused = tried.exchange.outbound
    promise(tried.reply.status == 502, f"the call of the impostor was answered {tried.reply.status}")
    promise(tried.exchange.closed.reason == "tls.pin", f"it is recorded as {tried.exchange.closed.reason}")
    promise(
        refused is not None and (refused.outcome, refused.reason) == ("refused", "tls.pin"),
        "the exchange does not name the handshake that was refused",
    )
    soon(lambda: scene.impostor.ended == scene.impostor.accepted or None, "the impostor still has a caller")
    promise(scene.impostor.accepted > 0, "the impostor was never even dialed")
    promise(scene.impostor.groups == [], "a handshake with the impostor was completed")
    promise(scene.impostor.received == 0, f"the impostor received {scene.impostor.received} bytes")
    return tried


def ci_job(scene: Scene) -> Job:
    """
    A job with a token of its issuer may call, one whose token is over may not; and whoever called, the server
    was shown the gate's own credential.
    """
    now, said = time.time(), {"repository": REPOSITORY}
    fresh, over = (
        scene.issuer.token(JOB, scene.url, issued=issued, life=JOB_LIFE, claims=said)
        for issued in (now, now - 3600)
    )
    good = _call(scene, "/weather", fresh)
    promise(good.reply.status == 200, f"the CI job was answered {good.reply.status}")
    promise("sunny" in str(good.reply.message.get("result")), "the CI job got no weather")
    opened = good.exchange.opened
    how = (opened.how, opened.issuer)
    promise(how == ("jwt", "ci"), f"the CI job is recorded as {how}")
    promise(opened.rule == "ci-may-read", f"it is recorded as allowed by {opened.rule}")
    asked = [one for one in scene.records.shakes() if (one.leg, one.where) == ("provider", "ci")]
    promise(bool(asked) and asked[0].outcome == "ok", "there is no record of verified TLS to the issuer")

    before = len(ran(scene))
    late = _call(scene, "/weather", over)
    promise(late.reply.status == 401, f"the job whose token is over was answered {late.reply.status}")
    promise(
        late.exchange.closed.reason == "auth.expired", f"it is recorded as {late.exchange.closed.reason}"
    )
    promise(late.exchange.outbound is None, "the job whose token is over was given a connection")
    promise(len(ran(scene)) == before, "the server ran a tool for the job whose token is over")

    shown = frozenset(scene.shown.read_text(encoding="latin-1").splitlines())
    promise(shown == {f"Bearer {scene.secret}"}, "the server was shown something else than its credential")
    return Job(good, late, (fresh, over), asked[0], shown)


def evidence(scene: Scene, job: Job) -> list[Exchange]:
    """All exchanges; neither a token, a credential nor an answer is in the journal that tells of them."""
    scene.records.settle()
    raw = scene.records.text()
    for token in (scene.token, *job.tokens):
        promise(token not in raw, "a token is in the journal")
    promise(scene.secret not in raw, "the credential of the server is in the journal")
    promise("sunny" not in raw, "an answer is in the journal")
    return scene.records.exchanges()


def _call(scene: Scene, path: str, token: str | None = None) -> Tried:
    since = scene.records.count()
    reply = direct.call(
        scene.port,
        path,
        trust=scene.ca.trust(),
        token=token or scene.token,
        tool="get_weather",
        arguments={"city": "Oslo"},
    )
    return Tried(reply, scene.records.exchange_by(reply.caller, since))


def _verified(exchange: Exchange) -> bool:
    """Whether both legs of an exchange were verified TLS 1.3, the outbound one (if needed) pinned."""
    inbound, outbound = exchange.inbound, exchange.outbound
    if inbound is None or inbound.handshake is None or inbound.handshake.version != "TLSv1.3":
        return False
    if exchange.closed.outbound is None:
        return exchange.opened.verdict == "block"
    seen = outbound.handshake if outbound is not None else None
    return seen is not None and seen.version == "TLSv1.3" and seen.pinned is True
