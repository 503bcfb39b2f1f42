"""The gate of L{tests.docs.worlds.serving}, with a dashboard on C{localhost:9443}, and with what pages about
operating it name besides: an issuer for logins, webhooks, a database.

A copy of its public evidence key has been kept, F{evidence.pub.kept}.
"""

from __future__ import annotations

import os
import shutil

from mcpgate.testing import certificate_pem
from tests.docs.place import Place
from tests.docs.running import STATE
from tests.docs.worlds import serving

MORE = """\
[admin]
listen = "tcp:9443:interface=127.0.0.1"
certificates = "/etc/mcpgate/tls"
metrics_token = "file:/etc/mcpgate/secrets/metrics"

[[issuer]]
name = "okta"
issuer = "https://login.example.com"
audience = "api://mcp"
"""

SECRETS = {
    "hook": "whsec_bm90LWEtd29yZC1hdC1hbGw=",
    "dashboard": "not-a-word-dashboard-4d1f0e",
    "metrics": "not-a-word-metrics-4d1f0e",
    "index": "postgresql://mcpgate:not-a-word@db.example.com/evidence",
}


def build(place: Place) -> None:
    """Build it."""
    for name, secret in SECRETS.items():
        place.file(f"/etc/mcpgate/secrets/{name}", secret, 0o600)
    place.file("/etc/mcpgate/staff.pem", certificate_pem(place.ca.certificate))
    os.makedirs("/mnt/witness", exist_ok=True)
    serving.build(place, MORE)
    shutil.copy(STATE / "evidence.pub", place.home / "evidence.pub.kept")
