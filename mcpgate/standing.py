"""What stands: the configuration of a gate, its generation, tokens and addresses, and how they change.

Every change is judged here, whole, before anybody serves by it; why one was not taken is told once in
the log and kept for C{status}. Who serves is somebody else: the same process (C{gate}), or several
that are told over a channel (C{workers.supervisor}).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from attrs import evolve, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mcpgate.config.problem import ConfigError, Problem
from mcpgate.config.schema import Config
from mcpgate.evidence.journal import JournalError, hold
from mcpgate.evidence.keyfile import EvidenceKeyError
from mcpgate.evidence.keyfile import KeyFile as EvidenceKeyFile
from mcpgate.generation import Builder, Generation
from mcpgate.identity.issued import IssuedTokens, TokenFile, TokenFileError
from mcpgate.identity.uses import last_uses, stamp
from mcpgate.ops.control import Verb
from mcpgate.policy.doubts import doubts
from mcpgate.relay.bound import Addresses, Bound, ListenError
from mcpgate.sessions.keyfile import KeyFile, KeyFileError
from mcpgate.tls.selftest import self_test

#: What became of a change that is no good.
KEPT = "What was in force stays in force."

#: What is wrong with an embedded listener where nothing is embedded.
NOBODY = (
    '"embedded" is for an application that holds the gate (mcpgate.resource); this process is nothing but '
    "the gate, so nobody would be served; bind an address, such as tcp:8443"
)

#: Tokens whose last use C{status} shows, the latest first; C{mcpgate token list} has all.
USES_SHOWN = 20

#: Locked in the state directory by whoever decides about it; the journals have locks of their own.
LOCK = "gate.lock"


@frozen(eq=False)
class Change:
    """A generation that was found good, with the addresses that were bound for it."""

    generation: Generation
    fresh: Mapping[str, Bound]
    #: What was prepared beside it (L{Companion}), if the configuration is another one.
    beside: Any = None


class Companion(Protocol):
    """What runs beside a gate as a process of its own, and follows its configuration."""

    verbs: Mapping[str, Verb]

    def prepare(self, config: Config, holders: Mapping[int, str]) -> Any:
        """
        Judge a configuration, and bind what is new in it.

        @param holders: the listeners, by the inodes of their sockets.
        @raise ConfigError: with every problem; ListenError: an address is taken or may not be used.
        """

    def take(self, prepared: Any) -> None:
        """It is in force."""

    def drop(self, prepared: Any) -> None:
        """It is not taken after all."""

    def facts(self) -> Mapping[str, Any] | None:
        """What C{status} shows of it, if it has anything to do."""


class Standing:
    """The configuration of a gate and all that it names. C{config} is the one in force."""

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        config: Config,
        wall: Callable[[], float] = time.time,
        record: Callable[[str, str], None] = lambda kind, problem: None,
    ) -> None:
        """
        @param wall: Unix seconds, for the validity of certificates.
        @param record: told of which kind a change was that was not taken, and why.
        """
        self.config = config
        self.tokens = IssuedTokens()
        self.addresses = Addresses(reactor)
        #: Why the last change of each kind was not taken: configuration, files, tokens.
        self.problems: dict[str, str] = {}
        self.stopping = False
        #: Whether the process is nothing but the gate, so that no application hands over requests.
        self.alone = False
        #: The admin process, where there is one.
        self.beside: Companion | None = None
        self._wall = wall
        self._record = record
        self._generation: Generation | None = None
        self._token_file = TokenFile(config.gate.state / "tokens.json")
        self._lock: int | None = None

    # Start.

    def prepare(self) -> Generation:
        """
        Read and judge everything that the configuration names, without touching the network.

        @raise ConfigError: with every problem.
        """
        if self._generation is None:
            self_test()
            self._generation = self._build(self.config, 1)
        return self._generation

    def claim(self) -> None:
        """
        Judge all there is to judge, and make the state directory ours until L{end}.

        @raise ConfigError: with every problem.
        @raise JournalError: the state directory cannot be used, or another gate uses it.
        """
        self.prepare()
        state = self.config.gate.state
        try:
            self.tokens = self._token_file.load()
        except TokenFileError as error:
            raise ConfigError([self.config.problem("gate.state", str(error))], self.config.source) from None
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{state}: {error.strerror}") from error
        self._lock = hold(state / LOCK)
        self._begin_evidence()
        if not self.generation.session_keys:
            self._begin_keys()

    def _begin_evidence(self) -> None:
        try:
            keys, made = EvidenceKeyFile(self.config.gate.state).begin(self._wall())
        except EvidenceKeyError as error:
            raise JournalError(str(error)) from error
        if made:
            # Once, and best kept elsewhere: who has it can check what this host will say of itself.
            self.log.info("evidence is signed by {key}", key=str(keys.signing.verifier))

    def _begin_keys(self) -> None:
        # Nobody else begins here while we hold the directory, and a file that somebody has put there
        # since is taken as it is.
        try:
            KeyFile(self.config.gate.state).begin(self._wall())
        except KeyFileError as error:
            raise JournalError(str(error)) from error
        self._generation = self._build(self.config, 1)

    def first(self) -> Change:
        """
        Bind every listener.

        @raise ListenError: an address is taken or may not be used.
        """
        return self._bound(self.generation)

    @property
    def generation(self) -> Generation:
        """The generation in force."""
        assert self._generation is not None, "nothing was judged yet"
        return self._generation

    # Change.

    def judge(self, config: Config) -> Change:
        """
        Judge another configuration, and bind what is new in it; L{take} the change or L{drop} it.

        @raise ConfigError: with every problem; also when a new listener cannot be bound.
        """
        try:
            self._lasting(config)
            generation = self._build(config, self.generation.number + 1)
            try:
                return self._bound(generation)
            except ListenError as error:
                raise ConfigError([config.problem(error.key, str(error))], config.source) from None
        except ConfigError as error:
            self.complain("configuration", error.told(KEPT))
            raise

    def _bound(self, generation: Generation) -> Change:
        """With every address that is new, or with none of them."""
        config = generation.config
        if self.alone:
            self._bindable(config)
        fresh = self.addresses.bind(config.listeners)
        beside = None
        try:
            if self.beside is not None:
                beside = self.beside.prepare(config, self.addresses.holders(fresh, config.listeners))
        except BaseException:
            for bound in fresh.values():
                bound.close()
            raise
        return Change(generation, fresh, beside)

    def _bindable(self, config: Config) -> None:
        problems = [
            config.problem(f"listener.{table.name}.listen", NOBODY)
            for table in config.listeners
            if table.embedded
        ]
        if problems:
            raise ConfigError(problems, config.source)

    def judge_files(self) -> Change | None:
        """See whether a file changed, and judge what is new; C{None} when nothing good is new."""
        if self.generation.reading.changed() is None:
            # As they are in force: if they were broken meanwhile, somebody has put them back.
            self.problems.pop("files", None)
            return None
        try:
            return Change(self._build(self.config, self.generation.number + 1), {})
        except ConfigError as error:
            self.complain("files", error.told(KEPT))
            return None

    def take(self, change: Change) -> None:
        """It is in force: what it does not have any more is closed."""
        generation = change.generation
        bound = {name for name, terms in generation.listeners.items() if not terms.table.embedded}
        self.addresses.take(change.fresh, bound)
        if generation.config is not self.config:
            self.problems.pop("configuration", None)
        # Both were judged together, whichever of them changed.
        self.problems.pop("files", None)
        self.config = generation.config
        self._generation = generation
        if self.beside is not None and change.beside is not None:
            self.beside.take(change.beside)

    def announce(self, change: Change) -> None:
        """Tell in the log what is in force now, once somebody serves by it."""
        for name, bound in change.fresh.items():
            self.log.info(
                "listener {name} accepts TLS on {address}, profile {profile}",
                name=name,
                address=bound.address,
                profile=bound.table.profile,
            )
        for doubt in doubts(change.generation.config, change.generation.policy):
            self.log.warn("{doubt}", doubt=doubt)
        if change.generation.grants is not None:
            for warning in change.generation.grants.assertions.warnings(self._wall()):
                self.log.warn("{warning}", warning=warning)
        self.log.info("generation {number} is in force", number=change.generation.number)

    def drop(self, change: Change) -> None:
        """It is not taken after all."""
        for bound in change.fresh.values():
            bound.close()
        if self.beside is not None and change.beside is not None:
            self.beside.drop(change.beside)

    def look_at_tokens(self) -> str | None:
        """Look at the token file; returns why the tokens stay as they were, if it cannot be used."""
        denied = self.tokens.denied
        try:
            self.tokens = self._token_file.load()
        except TokenFileError as error:
            # The tokens in force stay: a half-written file must not lock everybody out.
            self.complain("tokens", str(error))
            return str(error)
        if denied.all and not self._token_file.path.exists():
            # No token of ours is good then; but what was refused of others' must not be good for that.
            self.tokens = evolve(self.tokens, denied=denied)
            stays = "what it denied of other issuers stays denied until a restart"
            self.complain("tokens", f"{self._token_file.path}: is gone; {stays}: put it back")
            return None
        self.problems.pop("tokens", None)
        return None

    def tokens_taken_up(self) -> dict[str, Any]:
        """That the tokens are in force, for whoever has changed them, and what is odd about them."""
        facts: dict[str, Any] = {"tokens": len(self.tokens.all())}
        strays = self.generation.strays(self.tokens, self._wall())
        return {**facts, "token_doubts": list(strays)} if strays else facts

    def of_tokens(self) -> dict[str, Any]:
        """What C{status} shows of tokens: when they were used, and which are bound to what is not there."""
        try:
            uses = last_uses(self.config.gate.state)
        except OSError:
            # No descriptors, say: what there is to tell beside it is needed the more.
            uses = {}
        used = sorted(
            ((uses[token.id], token) for token in self.tokens.all() if token.id in uses),
            key=lambda each: each[0],
            reverse=True,
        )
        return {
            "tokens": len(self.tokens.all()),
            "token_uses": [
                {"name": token.name, "id": token.id, "used": stamp(seconds)}
                for seconds, token in used[:USES_SHOWN]
            ],
            "token_doubts": list(self.generation.strays(self.tokens, self._wall())),
        }

    def of_changes(self) -> dict[str, Any]:
        """What C{status} shows of changes: of which kinds the last was not taken; C{problem} says why."""
        return {"untaken": sorted(self.problems)}

    def of_beside(self) -> dict[str, Any]:
        """What C{status} shows of the admin process, where there is one."""
        facts = self.beside.facts() if self.beside is not None else None
        return {} if facts is None else {"admin": facts}

    def taken_up(self) -> dict[str, Any]:
        """Whether the files are in force as they are, for whoever has changed one of them."""
        problem = self.problems.get("files")
        return {"generation": self.generation.number} if problem is None else {"problem": problem}

    def complain(self, kind: str, problem: str) -> None:
        """Say once why a change of that kind was not taken; C{status} shows it until one is."""
        known = problem in self.problems.values()
        self.problems[kind] = problem
        if not known:
            self.log.error("{problem}", problem=problem)
            self._record(kind, problem)

    def told(self) -> Mapping[str, None]:
        """The problems, each once: one broken file may be in the way of a reload and of the files."""
        return dict.fromkeys(self.problems.values())

    # Stop.

    def end(self) -> Deferred[Any]:
        """Give back the addresses and the state directory; fires when the addresses are free."""
        closed = self.addresses.close()
        self.addresses.bound.clear()
        if self._lock is not None:
            os.close(self._lock)
        self._lock = self._generation = None
        self.stopping = False
        return closed

    def _lasting(self, config: Config) -> None:
        """
        @raise ConfigError: if it changes what cannot change while the gate runs.
        """
        if self.stopping:
            raise ConfigError([Problem("", None, "the gate is stopping")], config.source)
        problems = []
        if config.gate.state != self.config.gate.state:
            what = "the state directory cannot change while the gate runs; restart it"
            problems.append(config.problem("gate.state", what))
        if config.gate.workers != self.config.gate.workers:
            what = "the number of workers cannot change while the gate runs; restart it"
            problems.append(config.problem("gate.workers", what))
        # Each checkpoint names the one before: they are one sequence, in one place.
        for key in ("checkpoints", "copies"):
            if getattr(config.evidence, key) != getattr(self.config.evidence, key):
                what = f"{key} cannot change while the gate runs; restart it"
                problems.append(config.problem(f"evidence.{key}", what))
        if problems:
            raise ConfigError(problems, config.source)

    def _build(self, config: Config, number: int) -> Generation:
        now = datetime.fromtimestamp(self._wall(), UTC)
        return Builder(config, number, now, claimed=self._lock is not None).build()
