"""The tables of the index, as data: the same for SQLite and PostgreSQL (pure).

Each row is of a gate, so that several gates can fill one index and never touch the same row. Times are
microseconds since 1970 in UTC. Whatever is only shown, and never looked for, stands as JSON in one column.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

#: The shape of these tables. An index of another shape is not read, and made anew.
SHAPE = 1

TEXT = "TEXT"
WHOLE = "BIGINT"
REAL = "DOUBLE PRECISION"

#: How long the steps are in which sums are kept, in seconds: a few hundred of either answer any question.
MINUTE, HOUR = 60, 3600


# When the generation came that is in force: what it says is true for as long as there is no other.
_IN_FORCE = "(SELECT MAX(e.time) FROM event AS e WHERE e.gate = {}.gate AND e.type = 'generation')"


@frozen(eq=False)
class Table:
    """
    A table. The columns of its key come first.

    @ivar key: How many of the columns are its key.
    @ivar sums: Columns to which is added what is put in again under a key; of C{least} and C{most} the
        smaller and the larger value stays, and all others are replaced.
    @ivar kept: A row that is there stays as it is.
    @ivar small: Rows are short and mostly read by their key.
    @ivar aged: The column by which rows are removed that are too old, C{unless}: what they must not be,
        and C{grace}: how many seconds older they have to be.
    """

    name: str
    columns: dict[str, str]
    key: int
    sums: tuple[str, ...] = ()
    least: tuple[str, ...] = ()
    most: tuple[str, ...] = ()
    kept: bool = False
    small: bool = False
    aged: str | None = None
    unless: str = "1 = 0"
    grace: int = 0
    indexes: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the key's columns."""
        return tuple(self.columns)[: self.key]


META = Table("meta", {"name": TEXT, "value": TEXT}, 1, small=True)

#: How far each worker's journal was read, in the same transaction as what was found.
POSITION = Table(
    "position",
    {
        "gate": TEXT,
        "worker": WHOLE,
        "segment": WHOLE,
        "start": WHOLE,
        "seq": WHOLE,
        "lines": WHOLE,
        "faulty": WHOLE,
        "last": WHOLE,
    },
    2,
    sums=("lines", "faulty"),
    most=("last",),
    small=True,
)

#: Lines that did not fit; only the first of a gate's.
FAULT = Table(
    "fault",
    {"gate": TEXT, "worker": WHOLE, "segment": WHOLE, "seq": WHOLE, "why": TEXT},
    4,
    kept=True,
    small=True,
)

HANDSHAKE = Table(
    "handshake",
    {
        "gate": TEXT,
        "id": TEXT,
        "time": WHOLE,
        "used": WHOLE,
        "worker": WHOLE,
        "leg": TEXT,
        "outcome": TEXT,
        "place": TEXT,
        "peer": TEXT,
        "local": TEXT,
        "reason": TEXT,
        "detail": TEXT,
        "version": TEXT,
        "suite": TEXT,
        "bits": WHOLE,
        "grp": TEXT,
        "pq": WHOLE,
        "alpn": TEXT,
        "sni": TEXT,
        "certificate": TEXT,
        "own": TEXT,
        "pinned": WHOLE,
        "generation": WHOLE,
        "milliseconds": REAL,
        "offer": TEXT,
        "extra": TEXT,
    },
    2,
    kept=True,
    # Some live for weeks: they stay as long as exchanges come by them.
    aged="used",
    # That they are in use is noted once an hour.
    grace=HOUR,
    indexes=(
        "handshake_used ON handshake (used)",
        "handshake_refused ON handshake (time, gate, id) WHERE outcome = 'refused'",
    ),
)

EXCHANGE = Table(
    "exchange",
    {
        "gate": TEXT,
        "id": TEXT,
        "worker": WHOLE,
        "segment": WHOLE,
        "seq": WHOLE,
        "time": WHOLE,
        "closed": WHOLE,
        "inbound": TEXT,
        "outbound": TEXT,
        "principal": TEXT,
        "how": TEXT,
        "proof": TEXT,
        "issuer": TEXT,
        "subject": TEXT,
        "listener": TEXT,
        "route": TEXT,
        "upstream": TEXT,
        "http": TEXT,
        "revision": TEXT,
        "session": TEXT,
        "mcp_session": TEXT,
        "method": TEXT,
        "name": TEXT,
        "verdict": TEXT,
        "rule": TEXT,
        "outcome": TEXT,
        "status": WHOLE,
        "reason": TEXT,
        "detail": TEXT,
        "bytes_in": WHOLE,
        "bytes_out": WHOLE,
        "seconds": REAL,
        "waited": REAL,
        "masked": TEXT,
        "more": TEXT,
    },
    2,
    aged="time",
    indexes=(
        "exchange_time ON exchange (time, gate, id)",
        "exchange_session ON exchange (session, time)",
        "exchange_principal ON exchange (principal, time)",
        "exchange_name ON exchange (name, time)",
        "exchange_reason ON exchange (reason, time) WHERE reason IS NOT NULL",
    ),
)

SESSION = Table(
    "session",
    {
        "gate": TEXT,
        "id": TEXT,
        "kind": TEXT,
        "principal": TEXT,
        "how": TEXT,
        "issuer": TEXT,
        "subject": TEXT,
        "listener": TEXT,
        "route": TEXT,
        "upstream": TEXT,
        "revision": TEXT,
        "mcp_session": TEXT,
        "first": WHOLE,
        "last": WHOLE,
        "exchanges": WHOLE,
        "open": WHOLE,
        "refused": WHOLE,
        "masked": WHOLE,
        "bytes_in": WHOLE,
        "bytes_out": WHOLE,
    },
    2,
    sums=("exchanges", "open", "refused", "masked", "bytes_in", "bytes_out"),
    least=("first",),
    most=("last",),
    aged="last",
    indexes=(
        "session_last ON session (last, gate, id)",
        "session_principal ON session (principal, last)",
    ),
)

EVENT = Table(
    "event",
    {
        "gate": TEXT,
        "id": TEXT,
        "time": WHOLE,
        "worker": WHOLE,
        "segment": WHOLE,
        "seq": WHOLE,
        "type": TEXT,
        "what": TEXT,
        "place": TEXT,
        "exchange": TEXT,
        "facts": TEXT,
    },
    2,
    kept=True,
    aged="time",
    unless=f"type = 'generation' AND time = {_IN_FORCE.format('event')}",
    indexes=(
        "event_time ON event (time, gate, id)",
        "event_type ON event (type, time)",
        "event_exchange ON event (exchange) WHERE exchange IS NOT NULL",
    ),
)

CERTIFICATE = Table(
    "certificate",
    {
        "gate": TEXT,
        "seen": TEXT,
        "role": TEXT,
        "leg": TEXT,
        "place": TEXT,
        "sha256": TEXT,
        "subject": TEXT,
        "issuer": TEXT,
        "serial": TEXT,
        "spki_pin": TEXT,
        "not_before": WHOLE,
        "not_after": WHOLE,
        "key": TEXT,
        "names": TEXT,
        "chain": TEXT,
        "pinned": WHOLE,
        "generation": WHOLE,
        "first": WHOLE,
        "last": WHOLE,
        "handshakes": WHOLE,
    },
    6,
    sums=("handshakes",),
    least=("first",),
    most=("last", "generation"),
    aged="last",
    unless=f"seen = 'disk' AND last = {_IN_FORCE.format('certificate')}",
    indexes=("certificate_end ON certificate (not_after)",),
)

#: Exchanges by what a leg of theirs had, when they ended.
TRAFFIC = Table(
    "traffic",
    {
        "step": WHOLE,
        "at": WHOLE,
        "gate": TEXT,
        "leg": TEXT,
        "version": TEXT,
        "grp": TEXT,
        "suite": TEXT,
        "pq": WHOLE,
        "exchanges": WHOLE,
    },
    8,
    sums=("exchanges",),
    small=True,
    aged="at",
)

#: Exchanges by what they were, when they ended.
CALLS = Table(
    "calls",
    {
        "step": WHOLE,
        "at": WHOLE,
        "gate": TEXT,
        "route": TEXT,
        "method": TEXT,
        "verdict": TEXT,
        "outcome": TEXT,
        "exchanges": WHOLE,
        "masked": WHOLE,
        "bytes_in": WHOLE,
        "bytes_out": WHOLE,
    },
    7,
    sums=("exchanges", "masked", "bytes_in", "bytes_out"),
    small=True,
    aged="at",
)

#: What was refused. C{what}: C{handshake} or C{exchange}.
REFUSAL = Table(
    "refusal",
    {"step": WHOLE, "at": WHOLE, "gate": TEXT, "what": TEXT, "reason": TEXT, "refused": WHOLE},
    5,
    sums=("refused",),
    small=True,
    aged="at",
)

TABLES = (
    META,
    POSITION,
    FAULT,
    HANDSHAKE,
    EXCHANGE,
    SESSION,
    EVENT,
    CERTIFICATE,
    TRAFFIC,
    CALLS,
    REFUSAL,
)
#: What a gate's journal fills.
FILLED = TABLES[1:]


def created(table: Table, *, clustered: str = "") -> Iterator[str]:
    """
    The statements that make a table and its indexes, where they are not there.

    @param clustered: What is said of a table that is L{Table.small}.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in table.columns.items())
    tail = clustered if table.small else ""
    yield f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, PRIMARY KEY ({', '.join(table.keys)})){tail}"
    for index in table.indexes:
        yield f"CREATE INDEX IF NOT EXISTS {index}"


def put(table: Table) -> str:
    """The statement that puts a row in, whether or not one with its key is there."""
    names = ", ".join(table.columns)
    marks = ", ".join("?" for _ in table.columns)
    start = f"INSERT INTO {table.name} ({names}) VALUES ({marks}) ON CONFLICT ({', '.join(table.keys)}) DO"
    if table.kept:
        return f"{start} NOTHING"
    changes = (f"{name} = {_change(table, name)}" for name in tuple(table.columns)[table.key :])
    return f"{start} UPDATE SET {', '.join(changes)}"


def _change(table: Table, name: str) -> str:
    old, new = f"{table.name}.{name}", f"excluded.{name}"
    if name in table.sums:
        return f"{old} + {new}"
    if name in (*table.least, *table.most):
        # min() and max() of two values are called otherwise in each database.
        sign = "<" if name in table.least else ">"
        return f"CASE WHEN {old} IS NULL OR {new} {sign} {old} THEN {new} ELSE {old} END"
    return new
