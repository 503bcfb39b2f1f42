"""The lines about what is in force: each generation as a worker adopts it, and each change not taken.

A generation's line says what was demanded when: by which configuration and rules (their hashes, never
their texts), of whom and on which addresses, with which certificates. So the handshakes that follow it can
be compared with what should have been, by somebody who has the journal and nothing else. Of credentials
it says nothing, not even where they are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
from cryptography import x509
from OpenSSL import SSL

from mcpgate.evidence.record import VERSION, bounded, encoded, timestamp
from mcpgate.tls.binding import fips
from mcpgate.tls.certificate import describe
from mcpgate.tls.handshake import Certificate
from mcpgate.tls.profile import VERSIONS, Profile

if TYPE_CHECKING:
    from mcpgate.config.schema import Config
    from mcpgate.generation import Generation, ListenerTerms
    from mcpgate.upstream.terms import PeerTerms

# Readers take lines of 1 MiB, and some bundles of CAs hold thousands: what does not fit is counted.
CERTIFICATES_MOST = 500
LINE_MOST = 512 * 1024
# Of one certificate: hosting companies have some hundred, and what is served is in each handshake's line.
NAMES_MOST = 20
# Of one upstream or issuer; each is 51 characters.
PINS_MOST = 100


class _GenerationLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "generation"
    id: str
    time: str
    number: int
    mcpgate: str
    openssl: str
    fips: bool
    configuration: dict[str, Any]
    policy: dict[str, Any]
    evidence: dict[str, Any]
    profiles: dict[str, Any]
    listeners: list[dict[str, Any]]
    upstreams: list[dict[str, Any]]
    providers: list[dict[str, Any]]
    certificates: list[dict[str, Any]]
    certificates_left_out: int
    others_left_out: int = 0


class _ReloadLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    v: int = VERSION
    type: str = "reload"
    id: str
    time: str
    what: str
    taken: bool
    problem: str | None
    generation: int


def generation_line(
    id: str, *, time: str, generation: Generation, addresses: Mapping[str, str], version: str
) -> bytes:
    """A generation has come into force.

    @param addresses: Where each listener accepts, by its name.
    @param version: Of mcpgate.
    """
    config = generation.config
    certificates = list(_certificates(generation))
    upstreams = list(generation.upstreams.values())
    providers = list(_providers(generation))
    profiles = [listener.profile for listener in generation.listeners.values()]
    profiles += [upstream.profile for upstream in upstreams]
    profiles += [peer.profile for _, peer in providers]
    facts = _GenerationLine(
        id=id,
        time=time,
        number=generation.number,
        mcpgate=version,
        openssl=openssl(),
        fips=fips(),
        configuration={
            "file": bounded(str(config.source)) if config.source is not None else None,
            "sha256": hashlib.sha256(config.text).hexdigest(),
            "included": {
                name: hashlib.sha256(text).hexdigest() for name, text in sorted(config.included.items())
            },
        },
        policy={"sha256": policy_hash(config), "rules": len(config.rules), "budgets": len(config.budgets)},
        evidence={
            "durability": config.evidence.durability,
            "on_journal_failure": config.evidence.on_journal_failure,
            "auditor": generation.auditor.name if generation.auditor is not None else None,
        },
        profiles={_called(each): _profile(each) for each in profiles},
        listeners=[_listener(one, addresses.get(name)) for name, one in generation.listeners.items()],
        upstreams=[_peer(one) for one in upstreams],
        providers=[{"kind": kind, **_peer(one)} for kind, one in providers],
        certificates=certificates,
        certificates_left_out=0,
    )
    shown = min(len(certificates), CERTIFICATES_MOST)
    while True:
        some = certificates[:shown]
        left = len(certificates) - shown
        line = encoded(msgspec.structs.replace(facts, certificates=some, certificates_left_out=left))
        if len(line) <= LINE_MOST:
            return line
        if shown:
            shown //= 2
        elif (shorter := _shorter(facts)).others_left_out == facts.others_left_out:
            return line
        else:
            facts = shorter


def _shorter(facts: _GenerationLine) -> _GenerationLine:
    """With half of what there is most of, as configurations of thousands of upstreams have it."""
    lists = {name: getattr(facts, name) for name in ("listeners", "upstreams", "providers")}
    included = facts.configuration["included"]
    name = max(lists, key=lambda one: len(lists[one]))
    if len(included) > len(lists[name]):
        some = dict(list(included.items())[: len(included) // 2])
        changes: dict[str, Any] = {"configuration": {**facts.configuration, "included": some}}
        gone = len(included) - len(some)
    else:
        changes = {name: lists[name][: len(lists[name]) // 2]}
        gone = len(lists[name]) - len(changes[name])
    return msgspec.structs.replace(facts, **changes, others_left_out=facts.others_left_out + gone)


def reload_line(id: str, *, time: str, what: str, problem: str, generation: int) -> bytes:
    """A change was not taken.

    @param what: C{configuration}, C{files} or C{tokens}.
    @param problem: Why; as the log has it.
    @param generation: The one that stays in force.
    """
    return encoded(
        _ReloadLine(
            id=id, time=time, what=what, taken=False, problem=bounded(problem), generation=generation
        )
    )


def openssl() -> str:
    """Which OpenSSL there is."""
    return SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode("ascii", "replace")


def policy_hash(config: Config) -> str:
    """
    SHA-256 of what rules, detectors and budgets say, whatever file they stand in, in whatever order, with
    whatever comments: another one means that another policy is in force.

    Keys that are not there count for nothing, so that the same policy has the same hash when a later
    version of mcpgate knows more of them.
    """
    found = {"rule": config.rules, "detector": config.detectors, "budget": config.budgets}
    tables = {
        kind: sorted((_said(table) for table in some), key=lambda table: str(table["name"]))
        for kind, some in found.items()
    }
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def _said(table: Any) -> dict[str, Any]:
    """The keys of a table that differ from their defaults."""
    found = {}
    for field in attrs.fields(type(table)):
        value, default = getattr(table, field.name), field.default
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            default = default.factory()
        if value != default:
            found[field.name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        return _said(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(_plain, value), key=str)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _called(profile: Profile) -> str:
    """The name of a profile, and whether it was made stricter."""
    return f"{profile.name}+pq" if profile.require_pq else profile.name


def _profile(profile: Profile) -> dict[str, Any]:
    # Only TLS 1.3 has post-quantum groups.
    least = VERSIONS["TLSv1.3"] if profile.require_pq else profile.min_version
    return {
        "versions": [name for name, number in VERSIONS.items() if number >= least],
        "suites": [*profile.tls13, *profile.tls12],
        "groups": list(profile.groups),
    }


def _listener(terms: ListenerTerms, address: str | None) -> dict[str, Any]:
    return {
        "name": terms.name,
        "listen": bounded(terms.table.listen),
        "address": address,
        "profile": _called(terms.profile),
        "require_pq": terms.profile.require_pq,
        "client_certificates": terms.table.client_certificates,
        "hosts": sorted(terms.hosts),
    }


def _peer(terms: PeerTerms) -> dict[str, Any]:
    table = terms.table
    return {
        "name": terms.name,
        "host": f"{terms.host}:{terms.port}",
        "dialled": f"{terms.dial_host}:{terms.dial_port}",
        "profile": _called(terms.profile),
        "require_pq": terms.profile.require_pq,
        "pins": list(table.pins[:PINS_MOST]),
        "pin_at": table.pin_at,
        "pin_mode": table.pin_mode,
        "trust": bounded(table.trust),
        "trust_sha256": terms.trust.digest.hex(),
        "authorities": len(terms.trust.certificates),
        "revocation_lists": len(terms.trust.crls),
    }


def _providers(generation: Generation) -> Iterator[tuple[str, PeerTerms]]:
    """Whoever else is asked: issuers, and who gives or keeps what upstreams are shown."""
    for name in sorted(generation.issuers):
        yield "issuer", generation.issuers[name].peer
    for upstream in generation.upstreams.values():
        for credential in upstream.mapped:
            if credential.grant is not None:
                yield "credential", credential.grant.peer


def _certificates(generation: Generation) -> Iterator[dict[str, Any]]:
    """Those in force, each with what it is for; what expires in front, as some may be left out."""
    authorities: list[dict[str, Any]] = []
    for listener in generation.listeners.values():
        for pair in listener.pairs:
            for place, one in enumerate(pair.chain):
                yield _certificate("own", listener.name, one, pair.label, place)
        if listener.clients is not None:
            authorities += _trusted("client_ca", listener.name, listener.clients.certificates)
    peers = [*(("upstream", one) for one in generation.upstreams.values()), *_providers(generation)]
    for kind, peer in peers:
        if peer.own is not None:
            yield {"role": "shown", "where": peer.name, "to": kind, **_facts(peer.own)}
        # Of the system's, digest and number must do: they are some 150, for each of whom it names.
        if peer.table.trust != "system":
            authorities += _trusted("trust", peer.name, peer.trust.certificates)
    if generation.grants is not None:
        for terms in generation.grants.assertions.known:
            for one in terms.provider.certificates:
                yield _certificate("saml", terms.name, one)
    yield from authorities


def _trusted(role: str, where: str, found: Sequence[x509.Certificate]) -> list[dict[str, Any]]:
    # One more than fit: so it is seen that there are more, and none is read for nothing.
    return [_certificate(role, where, one) for one in found[: CERTIFICATES_MOST + 1]]


def _certificate(
    role: str, where: str, certificate: x509.Certificate, file: str | None = None, place: int = 0
) -> dict[str, Any]:
    more: dict[str, Any] = {} if file is None else {"file": bounded(file), "place": place}
    return {"role": role, "where": where, **more, **_facts(describe(certificate))}


def _facts(one: Certificate) -> dict[str, Any]:
    return {
        "subject": one.subject[:200],
        "issuer": one.issuer[:200],
        "serial": one.serial,
        "sha256": one.sha256,
        "spki_pin": one.spki_pin,
        "not_before": timestamp(one.not_before.timestamp()),
        "not_after": timestamp(one.not_after.timestamp()),
        "key": one.key,
        "names": [name[:253] for name in (*one.dns_names, *one.uris, *one.addresses)[:NAMES_MOST]],
    }
