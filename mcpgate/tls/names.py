"""Whether a certificate is for a host (pure): service_identity, with every exception a refusal.

Twisted's own client options catch only C{VerificationError}; the other exceptions, raised for a
certificate without subject alternative names or with one like C{urn:uuid:…}, are logged and the
certificate accepted for every host. Here nothing but a match is accepted. The common name is never
looked at (RFC 9525 §2).
"""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509
from service_identity.cryptography import (
    extract_patterns,
    verify_certificate_hostname,
    verify_certificate_ip_address,
)

from mcpgate.reasons import Reason, Refusal

#: Enough to recognise a certificate by; a certificate of a large host can hold hundreds.
_SHOWN = 8


def is_address(host: str) -> bool:
    """Whether a host is an IP address (without brackets), which is never sent as SNI."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def matches(pattern: str, host: str) -> bool:
    """Whether a name of a certificate, both in lower case, stands for a host.

    A wildcard stands for exactly one label, the leftmost (RFC 9525 §6.3).
    """
    if pattern.startswith("*."):
        label, dot, rest = host.partition(".")
        return bool(label and dot) and rest == pattern[2:]
    return pattern == host


def judge_name(leaf: x509.Certificate, host: str) -> Refusal | None:
    """C{None} if the certificate is valid for the host: a DNS name or an IP address."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        patterns = extract_patterns(leaf)
    except x509.ExtensionNotFound:
        return Refusal(Reason.TLS_NO_SAN, f"the certificate has no subject alternative name; wanted {host}")
    except Exception as error:  # hostile certificates raise ValueError, CertificateError and others
        return _unreadable(error)
    if not patterns:
        return Refusal(Reason.TLS_BAD_SAN, "the certificate names no host: no DNS name, address or URI")
    try:
        if is_address(host):
            verify_certificate_ip_address(leaf, host)
        else:
            verify_certificate_hostname(leaf, host)
    except Exception:  # VerificationError if nothing matches; ValueError for a host that is no name
        shown = [str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress)]
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        return Refusal(
            Reason.TLS_NAME,
            f"the certificate is for {', '.join(shown[:_SHOWN]) or 'no host'}{more}, not for {host}",
        )
    return None


def _unreadable(error: Exception) -> Refusal:
    what = f"{type(error).__name__}: {str(error)[:200]}"
    return Refusal(Reason.TLS_BAD_SAN, f"the certificate's subject alternative names cannot be read: {what}")
