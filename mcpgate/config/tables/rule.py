"""C{[[rule]]}: who may do what, over which connections."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Any

from attrs import Factory, frozen

from mcpgate.config import forms
from mcpgate.config.condition import Condition, condition, read_path
from mcpgate.config.tables.option import option, table
from mcpgate.tls.profile import CIPHERS, GROUPS, PROFILES, VERSIONS


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
        "The identity in the client certificate, whatever else proves the caller: its SPIFFE ID or DNS name.",
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
    """C{require}: what must hold besides for an allow rule to allow: of the connections, and of what the
    caller's token may be used for."""

    scope: tuple[str, ...] = option(
        "Scopes that the caller's token must have, all of them; a client is told which, to ask for them.",
        forms.many(forms.scope(), lone=True),
        default=(),
        example='"tools:write"',
    )

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
        "allow, block or hold (a person decides); left out where mask, block or record stands.",
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
        "What the connections and the token's scopes must be for an allow rule to allow.",
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
    record: str | None = option(
        "masked: what matches is recorded with its bodies, after masking, encrypted to evidence.auditor.",
        forms.word("way to record", ("masked",)),
        default=None,
        example='"masked"',
    )
    shadow: bool = option(
        "Only record what the rule would have said.", forms.switch(), default=False, example="true"
    )
