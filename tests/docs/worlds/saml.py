"""The gate of L{tests.docs.worlds.gate}, which serves and believes a SAML identity provider, C{corp}.

In the page's directory is F{assertion.xml}, which that has made for a caller of the gate.
"""

from __future__ import annotations

import time

from tests.docs.place import Place
from tests.docs.running import STATE
from tests.docs.worlds.gate import built
from tests.identity.saml.provider import assertion

SAML = """\
[[saml]]
name = "corp"
metadata = "/etc/mcpgate/corp-metadata.xml"
groups = "http://schemas.xmlsoap.org/claims/Group"
"""
ENDPOINT = "https://gate.example.com:8443/token"


def build(place: Place) -> None:
    """Build it."""
    built(place, SAML)
    place.gate(place.config, STATE)
    said = assertion(audience=ENDPOINT, recipient=ENDPOINT, now=time.time())
    place.file("assertion.xml", said)
