"""Where a PostgreSQL database is, and that nobody listens or answers in its place on the way.

What the index holds is what the journal says of everybody's calls; so it leaves this host by TLS with a
verified certificate only, or does not leave it: by a unix socket. What libpq would take from its environment
where a URL says nothing (C{PGHOST}, C{PGSSLMODE} ...) could undo that, so the URL has to name its host.
"""

from __future__ import annotations

from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

#: How long to wait for a database to answer, in seconds: while one connects, and while one is connected.
CONNECT, DEAD = 10, 30_000


class AddressError(Exception):
    """A URL that is not used, and why; never a part of it, as there is a password in it."""


def address_of(url: str) -> tuple[str, bool]:
    """
    What libpq has to be told to connect, and whether that is by TLS.

    @raise AddressError: It is no URL of a database, or one that could be listened to.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise AddressError("it does not begin with postgresql://")
    try:
        facts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except ProgrammingError:
        # What is wrong with it quotes it.
        raise AddressError("it is no URL of PostgreSQL's") from None
    if facts.pop("service", None) is not None or facts.pop("servicefile", None) is not None:
        raise AddressError("it names a service; it has to say itself where the database is")
    hosts = facts.get("host", "").split(",")
    if not all(hosts):
        raise AddressError("it names no host; for a unix socket write ?host=/DIRECTORY")
    sockets = [host.startswith(("/", "@")) for host in hosts]
    fixed: dict[str, Any] = {"connect_timeout": CONNECT, "application_name": "mcpgate"}
    if any(sockets):
        if not all(sockets) or facts.get("hostaddr"):
            raise AddressError("it names unix sockets and other hosts; use one or the other")
        # Else PGHOSTADDR would lead it elsewhere.
        return make_conninfo(**(facts | {"hostaddr": ""} | fixed)), False
    mode = facts.setdefault("sslmode", "verify-full")
    if mode != "verify-full":
        raise AddressError(
            f"it says sslmode={mode}: with anything but verify-full, others can listen or answer in the "
            "place of the database; leave it out, or connect by a unix socket"
        )
    # The authorities of the system, unless it names others; else libpq looks for a file in a home directory.
    facts.setdefault("sslrootcert", "system")
    # GSSAPI's own encryption would be used in the place of TLS where there is a ticket.
    facts |= {"gssencmode": "disable", "ssl_min_protocol_version": "TLSv1.2"}
    return make_conninfo(**(facts | {"tcp_user_timeout": DEAD} | fixed)), True
