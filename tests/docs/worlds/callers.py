"""The gate of L{tests.docs.worlds.gate}, which serves; an Okta vouches for one who has called."""

from __future__ import annotations

from tests.docs.issuers import Issuer
from tests.docs.place import Place
from tests.docs.running import STATE
from tests.docs.worlds.gate import built
from tests.waiting import eventually

OKTA = "https://acme.okta.com/oauth2/default"
LISTENER = """\
client_certificates = "optional"
client_ca = "/etc/mcpgate/clients.pem"
"""
CONFIG = f"""\
[[issuer]]
name = "okta"
preset = "okta"
issuer = "{OKTA}"

[[route]]
path = "/notes"
upstream = "github"
name = "notes"
scopes = ["mcp"]

[[rule]]
name = "write-notes"
on = {{ route = "notes", method = "tools/call", name = "create_*" }}
require = {{ scope = "tools:write" }}
verdict = "allow"
"""


def build(place: Place) -> None:
    """Build it."""
    okta = Issuer(OKTA)
    okta.serve(place)
    built(place, CONFIG, listener=LISTENER)
    place.gate(place.config, STATE)
    ada = okta.token(sub="00u1a2", aud="https://gate.example.com:8443/github", scp=["mcp"])
    # The issuer is asked for its keys while the gate already serves.
    eventually(lambda: "result" in place.tool("/github", ada, "get_issue", number="17"), "ada may call")
