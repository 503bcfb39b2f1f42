"""A verified client certificate as a principal.

The chain was checked during the handshake; what is left is to say whose certificate it is. Only
subject alternative names count: the common name is free text (RFC 9525 section 2).

A certificate may have several DNS names. By default the first is its holder's, as the CA has ordered
them: all of them are the holder's, but a renewal in another order is somebody else to every rule. Where
the names that are known are listed, the order says nothing any more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mcpgate.config.expression import is_expression
from mcpgate.identity.principal import Principal
from mcpgate.policy.patterns import EVERY, Patterns
from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Certificate

# SPIFFE-ID sections 2.1 and 2.2: a lower-case trust domain, segments that are not "." or "..". The
# path is mandatory: an identity without one is that of the trust domain itself, not of a workload
# (X509-SVID section 3). 2048 bytes is the limit of SPIFFE-ID section 2.3.
_SPIFFE = re.compile(r"spiffe://[a-z0-9._-]{1,255}(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)+")
_SPIFFE_LENGTH = 2048
_SCHEME = "spiffe:"
# RFC 1123 section 2.1 host names. A wildcard is a pattern, and a pattern is nobody's name.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*", re.ASCII)


def known_names(texts: Sequence[str]) -> Patterns:
    """The names that a listener knows, as patterns; none listed: all. DNS names have no case."""
    return Patterns.compile(
        [text if is_expression(text) or text.startswith(_SCHEME) else text.lower() for text in texts]
    )


def principal_of(cert: Certificate, known: Patterns = EVERY) -> Principal | Refusal:
    """
    Name the holder of a certificate: its SPIFFE ID, else its DNS name.

    @param known: the names that count. Of several DNS names it is the one that is known; with nothing
        listed, the first.
    """
    if len(cert.uris) > 1:
        # X509-SVID section 2: exactly one URI; with two, each reader could pick another.
        return Refusal(Reason.AUTH_CERTIFICATE, f"the certificate has {len(cert.uris)} URI names, not one")
    if cert.uris and cert.uris[0].lower().startswith(_SCHEME):
        name = cert.uris[0]
        if len(name) > _SPIFFE_LENGTH or not _SPIFFE.fullmatch(name):
            return Refusal(Reason.AUTH_CERTIFICATE, "the certificate's SPIFFE ID is not well-formed")
        if not known.match(name):
            return Refusal(Reason.AUTH_CERTIFICATE, "the certificate's SPIFFE ID is none that is known here")
    elif cert.dns_names:
        found = _dns_name(cert.dns_names, known)
        if isinstance(found, Refusal):
            return found
        name = found
    else:
        return Refusal(Reason.AUTH_CERTIFICATE, "the certificate has neither a SPIFFE ID nor a DNS name")
    return Principal(name, "certificate", cert.sha256, cert.not_after.timestamp(), certificate=name)


def _dns_name(names: Sequence[str], known: Patterns) -> str | Refusal:
    if known.every:
        first = names[0].lower()
        if _DNS.fullmatch(first):
            return first
        return Refusal(Reason.AUTH_CERTIFICATE, "the certificate's first DNS name is not a host name")
    lowered = dict.fromkeys(name.lower() for name in names)
    found = [name for name in lowered if _DNS.fullmatch(name) and known.match(name)]
    if len(found) == 1:
        return found[0]
    # With two, the CA's order would say which: what the list is there to end.
    said = f"{len(found)} of its DNS names are" if found else "none of its DNS names is"
    return Refusal(Reason.AUTH_CERTIFICATE, f"{said} known here")
