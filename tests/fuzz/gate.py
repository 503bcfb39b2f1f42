"""One generation for all runs of a target: built once, from files that are gone afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from mcpgate.config.load import parse_config
from mcpgate.generation import Builder, Generation
from mcpgate.tls.localca import LocalCA, certificate_pem, write_pair

#: Small limits, so that small inputs reach them.
HEAD_SIZE = 1024
BODY_SIZE = 1024


@cache
def generation() -> Generation:
    """A gate for gw.test: one listener that asks for a token and one that does not, one open route."""
    now = datetime.now(UTC)
    with TemporaryDirectory() as name:
        place = Path(name)
        ca = LocalCA.create("root", now)
        (place / "ca.pem").write_bytes(certificate_pem(ca.certificate))
        write_pair(ca.server(["gw.test"], now), place / "gate.crt", place / "gate.key")
        pem = place / "gate.pem"
        pem.write_bytes((place / "gate.crt").read_bytes() + (place / "gate.key").read_bytes())
        pem.chmod(0o600)
        text = f"""
[gate]
state = "{place}"
[limits]
head_size = "{HEAD_SIZE}B"
body_size = "{BODY_SIZE}B"
[[listener]]
name = "closed"
listen = "tcp:0:interface=127.0.0.1"
certificates = "{pem}"
[[listener]]
name = "open"
listen = "tcp:0:interface=127.0.0.2"
certificates = "{pem}"
tokens = false
unsafe_anonymous = true
[[upstream]]
name = "one"
url = "https://one.test/up"
trust = "{place}/ca.pem"
[[route]]
path = "/mcp"
upstream = "one"
[[rule]]
name = "some"
verdict = "allow"
on = {{ method = "*", name = "*" }}
[[rule]]
name = "bare"
verdict = "allow"
on = {{ method = "*" }}
"""
        return Builder(parse_config(text.encode(), place / "gate.toml"), 1, now).build()
