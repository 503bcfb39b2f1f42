"""Whose a client certificate is."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.identity.peer import known_names, principal_of
from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate

NOT_AFTER = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def certificate(uris: tuple[str, ...] = (), dns_names: tuple[str, ...] = ()) -> Certificate:
    return Certificate(
        subject="CN=ignored.example",
        issuer="CN=ca",
        serial="01",
        sha256="ab" * 32,
        spki_pin="sha256/x",
        not_before=NOT_AFTER,
        not_after=NOT_AFTER,
        key="EC P-256",
        dns_names=dns_names,
        uris=uris,
    )


def test_a_spiffe_id_names_the_principal_until_the_certificate_ends() -> None:
    principal = principal_of(certificate(("spiffe://prod.example/ns/ci/sa/bot",), ("bot.example",)))
    name = "spiffe://prod.example/ns/ci/sa/bot"
    assert principal == Principal(name, "certificate", "ab" * 32, NOT_AFTER.timestamp(), certificate=name)


@pytest.mark.parametrize("uris", [(), ("https://bot.example/",), ("urn:uuid:1",)])
def test_without_a_spiffe_id_the_first_dns_name_counts_in_lower_case(uris: tuple[str, ...]) -> None:
    principal = principal_of(certificate(uris, ("Bot.Example", "other.example")))
    assert isinstance(principal, Principal)
    assert principal.name == "bot.example"


@pytest.mark.parametrize(
    ("uris", "dns_names"),
    [
        ((), ()),
        (("https://bot.example/",), ()),
        (("spiffe://a/x", "spiffe://a/y"), ()),
        (("spiffe://a/x", "https://bot.example/"), ("bot.example",)),
        (("https://a/", "https://b/"), ("bot.example",)),
        ((), ("*.example",)),
        ((), ("*.example", "bot.example")),
        ((), ("",)),
        ((), ("bot.example\n",)),
        ((), ("bot\0.example",)),
        ((), ("bot..example",)),
        ((), ("bot.example.",)),
        ((), ("bötchen.example",)),
        ((), ("a." * 127 + "aa",)),
        ((), ("x" * 64,)),
    ],
)
def test_a_certificate_that_names_nobody_or_several_is_refused(
    uris: tuple[str, ...], dns_names: tuple[str, ...]
) -> None:
    refusal = principal_of(certificate(uris, dns_names))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.AUTH_CERTIFICATE


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://a",
        "spiffe://a/",
        "spiffe:///x",
        "spiffe:a/x",
        "SPIFFE://a/x",
        "spiffe://A/x",
        "spiffe://a//x",
        "spiffe://a/x/",
        "spiffe://a/../x",
        "spiffe://a/x/.",
        "spiffe://a/%78",
        "spiffe://a/x?q",
        "spiffe://a/x#f",
        "spiffe://u@a/x",
        "spiffe://a:443/x",
        "spiffe://a/x\n",
        "spiffe://a/é",
        "spiffe://a/" + "x" * 2048,
    ],
)
def test_a_malformed_spiffe_id_is_refused_and_never_replaced_by_a_dns_name(uri: str) -> None:
    refusal = principal_of(certificate((uri,), ("bot.example",)))
    assert isinstance(refusal, Refusal)
    assert uri not in refusal.detail


KNOWN = ("CI.example", "*.build.example", "spiffe://prod.example/ns/ci/*", "^db[0-9]\\.example$")


@pytest.mark.parametrize(
    ("uris", "dns_names", "name"),
    [
        ((), ("first.example", "ci.example", "last.example"), "ci.example"),
        ((), ("CI.Example",), "ci.example"),
        ((), ("ci.example", "CI.EXAMPLE"), "ci.example"),
        ((), ("a.build.example", "*.build.example"), "a.build.example"),
        ((), ("db1.example", "db10.example"), "db1.example"),
        (("spiffe://prod.example/ns/ci/sa/bot",), ("x.example",), "spiffe://prod.example/ns/ci/sa/bot"),
        (("urn:uuid:1",), ("x.example", "ci.example"), "ci.example"),
    ],
)
def test_where_names_are_listed_the_certificate_is_for_the_one_that_is(
    uris: tuple[str, ...], dns_names: tuple[str, ...], name: str
) -> None:
    """In whatever order the CA has put them."""
    for order in (dns_names, dns_names[::-1]):
        found = principal_of(certificate(uris, order), known_names(KNOWN))
        assert isinstance(found, Principal) and (found.name, found.certificate) == (name, name)


@pytest.mark.parametrize(
    ("uris", "dns_names"),
    [
        ((), ("x.example",)),
        ((), ("*.build.example",)),
        ((), ("ci.example", "a.build.example")),
        ((), ("ci.example.evil.example",)),
        (("spiffe://prod.example/ns/web/sa/bot",), ("ci.example",)),
        (("spiffe://PROD.example/ns/ci/sa/bot",), ()),
    ],
)
def test_a_certificate_for_none_or_several_of_the_listed_names_is_refused(
    uris: tuple[str, ...], dns_names: tuple[str, ...]
) -> None:
    """A SPIFFE ID that is not listed is not replaced by a DNS name that is."""
    refusal = principal_of(certificate(uris, dns_names), known_names(KNOWN))
    assert isinstance(refusal, Refusal) and refusal.reason is Reason.AUTH_CERTIFICATE


@given(st.lists(st.text(max_size=30), max_size=3), st.lists(st.text(max_size=30), max_size=3))
def test_whatever_the_names_hold_a_principal_has_a_printable_one(
    uris: list[str], dns_names: list[str]
) -> None:
    found = principal_of(certificate(tuple(uris), tuple(dns_names)))
    if isinstance(found, Principal):
        assert found.name.isascii() and found.name.isprintable() and " " not in found.name
