"""C{[[saml]]}: an identity provider whose assertions are exchanged for tokens of the gate's own."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import option

_CLAIM = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
# RFC 6749 section 3.3.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")


def claim_name(given: str) -> str:
    """
    A claim, as rules name it behind C{claim.}.

    @raise ValueError: a path could not name it.
    """
    if not _CLAIM.fullmatch(given):
        raise ValueError("is not a name for a claim: up to 64 letters, digits, - and _ behind the dot")
    return given


def _scope(given: str) -> str:
    if not _SCOPE.fullmatch(given):
        raise ValueError("is not a scope: visible ASCII without spaces, quotes and backslashes")
    return given


@frozen
class SamlTable:
    """C{[[saml]]}: an identity provider that speaks SAML 2.0, what its assertions must be (RFC 7522), and
    what the tokens are good for that the gate grants for them."""

    name: str = option(
        "What rules (who.issuer) and records call the identity provider.", forms.name(), example='"corp"'
    )
    metadata: Path = option(
        "File with the identity provider's metadata: its name and its certificates. It is watched: a "
        "rollover is a file that changes.",
        forms.file(),
        example='"/etc/mcpgate/corp-metadata.xml"',
    )
    audience: tuple[str, ...] = option(
        "What assertions may be for (Audience), beside the URL of the token endpoint.",
        forms.many(forms.text("a URI, such as our entity id at the identity provider"), lone=True),
        default=(),
        example='"https://gate.example.com/saml"',
    )
    # So much may two clocks differ that are both kept by NTP and badly.
    skew: float = option(
        "By how much the identity provider's clock and ours may differ.",
        forms.duration("0s", "5m"),
        default=30.0,
        example='"10s"',
    )
    # Whoever copies an assertion has so long to be the first. Five minutes are what identity providers
    # mostly give for a browser to carry it.
    max_lifetime: float = option(
        "For how long an assertion may still be valid when it comes; longer ones are refused.",
        forms.duration("30s", "1h"),
        default=300.0,
        example='"10m"',
    )
    # The identity provider is not asked again while the token lives: short enough for somebody who leaves,
    # long enough for most jobs.
    lifetime: float = option(
        "For how long a granted token is good.",
        forms.duration("1m", "1h"),
        default=900.0,
        example='"5m"',
    )
    groups: str | None = option(
        "Name of the attribute with the groups of the subject (who.group).",
        forms.text("the Name of an attribute"),
        default=None,
        example='"http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"',
    )
    attributes: tuple[tuple[str, str], ...] = option(
        "Name of an attribute that rules can ask for as claim.NAME. Each is in the token, so name only those "
        "that rules ask for.",
        forms.text("the Name of an attribute"),
        key="attribute.NAME",
        opens="attribute.",
        rest=claim_name,
        default=(),
        example='"urn:oid:0.9.2342.19200300.100.1.3"',
    )
    routes: tuple[str, ...] = option(
        "The routes that its tokens are good for; left out, all.",
        forms.many(forms.name(), lone=True),
        default=(),
        example='["github", "jira"]',
    )
    scopes: tuple[str, ...] = option(
        "The scopes that its tokens may have, and do unless fewer are asked for.",
        forms.many(forms.text("a scope", _scope), lone=True),
        default=(),
        example='["mcp", "tools:write"]',
    )
