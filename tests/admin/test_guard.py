"""Which requests may be served at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpgate.admin.guard import METHODS, Head, judge

OURS = {"localhost", "dashboard.test", "::1"}.__contains__


def status(head: Head, *, secure: bool = True) -> int | None:
    """What it is refused with."""
    refused = judge(head, OURS, secure=secure)
    return refused.status if refused is not None else None


@pytest.mark.parametrize(
    "head",
    [
        Head("GET", "localhost:9443"),
        Head("HEAD", "DASHBOARD.test"),
        Head("GET", "[::1]:9443", site="none", mode="navigate"),
        Head("GET", "localhost:9443", site="same-origin", mode="cors"),
        # Somebody follows a link in a mail.
        Head("GET", "localhost:9443", site="cross-site", mode="navigate"),
        # Our pages tell nobody where they are, so their forms have no origin.
        Head("POST", "localhost:9443", origin="null", site="same-origin", mode="navigate"),
        Head("POST", "localhost:9443", origin="https://localhost:9443", site="same-origin"),
        Head("POST", "localhost:9443", site="same-origin"),
        # An older browser, or a program that says where it comes from.
        Head("POST", "localhost:9443", origin="https://localhost:9443"),
        Head("POST", "localhost", origin="https://localhost"),
    ],
)
def test_what_is_ours_is_served(head: Head) -> None:
    """Pages, their parts and their forms; and links to them from anywhere."""
    assert status(head) is None


@pytest.mark.parametrize(
    ("head", "refused"),
    [
        (Head("DELETE", "localhost:9443"), 405),
        (Head("OPTIONS", "localhost:9443", origin="https://evil.test"), 405),
        (Head("GET", None), 400),
        (Head("GET", "localhost:x"), 400),
        (Head("GET", "evil.test:9443"), 421),
        (Head("GET", "localhost.evil.test"), 421),
        (Head("GET", "localhost:9443", site="cross-site", mode="no-cors"), 403),
        (Head("GET", "localhost:9443", site="same-site", mode="cors"), 403),
        (Head("POST", "localhost:9443"), 403),
        (Head("POST", "localhost:9443", origin="null"), 403),
        (Head("POST", "localhost:9443", origin="https://evil.test"), 403),
        (Head("POST", "localhost:9443", origin="https://localhost"), 403),
        (Head("POST", "localhost:9443", origin="http://localhost:9443"), 403),
        (Head("POST", "localhost:9443", origin="https://localhost:9443", site="cross-site"), 403),
        (Head("POST", "localhost:9443", origin="https://evil.test", site="same-origin"), 403),
        (Head("POST", "localhost:9443", site="none"), 403),
        (Head("POST", "localhost:9443", origin="null", site="same-site", mode="navigate"), 403),
    ],
)
def test_what_is_not_is_refused(head: Head, refused: int) -> None:
    """Whoever asks, and whatever cookie or certificate their browser adds."""
    assert status(head) == refused


def test_a_forwarded_socket_is_http_on_this_machine() -> None:
    """There its pages come from http://localhost:PORT."""
    assert status(Head("POST", "localhost:8000", origin="http://localhost:8000"), secure=False) is None
    assert status(Head("POST", "localhost", origin="http://localhost"), secure=False) is None
    assert status(Head("POST", "[::1]:8000", origin="http://[::1]:8000"), secure=False) is None
    assert status(Head("POST", "localhost:8000", origin="https://localhost:8000"), secure=False) == 403
    assert status(Head("GET", "evil.test:8000"), secure=False) == 421


known = st.sampled_from(["null", "https://localhost", "localhost", "same-origin", "navigate"])
texts = st.one_of(st.none(), st.text(max_size=40), known)


@given(st.sampled_from(sorted(METHODS)), texts, texts, texts, texts)
def test_no_head_is_too_odd(
    method: str, host: str | None, origin: str | None, site: str | None, mode: str | None
) -> None:
    """Nothing raises; and no form passes that is not surely our own page's."""
    passed = status(Head(method, host, origin, site, mode)) is None
    if passed and method == "POST":
        assert site == "same-origin" or (site is None and origin is not None and origin.startswith("https://"))
