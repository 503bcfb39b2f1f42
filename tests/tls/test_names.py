"""Which certificate is for which host."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.reasons import Reason
from mcpgate.tls.names import is_address, judge_name, matches
from tests import pki

ROOT = pki.Authority.root()
LEAF = ROOT.issue(
    "mcp.test", "*.wild.test", "xn--mnchen-3ya.test", addresses=["10.0.0.1", "2001:db8::1"]
).chain[0]


@pytest.mark.parametrize(
    "host",
    [
        "mcp.test",
        "MCP.test",
        "one.wild.test",
        "xn--mnchen-3ya.test",
        "10.0.0.1",
        "2001:db8::1",
        "2001:db8:0::1",
    ],
)
def test_a_host_that_is_named_is_accepted(host: str) -> None:
    assert judge_name(LEAF, host) is None


@pytest.mark.parametrize(
    "host",
    [
        *("test", "a.mcp.test", "mcp.test.evil", "wild.test", "a.b.wild.test", "mcp.test\0.evil", "leaf"),
        *("10.0.0.2", "10.0.0.1.", "010.0.0.1", "2001:db8::2", "[2001:db8::1]", "", " ", "*", "*.wild.test"),
    ],
)
def test_a_host_that_is_not_named_is_refused(host: str) -> None:
    """Also what is no host at all: it never matches."""
    refusal = judge_name(LEAF, host)
    assert refusal is not None
    assert refusal.reason is Reason.TLS_NAME


def test_the_common_name_is_never_looked_at() -> None:
    for leaf in (ROOT.issue(name="mcp.test").chain[0], ROOT.issue("other.test", name="mcp.test").chain[0]):
        assert judge_name(leaf, "mcp.test") is not None


def test_a_certificate_of_many_hosts_is_named_briefly() -> None:
    leaf = ROOT.issue(*(f"host{number}.test" for number in range(300))).chain[0]
    refusal = judge_name(leaf, "mcp.test")
    assert refusal is not None
    assert refusal.detail.endswith("host7.test and 292 more, not for mcp.test")


@given(st.binary(max_size=60))
def test_any_bytes_as_names_are_a_refusal_and_never_an_exception(raw: bytes) -> None:
    refusal = judge_name(ROOT.issue(raw_san=raw).chain[0], "mcp.test")
    assert refusal is not None
    assert refusal.reason in {Reason.TLS_BAD_SAN, Reason.TLS_NAME}


@given(st.text(max_size=40))
def test_any_host_is_judged_and_never_raises(host: str) -> None:
    refusal = judge_name(LEAF, host)
    assert refusal is None or refusal.reason is Reason.TLS_NAME


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("a.test", "a.test", True),
        ("a.test", "b.test", False),
        ("*.test", "a.test", True),
        ("*.test", "a.b.test", False),
        ("*.test", "test", False),
        ("*.test", ".test", False),
        ("10.0.0.1", "10.0.0.1", True),
    ],
)
def test_a_wildcard_stands_for_one_label(pattern: str, host: str, expected: bool) -> None:
    assert matches(pattern, host) is expected


@pytest.mark.parametrize(
    ("host", "expected"), [("127.0.0.1", True), ("::1", True), ("[::1]", False), ("a", False)]
)
def test_addresses_are_told_from_names(host: str, expected: bool) -> None:
    assert is_address(host) is expected
