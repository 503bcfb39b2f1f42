"""The journal as the demonstration reads it."""

from pathlib import Path

from mcpgate.demo.records import Records
from mcpgate.evidence.handshakes import handshake_line
from mcpgate.evidence.segments import segment_name
from mcpgate.reasons import Reason, Refusal

CALLER = "127.0.0.1:40000"
NOW = "2026-11-26T00:00:00.000000Z"


def shake(id: str, refusal: Refusal | None) -> bytes:
    return handshake_line(
        id,
        time=NOW,
        leg="inbound",
        outcome="refused" if refusal else "ok",
        where="gate",
        peer=CALLER,
        local="127.0.0.1:8443",
        refusal=refusal,
    )


def test_the_handshake_of_an_earlier_connection_from_the_same_port_is_not_taken(tmp_path: Path) -> None:
    """The system gives a port away again as soon as it is free."""
    file = tmp_path / segment_name(0, 1)
    file.write_bytes(shake("h1", None))
    records = Records(tmp_path)
    since = records.count()
    with file.open("ab") as more:
        more.write(shake("h2", Refusal(Reason.TLS_PLAINTEXT)))
    found = records.shake("inbound", CALLER, since)
    assert (found.id, found.reason) == ("h2", "tls.plaintext")
