"""An onlooker sees everything of a server and can exchange nothing with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from OpenSSL import SSL

from mcpgate.reasons import Reason
from mcpgate.tls import onlooker
from mcpgate.tls.onlooker import Onlooker
from mcpgate.tls.trust import TrustStore
from tests import pki
from tests.tls.meeting import HOST, MODERN, foreign_server

ROOT = pki.Authority.root()
OTHER = pki.Authority.root("other root")


def look(pair: pki.Pair, trust: TrustStore) -> tuple[Onlooker, SSL.Connection]:
    """An onlooker that has shaken hands with a server in memory."""
    looking, server = Onlooker(MODERN, trust, None, host=HOST), foreign_server(pair)
    # What the class hides is what a test in memory has to move bytes with.
    client = looking._Onlooker__connection  # type: ignore[attr-defined]
    for _ in range(4):
        for shake, source, sink in ((looking.shake, client, server), (server.do_handshake, server, client)):
            try:
                shake()
            except SSL.WantReadError:
                pass
            try:
                sink.bio_write(source.bio_read(1 << 16))
            except SSL.WantReadError:
                pass
    return looking, server


def test_a_trusted_chain_is_shown_up_to_its_root() -> None:
    """Also the root, which the server did not send."""
    pair = ROOT.intermediate().issue(HOST)
    looking, _ = look(pair, ROOT.trust())
    assert looking.trust_refusal is None
    assert looking.chain() == (*pair.chain, ROOT.certificate)
    assert looking.handshake(1.0).post_quantum


@pytest.mark.parametrize(
    ("pair", "trust", "reason"),
    [
        (ROOT.issue(HOST), OTHER.trust(), Reason.TLS_UNKNOWN_CA),
        (ROOT.issue(HOST, begins=-9 * pki.DAY, ends=-pki.DAY), ROOT.trust(), Reason.TLS_EXPIRED),
        (ROOT.issue(HOST, begins=pki.DAY), ROOT.trust(), Reason.TLS_NOT_YET_VALID),
        (ROOT.issue(HOST, usage=pki.FOR_CLIENTS), ROOT.trust(), Reason.TLS_CHAIN),
    ],
)
def test_a_fault_is_noted_and_the_chain_shown_as_it_was_sent(
    pair: pki.Pair, trust: TrustStore, reason: Reason
) -> None:
    """The reason is the one that the gate's own connection would stop at."""
    looking, _ = look(pair, trust)
    assert looking.trust_refusal is not None
    assert looking.trust_refusal.reason is reason
    assert looking.chain() == pair.chain
    assert looking.handshake(1.0).version == "TLSv1.3"


def test_there_is_nothing_to_read_or_write_with() -> None:
    """Whoever adds a way to carry bytes should stumble over this."""
    public = {name for name in dir(Onlooker) if not name.startswith("_")}
    assert public == {"shake", "trust_refusal", "handshake", "chain", "leave"}
    looking, server = look(ROOT.issue(HOST), OTHER.trust())
    assert not hasattr(looking, "connection")
    looking.leave()
    with pytest.raises(SSL.WantReadError):
        server.recv(1)


def test_nobody_else_lets_a_faulty_chain_pass() -> None:
    """The callback that forgives is named in two files: where it is made, and where it does no harm."""
    room = Path(onlooker.__file__).parent.parent
    naming = {
        path.relative_to(room).as_posix()
        for path in room.rglob("*.py")
        if "onlooker_callback" in path.read_text(encoding="utf-8")
    }
    assert naming == {"tls/verify.py", "tls/onlooker.py"}
