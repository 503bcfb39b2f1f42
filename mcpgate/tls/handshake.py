"""What a leg negotiated, as a frozen value: observed, never wished for (pure)."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

#: Key-exchange groups that resist a quantum computer, as OpenSSL names them.
POST_QUANTUM_GROUPS = frozenset(
    {"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "MLKEM512", "MLKEM768", "MLKEM1024"}
)


# Its hash is what records are looked up by.
@frozen(cache_hash=True)
class Certificate:
    """What we say of a certificate in records."""

    #: Its subject.
    subject: str
    #: Who issued it.
    issuer: str
    #: Its serial number, in lower-case hexadecimal.
    serial: str
    #: SHA-256 of it, in hexadecimal.
    sha256: str
    #: The pin of its key, as the configuration has pins.
    spki_pin: str
    #: When it begins to be valid.
    not_before: datetime
    #: When it ends.
    not_after: datetime
    #: What kind of key it has, and how long.
    key: str
    #: The DNS names that it is for.
    dns_names: tuple[str, ...] = ()
    #: The URIs that it is for, such as a SPIFFE id.
    uris: tuple[str, ...] = ()
    #: The IP addresses that it is for.
    addresses: tuple[str, ...] = ()


@frozen
class Handshake:
    """A finished handshake: everything OpenSSL could be asked about it."""

    #: The TLS version, such as C{TLSv1.3}.
    version: str
    #: The cipher suite.
    cipher: str
    #: The length of its key.
    cipher_bits: int
    #: The group of the key exchange, as OpenSSL names it.
    group: str | None
    #: The protocol that was agreed on, or nothing.
    alpn: str
    #: The host name that the client asked for.
    sni: str | None
    #: The certificate of the other end, if it showed one.
    peer: Certificate | None
    #: The pins of the verified chain, leaf first.
    peer_chain_pins: tuple[str, ...]
    #: The certificate that this end showed.
    own: Certificate | None
    #: SHA-256 of a value that only the two ends can compute, in hexadecimal.
    exporter_sha256: str
    #: How long it took, from accept or connect on; 0, where nobody has measured it.
    milliseconds: float
    #: Whether a pin matched; C{None}: there are none to match.
    pinned: bool | None = None
    #: The number of the generation of a gate that it was judged by.
    generation: int = 0

    @property
    def post_quantum(self) -> bool:
        """Whether the key exchange was a post-quantum (hybrid) one."""
        return self.group in POST_QUANTUM_GROUPS


@frozen
class Offer:
    """What a client's ClientHello offered, read passively; the only facts of a failed handshake."""

    sni: str | None
    versions: tuple[str, ...]
    ciphers: tuple[str, ...]
    groups: tuple[str, ...]
    alpn: tuple[str, ...]
