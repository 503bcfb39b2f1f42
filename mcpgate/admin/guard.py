"""Whether a request to the dashboard may be served at all, whoever asks (pure).

Refused are another host's name (DNS rebinding), and what another site has a browser send: a form, or
anything but a link that somebody follows. A browser says where a request comes from (C{Sec-Fetch-Site},
C{Origin}). As our pages tell nobody where they are (C{Referrer-Policy: no-referrer}), their own forms have
C{Origin: null}: so the first one counts, and the second where there is no first.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from mcpgate.config.url import HTTPS_PORT, Url, read_authority

#: What is asked for in any other way is a mistake, or an attempt.
METHODS = frozenset({"GET", "HEAD", "POST"})

HTTP_PORT = 80

#: Fetch Metadata: what our own page has sent, and what a person has typed or a program sends.
_OURS = ("same-origin", "none")


@frozen
class Refused:
    """What is said to whoever asks: a status, and words."""

    status: int
    words: str


@frozen
class Head:
    """What counts of a request's head; C{None} where a line is not there."""

    method: str
    host: str | None
    origin: str | None = None
    site: str | None = None
    mode: str | None = None


def judge(head: Head, known: Callable[[str], bool], *, secure: bool = True) -> Refused | None:
    """
    Whether it may be served.

    @param known: whether a host name, without port, is one of ours.
    @param secure: whether it came over TLS; over a unix socket it has not, and needs not.
    """
    if head.method not in METHODS:
        return Refused(405, "The dashboard is read with GET, and decided on with POST.")
    try:
        host, port = read_authority(head.host or "", HTTPS_PORT if secure else HTTP_PORT)
    except ValueError:
        return Refused(400, "The request names no host.")
    if not known(host):
        return Refused(421, "This is not the dashboard of that host.")
    if head.method == "POST":
        return _judge_form(head, _origin(host, port, secure))
    if head.site is not None and head.site not in _OURS and head.mode != "navigate":
        return Refused(403, "The dashboard is not for other sites to load parts of.")
    return None


def _judge_form(head: Head, ours: str) -> Refused | None:
    """A form counts only if it is surely ours; its mark is looked at besides."""
    if head.site is not None:
        good = head.site == "same-origin" and head.origin in (None, "null", ours)
    else:
        good = head.origin == ours
    return None if good else Refused(403, "That form was not sent by a page of this dashboard.")


def _origin(host: str, port: int, secure: bool) -> str:
    if secure:
        return str(Url(host, port, ""))
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}" if port == HTTP_PORT else f"http://{shown}:{port}"
