"""The configuration as frozen values: one class per table of the file.

Nothing here reads a file. C{config.load} makes these values from TOML and reports every problem at
once; each field's C{help} and C{form} are what C{mcpgate explain} and the reference page print.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from attrs import Factory, field, frozen

from mcpgate.config import forms
from mcpgate.config.condition import Condition, condition, read_path
from mcpgate.config.forms import Form
from mcpgate.config.problem import Problem
from mcpgate.tls.profile import CIPHERS, GROUPS, PROFILES, VERSIONS


def option(help: str, form: Form, *, example: str = "", **more: Any) -> Any:
    """A field of the configuration file: the sentence that explains it, and how it is written.

    C{example} is TOML, and not the default: examples show what somebody would change. C{key}: as it stands
    in the file, where that is no name of a field. C{opens}: all keys that begin so are of this form, and
    C{rest} reads what stands behind that, or raises C{ValueError}.
    """
    facts = {"help": help, "form": form, "example": example}
    facts |= {name: more.pop(name) for name in ("key", "opens", "rest") if name in more}
    return field(metadata=facts, kw_only=True, **more)


def table(help: str, cls: type, *, example: str = "", **more: Any) -> Any:
    """A field that is a table of its own."""
    return field(metadata={"help": help, "table": cls, "example": example}, kw_only=True, **more)


# Where the floors of durations lie: below 100 ms a timeout only ever hits honest peers.
SHORTEST = "100ms"


@frozen
class RootTable:
    """The file itself: what stands before the first table."""

    include: tuple[str, ...] = option(
        "Files that hold further rules, detectors and budgets, and nothing else; with * and ? as a shell "
        "has them. They are read whenever this file is.",
        forms.many(forms.text("a path, with * and ? for several files"), lone=True),
        default=(),
        example='"policies/*.toml"',
    )


@frozen
class GateTable:
    """C{[gate]}: what is true of the whole gate."""

    state: Path = option(
        "Directory for the journal, tokens, session keys and the control socket.",
        forms.file("the path of a directory"),
        example='"/var/lib/mcpgate"',
    )
    drain: float = option(
        "How long in-flight exchanges may take to finish at shutdown.",
        forms.duration("0s", "1h"),
        default=30.0,
        example='"2m"',
    )
    watch: float = option(
        "How often certificate, trust and token files are looked at.",
        forms.duration(SHORTEST, "1h"),
        default=2.0,
        example='"30s"',
    )
    # One: a second process pays from the second core on, and costs some 50 MB.
    workers: int | str = option(
        "How many processes serve, under one that supervises them; auto is one for each core.",
        forms.workers(),
        default=1,
        example='"auto"',
    )


@frozen
class LimitsTable:
    """
    C{[limits]}: bounds on what anybody may make one worker of the gate hold or wait for.

    Those of a single upstream stand with it. C{mcpgate status} shows all of them.
    """

    # 10 s: a full TLS 1.3 handshake takes two round trips; even a satellite link needs under 2 s.
    handshake_timeout: float = option(
        "From accept to a finished handshake.", forms.duration(SHORTEST, "5m"), default=10.0, example='"5s"'
    )
    # nginx's client_header_timeout is 60 s idle; ours is absolute, so it can be shorter.
    head_timeout: float = option(
        "From a request's first byte to the end of its head.",
        forms.duration(SHORTEST, "5m"),
        default=10.0,
        example='"5s"',
    )
    # Time for 4 MiB at 1.2 Mbit/s. Absolute: what dribbles in at body_rate ends here as well.
    body_timeout: float = option(
        "From the end of the head to the end of the body.",
        forms.duration(SHORTEST, "1h"),
        default=30.0,
        example='"2m"',
    )
    # Slower than any link that people still use; a body held open at one byte a second would cost
    # its sender nothing and us a connection.
    body_rate: int = option(
        "How much of a body must arrive per second, on average, once body_grace is over.",
        forms.size("1B", "1MiB"),
        default=1024,
        example='"4KiB"',
    )
    # Every client sends a small body at once; on a live connection, retransmission makes up for
    # three packets lost in a row by then.
    body_grace: float = option(
        "How far a body may be behind body_rate.",
        forms.duration(SHORTEST, "5m"),
        default=2.0,
        example='"5s"',
    )
    # A little more than the keep-alive of Node (65 s behind most balancers) and nginx (75 s).
    idle_timeout: float = option(
        "How long a connection may wait between requests.",
        forms.duration(SHORTEST, "1d"),
        default=75.0,
        example='"5m"',
    )
    # It would hold memory, and whatever feeds it, for ever. nginx's send_timeout is 60 s; guides ask for
    # 30, in which TCP has tried again a dozen times.
    send_timeout: float = option(
        "How long a peer may take nothing of what is waiting for it; for connections made from then on.",
        forms.duration(SHORTEST, "1h"),
        default=30.0,
        example='"1m"',
    )
    # The default of nginx (4 x 8 KiB); Python's and Node's servers stop at 16 to 64 KiB.
    head_size: int = option(
        "Largest request head, in bytes.", forms.size("1KiB", "1MiB"), default=32 * 1024, example='"16KiB"'
    )
    # The official Python and TypeScript servers stop at 4 MiB. A body is held in memory while it is
    # judged; beyond 256 MiB a handful of callers could exhaust it.
    body_size: int = option(
        "Largest request body, in bytes.",
        forms.size("1KiB", "256MiB"),
        default=4 * 1024 * 1024,
        example='"1MiB"',
    )
    # A chunk costs its parsing whatever its size; 1024 and one more for each 256 bytes is far above
    # what clients send (a chunk for each write), and keeps the cost in proportion to the size.
    chunks: int = option(
        "How many chunks a request body may have beside one for each 256 bytes.",
        forms.count(1, 1_000_000),
        default=1024,
        example="256",
    )
    # A few full TLS records in flight; with one turn's read (256 KiB) it bounds what an exchange
    # holds, so a thousand readers that do not read hold 128 MiB.
    buffer: int = option(
        "What is kept for a peer that reads slowly before its source is stopped; for connections made "
        "from then on.",
        forms.size("16KiB", "64MiB"),
        default=128 * 1024,
        example='"256KiB"',
    )
    # Clients hold an event until its end; the official Python client takes no more than 1 MiB.
    event_size: int = option(
        "Largest single event of a stream that an upstream may send.",
        forms.size("1KiB", "256MiB"),
        default=1024 * 1024,
        example='"4MiB"',
    )
    # Held in memory while it is judged. Eight times what may be asked with: resources and images are large.
    answer_size: int = option(
        "Largest answer of an upstream that is not a stream.",
        forms.size("1KiB", "1GiB"),
        default=32 * 1024 * 1024,
        example='"64MiB"',
    )
    # 20 to 30 KiB each: 16384 idle callers take less than half a GiB.
    connections: int = option(
        "Most connections of callers to one worker; never more than its descriptor limit leaves room for.",
        forms.count(1, 1_000_000),
        default=16384,
        example="4096",
    )
    # A NAT or a proxy before us may be thousands of callers; a single one of them a dozen connections.
    connections_per_address: int = option(
        "Most connections of one address (of IPv6, one /64) to one worker.",
        forms.count(1, 1_000_000),
        default=4096,
        example="64",
    )
    # A core finishes about a thousand a second, so these are half a second's worth; honest ones take
    # two round trips.
    handshakes: int = option(
        "Most unfinished handshakes of one worker; beyond it, those that have shown least are closed.",
        forms.count(1, 65535),
        default=512,
        example="2048",
    )
    # A client whose token ran out tries a few times and gives up; nobody guesses one of 256 bits, but
    # trying costs us a handshake and three records each.
    failures: int = option(
        "How many bad tokens or plaintext requests an address (of IPv6, one /64) may present to one "
        "worker in failures_period before it is cut short; good tokens from it are always served.",
        forms.count(1, 65535),
        default=20,
        example="5",
    )
    failures_period: float = option(
        "The time that failures are counted over.",
        forms.duration("1s", "1d"),
        default=60.0,
        example='"10m"',
    )
    # A day's work. A client opens another session by itself, as MCP asks of it; the shorter, the less an id
    # that leaked together with its token is worth, and the fewer keys are kept. At most 30 days, as keys
    # are kept for so long.
    session_lifetime: float = option(
        "How long a session may be used after it was opened, however busy it is (MCP up to 2025-11-25).",
        forms.duration("1m", "30d"),
        default=86400.0,
        example='"8h"',
    )
    # A meeting or a lunch: less, and people who come back find their session gone. At least 5 minutes, as
    # use is noted once a minute.
    session_idle: float = option(
        "How long a session may go without a request or an open stream before the gate ends it at its "
        "upstream.",
        forms.duration("5m", "30d"),
        default=3600.0,
        example='"30m"',
    )


@frozen
class ListenerTable:
    """C{[[listener]]}: an address we accept on, with its certificates and profile."""

    name: str = option("The listener's name in records and messages.", forms.name(), example='"public"')
    listen: str = option(
        "A Twisted endpoint description, such as tcp:8443; TLS is always put on it.",
        forms.listen(),
        example='"tcp:8443:interface=10.0.0.5"',
    )
    certificates: Path = option(
        "A PEM file, or a directory of PEM pairs chosen by SNI.", forms.file(), example='"/etc/mcpgate/tls"'
    )
    public_url: str | None = option(
        "The https URL by which callers reach this listener.",
        forms.public_url(),
        default=None,
        example='"https://gate.example.com:8443"',
    )
    hosts: tuple[str, ...] = option(
        "Further host names that callers may use, beside public_url's and the certificates'.",
        forms.many(forms.host()),
        default=(),
        example='["mcp.example.com"]',
    )
    origins: tuple[str, ...] = option(
        "Origins of web pages that may call from a browser, beside the listener's own.",
        forms.many(forms.origin()),
        default=(),
        example='["https://app.example.com", "http://localhost:6274"]',
    )
    profile: str = option(
        "modern (TLS 1.3) or intermediate (adds 1.2 with ECDHE AEAD).",
        forms.word("profile", ("modern", "intermediate")),
        default="modern",
        example='"intermediate"',
    )
    require_pq: bool = option(
        "Accept only post-quantum key exchange.", forms.switch(), default=False, example="true"
    )
    client_certificates: str = option(
        "off, optional or required.",
        forms.word("client certificate mode", ("off", "optional", "required")),
        default="off",
        example='"required"',
    )
    client_ca: Path | None = option(
        "PEM file of the CAs that client certificates must chain to.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/clients.pem"',
    )
    client_crl: Path | None = option(
        "PEM file of revocation lists for client certificates.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/clients.crl"',
    )
    tokens: bool = option(
        "Accept bearer tokens that this gate issued.", forms.switch(), default=True, example="false"
    )
    proxy_from: tuple[IPv4Network | IPv6Network, ...] = option(
        "Balancers whose connections begin with a PROXY protocol header (version 2) that says who the "
        "caller is; from nobody else is one accepted.",
        forms.many(forms.network()),
        default=(),
        example='["10.0.0.5", "10.1.0.0/24"]',
    )


@frozen
class CredentialTable:
    """C{credential}: what the gate shows the upstream. The value is a reference, never the secret."""

    bearer: str | None = option(
        "Reference to a bearer token: file:PATH, env:NAME or credential:NAME.",
        forms.reference(),
        default=None,
        example='"file:/etc/mcpgate/secrets/github"',
    )
    header: str | None = option(
        "Name of a header to set instead of Authorization.",
        forms.header(),
        default=None,
        example='"X-Api-Key"',
    )
    value: str | None = option(
        "Reference to that header's value.", forms.reference(), default=None, example='"credential:github"'
    )


@frozen
class UpstreamTable:
    """C{[[upstream]]}: an MCP server, and what we demand of it."""

    name: str = option(
        "The upstream's name in records, rules and messages.", forms.name(), example='"github"'
    )
    url: str = option(
        "The server's https URL; there is no other scheme.",
        forms.upstream_url(),
        example='"https://mcp.github.internal/mcp"',
    )
    address: str | None = option(
        "Where to dial, host:port; the name that is checked stays the URL's.",
        forms.dial(),
        default=None,
        example='"10.0.0.7:443"',
    )
    trust: str = option(
        "system, or a PEM file of CAs.", forms.trust(), default="system", example='"/etc/mcpgate/ca.pem"'
    )
    crl: Path | None = option(
        "PEM file of revocation lists; with it, every certificate is checked.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/ca.crl"',
    )
    pins: tuple[str, ...] = option(
        "SPKI pins, sha256/BASE64, on top of chain and name.",
        forms.many(forms.pin()),
        default=(),
        example='["sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="]',
    )
    pin_at: str = option(
        "Which certificates of the verified chain a pin may match: leaf, issuer or any.",
        forms.word("place for a pin", ("leaf", "issuer", "any")),
        default="any",
        example='"leaf"',
    )
    pin_mode: str = option(
        "enforce, or report_only: a mismatch is recorded but not refused.",
        forms.word("pin mode", ("enforce", "report_only")),
        default="enforce",
        example='"report_only"',
    )
    profile: str = option(
        "modern or intermediate.",
        forms.word("profile", ("modern", "intermediate")),
        default="modern",
        example='"intermediate"',
    )
    require_pq: bool = option(
        "Accept only post-quantum key exchange.", forms.switch(), default=False, example="true"
    )
    client_certificate: Path | None = option(
        "PEM file with the certificate shown to the upstream.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/gate.pem"',
    )
    client_key: Path | None = option(
        "PEM file with its key, where it is not in the same file.",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/gate.key"',
    )
    credential: CredentialTable | None = table(
        "What the gate shows the upstream.",
        CredentialTable,
        default=None,
        example='{ bearer = "file:/etc/mcpgate/secrets/github" }',
    )
    # A server that is upgraded changes its tools, too: to withhold them by default would stop work on such
    # a day, and teach people to accept without a look. To say nothing would let a harmless tool become
    # another one unseen.
    definitions: str = option(
        "What happens when the upstream changes the definition of a tool: record it; alert in the log, too; "
        "quarantine the tool, or block all its tools, until somebody accepts it (mcpgate policy accept).",
        forms.word("reaction", ("record", "alert", "quarantine", "block")),
        default="alert",
        example='"quarantine"',
    )
    connect_timeout: float = option(
        "For name resolution and TCP.", forms.duration(SHORTEST, "5m"), default=5.0, example='"2s"'
    )
    handshake_timeout: float = option(
        "For the TLS handshake.", forms.duration(SHORTEST, "5m"), default=10.0, example='"5s"'
    )
    # Tools may think for minutes; the official Python client waits 300 s.
    answer_timeout: float = option(
        "From a forwarded request to the first byte of its answer.",
        forms.duration(SHORTEST, "1d"),
        default=300.0,
        example='"30m"',
    )
    # TCP keep-alive finds a dead peer within a minute, and most servers send heartbeats, so this only
    # bounds what a forgotten stream holds: a connection on either leg.
    quiet_timeout: float = option(
        "How long an event stream may carry nothing at all.",
        forms.duration(SHORTEST, "7d"),
        default=3600.0,
        example='"5m"',
    )
    # Below uvicorn's and Node's 5 s, so that we close first and never race their close.
    keepalive: float = option(
        "How long an unused connection is kept.", forms.duration("0s", "1h"), default=4.0, example='"55s"'
    )
    # Every open stream holds one; a pool smaller than the streams would starve calls.
    connections: int = option(
        "Most connections of one worker to this upstream at once.",
        forms.count(1, 65535),
        default=1024,
        example="64",
    )
    # Each holds its request's body, and none waits longer than one dial may take.
    queue: int = option(
        "Most callers of one worker that wait for such a connection at once.",
        forms.count(1, 65535),
        default=1024,
        example="128",
    )


@frozen
class RouteTable:
    """C{[[route]]}: which path (and host) leads to which upstream."""

    path: str = option("The exact path that callers use.", forms.path(), example='"/github"')
    upstream: str = option("The upstream's name.", forms.name(), example='"github"')
    name: str = option(
        "The route's name in rules and records; the upstream's name by default.",
        forms.name(),
        default=Factory(lambda self: self.upstream, takes_self=True),
        example='"github-read"',
    )
    host: str | None = option(
        "Only requests for this host name.", forms.host(), default=None, example='"mcp.example.com"'
    )


@frozen
class OnTable:
    """C{on}: which messages a rule is about; what is left out matches everything."""

    route: tuple[str, ...] = option(
        "Route names.", forms.many(forms.name(), lone=True), default=(), example='["github", "jira"]'
    )
    method: tuple[str, ...] = option(
        "MCP methods; left out, all that clients have and the gate knows. What an upstream asks of its "
        "callers (sampling/createMessage, elicitation/create, roots/list) only where it is named.",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='"tools/call"',
    )
    name: tuple[str, ...] = option(
        "Tool or prompt names or resource URIs.",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='["get_*", "list_*"]',
    )
    direction: tuple[str, ...] = option(
        "request (what callers send) or answer (what upstreams send). Left out, mask and block lists are "
        "about answers; verdicts about requests, and about what upstreams ask where a method names it.",
        forms.many(forms.word("direction", ("request", "answer")), lone=True),
        default=(),
        example='"request"',
    )


@frozen
class WhoTable:
    """C{who}: which callers a rule is about; all that stands here must hold, and what is left out may be
    anything."""

    issuer: tuple[str, ...] = option(
        "Who vouches for the caller: the name of an issuer.",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='"okta"',
    )
    subject: tuple[str, ...] = option(
        "The caller's subject at its issuer.",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='["00u1a2b3", "svc-*"]',
    )
    group: tuple[str, ...] = option(
        "A group that the caller is in, by its issuer or its issued token (mcpgate token issue --group).",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='["developers", "ops"]',
    )
    certificate: tuple[str, ...] = option(
        "The identity in the client certificate: its SPIFFE ID or first DNS name.",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='"spiffe://example.org/ci/*"',
    )
    token: tuple[str, ...] = option(
        "The name or the id of a token that this gate issued.",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='"ci-*"',
    )
    address: tuple[IPv4Network | IPv6Network, ...] = option(
        "Addresses or networks that the caller connects from.",
        forms.many(forms.network(), lone=True),
        default=(),
        example='["10.0.0.0/8", "2001:db8::/32"]',
    )
    claims: tuple[tuple[str, tuple[str, ...]], ...] = option(
        "A claim of the caller's token, by its path; of a list, any element.",
        forms.many(forms.pattern(), lone=True),
        key="claim.NAME",
        opens="claim.",
        rest=read_path,
        default=(),
        example='"acme/*"',
    )


@frozen
class WhereTable:
    """C{where}: what a message's params must hold; all conditions together."""

    conditions: tuple[tuple[str, Condition], ...] = option(
        "What stands at a path of the params, such as \"arguments.path\" or \"arguments.items[].id\". Of a "
        "list's elements an allow rule needs all to hold, any other rule one.",
        condition(),
        key="PATH",
        opens="",
        rest=read_path,
        default=(),
        example='"/srv/*"',
    )


def _demands(leg: str, other: str, **more: Any) -> Any:
    """A demand on one leg: its key has a dot in it."""
    return option(key=f"{leg}.{other}", default=more.pop("default", ()), **more)


_VERSIONS = forms.many(forms.word("TLS version", sorted(VERSIONS)), lone=True)
_CIPHERS = forms.many(forms.word("cipher suite", CIPHERS), lone=True)
_GROUPS = forms.many(forms.word("group", GROUPS), lone=True)
_PROFILE = forms.word("profile", sorted(PROFILES))


@frozen
class RequireTable:
    """C{require}: what must hold of the connections themselves for an allow rule to allow."""

    inbound_version: tuple[str, ...] = _demands(
        "inbound", "version", help="TLS versions of the caller's leg.", form=_VERSIONS, example='"TLSv1.3"'
    )
    inbound_cipher: tuple[str, ...] = _demands(
        "inbound",
        "cipher",
        help="Cipher suites of the caller's leg.",
        form=_CIPHERS,
        example='["TLS_AES_256_GCM_SHA384"]',
    )
    inbound_group: tuple[str, ...] = _demands(
        "inbound",
        "group",
        help="Key-exchange groups of the caller's leg.",
        form=_GROUPS,
        example='"X25519MLKEM768"',
    )
    inbound_post_quantum: bool = _demands(
        "inbound",
        "post_quantum",
        help="The caller's leg has a post-quantum key exchange.",
        form=forms.affirmed(),
        default=False,
        example="true",
    )
    inbound_client_certificate: bool = _demands(
        "inbound",
        "client_certificate",
        help="The caller's leg has a client certificate, whatever else the caller proves itself by.",
        form=forms.affirmed(),
        default=False,
        example="true",
    )
    inbound_profile: str | None = _demands(
        "inbound",
        "profile",
        help="The profile that the caller's leg reaches.",
        form=_PROFILE,
        default=None,
        example='"modern"',
    )
    outbound_version: tuple[str, ...] = _demands(
        "outbound", "version", help="TLS versions of the upstream's leg.", form=_VERSIONS, example='"TLSv1.3"'
    )
    outbound_cipher: tuple[str, ...] = _demands(
        "outbound",
        "cipher",
        help="Cipher suites of the upstream's leg.",
        form=_CIPHERS,
        example='["TLS_AES_256_GCM_SHA384"]',
    )
    outbound_group: tuple[str, ...] = _demands(
        "outbound",
        "group",
        help="Key-exchange groups of the upstream's leg.",
        form=_GROUPS,
        example='"X25519MLKEM768"',
    )
    outbound_post_quantum: bool = _demands(
        "outbound",
        "post_quantum",
        help="The upstream's leg has a post-quantum key exchange.",
        form=forms.affirmed(),
        default=False,
        example="true",
    )
    outbound_pinned: bool = _demands(
        "outbound",
        "pinned",
        help="A pin of the upstream matched.",
        form=forms.affirmed(),
        default=False,
        example="true",
    )
    outbound_client_certificate: bool = _demands(
        "outbound",
        "client_certificate",
        help="The gate showed the upstream a certificate of its own.",
        form=forms.affirmed(),
        default=False,
        example="true",
    )
    outbound_profile: str | None = _demands(
        "outbound",
        "profile",
        help="The profile that the upstream's leg reaches.",
        form=_PROFILE,
        default=None,
        example='"modern"',
    )


@frozen
class RuleTable:
    """C{[[rule]]}: what may pass. Rules have no order: block beats hold beats allow, masks add up, and
    what no rule allows is blocked."""

    name: str = option("The rule's name in records.", forms.name(), example='"read-only"')
    verdict: str | None = option(
        "allow, block or hold (a person decides); left out where mask or block stands.",
        forms.word("verdict", ("allow", "block", "hold")),
        default=None,
        example='"allow"',
    )
    who: WhoTable = table(
        "Which callers it is about; left out, all.",
        WhoTable,
        default=Factory(WhoTable),
        example='{ group = "developers", address = "10.0.0.0/8" }',
    )
    on: OnTable = table(
        "Which messages it is about.",
        OnTable,
        default=Factory(OnTable),
        example='{ route = "github", method = "tools/call", name = ["get_*", "list_*"] }',
    )
    where: WhereTable = table(
        "What their params must hold.",
        WhereTable,
        default=Factory(WhereTable),
        example='{ "arguments.path" = "/srv/*", "arguments.limit" = { min = 1, max = 100 } }',
    )
    require: RequireTable = table(
        "What the connections must be for an allow rule to allow.",
        RequireTable,
        default=Factory(RequireTable),
        example='{ "inbound.version" = "TLSv1.3", "outbound.pinned" = true }',
    )
    mask: tuple[str, ...] = option(
        "Detectors: what they find is masked.",
        forms.many(forms.name(), lone=True),
        default=(),
        example='["email", "card"]',
    )
    block: tuple[str, ...] = option(
        "Detectors: a message in which they find something does not pass.",
        forms.many(forms.name(), lone=True),
        default=(),
        example='"private-key"',
    )
    # Below the 300 s that the official Python client waits for an answer, if only just.
    wait: float = option(
        "Of a hold rule: how long people have to decide before the call is refused.",
        forms.duration("1s", "1d"),
        default=300.0,
        example='"2m"',
    )
    said: str = option(
        "Of a hold rule: why the call waits, shown to the caller and to who decides.",
        forms.sentence(),
        default="",
        example='"Deletes need a second pair of eyes"',
    )
    shadow: bool = option(
        "Only record what the rule would have said.", forms.switch(), default=False, example="true"
    )


@frozen
class BudgetTable:
    """C{[[budget]]}: how much may be used, by all workers of a host together."""

    name: str = option("The budget's name in records.", forms.name(), example='"searches"')
    who: WhoTable = table(
        "Which callers it is about; left out, all.",
        WhoTable,
        default=Factory(WhoTable),
        example='{ group = "developers" }',
    )
    on: OnTable = table(
        "Which messages it is about; without methods, all that name a tool, prompt or resource, and "
        "those of methods that the gate does not know.",
        OnTable,
        default=Factory(OnTable),
        example='{ route = "github", method = "tools/call", name = "search_*" }',
    )
    per: tuple[str, ...] = option(
        "What has a count of its own: each principal, route or tool (or prompt, or resource), or each "
        "combination of several; left out, all that it is about is counted together.",
        forms.many(forms.word("thing to count by", ("principal", "route", "tool")), lone=True),
        default=(),
        example='["principal", "tool"]',
    )
    # A minute: people think of rates in it, and whoever has used it up waits no longer than for a tool.
    # Not beyond a day: what is counted does not outlive the machine.
    window: float = option(
        "The time that calls and bytes are counted over.",
        forms.duration("1s", "1d"),
        default=60.0,
        example='"1h"',
    )
    calls: int | None = option(
        "Most calls in any window.", forms.count(1, 1_000_000_000), default=None, example="100"
    )
    bytes: int | None = option(
        "Most bytes of bodies in any window, of requests and answers; the call that goes beyond is finished.",
        forms.size("1KiB", "1024GiB"),
        default=None,
        example='"10MiB"',
    )
    concurrent: int | None = option(
        "Most calls that run at once.", forms.count(1, 65535), default=None, example="5"
    )
    result_size: int | None = option(
        "Largest answer to one call.", forms.size("1B", "1GiB"), default=None, example='"1MiB"'
    )
    shadow: bool = option(
        "Only record what it would refuse.", forms.switch(), default=False, example="true"
    )


@frozen
class DetectorTable:
    """C{[[detector]]}: what else rules can mask or block by, beside the detectors that are built in."""

    name: str = option("The detector's name in rules and records.", forms.name(), example='"employee-id"')
    regex: str | None = option(
        "What it looks for in texts.", forms.expression(), default=None, example='"E[0-9]{6}"'
    )
    path: str | None = option(
        "Which member of structured content, of arguments, or of text that is JSON, it finds whole.",
        forms.member(),
        default=None,
        example='"customer.ssn"',
    )


#: The tables of a file: those that stand once, C{[gate]}, and those that repeat, C{[[listener]]}.
SINGLE: Mapping[str, type] = {"gate": GateTable, "limits": LimitsTable}
REPEATED: Mapping[str, type] = {
    "listener": ListenerTable,
    "upstream": UpstreamTable,
    "route": RouteTable,
    "rule": RuleTable,
    "detector": DetectorTable,
    "budget": BudgetTable,
}
#: What an included file may hold: policy, and nothing that needs a reload to be judged with the rest.
INCLUDED = frozenset({"rule", "detector", "budget"})


@frozen
class Config:
    """A whole configuration file. C{source} is where it came from, for messages.

    C{lines} says on which line a key stands, by its path (C{upstream.git.pins}); it is how a later
    check can still point into the file.
    """

    gate: GateTable
    limits: LimitsTable
    listeners: tuple[ListenerTable, ...]
    upstreams: tuple[UpstreamTable, ...]
    routes: tuple[RouteTable, ...]
    rules: tuple[RuleTable, ...]
    detectors: tuple[DetectorTable, ...] = ()
    budgets: tuple[BudgetTable, ...] = ()
    source: Path | None = None
    #: The bytes that it was read from, for another process to read it again.
    text: bytes = field(default=b"", eq=False, repr=False)
    #: The same of the files that it includes, by their paths as they are shown.
    included: Mapping[str, bytes] = field(factory=dict, eq=False, repr=False)
    lines: Mapping[str, int] = field(factory=dict, eq=False, repr=False)
    #: Which included file a table stands in, by its path (C{rule.read-only}).
    files: Mapping[str, str] = field(factory=dict, eq=False, repr=False)

    def problem(self, path: str, message: str) -> Problem:
        """A problem at a key such as C{listener.public.certificates}, with its line and topic."""
        head, *rest = path.split(".")
        topic = ".".join([head, *(rest[1:] if head in REPEATED else rest)])
        file = self.files.get(".".join([head, *rest[:1]]), "")
        return Problem(path, self.lines.get(path), message, topic, file)
