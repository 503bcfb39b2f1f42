"""A handshake with a server that need not be trusted, for those who only want to look at it.

What is wrong with the chain is noted and the handshake goes on, where every other connection of
ours stops. What makes that harmless is what is missing here: the connection never leaves its
L{Onlooker}, and an L{Onlooker} can neither read nor write. No byte of an application can pass
through it in either direction, whatever its holder does.
"""

from __future__ import annotations

import socket

from cryptography import x509
from OpenSSL import SSL

from mcpgate.reasons import Refusal
from mcpgate.tls.contexts import client_connection, client_context
from mcpgate.tls.handshake import Handshake
from mcpgate.tls.observe import observe, verified_chain
from mcpgate.tls.profile import Profile
from mcpgate.tls.trust import TrustStore
from mcpgate.tls.verify import Note, onlooker_callback


class Onlooker:
    """
    One handshake under a profile, as the gate itself would begin it, that is then only looked at.

    The name is sent as SNI and is not judged: C{judge_name} can do that with the leaf.
    """

    __slots__ = ("__connection", "__note")

    def __init__(self, profile: Profile, trust: TrustStore, sock: socket.socket | None, *, host: str) -> None:
        """
        @param sock: non-blocking and connected.
        """
        self.__note = Note()
        self.__connection = client_connection(
            client_context(profile, trust, pair=None), sock, host=host, pins=None, note=Note()
        )
        self.__connection.set_verify(SSL.VERIFY_PEER, onlooker_callback(self.__note))

    def shake(self) -> None:
        """Go on with the handshake.

        @raise SSL.WantReadError: or C{WantWriteError}, when it has to wait for the socket.
        @raise SSL.Error: when it fails; C{failure} knows why.
        """
        self.__connection.do_handshake()

    @property
    def trust_refusal(self) -> Refusal | None:
        """What the gate would refuse about the chain; to be asked when the handshake is over."""
        return self.__note.refusal

    def handshake(self, milliseconds: float) -> Handshake:
        """What was negotiated."""
        return observe(
            self.__connection, note=self.__note, own=None, milliseconds=milliseconds, generation=0
        )

    def chain(self) -> tuple[x509.Certificate, ...]:
        """Leaf first: the chain that was verified, or the one the server sent if that is not trusted."""
        if self.trust_refusal is None:
            return tuple(verified_chain(self.__connection))
        return tuple(self.__connection.get_peer_cert_chain(as_cryptography=True) or ())

    def leave(self) -> None:
        """Say goodbye, so that the server need not think that the connection was cut."""
        try:
            self.__connection.shutdown()
        except (SSL.Error, OSError):
            pass
