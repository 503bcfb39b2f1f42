"""Looking at real servers on loopback: everything is reported, nothing is sent."""

from __future__ import annotations

import pytest
from OpenSSL import SSL

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.trust import TrustStore
from mcpgate.upstream.probe import DEMANDS, Report, Seen, Unreachable, probe
from tests import pki
from tests.upstream.server import OK, Server, nobody

HOST = "mcp.test"
ROOT = pki.Authority.root()
OTHER = pki.Authority.root("other root")
GOOD = ROOT.issue(HOST)


def look(server: Server, trust: TrustStore | None = None, host: str = HOST) -> Report:
    """A report about a server that has not received one byte of an application over TLS."""
    report = probe(host, ("127.0.0.1", server.port), trust or ROOT.trust())
    assert server.finish().told == b""
    return report


def seen(report: Report) -> Seen:
    """What was seen, where something was."""
    assert report.seen is not None
    return report.seen


def reasons(report: Report) -> list[Reason | None]:
    """The verdicts, the most demanding profile first."""
    assert tuple(report.verdicts) == tuple(DEMANDS)
    return [refusal and refusal.reason for refusal in report.verdicts.values()]


def test_a_good_server_is_good_under_every_profile() -> None:
    server = Server(GOOD)
    report = look(server)
    assert reasons(report) == [None, None, None]
    found = seen(report)
    assert (found.trust, found.name) == (None, None)
    assert (found.handshake.version, found.handshake.group) == ("TLSv1.3", "X25519MLKEM768")
    assert found.handshake.sni == HOST
    assert found.chain == (*GOOD.chain, ROOT.certificate)
    assert report.peer == f"127.0.0.1:{server.port}"


def test_tls_1_2_is_good_enough_for_intermediate_alone() -> None:
    report = look(Server(GOOD, newest=SSL.TLS1_2_VERSION))
    assert reasons(report) == [Reason.TLS_VERSION, Reason.TLS_VERSION, None]
    assert seen(report).handshake.version == "TLSv1.2"


def test_a_server_below_every_profile_has_verdicts_and_nothing_to_see() -> None:
    report = look(Server(GOOD, newest=SSL.TLS1_2_VERSION, ciphers=b"ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"))
    assert reasons(report) == [Reason.TLS_VERSION, Reason.TLS_VERSION, Reason.TLS_CIPHER]
    assert report.seen is None


@pytest.mark.parametrize(
    ("pair", "trust", "name"),
    [
        (OTHER.issue(HOST), Reason.TLS_UNKNOWN_CA, None),
        (ROOT.issue(HOST, begins=-9 * pki.DAY, ends=-pki.DAY), Reason.TLS_EXPIRED, None),
        (ROOT.issue(HOST, begins=pki.DAY), Reason.TLS_NOT_YET_VALID, None),
        (ROOT.issue("elsewhere.test"), None, Reason.TLS_NAME),
        (ROOT.issue(name=HOST), None, Reason.TLS_NO_SAN),
        (ROOT.issue(HOST, uris=["urn:uuid:f81d4fae"]), None, Reason.TLS_BAD_SAN),
        (OTHER.issue("elsewhere.test"), Reason.TLS_UNKNOWN_CA, Reason.TLS_NAME),
    ],
    ids=["unknown CA", "expired", "not yet valid", "wrong name", "no SAN", "urn: SAN", "CA and name"],
)
def test_a_bad_certificate_is_shown_and_its_verdicts_are_apart(
    pair: pki.Pair, trust: Reason | None, name: Reason | None
) -> None:
    """Trust, name and profile are three questions; a fault in one does not hide the others."""
    report = look(Server(pair))
    found = seen(report)
    assert found.trust is None if trust is None else found.trust and found.trust.reason is trust
    assert found.name is None if name is None else found.name and found.name.reason is name
    assert reasons(report) == [None, None, None]
    assert found.chain[0] == pair.chain[0]


def test_clear_text_on_the_same_port_is_found() -> None:
    server = Server(GOOD, clear=OK)
    report = look(server)
    same = report.in_clear[0]
    assert (same.port, same.exposed) == (server.port, True)
    assert same.told == "answers HTTP in clear text on the same port (status 200)"


def test_clear_text_is_looked_for_on_port_80_and_on_the_ports_that_are_named() -> None:
    server, neighbour = Server(GOOD), Server(None, clear=OK)
    report = probe(HOST, ("127.0.0.1", server.port), ROOT.trust(), [neighbour.port])
    assert [one.port for one in report.in_clear] == [server.port, 80, neighbour.port]
    assert [one.exposed for one in report.in_clear if one.port != 80] == [False, True]
    server.finish()
    neighbour.finish()


def test_a_server_that_speaks_only_clear_text_is_found_out() -> None:
    """There 400 is no refusal of clear text: it is all that the server speaks."""
    report = look(Server(None, clear=b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert reasons(report) == [Reason.TLS_PLAINTEXT] * 3
    assert report.seen is None
    assert report.in_clear[0].exposed


def test_a_server_that_says_nothing_is_given_up() -> None:
    server = Server(None, mute=True)
    report = probe(HOST, ("127.0.0.1", server.port), ROOT.trust(), patience=0.5)
    server.finish()
    refusal = Refusal(Reason.TLS_TIMEOUT, "no finished handshake within 0.5 s")
    assert set(report.verdicts.values()) == {refusal}


def test_nobody_there_is_one_line() -> None:
    port = nobody()
    with pytest.raises(Unreachable, match=f"^127.0.0.1:{port}: Connection refused$"):
        probe(HOST, ("127.0.0.1", port), ROOT.trust())
