"""What a server shows and demands now: certificates and trust from files, looked at again and again.

All of it is read, judged and tried as a whole (C{tls.material}); what is no good changes nothing, and is told
once. A connection keeps what it began with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from attrs import field, frozen
from OpenSSL import SSL

from mcpgate.tls import contexts
from mcpgate.tls.material import Pair, choose, load_pairs
from mcpgate.tls.profile import Profile
from mcpgate.tls.reading import MaterialError, Reading
from mcpgate.tls.selftest import try_handshake
from mcpgate.tls.trust import TrustStore, load_trust


@frozen(eq=False)
class Shown:
    """All of it at one moment."""

    pairs: tuple[Pair, ...]
    contexts: Mapping[Pair, SSL.Context] = field(repr=False)
    reading: Reading = field(repr=False)

    @property
    def first(self) -> SSL.Context:
        """What a connection begins with; another pair takes over if its client asks for that name."""
        return self.contexts[self.pairs[0]]


class Rotating:
    """Those files, by one profile."""

    def __init__(
        self,
        profile: Profile,
        certificates: Path,
        client_ca: Path | None,
        now: Callable[[], datetime],
    ) -> None:
        """
        @param client_ca: whom client certificates, which are then required, must chain to.
        @raise MaterialError: something is wrong with a file, which it names.
        """
        self.profile = profile
        #: Why the files as they are now are not used, if they are not.
        self.problem: str | None = None
        self._certificates = certificates
        self._client_ca = client_ca
        self._now = now
        self.shown = self._load()

    def look(self) -> bool:
        """See whether a file changed, and use what is new if it is good. Whether there is something to tell:
        there is another C{shown}, or another C{problem}."""
        if self.shown.reading.changed() is None:
            # As they are used: if they were broken meanwhile, somebody has put them back.
            self.problem = None
            return False
        try:
            self.shown = self._load()
        except MaterialError as error:
            known, self.problem = self.problem, str(error)
            return self.problem != known
        self.problem = None
        return True

    def _load(self) -> Shown:
        reading, now = Reading(), self._now()
        pairs = load_pairs(reading, self._certificates, self.profile, now)
        clients = load_trust(reading, self._client_ca, None, now) if self._client_ca is not None else None
        made = {pair: self._context(pair, clients) for pair in pairs}

        def named(name: str | None) -> SSL.Context:
            return made[choose(pairs, name, pairs[0])]

        for context in made.values():
            contexts.choose_by_name(context, named)
        self._try(pairs, made)
        reading.confirm()
        return Shown(pairs, made, reading)

    def _context(self, pair: Pair, clients: TrustStore | None) -> SSL.Context:
        return contexts.server_context(
            self.profile, pair, clients=clients, require_client=clients is not None
        )

    def _try(self, pairs: tuple[Pair, ...], made: Mapping[Pair, SSL.Context]) -> None:
        for pair in pairs:
            refusal = try_handshake(made[pair], pair.names[0].replace("*", "any", 1))
            if refusal is not None:
                raise MaterialError(f"{pair.label}: a handshake with it fails: {refusal}")
