"""C{[[listener]]}: where callers are accepted, and what is demanded of them."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import option


@frozen
class ListenerTable:
    """C{[[listener]]}: an address we accept on, with its certificates and profile."""

    name: str = option("The listener's name in records and messages.", forms.name(), example='"public"')
    listen: str = option(
        "A Twisted endpoint description, such as tcp:8443; TLS is always put on it. \"embedded\" binds "
        "nothing: requests come from the application that holds the gate, over its own TLS.",
        forms.listen(),
        example='"tcp:8443:interface=10.0.0.5"',
    )
    certificates: Path | None = option(
        "A PEM file, or a directory of PEM pairs chosen by SNI. Needed, but where listen is \"embedded\".",
        forms.file(),
        default=None,
        example='"/etc/mcpgate/tls"',
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
    client_names: tuple[str, ...] = option(
        "The SPIFFE IDs and DNS names that client certificates may be for; any, if left out.",
        forms.many(forms.pattern(), lone=True),
        default=(),
        example='["spiffe://example.org/ci/*", "ci.example.com"]',
    )
    certificate_and_token: bool = option(
        "Demand both of a caller: a client certificate, and a token beside it.",
        forms.switch(),
        default=False,
        example="true",
    )
    tokens: bool = option(
        "Accept bearer tokens that this gate issued.", forms.switch(), default=True, example="false"
    )
    issuers: tuple[str, ...] | None = option(
        "The issuers whose tokens are accepted here, and the [[saml]] tables for whose assertions tokens are "
        "granted, by their names; all that there are, if left out. "
        "\"none\" accepts none.",
        forms.many(forms.name(), lone=True),
        default=None,
        example='["okta", "github-actions"]',
    )
    unsafe_anonymous: bool = option(
        "Serve callers who prove nothing, in the name of nobody; only where no proof is accepted, and on "
        "loopback.",
        forms.switch(),
        default=False,
        example="true",
    )
    token_endpoint: str = option(
        "Path at which SAML assertions are exchanged for tokens, where a [[saml]] is configured.",
        forms.path(),
        default="/token",
        example='"/oauth/token"',
    )
    proxy_from: tuple[IPv4Network | IPv6Network, ...] = option(
        "Balancers whose connections begin with a PROXY protocol header (version 2) that says who the "
        "caller is; from nobody else is one accepted.",
        forms.many(forms.network()),
        default=(),
        example='["10.0.0.5", "10.1.0.0/24"]',
    )

    @property
    def embedded(self) -> bool:
        """Whether nothing is bound for it: an application hands over the requests."""
        return self.certificates is None

    def accepts(self, issuer: str) -> bool:
        """Whether tokens of an issuer are accepted here."""
        return self.issuers is None or issuer in self.issuers
