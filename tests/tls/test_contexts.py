"""What the contexts offer and accept, seen from outside."""

from __future__ import annotations

import pytest
from attrs import evolve
from OpenSSL import SSL

from mcpgate.tls.contexts import client_context, server_connection, server_context
from mcpgate.tls.hello import read_offer
from mcpgate.tls.material import pair_of
from mcpgate.tls.profile import Profile
from mcpgate.tls.reading import MaterialError
from mcpgate.tls.rehearsal import converse
from mcpgate.tls.verify import Note
from tests import pki
from tests.tls.meeting import (
    HOST,
    INTERMEDIATE,
    MODERN,
    first_flight,
    foreign_client,
    foreign_server,
    inbound,
    meet,
    outbound,
)

ROOT = pki.Authority.root()
PAIR = ROOT.issue(HOST)
PROFILES = pytest.mark.parametrize("profile", [MODERN, INTERMEDIATE], ids=lambda profile: profile.name)

#: Every group that OpenSSL could be asked for, beside those of the profiles.
FOREIGN_GROUPS = (
    *("secp521r1", "x448", "brainpoolP256r1tls13", "ffdhe2048", "ffdhe3072"),
    *("SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM768"),
)


@PROFILES
@pytest.mark.parametrize("group", MODERN.groups)
def test_each_group_of_the_profile_is_accepted(profile: Profile, group: str) -> None:
    client, server = outbound(ROOT.trust(), evolve(profile, groups=(group,))), inbound(PAIR, profile)
    meet(client, server)
    assert server.refusal is None
    assert server.handshake is not None
    assert server.handshake.group == group


@PROFILES
@pytest.mark.parametrize("group", FOREIGN_GROUPS)
def test_no_other_group_is_accepted(profile: Profile, group: str) -> None:
    """Scanners then see exactly X25519MLKEM768, X25519, P-256 and P-384."""
    # Its own profile, so that only the handshake itself can fail.
    client, server = outbound(ROOT.trust(), evolve(profile, groups=(group,))), inbound(PAIR, profile)
    meet(client, server)
    assert client.handshake is None
    assert server.refusal is not None
    assert server.refusal.reason in {"tls.group", "tls.cipher"}


def test_a_classical_client_is_still_served() -> None:
    """A client without the hybrid gets the best it has."""
    client = outbound(ROOT.trust(), evolve(MODERN, groups=("secp384r1", "x25519")))
    server = inbound(PAIR)
    meet(client, server)
    assert server.handshake is not None
    assert server.handshake.group in {"x25519", "secp384r1"}


@PROFILES
@pytest.mark.parametrize("suite", [*MODERN.tls13])
def test_each_tls_1_3_suite_is_accepted(profile: Profile, suite: str) -> None:
    client, server = outbound(ROOT.trust(), evolve(profile, tls13=(suite,))), inbound(PAIR, profile)
    meet(client, server)
    assert server.handshake is not None
    assert server.handshake.cipher == suite


def test_the_ccm_suite_of_tls_1_3_is_not() -> None:
    client = outbound(ROOT.trust(), evolve(MODERN, tls13=("TLS_AES_128_CCM_SHA256",)))
    server = inbound(PAIR)
    meet(client, server)
    assert server.refusal is not None
    assert server.refusal.reason == "tls.cipher"


@pytest.mark.parametrize("newest", [SSL.TLS1_3_VERSION, SSL.TLS1_2_VERSION], ids=["TLS 1.3", "TLS 1.2"])
def test_no_session_is_ever_resumed(newest: int) -> None:
    """Whatever a client brings back, it has to verify our certificate anew each time."""
    accepting = server_context(INTERMEDIATE, PAIR, clients=None, require_client=False)
    judged: list[SSL.Connection] = []
    connecting = SSL.Context(SSL.TLS_CLIENT_METHOD)
    connecting.set_max_proto_version(newest)
    connecting.set_session_cache_mode(SSL.SESS_CACHE_CLIENT)

    def believe(client: SSL.Connection, *_: object) -> bool:
        """Called for the chain in a full handshake, and not at all in a resumed one."""
        judged.append(client)
        return True

    connecting.set_verify(SSL.VERIFY_PEER, believe)
    session = None
    servers = []  # a server forgets the session of a connection that ends without goodbye
    for _ in range(3):
        client = SSL.Connection(connecting, None)
        client.set_connect_state()
        if session is not None:
            client.set_session(session)
        servers.append(server_connection(accepting, None, note=Note()))
        assert converse(client, servers[-1]) == (None, None)
        assert client in judged
        with pytest.raises(SSL.WantReadError):
            client.recv(1)  # takes in tickets, if any
        session = client.get_session()


@PROFILES
def test_our_client_never_offers_resumption(profile: Profile) -> None:
    """No session_ticket and no pre_shared_key extension in its hello."""
    hello = first_flight(outbound(ROOT.trust(), profile))
    offer = read_offer(hello)
    assert offer is not None
    assert not {35, 41} & set(extensions(hello))


@PROFILES
def test_our_client_offers_no_compression_and_no_early_data(profile: Profile) -> None:
    hello = first_flight(outbound(ROOT.trust(), profile))
    session_id = 5 + 4 + 2 + 32
    suites = session_id + 1 + hello[session_id]
    compression = suites + 2 + int.from_bytes(hello[suites : suites + 2])
    assert hello[compression : compression + 2] == b"\x01\x00"
    assert 42 not in extensions(hello)


def extensions(hello: bytes) -> list[int]:
    """The numbers of the extensions in a hello of one record."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2])
    at += 1 + hello[at]
    at += 2
    found = []
    while at < len(hello):
        found.append(int.from_bytes(hello[at : at + 2]))
        at += 4 + int.from_bytes(hello[at + 2 : at + 4])
    return found


def test_nobody_can_renegotiate_with_our_server() -> None:
    """A TLS 1.2 client that asks for it hears no; the keys stay those that were verified."""
    client, server = foreign_client(newest=SSL.TLS1_2_VERSION), inbound(PAIR, INTERMEDIATE)
    meet(client, server)
    assert server.refusal is None
    with pytest.raises(SSL.Error, match="no renegotiation"):
        renegotiate(client, server.connection)
    assert server.connection.total_renegotiations() == 0


def test_nobody_can_renegotiate_with_our_client() -> None:
    """An upstream cannot slip another certificate under a connection that was judged."""
    client, server = outbound(ROOT.trust(), INTERMEDIATE), foreign_server(PAIR, newest=SSL.TLS1_2_VERSION)
    meet(client, server)
    assert client.refusal is None
    server.renegotiate()
    server.do_handshake()  # sends a HelloRequest
    client.connection.bio_write(server.bio_read(1 << 16))
    with pytest.raises(SSL.WantReadError):
        client.connection.recv(1)
    alert = 21  # no_renegotiation, where a handshake record would begin a new ClientHello
    assert client.connection.bio_read(1 << 16)[0] == alert
    assert client.connection.total_renegotiations() == 0


def renegotiate(asks: SSL.Connection, asked: SSL.Connection) -> None:
    """One side asks for new keys, and both talk until one of them gives up."""
    asks.renegotiate()
    for _ in range(4):
        for one, other in ((asks, asked), (asked, asks)):
            try:
                if one is asks:
                    one.do_handshake()
                else:
                    one.recv(1)
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(one.bio_read(1 << 16))
            except SSL.WantReadError:
                pass


def test_the_server_chooses_the_suite() -> None:
    """Our order counts, not the client's."""
    client = outbound(ROOT.trust(), evolve(MODERN, tls13=tuple(reversed(MODERN.tls13))))
    server = inbound(PAIR)
    meet(client, server)
    assert server.handshake is not None
    assert server.handshake.cipher == MODERN.tls13[0]


def test_the_whole_chain_is_sent() -> None:
    """A client that knows only the root needs the intermediate from us."""
    pair = ROOT.intermediate().intermediate("lower").issue(HOST)
    client = outbound(ROOT.trust())
    meet(client, inbound(pair))
    assert client.refusal is None
    assert client.handshake is not None
    assert len(client.handshake.peer_chain_pins) == 4


def test_client_certificates_cannot_be_required_of_nobody() -> None:
    with pytest.raises(ValueError, match="trust store"):
        server_context(MODERN, PAIR, clients=None, require_client=True)


def test_an_unknown_group_is_an_error_and_not_ignored() -> None:
    with pytest.raises((ValueError, SSL.Error)):
        client_context(evolve(MODERN, groups=("X25519MLKEM768", "no-such-group")), ROOT.trust(), pair=None)


def test_a_key_of_another_certificate_is_named_and_not_shown() -> None:
    wrong = pair_of(PAIR.chain, pki.ec_key(), label="gate.crt")
    with pytest.raises(MaterialError, match="gate.crt: OpenSSL does not accept the pair") as raised:
        server_context(MODERN, wrong, clients=None, require_client=False)
    assert "PRIVATE" not in str(raised.value)
