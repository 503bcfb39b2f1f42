"""The lines about handshakes: what a leg negotiated, or why it came to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import msgspec

from mcpgate.evidence.record import VERSION, bounded, encoded, timestamp
from mcpgate.reasons import Refusal
from mcpgate.tls.handshake import Certificate, Handshake, Offer

#: A leg of an exchange, or a connection to somebody who is asked meanwhile: an issuer of tokens, say.
Leg = Literal["inbound", "outbound", "provider"]


class _HandshakeLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "handshake"
    id: str
    time: str
    leg: str
    outcome: str
    where: str
    peer: str
    local: str
    reason: str | None
    detail: str | None
    handshake: dict[str, object] | None
    offer: dict[str, object] | None
    extra: dict[str, object] | None


def handshake_line(
    id: str,
    *,
    time: str,
    leg: Leg,
    outcome: Literal["ok", "refused"],
    where: str,
    peer: str,
    local: str,
    handshake: Handshake | None = None,
    offer: Offer | None = None,
    refusal: Refusal | None = None,
    extra: Mapping[str, object] | None = None,
) -> bytes:
    """One leg's handshake, finished or refused.

    @param time: As L{timestamp} writes it, here as everywhere below.
    @param where: The listener's name (inbound), the upstream's (outbound), or that of whoever is asked.
    @param peer: C{address:port}, like C{local}.
    @param offer: What the client offered; of a refused handshake often the only facts.
    @param extra: Further facts that JSON can say.
    """
    return encoded(
        _HandshakeLine(
            id=id,
            time=time,
            leg=leg,
            outcome=outcome,
            where=where,
            peer=peer,
            local=local,
            reason=refusal.reason.value if refusal else None,
            detail=bounded(refusal.detail) if refusal else None,
            handshake=_handshake(handshake) if handshake else None,
            offer=_offer(offer) if offer else None,
            extra=None if extra is None else dict(extra),
        )
    )


@lru_cache(maxsize=64)
def _certificate(cert: Certificate) -> dict[str, object]:
    return {
        "subject": bounded(cert.subject),
        "issuer": bounded(cert.issuer),
        "serial": cert.serial,
        "sha256": cert.sha256,
        "spki_pin": cert.spki_pin,
        "not_before": timestamp(cert.not_before.timestamp()),
        "not_after": timestamp(cert.not_after.timestamp()),
        "key": cert.key,
        "dns_names": _names(cert.dns_names),
        "uris": _names(cert.uris),
        "addresses": _names(cert.addresses),
    }


def _names(names: tuple[str, ...]) -> list[str | None]:
    # Certificates of hosting companies have some 100 names; the 28 KiB of a chain bound the rest.
    return [bounded(name) for name in names]


def _handshake(seen: Handshake) -> dict[str, object]:
    return {
        "version": seen.version,
        "cipher": seen.cipher,
        "cipher_bits": seen.cipher_bits,
        "group": seen.group,
        "post_quantum": seen.post_quantum,
        "alpn": seen.alpn,
        "sni": bounded(seen.sni),
        "peer": seen.peer and _certificate(seen.peer),
        "peer_chain_pins": list(seen.peer_chain_pins),
        "pinned": seen.pinned,
        "own": seen.own and _certificate(seen.own),
        "exporter_sha256": seen.exporter_sha256,
        "milliseconds": round(seen.milliseconds, 3),
        "generation": seen.generation,
    }


def _offer(offer: Offer) -> dict[str, object]:
    return {
        "sni": bounded(offer.sni),
        "versions": list(offer.versions),
        "ciphers": list(offer.ciphers),
        "groups": list(offer.groups),
        "alpn": list(offer.alpn),
    }
