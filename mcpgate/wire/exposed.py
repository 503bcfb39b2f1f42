"""Whether what came in clear text had a credential in it, which whoever is on the way may have (pure)."""

from __future__ import annotations

# The names of headers (and of the one query parameter, RFC 6750 2.3) that carry credentials.
_CREDENTIALS = (
    b"\nauthorization:",
    b"\nproxy-authorization:",
    b"\ncookie:",
    b"\nx-api-key:",
    b"\nmcp-session-id:",
    b"access_token=",
    b"mcpgate_",
)


def exposes(seen: bytes) -> bool:
    """
    Whether there is one in the bytes of a request, as far as they were seen.

    It may find one where there is none, and somebody replaces it for nothing; not the other way round.
    """
    lower = seen.lower()
    return any(name in lower for name in _CREDENTIALS)
