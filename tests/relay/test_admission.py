"""What the end of a head decides: judged on values, without a socket."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from attrs import evolve

from mcpgate.config.load import parse_config
from mcpgate.config.url import Url
from mcpgate.generation import Builder, Generation, ListenerTerms
from mcpgate.identity.accepts import Accepts, Pending
from mcpgate.identity.bound import Bound
from mcpgate.identity.denied import Denied
from mcpgate.identity.issued import TokenFile
from mcpgate.identity.principal import Principal
from mcpgate.identity.terms import IssuerTerms
from mcpgate.reasons import Reason, Refusal
from mcpgate.relay import admission
from mcpgate.relay.admission import ANONYMOUS, Admission, Denial, Preflight, admit, too_often
from mcpgate.tls.handshake import Certificate
from mcpgate.tls.localca import LocalCA, certificate_pem, write_pair
from mcpgate.wire.http import RequestHead, read_request_head

ENDS = 1_000.0


def certificate(*names: str, uris: tuple[str, ...] = ()) -> Certificate:
    """A client's certificate, good until L{ENDS}."""
    moment = datetime.fromtimestamp(ENDS, UTC)
    return Certificate("", "", "01", "ab" * 32, "", moment, moment, "", dns_names=names, uris=uris)


CERTIFIED = certificate("ci.example")
#: As much of a route as matters to who calls.
ROUTE: Any = SimpleNamespace(name="one", table=SimpleNamespace(path="/one", bound=False))
CERTIFIED_PRINCIPAL = Principal("ci.example", "certificate", "ab" * 32, ENDS, certificate="ci.example")
NAMELESS = certificate()


@pytest.fixture
def generation(tmp_path: Path) -> Generation:
    now = datetime.now(UTC)
    ca = LocalCA.create("root", now)
    (tmp_path / "ca.pem").write_bytes(certificate_pem(ca.certificate))
    write_pair(ca.server(["gate.test", "*.wild.test"], now), tmp_path / "gate.crt", tmp_path / "gate.key")
    pem = tmp_path / "gate.pem"
    pem.write_bytes((tmp_path / "gate.crt").read_bytes() + (tmp_path / "gate.key").read_bytes())
    pem.chmod(0o600)
    text = f"""
[gate]
state = "{tmp_path}"
[limits]
body_size = "1KiB"
[[listener]]
name = "public"
listen = "tcp:0:interface=127.0.0.1"
certificates = "{pem}"
hosts = ["alias.test"]
origins = ["https://app.test"]
client_certificates = "optional"
client_ca = "{tmp_path}/ca.pem"
[[listener]]
name = "open"
listen = "tcp:0:interface=127.0.0.2"
certificates = "{pem}"
tokens = false
unsafe_anonymous = true
[[listener]]
name = "known"
listen = "tcp:0:interface=127.0.0.3"
certificates = "{pem}"
client_certificates = "optional"
client_ca = "{tmp_path}/ca.pem"
client_names = ["CI.example", "spiffe://example.org/*"]
[[listener]]
name = "both"
listen = "tcp:0:interface=127.0.0.4"
certificates = "{pem}"
client_certificates = "required"
client_ca = "{tmp_path}/ca.pem"
certificate_and_token = true
[[upstream]]
name = "one"
url = "https://one.test/mcp"
trust = "{tmp_path}/ca.pem"
[[route]]
path = "/one"
upstream = "one"
[[route]]
path = "/one"
host = "alias.test"
upstream = "one"
name = "by-host"
"""
    return Builder(parse_config(text.encode(), tmp_path / "gate.toml"), 1, now).build()


def head(*lines: str, method: str = "POST", path: str = "/one", host: str = "gate.test") -> RequestHead:
    form = ["Content-Type: application/json", "Content-Length: 2"] if method == "POST" else []
    raw = "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *form, *lines, "", ""])
    parsed = read_request_head(raw.encode())
    assert isinstance(parsed, RequestHead), parsed
    return parsed


def judged(
    generation: Generation,
    request: RequestHead,
    *,
    accepts: Accepts | None = None,
    sni: str | None = None,
    certificate: Certificate | None = CERTIFIED,
    listener: str = "public",
) -> Admission | Denial | Preflight:
    return admit(
        request,
        terms=generation.listeners[listener],
        generation=generation,
        accepts=accepts or Accepts(),
        sni=sni,
        peer=certificate,
        now=0.0,
    )


def identify(
    authorization: bytes | None,
    terms: ListenerTerms,
    accepts: Accepts,
    peer: Certificate | None,
    now: float,
    address: str | None = None,
) -> Principal | Refusal | Pending:
    where = ip_address(address) if address is not None else None
    return admission.identify(
        authorization, terms, accepts, peer, now, route=ROUTE, host="gate.test", address=where
    )


def reason(found: Admission | Denial | Preflight) -> Reason | None:
    return found.refusal.reason if isinstance(found, Denial) else None


@pytest.mark.parametrize(
    ("host", "sni", "expected"),
    [
        ("gate.test", "gate.test", None),
        ("gate.test", None, None),
        ("alias.test", None, None),
        ("a.wild.test", None, None),
        ("a.b.wild.test", None, Reason.FRAME_MISDIRECTED),
        ("alias.test", "gate.test", Reason.FRAME_MISDIRECTED),
        ("evil.test", None, Reason.FRAME_MISDIRECTED),
    ],
)
def test_a_host_must_be_ours_and_the_one_that_tls_was_opened_for(
    generation: Generation, host: str, sni: str | None, expected: Reason | None
) -> None:
    """RFC 9110 7.4: one name's connection is not another's."""
    assert reason(judged(generation, head(host=host), sni=sni)) is expected


def test_a_route_for_the_host_comes_before_one_for_all(generation: Generation) -> None:
    """The more exact one."""
    for host, name in (("gate.test", "one"), ("alias.test", "by-host")):
        found = judged(generation, head(host=host))
        assert isinstance(found, Admission)
        assert found.route.name == name


@pytest.mark.parametrize(
    ("request_head", "expected"),
    [
        (head(path="/two"), Reason.ROUTE_UNKNOWN),
        (head(path="/one?x"), Reason.ROUTE_UNKNOWN),
        (head(path="/one/"), Reason.ROUTE_UNKNOWN),
        (head(method="OPTIONS"), Reason.FRAME_METHOD),
        (head(method="GET"), None),
        (head(method="DELETE"), None),
    ],
)
def test_routes_are_exact_and_methods_are_three(
    generation: Generation, request_head: RequestHead, expected: Reason | None
) -> None:
    """Nothing is normalised: another spelling is another path."""
    assert reason(judged(generation, request_head)) is expected


def test_the_caller_is_judged_before_the_body_is(generation: Generation) -> None:
    """A stranger learns nothing about limits."""
    raw = b"POST /one HTTP/1.1\r\nHost: gate.test\r\n"
    raw += b"Content-Type: application/json\r\nContent-Length: 99999\r\n\r\n"
    request = read_request_head(raw)
    assert isinstance(request, RequestHead)
    assert reason(judged(generation, request, certificate=None)) is Reason.AUTH_MISSING
    assert reason(judged(generation, request)) is Reason.FRAME_BODY_SIZE


def test_who_the_caller_is(generation: Generation, tmp_path: Path) -> None:
    """A presented token decides; else the certificate; else nobody, unless nobody is asked."""
    _, text = TokenFile(tmp_path / "tokens.json").issue("ci", 60, 0.0)
    accepts = Accepts(TokenFile(tmp_path / "tokens.json").load())
    public, open_to_all = generation.listeners["public"], generation.listeners["open"]
    good, bad = f"Bearer {text}".encode(), b"Bearer nonsense"

    found = identify(good, public, accepts, CERTIFIED, 1.0)
    assert isinstance(found, Principal) and (found.name, found.how) == ("ci", "token")
    assert (found.certificate, found.expires) == ("ci.example", 60.0)
    found = identify(good, public, accepts, NAMELESS, 1.0)
    assert isinstance(found, Principal) and (found.name, found.certificate) == ("ci", None)
    assert identify(None, public, accepts, CERTIFIED, 1.0) == CERTIFIED_PRINCIPAL
    assert identify(None, open_to_all, accepts, None, 1.0) is ANONYMOUS
    for authorization, peer, expected in (
        (bad, CERTIFIED, Reason.AUTH_INVALID),
        (None, NAMELESS, Reason.AUTH_CERTIFICATE),
        (None, None, Reason.AUTH_MISSING),
    ):
        refused = identify(authorization, public, accepts, peer, 1.0)
        assert isinstance(refused, Refusal) and refused.reason is expected
    late = identify(good, public, accepts, CERTIFIED, 61.0)
    assert isinstance(late, Refusal) and late.reason is Reason.AUTH_EXPIRED


class Asked:
    """Issuers that say what they are asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, dict[str, Any]]] = []

    def judge(self, bearer: bytes, accepted: Any, **named: Any) -> Pending:
        self.asked.append((bearer, named))
        return Pending(lambda tell: None)


def test_a_token_of_somebody_elses_is_for_its_issuer_to_say(generation: Generation, tmp_path: Path) -> None:
    """With the URL that was asked for by its name, whatever port the caller came by; the gate's own tokens
    are not shown to anybody, and what is no bearer token is none."""
    _, text = TokenFile(tmp_path / "tokens.json").issue("ci", 60, 0.0)
    known = TokenFile(tmp_path / "tokens.json").load()
    asked = Asked()
    accepts = Accepts(known, issuers=cast(Any, asked))
    url = Url("gate.test", 8443, "")
    accepted = (IssuerTerms("login", ("https://login.test",)),)
    public = evolve(generation.listeners["public"], issuers=accepted, public=url)
    assert isinstance(identify(b"bearer  a.b.c", public, accepts, CERTIFIED, 1.0), Pending)
    ((bearer, named),) = asked.asked
    assert bearer == b"a.b.c"
    assert named["resource"] == f"https://gate.test:8443{ROUTE.table.path}"
    assert named["certificate"] is CERTIFIED and named["bound"] is False
    assert isinstance(identify(f"Bearer {text}".encode(), public, accepts, None, 1.0), Principal)
    for other in (b"Bearer mcpgate_x", b"Basic YTpi"):
        assert isinstance(identify(other, public, accepts, None, 1.0), Refusal)
    assert len(asked.asked) == 1
    only = evolve(public, table=evolve(public.table, tokens=False))
    refusal = identify(f"Bearer {text}".encode(), only, accepts, None, 1.0)
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.AUTH_INVALID
    nobody = evolve(public, issuers=())
    assert isinstance(identify(b"Bearer a.b.c", nobody, accepts, None, 1.0), Refusal)
    assert len(asked.asked) == 1


def test_a_certificate_must_be_for_a_name_that_is_known_where_names_are_listed(
    generation: Generation, tmp_path: Path
) -> None:
    """Also beside a good token: the list is about certificates, whatever else there is."""
    _, text = TokenFile(tmp_path / "tokens.json").issue("ci", 60, 0.0)
    accepts = Accepts(TokenFile(tmp_path / "tokens.json").load())
    known, good = generation.listeners["known"], f"Bearer {text}".encode()
    for peer, name in (
        (certificate("other.example", "ci.example"), "ci.example"),
        (certificate("x.example", uris=("spiffe://example.org/a",)), "spiffe://example.org/a"),
    ):
        found = identify(None, known, accepts, peer, 1.0)
        assert isinstance(found, Principal) and (found.name, found.certificate) == (name, name)
        found = identify(good, known, accepts, peer, 1.0)
        assert isinstance(found, Principal) and (found.name, found.certificate) == ("ci", name)
    for peer in (certificate("x.example"), NAMELESS, certificate(uris=("spiffe://other/a",))):
        for authorization in (None, good):
            refused = identify(authorization, known, accepts, peer, 1.0)
            assert isinstance(refused, Refusal) and refused.reason is Reason.AUTH_CERTIFICATE
    found = identify(good, known, accepts, None, 1.0)
    assert isinstance(found, Principal) and found.certificate is None


def test_both_proofs_may_be_demanded(generation: Generation, tmp_path: Path) -> None:
    """Then neither is one without the other, and what is proved ends with the first of them."""
    _, text = TokenFile(tmp_path / "tokens.json").issue("ci", 2_000, 0.0)
    accepts = Accepts(TokenFile(tmp_path / "tokens.json").load())
    both, good = generation.listeners["both"], f"Bearer {text}".encode()
    found = identify(good, both, accepts, CERTIFIED, 1.0)
    assert isinstance(found, Principal)
    assert (found.name, found.how, found.certificate, found.expires) == ("ci", "token", "ci.example", ENDS)
    for authorization, peer, now, expected in (
        (None, CERTIFIED, 1.0, Reason.AUTH_MISSING),
        (good, None, 1.0, Reason.AUTH_MISSING),
        (None, None, 1.0, Reason.AUTH_MISSING),
        (good, NAMELESS, 1.0, Reason.AUTH_CERTIFICATE),
        (b"Bearer nonsense", CERTIFIED, 1.0, Reason.AUTH_INVALID),
        (good, CERTIFIED, ENDS, Reason.AUTH_EXPIRED),
    ):
        refused = identify(authorization, both, accepts, peer, now)
        assert isinstance(refused, Refusal) and refused.reason is expected


@pytest.mark.parametrize("listener", ["public", "both"])
def test_a_certificate_that_was_revoked_is_not_good_beside_a_token(
    generation: Generation, tmp_path: Path, listener: str
) -> None:
    """Rules may ask for both, and a token may be bound to it."""
    file = TokenFile(tmp_path / "tokens.json")
    _, text = file.issue("ci", 2_000, 0.0)
    file.deny(Denied(0.0, 1_000.0, id=CERTIFIED.sha256))
    accepts, terms = Accepts(file.load()), generation.listeners[listener]
    refused = identify(f"Bearer {text}".encode(), terms, accepts, CERTIFIED, 1.0)
    assert isinstance(refused, Refusal) and refused.reason is Reason.AUTH_REVOKED
    other = evolve(CERTIFIED, sha256="cd" * 32)
    assert isinstance(identify(f"Bearer {text}".encode(), terms, accepts, other, 1.0), Principal)


def test_a_route_for_bound_tokens_takes_no_others(generation: Generation, tmp_path: Path) -> None:
    """Whoever has issued them: neither the gate, nor by an assertion. A certificate alone is as good."""
    file = TokenFile(tmp_path / "tokens.json")
    _, loose = file.issue("loose", 60, 0.0, bound=Bound.to(routes=["one"]))
    _, unbound = file.issue("unbound", 60, 0.0)
    _, held = file.issue("held", 60, 0.0, bound=Bound.to(certificates=["ci.example"]))
    accepts, public = Accepts(file.load()), generation.listeners["public"]
    route: Any = SimpleNamespace(name="one", table=SimpleNamespace(path="/one", bound=True))

    def found(
        text: str | None, terms: ListenerTerms = public, peer: Certificate | None = CERTIFIED
    ) -> object:
        shown = f"Bearer {text}".encode() if text is not None else None
        said = admission.identify(shown, terms, accepts, peer, 1.0, route=route, host="gate.test")
        return said.reason if isinstance(said, Refusal) else said

    assert found(loose) is found(unbound) is found(held, peer=None) is Reason.AUTH_BINDING
    assert found(loose, peer=None) is found(unbound, peer=None) is Reason.AUTH_BINDING
    for text in (held, None):
        assert isinstance(found(text), Principal)
    sealed = evolve(public, grants=cast(Any, SimpleNamespace(judge=lambda *_: CERTIFIED_PRINCIPAL)))
    assert found("mcpgate_s_abc", sealed) is Reason.AUTH_BINDING
    assert found(None, generation.listeners["open"], None) is Reason.AUTH_MISSING


def test_a_bound_token_is_good_where_it_is_bound_to(generation: Generation, tmp_path: Path) -> None:
    """One from an address makes its admission good for that connection alone; others share theirs."""
    file = TokenFile(tmp_path / "tokens.json")
    near = Bound.to(addresses=["10.1.0.0/16"], rules=["some"], scopes=["mcp"])
    _, text = file.issue("near", 60, 0.0, bound=near)
    _, there = file.issue("there", 60, 0.0, bound=Bound.to(routes=["by-host"]))
    _, held = file.issue("held", 60, 0.0, bound=Bound.to(certificates=["ci.example"]))
    accepts, public = Accepts(file.load()), generation.listeners["public"]

    def found(text: str, peer: Certificate | None = None, address: str | None = None) -> object:
        said = identify(f"Bearer {text}".encode(), public, accepts, peer, 1.0, address)
        return said.reason if isinstance(said, Refusal) else said

    principal = found(text, address="10.1.2.3")
    assert isinstance(principal, Principal)
    assert (principal.rules, principal.scopes) == ({"some"}, {"mcp"})
    assert found(text, address="10.2.2.3") is Reason.AUTH_PLACE
    assert found(text) is Reason.AUTH_PLACE
    assert found(there) is Reason.AUTH_PLACE
    assert found(held) is Reason.AUTH_BINDING
    assert found(held, certificate("other.example")) is Reason.AUTH_BINDING
    assert isinstance(found(held, CERTIFIED), Principal)
    _, exact = file.issue("exact", 2_000, 0.0, bound=Bound.to(certificates=["ab" * 32]))
    accepts = Accepts(file.load())
    nameless = found(exact, NAMELESS)
    assert isinstance(nameless, Principal) and (nameless.certificate, nameless.expires) == (None, ENDS)
    late = identify(f"Bearer {exact}".encode(), public, accepts, NAMELESS, ENDS)
    assert isinstance(late, Refusal) and late.reason is Reason.AUTH_EXPIRED
    for name, token, host, alone in (
        ("near", text, "gate.test", True),
        ("there", there, "alias.test", False),
        ("held", held, "gate.test", False),
    ):
        one = admit(
            head(f"Authorization: Bearer {token}", host=host),
            terms=public,
            generation=generation,
            accepts=accepts,
            sni=None,
            peer=CERTIFIED,
            now=1.0,
            address=ip_address("10.1.2.3"),
        )
        assert isinstance(one, Admission)
        assert (one.principal.name, one.only_here) == (name, alone)


def test_what_others_have_issued_may_be_denied(generation: Generation, tmp_path: Path) -> None:
    """By the id that records show, whatever it is a proof of; and only until it is over by itself."""
    file = TokenFile(tmp_path / "tokens.json")
    file.deny(Denied(0.0, 50.0, id="ab" * 32))
    accepts, public = Accepts(file.load()), generation.listeners["public"]
    refused = identify(None, public, accepts, CERTIFIED, 49.0)
    assert isinstance(refused, Refusal) and refused.reason is Reason.AUTH_REVOKED
    assert identify(None, public, accepts, CERTIFIED, 50.0) == CERTIFIED_PRINCIPAL
    assert identify(None, public, Accepts(), CERTIFIED, 1.0) == CERTIFIED_PRINCIPAL


def test_an_admission_holds_only_while_nothing_changed(generation: Generation) -> None:
    """Another generation, other tokens or the end of the proof: it is judged again."""
    accepts = Accepts()
    found = judged(generation, head(), accepts=accepts)
    assert isinstance(found, Admission)
    assert found.still_good(generation, accepts, None, ENDS - 0.1)
    assert not found.still_good(generation, accepts, None, ENDS)
    assert not found.still_good(generation, Accepts(), None, ENDS - 0.1)
    assert found.still_good(generation, accepts, found.host, ENDS - 0.1)
    assert not found.still_good(generation, accepts, "other.test", ENDS - 0.1)
    assert found.forward.endswith(b"\r\n") and not found.forward.endswith(b"\r\n\r\n")
    assert b"content-length" not in found.forward.lower()


def test_what_was_found_before_a_denial_is_kept_for_the_record(generation: Generation) -> None:
    """The route of a caller that is not known, and the caller whose body is too large."""
    stranger = judged(generation, head(), certificate=None)
    assert isinstance(stranger, Denial)
    assert stranger.route is not None and stranger.route.name == "one"
    assert stranger.principal is None
    known = judged(generation, head(method="OPTIONS"))
    assert isinstance(known, Denial) and known.principal == CERTIFIED_PRINCIPAL


def test_a_failure_too_many_keeps_what_was_found_and_says_what_it_was(generation: Generation) -> None:
    """For the record; the caller is told how long to wait."""
    stranger = judged(generation, head(), certificate=None)
    assert isinstance(stranger, Denial)
    denial = too_often(evolve(stranger, refusal=Refusal(Reason.AUTH_INVALID, "not ours")), 12)
    assert denial.route is stranger.route
    assert (denial.refusal.reason, denial.refusal.retry_after) == (Reason.LIMIT_FAILURES, 12)
    assert denial.refusal.detail.startswith("auth.invalid: not ours")


def test_a_client_certificate_counts_until_it_expires(generation: Generation) -> None:
    """Also on a connection whose handshake was made before."""
    found = judged(generation, head())
    assert isinstance(found, Admission) and found.principal == CERTIFIED_PRINCIPAL
    late = identify(None, generation.listeners["public"], Accepts(), CERTIFIED, ENDS)
    assert isinstance(late, Refusal) and late.reason is Reason.AUTH_EXPIRED


PAGE = "Origin: https://app.test"
ASKS = "Access-Control-Request-Method: POST"


def told(found: Admission | Denial | Preflight) -> bytes:
    """The line that lets a page read the answer, if there is one."""
    cors = found.answer if isinstance(found, Preflight) else found.cors
    (line,) = [line for line in cors.split(b"\r\n") if b"allow-origin" in line] or [b""]
    return line


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        ((), b""),
        ((PAGE,), b"access-control-allow-origin: https://app.test"),
        (("Origin: https://gate.test",), b"access-control-allow-origin: https://gate.test"),
    ],
)
def test_the_answer_to_a_page_that_may_call_says_so(
    generation: Generation, lines: tuple[str, ...], allowed: bytes
) -> None:
    """Also where it is a refusal: of the route, of the caller, of the body."""
    for found, expected in (
        (judged(generation, head(*lines)), None),
        (judged(generation, head(*lines, path="/two")), Reason.ROUTE_UNKNOWN),
        (judged(generation, head(*lines), certificate=None), Reason.AUTH_MISSING),
        (judged(generation, head(*lines, "Content-Encoding: gzip")), Reason.FRAME_CONTENT_ENCODING),
        (judged(generation, head(*lines, method="OPTIONS")), Reason.FRAME_METHOD),
    ):
        assert reason(found) is expected
        assert told(found) == allowed


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "https://alias.test", "http://app.test"])
@pytest.mark.parametrize("method", ["POST", "GET", "DELETE", "OPTIONS"])
def test_a_foreign_page_is_refused_before_its_route_and_its_token_are_looked_at(
    generation: Generation, origin: str, method: str
) -> None:
    """It learns nothing, not even that it may not know: no line for its browser."""
    for path in ("/one", "/two"):
        request = head(f"Origin: {origin}", ASKS, "Authorization: Bearer x", method=method, path=path)
        found = judged(generation, request, certificate=None)
        assert isinstance(found, Denial) and found.refusal.reason is Reason.MCP_ORIGIN
        assert (found.route, found.principal, found.cors) == (None, None, b"")


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_what_a_foreign_page_has_its_browser_get_is_refused(generation: Generation, method: str) -> None:
    """An image, say: without an origin, but with the word of the browser that it is for another site."""
    request = head("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", ASKS, method=method)
    assert reason(judged(generation, request)) is Reason.MCP_ORIGIN


def test_a_foreign_host_is_refused_before_the_origin_that_is_like_it(generation: Generation) -> None:
    """What DNS rebinding sends: a name of the page's own, with the page's origin."""
    found = judged(generation, head("Origin: https://evil.test", host="evil.test"))
    assert reason(found) is Reason.FRAME_MISDIRECTED


def test_a_port_that_is_not_ours_is_still_our_host(generation: Generation) -> None:
    """A balancer or a forwarded port; it tells pages apart, though."""
    request = head("Origin: https://gate.test:9443", host="gate.test:9443")
    assert told(judged(generation, request)) == b"access-control-allow-origin: https://gate.test:9443"
    elsewhere = head("Origin: https://gate.test:9443", host="gate.test:8443")
    assert reason(judged(generation, elsewhere)) is Reason.MCP_ORIGIN


@pytest.mark.parametrize(("path", "route"), [("/one", "one"), ("/two", None)])
def test_a_preflight_is_answered_before_anybody_proved_anything(
    generation: Generation, path: str, route: str | None
) -> None:
    """Browsers send it without a token and without a certificate, and the record still has its route."""
    request = head(PAGE, ASKS, method="OPTIONS", path=path)
    found = judged(generation, request, certificate=None)
    assert isinstance(found, Preflight)
    assert found.answer.startswith(b"HTTP/1.1 204 ")
    assert (found.route.name if found.route else None) == route


def test_what_only_looks_like_a_preflight_is_an_unknown_method(generation: Generation) -> None:
    """Without an origin, or without a method to ask for."""
    for lines in ((ASKS,), (PAGE,)):
        assert reason(judged(generation, head(*lines, method="OPTIONS"))) is Reason.FRAME_METHOD
        stranger = judged(generation, head(*lines, method="OPTIONS"), certificate=None)
        assert reason(stranger) is Reason.AUTH_MISSING


def test_a_body_that_is_refused_later_is_refused_to_the_same_page(generation: Generation) -> None:
    """With all that the head had told."""
    found = judged(generation, head(PAGE))
    assert isinstance(found, Admission)
    denial = found.denied(Refusal(Reason.FRAME_CHUNK))
    assert (denial.route, denial.principal, denial.cors) == (found.route, CERTIFIED_PRINCIPAL, found.cors)
