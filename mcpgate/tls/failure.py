"""Turning what OpenSSL raised during a handshake into a reason.

OpenSSL says what went wrong in English, and its words differ a little between 3.x and 4.0; the
tables below hold those of both. Whatever they do not know becomes C{tls.failed} with the words
themselves: it is refused just the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from OpenSSL import SSL

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.verify import Note

Leg = Literal["inbound", "outbound"]


class NoSharedProtocol(SSL.Error):
    """Raised by our own ALPN callback; OpenSSL then sends C{no_application_protocol} (RFC 7301 §3.2)."""


#: What OpenSSL found out itself: a part of its words, the reason, and ours.
_FOUND: tuple[tuple[str, Reason, str], ...] = (
    ("unsupported protocol", Reason.TLS_VERSION, "no TLS version in common with the peer"),
    ("version too low", Reason.TLS_VERSION, "the peer's TLS version is too low"),
    ("no protocols available", Reason.TLS_VERSION, "no TLS version in common with the peer"),
    ("no shared cipher", Reason.TLS_CIPHER, "no cipher suite in common with the peer"),
    ("no ciphers available", Reason.TLS_CIPHER, "no cipher suite in common with the peer"),
    ("wrong cipher returned", Reason.TLS_CIPHER, "the peer chose a cipher suite that was not offered"),
    ("unknown cipher returned", Reason.TLS_CIPHER, "the peer chose a cipher suite that was not offered"),
    ("no suitable key share", Reason.TLS_GROUP, "no key exchange group in common with the peer"),
    ("no suitable groups", Reason.TLS_GROUP, "no key exchange group in common with the peer"),
    ("no shared groups", Reason.TLS_GROUP, "no key exchange group in common with the peer"),
    ("bad key share", Reason.TLS_GROUP, "the peer chose a key exchange group that was not offered"),
    ("wrong curve", Reason.TLS_GROUP, "the peer chose a key exchange group that was not offered"),
    ("http request", Reason.TLS_PLAINTEXT, "the peer spoke HTTP in clear text"),
    ("https proxy request", Reason.TLS_PLAINTEXT, "the peer spoke HTTP in clear text"),
    ("wrong version number", Reason.TLS_PLAINTEXT, "the peer answered with something that is not TLS"),
    ("peer did not return a certificate", Reason.TLS_CLIENT_CERTIFICATE, "the client sent no certificate"),
    ("no shared signature algorithms", Reason.TLS_KEY, "no signature algorithm in common with the peer"),
    ("no suitable signature algorithm", Reason.TLS_KEY, "no signature algorithm in common with the peer"),
    ("key too small", Reason.TLS_KEY, "the peer's key is too small"),
)

#: What the peer's alerts mean (RFC 8446 §6.2) where they mean more than "the peer gave up".
_ALERTS: Mapping[str, tuple[Reason, str]] = MappingProxyType(
    {
        "protocol version": (Reason.TLS_VERSION, "no TLS version in common with the peer"),
        "inappropriate fallback": (Reason.TLS_VERSION, "no TLS version in common with the peer"),
        # A TLS 1.3 server also says this where no group is common; it does not tell which it was.
        "handshake failure": (Reason.TLS_CIPHER, "no cipher suite or group in common with the peer"),
        "insufficient security": (Reason.TLS_CIPHER, "the peer wants stronger cipher suites"),
        "no application protocol": (Reason.TLS_ALPN, "the peer does not speak HTTP/1.1 here"),
    }
)

#: Alerts that a server sends about the certificate we showed it, or did not show.
_ABOUT_OUR_CERTIFICATE = frozenset(
    {
        "certificate required",
        "bad certificate",
        "unsupported certificate",
        "certificate revoked",
        "certificate expired",
        "certificate unknown",
        "unknown ca",
        "access denied",
        "no certificate",
    }
)

_ALERT = re.compile(r"(?:ssl/tls|sslv3|tlsv1|tlsv13|tls) alert (?P<name>.+)")


def failure(error: SSL.Error | OSError, note: Note, *, leg: Leg) -> Refusal:
    """Why a handshake, or the first read after it, failed.

    What the verification noted comes first: OpenSSL itself only knows that it was refused.
    """
    if note.refusal is not None:
        return note.refusal
    if isinstance(error, NoSharedProtocol):
        return Refusal(Reason.TLS_ALPN, "the client offers only application protocols other than http/1.1")
    if isinstance(error, SSL.ZeroReturnError | SSL.SysCallError | OSError):
        return Refusal(Reason.TLS_CLOSED, f"the peer closed the connection{_cause(error)}")
    words = words_of(error)
    for text in words:
        alert = _ALERT.fullmatch(text)
        if alert is not None:
            return _alerted(alert["name"], leg)
    for part, reason, detail in _FOUND:
        if any(part in text for text in words):
            return Refusal(reason, detail)
    if any("certificate verify failed" in text for text in words):
        return Refusal(Reason.TLS_CHAIN, "the certificate chain does not verify")
    return Refusal(Reason.TLS_FAILED, f"OpenSSL: {'; '.join(words) or 'no reason given'}")


def _alerted(name: str, leg: Leg) -> Refusal:
    if name in _ALERTS:
        reason, meaning = _ALERTS[name]
        return Refusal(reason, f"{meaning} (alert: {name})")
    if leg == "outbound" and name in _ABOUT_OUR_CERTIFICATE:
        return Refusal(
            Reason.TLS_CLIENT_CERTIFICATE,
            f"the upstream does not accept the gate's client certificate (alert: {name})",
        )
    return Refusal(Reason.TLS_ALERT, f"the peer gave up (alert: {name})")


def words_of(error: Exception) -> list[str]:
    """The reasons on OpenSSL's error queue, in lower case.

    pyOpenSSL raises C{Error([(library, function, reason), …])}; some errors hold an empty list.
    """
    queue = error.args[0] if error.args else []
    if not isinstance(queue, list | tuple):
        return [str(queue).lower()]
    return [str(entry[2]).lower() for entry in queue if isinstance(entry, tuple) and len(entry) == 3]


def _cause(error: Exception) -> str:
    """The words of the operating system, if it gave any."""
    if isinstance(error, OSError) and error.strerror:
        return f": {error.strerror}"
    if isinstance(error, SSL.SysCallError) and len(error.args) == 2 and error.args[0] != -1:
        return f": {error.args[1]}"
    return " during the handshake"
