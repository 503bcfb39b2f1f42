"""An upstream may name where to POST to, at its own origin."""

from __future__ import annotations

import pytest

from mcpgate.reasons import Reason, Refusal
from mcpgate.wire.endpoint import TARGET_MOST, target_of


def named(data: bytes) -> bytes | Refusal:
    return target_of(data, authority=b"up.example:8443", base=b"/v1/sse?tenant=a")


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (b"/messages/?session_id=0123abcd", b"/messages/?session_id=0123abcd"),
        (b"message?sessionId=x", b"/v1/message?sessionId=x"),
        (b"?sessionId=x", b"/v1/sse?sessionId=x"),
        (b"../m", b"/m"),
        (b"https://up.example:8443/m?s=1", b"/m?s=1"),
        (b"https://UP.example:8443/m", b"/m"),
        (b"https://up.example:8443", b"/"),
    ],
)
def test_a_place_of_its_own_is_taken(data: bytes, target: bytes) -> None:
    """As the official Python (a path), the TypeScript (a path) and other servers name it."""
    assert named(data) == target


@pytest.mark.parametrize(
    "data",
    [
        b"https://evil.example/m",
        b"https://up.example/m",
        b"https://up.example:8443@evil.example/m",
        b"//evil.example/m",
        b"http://up.example:8443/m",
        b"javascript:alert(1)",
        b"https://[/m",
        b"/m\xff",
        b"/m x",
        b"/m\\x",
        b"/m?s=%zz",
        b"/" + b"m" * TARGET_MOST,
    ],
)
def test_any_other_is_refused_without_being_repeated(data: bytes) -> None:
    """What stands there is mostly a session's id."""
    found = named(data)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.UPSTREAM_ENDPOINT
    assert data.decode("latin-1") not in found.detail
