"""A verified client certificate as a principal.

The chain was checked during the handshake; what is left is to say whose certificate it is. Only
subject alternative names count: the common name is free text (RFC 9525 section 2).
"""

from __future__ import annotations

import re

from mcpgate.identity.principal import Principal
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate

# SPIFFE-ID sections 2.1 and 2.2: a lower-case trust domain, segments that are not "." or "..". The
# path is mandatory: an identity without one is that of the trust domain itself, not of a workload
# (X509-SVID section 3). 2048 bytes is the limit of SPIFFE-ID section 2.3.
_SPIFFE = re.compile(r"spiffe://[a-z0-9._-]{1,255}(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)+")
_SPIFFE_LENGTH = 2048
# RFC 1123 section 2.1 host names. A wildcard is a pattern, and a pattern is nobody's name.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.ASCII)


def principal_of(cert: Certificate) -> Principal | Refusal:
    """Name the holder of a certificate: its SPIFFE ID, else its first DNS name."""
    if len(cert.uris) > 1:
        # X509-SVID section 2: exactly one URI; with two, each reader could pick another.
        return Refusal(Reason.AUTH_CERTIFICATE, f"the certificate has {len(cert.uris)} URI names, not one")
    if cert.uris and cert.uris[0].lower().startswith("spiffe:"):
        name = cert.uris[0]
        if len(name) > _SPIFFE_LENGTH or not _SPIFFE.fullmatch(name):
            return Refusal(Reason.AUTH_CERTIFICATE, "the certificate's SPIFFE ID is not well-formed")
    elif cert.dns_names:
        name = cert.dns_names[0].lower()
        if not _DNS.fullmatch(name):
            return Refusal(Reason.AUTH_CERTIFICATE, "the certificate's first DNS name is not a host name")
    else:
        return Refusal(Reason.AUTH_CERTIFICATE, "the certificate has neither a SPIFFE ID nor a DNS name")
    return Principal(name, "certificate", cert.sha256, cert.not_after.timestamp())
