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
    """What we say of a certificate in records. C{serial} is lower-case hexadecimal."""

    subject: str
    issuer: str
    serial: str
    sha256: str
    spki_pin: str
    not_before: datetime
    not_after: datetime
    key: str
    dns_names: tuple[str, ...] = ()
    uris: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@frozen
class Handshake:
    """A finished handshake: everything OpenSSL could be asked about it."""

    version: str
    cipher: str
    cipher_bits: int
    group: str | None
    alpn: str
    sni: str | None
    peer: Certificate | None
    peer_chain_pins: tuple[str, ...]
    own: Certificate | None
    exporter_sha256: str
    milliseconds: float
    pinned: bool | None = None
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
