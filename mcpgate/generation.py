"""A generation: an immutable, numbered set of configuration, TLS contexts and rules.

It is built whole or not at all. Every file that it names is read through one L{Reading}, parsed,
judged and tried in an in-memory handshake, then read again; a problem in any of them is a
L{Problem} with the key path that named the file, and nothing of the new generation is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from attrs import evolve, field, frozen
from cryptography import x509
from OpenSSL import SSL

from mcpgate.config.problem import ConfigError, Problem
from mcpgate.config.schema import Config
from mcpgate.config.secrets import SecretError
from mcpgate.config.tables.issuer import IssuerTable
from mcpgate.config.tables.listener import ListenerTable
from mcpgate.config.tables.peer import PeerTable
from mcpgate.config.tables.route import RouteTable
from mcpgate.config.tables.upstream import UpstreamTable
from mcpgate.config.url import HTTPS_PORT, Url, read_authority, read_url
from mcpgate.credentials.loading import fixed, mapped, signer_of, text_of
from mcpgate.credentials.terms import Client
from mcpgate.evidence.payload import Auditor, PayloadError
from mcpgate.identity.granted import Granting, Grants
from mcpgate.identity.issued import IssuedTokens
from mcpgate.identity.issuer import Issuer
from mcpgate.identity.peer import known_names
from mcpgate.identity.presets import terms_of
from mcpgate.identity.saml.packages import lacking
from mcpgate.identity.servers import servers_of
from mcpgate.identity.terms import IssuerTerms
from mcpgate.policy.budgets import compile_budgets
from mcpgate.policy.lists import Pages
from mcpgate.policy.patterns import Patterns
from mcpgate.policy.rules import ALLOW, Callers, Policy, compile_rules
from mcpgate.reasons import Reason, Refusal
from mcpgate.sessions.keyfile import NAME as KEY_FILE
from mcpgate.sessions.keyfile import KeyFileError, judge_mode, read_keys
from mcpgate.sessions.sealed import SessionKeys, place_of
from mcpgate.tls import contexts
from mcpgate.tls.material import Pair, choose, load_pair, load_pairs
from mcpgate.tls.pins import PinRule
from mcpgate.tls.profile import PROFILES, Profile, with_pq
from mcpgate.tls.reading import MaterialError, Reading
from mcpgate.tls.selftest import try_handshake
from mcpgate.tls.trust import TrustStore, load_trust, recheck
from mcpgate.upstream.terms import PeerTerms, UpstreamTerms, fingerprint_of
from mcpgate.wire.http import Headers
from mcpgate.wire.mirrored import Mirrors
from mcpgate.wire.oauth import Guide, metadata_path
from mcpgate.wire.origin import Origins

if TYPE_CHECKING:
    from mcpgate.identity.saml.assertion import SamlTerms
    from mcpgate.relay.judged import Judged, Undecided

T = TypeVar("T")


@frozen(eq=False)
class ListenerTerms:
    """What one generation demands of callers on a listener."""

    table: ListenerTable
    profile: Profile
    #: None where an application has the connections (C{relay.embedded}).
    pairs: tuple[Pair, ...]
    default: Pair | None
    contexts: Mapping[Pair, SSL.Context]
    #: What client certificates must chain to; C{None} when none is asked for.
    clients: TrustStore | None
    #: The names in client certificates that count.
    client_names: Patterns
    #: The names this listener answers for: those of its certificates, of its public URL, and others
    #: that are configured. A wildcard is written as in certificates.
    hosts: frozenset[str]
    #: The pages it serves, beside those that come from the very address they call.
    origins: Origins
    generation: int
    #: The URL by which callers reach it, if that is known.
    public: Url | None = None
    #: What is accepted here of the tokens of issuers.
    issuers: tuple[IssuerTerms, ...] = ()
    #: The issuers that clients are sent to for a token; they ask the first.
    authorization_servers: tuple[str, ...] = ()
    #: Who vouches for its callers by assertions, and what they get for it; C{None}: nobody.
    grants: Grants | None = None

    def resource(self, host: str, path: str) -> str:
        """
        The URL by which callers know a path here: what a token is for (RFC 8707), and what its metadata are
        about (RFC 9728).

        Of a Host header only the name counts, which was found to be ours: with its port, a token that was
        made for another server on the same host would pass for one that is for us.
        """
        assert self.public is not None, "issuers are accepted only where there is a public_url"
        return str(Url(host, self.public.port, path))

    def guide(self, host: str, table: RouteTable) -> Guide | None:
        """Where a caller of a route learns how to get a token, if any but ours are accepted."""
        if not self.authorization_servers:
            return None
        return Guide(self.resource(host, metadata_path(table.path)), table.scopes)

    @property
    def name(self) -> str:
        """The listener's name."""
        return self.table.name

    def pair_for(self, sni: str | None) -> Pair:
        """The certificate for a server name; only where connections are ours."""
        assert self.default is not None
        return choose(self.pairs, sni, self.default)

    @property
    def client_demand(self) -> tuple[object, ...]:
        """What is demanded of client certificates, to be compared with another generation's."""
        return self.table.client_certificates, self.clients.digest if self.clients is not None else None

    def judge_client(self, chain: Sequence[x509.Certificate]) -> Refusal | None:
        """Whether a live connection's client may stay, by the verified chain it came with, if any."""
        if self.clients is None:
            return None
        if chain:
            return recheck(self.clients, chain)
        if self.table.client_certificates == "required":
            return Refusal(Reason.TLS_CLIENT_CERTIFICATE, "a client certificate is now required")
        return None

    def judge_host(self, host: str, sni: str | None) -> Refusal | None:
        """Whether a request for C{host} belongs on a connection opened for C{sni}.

        RFC 9110 7.4: a request that this connection is not authoritative for is misdirected.
        Without it, one name's certificate and client checks could be used for another's routes.

        Names are compared without ports. Callers may come by another port than ours, or than that of
        the public URL (a balancer, a forwarded port); and what makes a foreign page look like ours (DNS
        rebinding) changes the address behind a foreign name, so it is the name that gives it away. Ports
        count where they tell pages apart: in origins (C{wire.origin}).
        """
        if sni is not None and host != sni:
            return Refusal(Reason.FRAME_MISDIRECTED, "Host differs from the TLS server name")
        if host in self.hosts or f"*.{host.partition('.')[2]}" in self.hosts:
            return None
        return Refusal(Reason.FRAME_MISDIRECTED, "Host is not a name of this listener")


@frozen(eq=False)
class RouteTerms:
    """A route and where it leads."""

    name: str
    table: RouteTable
    upstream: UpstreamTerms
    #: What was found for the calls that came by it (C{relay.judged}).
    judged: dict[tuple[Callers, tuple[str, str | None]], Judged | Undecided] = field(factory=dict, init=False)
    #: What its upstream may ask callers (C{relay.questions}).
    askable: dict[Callers, frozenset[str]] = field(factory=dict, init=False)
    #: What its upstream's lists said of headers that repeat arguments.
    mirrors: Mirrors = field(factory=Mirrors, init=False)
    #: What the pages of its upstream's lists had on them.
    pages: Pages = field(factory=Pages, init=False)
    #: Which names of lists which callers could use (C{relay.listing}).
    usable: dict[tuple[Callers, str, str], bool] = field(factory=dict, init=False)

    @cached_property
    def scopes(self) -> frozenset[str]:
        """What a caller's token must have for anything on it."""
        return frozenset(self.table.scopes)

    @cached_property
    def place(self) -> bytes:
        """What a session that was opened by it is bound to."""
        return place_of(self.name, self.upstream.authority, self.upstream.target)


@frozen(eq=False)
class Generation:
    """Everything that is decided by configuration and files, at one moment."""

    number: int
    config: Config
    listeners: Mapping[str, ListenerTerms]
    upstreams: Mapping[str, UpstreamTerms]
    #: Whose tokens are accepted anywhere.
    issuers: Mapping[str, Issuer]
    routes: Mapping[tuple[str | None, bytes], RouteTerms]
    policy: Policy
    #: To whom bodies are sealed that are recorded; C{None} where no rule has any recorded.
    auditor: Auditor | None
    #: What seals and opens the ids of sessions; without a key where no gate has begun yet.
    session_keys: SessionKeys
    #: Who vouches for callers by assertions anywhere.
    grants: Grants | None
    #: Every file that it was built from, to notice when one changes.
    reading: Reading

    def strays(self, tokens: IssuedTokens, now: float) -> tuple[str, ...]:
        """What good tokens are bound to and is not there, and what is denied of nobody."""
        return tokens.strays(
            {route.name for route in self.config.routes},
            {rule.name for rule in self.policy.rules if rule.action is ALLOW},
            any(table.client_certificates != "off" for table in self.config.listeners),
            now,
            {one.name for one in self.config.issuers} | {one.name for one in self.config.samls},
        )

    def route(self, host: str, path: bytes) -> RouteTerms | None:
        """The route for a host and an exact path; one that names the host comes first."""
        routes = self.routes
        return routes.get((host, path)) or routes.get((None, path))


class Builder:
    """Builds one generation and gathers what is wrong on the way."""

    def __init__(
        self, config: Config, number: int, now: datetime, *, claimed: bool = False
    ) -> None:
        """
        @param claimed: whether a gate has begun in the state directory, and so has its session keys there.
        """
        self._config = config
        self._claimed = claimed
        self._number = number
        self._now = now
        self.reading = Reading()
        self._problems: list[Problem] = []
        self._grants: Grants | None = None

    def build(self) -> Generation:
        """
        @raise ConfigError: with every problem found.
        """
        config = self._config
        session_keys = self.attempt("gate.state", self._session_keys)
        self._grants = self._granting(session_keys or SessionKeys())
        issuers = {table.name: self.issuer(table) for table in config.issuers}
        known = {name: issuer for name, issuer in issuers.items() if issuer is not None}
        listeners = {table.name: self.listener(table, known) for table in config.listeners}
        upstreams = {table.name: self._upstream(table) for table in config.upstreams}
        shown = [
            mapped(self, table, upstreams.get(table.upstream), known, config.vaults)
            for table in config.credentials
        ]
        budgets = compile_budgets(config.budgets)
        whos = [each.who for each in shown if each is not None]
        policy = self.attempt("rule", lambda: compile_rules(config.rules, config.detectors, budgets, whos))
        auditor = self._auditor()
        self.attempt("gate", self.reading.confirm)
        if self._problems:
            # What several tables name, such as a vault, is told once.
            raise ConfigError(list(dict.fromkeys(self._problems)), config.source)
        assert session_keys is not None and policy is not None
        whole = {
            name: evolve(terms, mapped=tuple(each for each in shown if each and each.table.upstream == name))
            for name, terms in upstreams.items()
            if terms is not None
        }
        return Generation(
            number=self._number,
            config=config,
            listeners={name: terms for name, terms in listeners.items() if terms is not None},
            upstreams=whole,
            issuers=known,
            routes={
                (table.host, table.path.encode()): RouteTerms(table.name, table, whole[table.upstream])
                for table in config.routes
            },
            policy=policy,
            auditor=auditor,
            session_keys=session_keys,
            grants=self._grants,
            reading=self.reading,
        )

    def _session_keys(self) -> SessionKeys:
        path = self._config.gate.state / KEY_FILE
        raw = self.reading.read_if_there(path)
        if raw is None:
            if self._claimed:
                # Read as "no keys" it would end every session; a new one is for an operator to want.
                raise MaterialError(
                    f"{path}: is gone; put it back, or begin anew with mcpgate session rotate"
                )
            return SessionKeys()
        try:
            judge_mode(self.reading.mode(path))
            return SessionKeys(read_keys(raw), self._config.limits.session_lifetime)
        except KeyFileError as error:
            raise MaterialError(f"{path}: {error}") from None

    def _auditor(self) -> Auditor | None:
        config = self._config
        path = config.evidence.auditor
        if path is None:
            for rule in config.rules:
                if rule.record is not None:
                    nobody = "needs evidence.auditor: somebody to whom bodies are encrypted"
                    self._problems.append(config.problem(f"rule.{rule.name}.record", nobody))
            return None

        def read() -> Auditor:
            try:
                return Auditor.of(self.reading.read(path))
            except PayloadError as error:
                raise MaterialError(f"{path}: {error}") from None

        return self.attempt("evidence.auditor", read)

    def _granting(self, keys: SessionKeys) -> Grants | None:
        tables = self._config.samls
        if not tables:
            return None
        missing = lacking()
        if missing is not None:
            self._problems.append(self._config.problem(f"saml.{tables[0].name}.metadata", missing))
            return None
        # Late, as it imports what only they need.
        from mcpgate.identity.saml.terms import Assertions, load_saml

        known: dict[str, SamlTerms] = {}
        for table in tables:
            at = f"saml.{table.name}.metadata"
            terms = self.attempt(at, partial(load_saml, self.reading, table))
            if terms is None:
                continue
            other = known.setdefault(terms.provider.entity_id, terms)
            if other is not terms:
                twice = f"is of the same identity provider as saml.{other.name}.metadata"
                self._problems.append(self._config.problem(at, twice))
        granting = (
            Granting(table.name, frozenset(table.routes) or None, table.scopes, table.lifetime)
            for table in tables
        )
        return Grants(keys, {one.name: one for one in granting}, Assertions(tuple(known.values())))

    def attempt(self, path: str, step: Callable[[], T]) -> T | None:
        """What a step gives; what is wrong with it is noted at that key."""
        try:
            return step()
        except (MaterialError, SecretError, SSL.Error, ValueError) as error:
            self._problems.append(self._config.problem(path, str(error) or "OpenSSL does not accept it"))
        return None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was found to be wrong so far."""
        return tuple(self._problems)

    def listener(
        self, table: ListenerTable, issuers: Mapping[str, Issuer], at: str = ""
    ) -> ListenerTerms | None:
        """A listener's terms. C{at}: where its keys stand, if not in a table of its own."""
        at = at or f"listener.{table.name}"
        profile = _profile(table.profile, table.require_pq)
        pairs: tuple[Pair, ...] | None = ()
        certificates = table.certificates
        if certificates is not None:
            pairs = self.attempt(
                f"{at}.certificates", lambda: load_pairs(self.reading, certificates, profile, self._now)
            )
        clients: TrustStore | None = None
        if table.client_certificates != "off":
            ca = table.client_ca
            clients = self.attempt(
                f"{at}.client_ca", lambda: load_trust(self.reading, ca, table.client_crl, self._now)
            )
            if clients is None:
                return None
        if pairs is None:
            return None
        made: dict[Pair, SSL.Context] = {}
        for pair in pairs:
            context = self.attempt(f"{at}.certificates", partial(_serving, table, profile, pair, clients))
            if context is not None:
                made[pair] = context
        hosts = {*table.hosts, *(name for pair in pairs for name in pair.names)}
        public = read_url(table.public_url) if table.public_url else None
        if public is not None:
            hosts.add(public.host)
        accepted = [issuer for issuer in issuers.values() if table.accepts(issuer.name)]
        servers = servers_of(accepted)
        grants = None
        if public is not None and self._grants is not None:
            grants = self._grants.at(table.accepts)
            if grants is not None:
                servers = (*servers, str(public))
        return ListenerTerms(
            table=table,
            profile=profile,
            pairs=pairs,
            default=choose(pairs, public.host if public is not None else None, pairs[0]) if pairs else None,
            contexts=made,
            clients=clients,
            client_names=known_names(table.client_names),
            hosts=frozenset(hosts),
            origins=_origins(table),
            generation=self._number,
            public=public,
            grants=grants,
            issuers=tuple(issuer.terms for issuer in accepted),
            authorization_servers=servers,
        )

    def _upstream(self, table: UpstreamTable) -> UpstreamTerms | None:
        url = read_url(table.url)
        credential = self._credential(table)
        loaded = self.peer("upstream", table, url.host, url.port or HTTPS_PORT)
        if loaded is None or credential is None:
            return None
        peer, trust = loaded
        return UpstreamTerms(
            table=table,
            host=peer.host,
            port=peer.port,
            authority=url.authority.encode(),
            target=url.path.encode(),
            dial_host=peer.dial_host,
            dial_port=peer.dial_port,
            profile=peer.profile,
            pins=peer.pins,
            context=peer.context,
            trust=trust,
            own=peer.own,
            credential=credential,
            fingerprint=fingerprint_of(peer, trust),
            generation=peer.generation,
            limits=peer.limits,
        )

    def issuer(self, table: IssuerTable) -> Issuer | None:
        """An issuer, with all that it names loaded."""
        at = f"issuer.{table.name}"
        terms = self.attempt(at, lambda: terms_of(table))
        if terms is None:
            return None
        places = (terms.jwks,) if terms.jwks is not None else terms.discovery
        first = read_url(places[0], query=True)
        loaded = self.peer("issuer", table, first.host, first.port)
        secret = text_of(self, f"{at}.client_secret", table.client_secret)
        signer = signer_of(self, f"{at}.assertion_key", table.assertion_key)
        if loaded is None:
            return None
        client = Client(table.client_id, secret, signer=signer) if table.client_id is not None else None
        # Whatever else is demanded of its tokens, its keys are the same.
        found_by = repr((table.name, terms.issuers, places, fingerprint_of(*loaded)))
        return Issuer(
            table=table,
            terms=terms,
            peer=loaded[0],
            client=client,
            fingerprint=hashlib.sha256(found_by.encode()).digest(),
        )

    def peer(self, kind: str, table: PeerTable, host: str, port: int) -> tuple[PeerTerms, TrustStore] | None:
        """A server's terms, and what its chain must lead to. C{kind}: the tables that it stands among."""
        at = f"{kind}.{table.name}"
        profile = _profile(table.profile, table.require_pq)
        authorities = None if table.trust == "system" else Path(table.trust)
        trust = self.attempt(
            f"{at}.trust", lambda: load_trust(self.reading, authorities, table.crl, self._now)
        )
        own: Pair | None = None
        if table.client_certificate is not None:
            certificate = table.client_certificate
            own = self.attempt(
                f"{at}.client_certificate",
                lambda: load_pair(self.reading, certificate, table.client_key, self._now),
            )
            if own is None:
                return None
        if trust is None:
            return None
        context = self.attempt(f"{at}.trust", lambda: contexts.client_context(profile, trust, pair=own))
        if context is None:
            return None
        dial = (host, port) if table.address is None else read_authority(table.address, HTTPS_PORT)
        pins = None
        if table.pins:
            report_only = table.pin_mode == "report_only"
            pins = PinRule(frozenset(table.pins), table.pin_at, report_only=report_only)
        terms = PeerTerms(
            table=table,
            host=host,
            port=port,
            dial_host=dial[0],
            dial_port=dial[1],
            profile=profile,
            pins=pins,
            context=context,
            trust=trust,
            own=own.facts if own else None,
            generation=self._number,
            limits=self._config.limits,
        )
        return terms, trust

    def _credential(self, table: UpstreamTable) -> Headers | None:
        if table.credential is None:
            return ()
        return fixed(self, f"upstream.{table.name}.credential", table.credential)


def _serving(table: ListenerTable, profile: Profile, pair: Pair, clients: TrustStore | None) -> SSL.Context:
    """A context that was tried before anybody depends on it."""
    required = table.client_certificates == "required"
    context = contexts.server_context(profile, pair, clients=clients, require_client=required)
    refusal = try_handshake(context, pair.names[0].replace("*", "any", 1))
    if refusal is not None:
        raise MaterialError(f"{pair.label}: a handshake with it fails: {refusal}")
    return context


def _origins(table: ListenerTable) -> Origins:
    # The public URL has no path, so it is written as the origin of its pages is.
    public = (str(read_url(table.public_url)),) if table.public_url else ()
    return Origins(frozenset(origin.encode() for origin in (*table.origins, *public)))


def _profile(name: str, require_pq: bool) -> Profile:
    profile = PROFILES[name]
    return with_pq(profile) if require_pq else profile
