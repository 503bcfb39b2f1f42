"""The file itself, C{[gate]} and C{[limits]}: what is true of the whole gate."""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

from mcpgate.config import forms
from mcpgate.config.tables.option import SHORTEST, option


@frozen
class RootTable:
    """The file itself: what stands before the first table."""

    include: tuple[str, ...] = option(
        "Files that hold further rules, detectors and budgets, and nothing else; with * and ? as a shell "
        "has them. They are read whenever this file is.",
        forms.many(forms.text("a path, with * and ? for several files"), lone=True),
        default=(),
        example='"policies/*.toml"',
    )


@frozen
class GateTable:
    """C{[gate]}: what is true of the whole gate."""

    state: Path = option(
        "Directory for the journal, tokens, session keys and the control socket.",
        forms.file("the path of a directory"),
        example='"/var/lib/mcpgate"',
    )
    drain: float = option(
        "How long in-flight exchanges may take to finish at shutdown.",
        forms.duration("0s", "1h"),
        default=30.0,
        example='"2m"',
    )
    watch: float = option(
        "How often certificate, trust and token files are looked at.",
        forms.duration(SHORTEST, "1h"),
        default=2.0,
        example='"30s"',
    )
    # One: a second process pays from the second core on, and costs some 50 MB.
    workers: int | str = option(
        "How many processes serve, under one that supervises them; auto is one for each core.",
        forms.workers(),
        default=1,
        example='"auto"',
    )


@frozen
class LimitsTable:
    """
    C{[limits]}: bounds on what anybody may make one worker of the gate hold or wait for.

    Those of a single upstream stand with it. C{mcpgate status} shows all of them.
    """

    # 10 s: a full TLS 1.3 handshake takes two round trips; even a satellite link needs under 2 s.
    handshake_timeout: float = option(
        "From accept to a finished handshake.", forms.duration(SHORTEST, "5m"), default=10.0, example='"5s"'
    )
    # nginx's client_header_timeout is 60 s idle; ours is absolute, so it can be shorter.
    head_timeout: float = option(
        "From a request's first byte to the end of its head.",
        forms.duration(SHORTEST, "5m"),
        default=10.0,
        example='"5s"',
    )
    # Time for 4 MiB at 1.2 Mbit/s. Absolute: what dribbles in at body_rate ends here as well.
    body_timeout: float = option(
        "From the end of the head to the end of the body.",
        forms.duration(SHORTEST, "1h"),
        default=30.0,
        example='"2m"',
    )
    # Slower than any link that people still use; a body held open at one byte a second would cost
    # its sender nothing and us a connection.
    body_rate: int = option(
        "How much of a body must arrive per second, on average, once body_grace is over.",
        forms.size("1B", "1MiB"),
        default=1024,
        example='"4KiB"',
    )
    # Every client sends a small body at once; on a live connection, retransmission makes up for
    # three packets lost in a row by then.
    body_grace: float = option(
        "How far a body may be behind body_rate.",
        forms.duration(SHORTEST, "5m"),
        default=2.0,
        example='"5s"',
    )
    # A little more than the keep-alive of Node (65 s behind most balancers) and nginx (75 s).
    idle_timeout: float = option(
        "How long a connection may wait between requests.",
        forms.duration(SHORTEST, "1d"),
        default=75.0,
        example='"5m"',
    )
    # It would hold memory, and whatever feeds it, for ever. nginx's send_timeout is 60 s; guides ask for
    # 30, in which TCP has tried again a dozen times.
    send_timeout: float = option(
        "How long a peer may take nothing of what is waiting for it; for connections made from then on.",
        forms.duration(SHORTEST, "1h"),
        default=30.0,
        example='"1m"',
    )
    # The default of nginx (4 x 8 KiB); Python's and Node's servers stop at 16 to 64 KiB.
    head_size: int = option(
        "Largest request head, in bytes.", forms.size("1KiB", "1MiB"), default=32 * 1024, example='"16KiB"'
    )
    # The official Python and TypeScript servers stop at 4 MiB. A body is held in memory while it is
    # judged; beyond 256 MiB a handful of callers could exhaust it.
    body_size: int = option(
        "Largest request body, in bytes.",
        forms.size("1KiB", "256MiB"),
        default=4 * 1024 * 1024,
        example='"1MiB"',
    )
    # A chunk costs its parsing whatever its size; 1024 and one more for each 256 bytes is far above
    # what clients send (a chunk for each write), and keeps the cost in proportion to the size.
    chunks: int = option(
        "How many chunks a request body may have beside one for each 256 bytes.",
        forms.count(1, 1_000_000),
        default=1024,
        example="256",
    )
    # A few full TLS records in flight; with one turn's read (256 KiB) it bounds what an exchange
    # holds, so a thousand readers that do not read hold 128 MiB.
    buffer: int = option(
        "What is kept for a peer that reads slowly before its source is stopped; for connections made "
        "from then on.",
        forms.size("16KiB", "64MiB"),
        default=128 * 1024,
        example='"256KiB"',
    )
    # Clients hold an event until its end; the official Python client takes no more than 1 MiB.
    event_size: int = option(
        "Largest single event of a stream that an upstream may send.",
        forms.size("1KiB", "256MiB"),
        default=1024 * 1024,
        example='"4MiB"',
    )
    # Held in memory while it is judged. Eight times what may be asked with: resources and images are large.
    answer_size: int = option(
        "Largest answer of an upstream that is not a stream.",
        forms.size("1KiB", "1GiB"),
        default=32 * 1024 * 1024,
        example='"64MiB"',
    )
    # 20 to 30 KiB each: 16384 idle callers take less than half a GiB.
    connections: int = option(
        "Most connections of callers to one worker; never more than its descriptor limit leaves room for.",
        forms.count(1, 1_000_000),
        default=16384,
        example="4096",
    )
    # A NAT or a proxy before us may be thousands of callers; a single one of them a dozen connections.
    connections_per_address: int = option(
        "Most connections of one address (of IPv6, one /64) to one worker.",
        forms.count(1, 1_000_000),
        default=4096,
        example="64",
    )
    # A core finishes about a thousand a second, so these are half a second's worth; honest ones take
    # two round trips.
    handshakes: int = option(
        "Most unfinished handshakes of one worker; beyond it, those that have shown least are closed.",
        forms.count(1, 65535),
        default=512,
        example="2048",
    )
    # A client whose token ran out tries a few times and gives up; nobody guesses one of 256 bits, but
    # trying costs us a handshake and three records each.
    failures: int = option(
        "How many bad tokens or plaintext requests an address (of IPv6, one /64) may present to one "
        "worker in failures_period before it is cut short; good tokens from it are always served, but "
        "issuers are asked about one in a second that they would have to be asked about for the first time.",
        forms.count(1, 65535),
        default=20,
        example="5",
    )
    failures_period: float = option(
        "The time that failures are counted over.",
        forms.duration("1s", "1d"),
        default=60.0,
        example='"10m"',
    )
    # A day's work. A client opens another session by itself, as MCP asks of it; the shorter, the less an id
    # that leaked together with its token is worth, and the fewer keys are kept. At most 30 days, as keys
    # are kept for so long.
    session_lifetime: float = option(
        "How long a session may be used after it was opened, however busy it is (MCP up to 2025-11-25).",
        forms.duration("1m", "30d"),
        default=86400.0,
        example='"8h"',
    )
    # A meeting or a lunch: less, and people who come back find their session gone. At least 5 minutes, as
    # use is noted once a minute.
    session_idle: float = option(
        "How long a session may go without a request or an open stream before the gate ends it at its "
        "upstream.",
        forms.duration("5m", "30d"),
        default=3600.0,
        example='"30m"',
    )
