"""What it costs to know a caller: gates whose callers show a token of the gate's own, or one of an issuer.

The issuer is a small one of this process, on the cores of the callers. A gate asks it for its keys when the
first call comes, and not again while it is measured.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from mcpgate.demo.issuer import Issuer
from mcpgate.tls import pem
from mcpgate.tls.material import pair_of

#: Seconds that a token is good for: longer than any bench takes.
LIFE = 3600.0

#: What an issuer of a company says of somebody: tokens of some 900 bytes, as they usually have.
CLAIMS: Mapping[str, object] = {
    "client_id": "0oa1f2k3m4n5p6q7r8s9",
    "scope": "mcp tools:read tools:write",
    "groups": ["Everyone", "engineering", "release-managers", "on-call"],
    "auth_time": 1_800_000_000,
    "ver": 1,
    "uid": "00u1a2b3c4d5e6f7g8h9",
    "preferred_username": "jane.doe@example.com",
}

TABLE = """
[[issuer]]
name = "login"
issuer = "{issuer.url}"
address = "{issuer.address}"
trust = "{authority}"
"""


class Vouching:
    """The issuers of the gates that are measured; each gate has its own. They sign with RSA, as most do."""

    def __init__(self) -> None:
        self._issuers: dict[Path, Issuer] = {}

    def table(self, directory: Path, *, chain: Path, key: Path, authority: Path) -> str:
        """Start an issuer with that certificate for the gate of that directory; what has the gate know it."""
        certificates = pem.certificates(chain.read_bytes(), chain)
        pair = pair_of(tuple(certificates), pem.private_key(key.read_bytes(), key), label="issuer")
        issuer = Issuer(pair, long_key=True).start()
        self._issuers[directory] = issuer
        return TABLE.format(issuer=issuer, authority=authority)

    def token(self, directory: Path, audience: str) -> str:
        """A token for that gate."""
        issuer = self._issuers[directory]
        return issuer.token("00u1a2b3c4d5", audience, issued=time.time(), life=LIFE, claims=CLAIMS)
