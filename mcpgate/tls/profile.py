"""A profile: the floor a leg must reach, and the judgement of what a handshake reached (pure).

A context built from a profile offers nothing below it, so OpenSSL already refuses most of what is
judged here. It is judged again because the two can differ: an OpenSSL that ignored a setting, a
provider that adds a group, a context built wrongly. What is written to the journal is what was
observed, and what was observed must satisfy the profile.

The values follow Mozilla's "modern" and "intermediate" recommendations, version 6.0, without finite
field Diffie-Hellman: no CBC, no static RSA, a post-quantum hybrid first.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import evolve, frozen

from mcpgate.reasons import Reason, Refusal
from mcpgate.tls.handshake import Handshake

#: Protocol numbers as they are on the wire (RFC 8446 §4.2.1), by OpenSSL's names.
VERSIONS: Mapping[str, int] = MappingProxyType({"TLSv1.2": 0x0303, "TLSv1.3": 0x0304})

#: RFC 8446 §B.4, without the CCM suites: nobody needs them outside constrained devices.
_TLS13 = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")

#: RFC 5289 and RFC 7905: forward secret and AEAD, the only kind RFC 9325 §4.2 recommends.
_TLS12 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)

#: In order of preference, by the names OpenSSL reports after a handshake.
_GROUPS = ("X25519MLKEM768", "x25519", "secp256r1", "secp384r1")

#: 112 bits of security (NIST SP 800-57 part 1, table 2), the least that any public CA signs.
RSA_BITS = 2048

#: Keys other than RSA that a peer's certificate may have, as C{certificate.describe} writes them.
_PEER_KEYS = frozenset(
    {"EC-secp256r1", "EC-secp384r1", "EC-secp521r1", "Ed25519", "Ed448"}
    | {"ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}
)


@frozen
class Profile:
    """What a leg must have negotiated. Suites and groups are OpenSSL's names, best first."""

    name: str
    min_version: int
    tls13: tuple[str, ...]
    tls12: tuple[str, ...]
    groups: tuple[str, ...]
    rsa_bits: int = RSA_BITS
    require_pq: bool = False


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        "modern": Profile("modern", VERSIONS["TLSv1.3"], _TLS13, (), _GROUPS),
        "intermediate": Profile("intermediate", VERSIONS["TLSv1.2"], _TLS13, _TLS12, _GROUPS),
    }
)

#: All that a leg can have negotiated, as nothing below a profile is offered: what rules may ask for.
CIPHERS = (*_TLS13, *_TLS12)
GROUPS = _GROUPS


def with_pq(profile: Profile) -> Profile:
    """The same floor, and only post-quantum key exchange on top of it (hence only TLS 1.3)."""
    return evolve(profile, require_pq=True)


def profile_named(text: str) -> Profile:
    """
    A profile by its name, with C{+pq} behind it where a post-quantum group is demanded.

    @raise ValueError: there is none of that name. What is misspelt demands nothing by accident.
    """
    name, plus, more = text.partition("+")
    if name not in PROFILES or (plus and more != "pq"):
        raise ValueError(f"there are {', '.join(PROFILE_NAMES)}")
    return with_pq(PROFILES[name]) if plus else PROFILES[name]


#: All that L{profile_named} knows.
PROFILE_NAMES = (*PROFILES, *(f"{one}+pq" for one in PROFILES))


def judge(profile: Profile, handshake: Handshake) -> Refusal | None:
    """Whether a finished handshake is at or above the profile; C{None} if it is."""
    number = VERSIONS.get(handshake.version, 0)
    if number < profile.min_version:
        return Refusal(Reason.TLS_VERSION, f"{handshake.version} is below the profile {profile.name}")
    suites = profile.tls13 if number >= VERSIONS["TLSv1.3"] else profile.tls12
    if handshake.cipher not in suites:
        return Refusal(Reason.TLS_CIPHER, f"{handshake.cipher} is not in the profile {profile.name}")
    # None is a key exchange without a group: static RSA, or finite field Diffie-Hellman.
    if handshake.group is None or handshake.group not in profile.groups:
        return Refusal(
            Reason.TLS_GROUP, f"the group {handshake.group or 'none'} is not in the profile {profile.name}"
        )
    if profile.require_pq and not handshake.post_quantum:
        return Refusal(Reason.TLS_GROUP, f"the group {handshake.group} is not post-quantum")
    if handshake.peer is not None:
        return judge_key(profile, handshake.peer.key)
    return None


def judge_key(profile: Profile, key: str) -> Refusal | None:
    """Whether a certificate's key, as C{certificate.describe} writes it, is strong enough."""
    kind, _, bits = key.partition("-")
    if kind == "RSA":
        if bits.isdecimal() and int(bits) >= profile.rsa_bits:
            return None
        return Refusal(Reason.TLS_KEY, f"the key is {key}; at least {profile.rsa_bits} bits are needed")
    if key in _PEER_KEYS:
        return None
    return Refusal(Reason.TLS_KEY, f"a key of the kind {key} is not accepted")
