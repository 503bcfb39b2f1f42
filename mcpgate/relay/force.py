"""What is in force now: the one place through which a reload or a revocation reaches the relay."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mcpgate.budgets.ledger import Ledger
from mcpgate.credentials.kept import Kept
from mcpgate.definitions.guards import Guards
from mcpgate.definitions.telling import tell
from mcpgate.evidence.witness import Witness
from mcpgate.generation import Generation
from mcpgate.holds.desk import Desk
from mcpgate.holds.office import Office
from mcpgate.identity.accepts import Accepts
from mcpgate.identity.once import Once
from mcpgate.identity.uses import Uses
from mcpgate.relay.crowd import Crowd
from mcpgate.relay.echoing import Alarm
from mcpgate.relay.throttle import Throttle
from mcpgate.sessions.live import Sessions
from mcpgate.sessions.tasks import Tasks
from mcpgate.tls.readiness import Readiness
from mcpgate.upstream.pool import Pool
from mcpgate.upstream.terms import UpstreamTerms

if TYPE_CHECKING:
    from mcpgate.relay.declining import Declining


class InForce:
    """
    Read anew for every exchange; an exchange keeps the generation that it began with.

    C{draining} ends connections as soon as they have nothing in flight.
    """

    def __init__(
        self,
        readiness: Readiness,
        witness: Witness,
        generation: Generation,
        accepts: Accepts,
        sessions: Sessions,
        wall: Callable[[], float] = time.time,
        holds: Desk | None = None,
    ) -> None:
        """
        @param holds: where calls wait for people; by default an office of our own, which nobody can reach.
        """
        self.readiness = readiness
        self.witness = witness
        self.generation = generation
        self.accepts = accepts
        self.pools: dict[tuple[str, bytes], Pool] = {}
        #: Which tokens are in use.
        self.uses = Uses()
        #: Everybody who is connected, and what was refused.
        self.crowd = Crowd()
        #: The sessions that we know, of callers up to 2025-11-25.
        self.sessions = sessions
        #: What upstreams have said of their tools.
        self.guards = Guards(partial(tell, witness), wall)
        #: Tells upstreams that what they asked is not asked; nobody does, where there is none.
        self.declining: Declining | None = None
        #: Where budgets are counted, once there is one.
        self.ledger: Ledger | None = None
        #: Which assertions were used; without it, none can be.
        self.once: Once | None = None
        #: How many assertions of all callers together were forged, as that costs us more than them.
        self.forged = Throttle()
        #: Which tool made which task; without it, no task can be asked for.
        self.tasks: Tasks | None = None
        #: The tokens that upstreams are shown; without it there are none.
        self.credentials: Kept | None = None
        self.wall = wall
        #: Where calls wait for people.
        self.holds = holds if holds is not None else Desk(Office(), witness)
        #: Tells of upstreams that show the gate's credential.
        self.alarm = Alarm(witness, lambda: readiness.now)
        self.draining = False

    def pool(self, terms: UpstreamTerms) -> Pool | None:
        """
        The connections that were verified under these very terms.

        Never those of another generation's upstream of the same name: the caller's request already
        carries the credential of this one.
        """
        return self.pools.get((terms.name, terms.fingerprint))
