"""What a rule demands of a leg (C{require}): conditions on what its handshake negotiated."""

from __future__ import annotations

from attrs import frozen

from mcpgate.tls.handshake import Handshake


@frozen
class Demand:
    """
    Conditions on one leg.

    @ivar rule: The rule that demands it.
    """

    rule: str

    def met_by(self, handshake: Handshake) -> bool:
        """Whether a connection that negotiated this will do."""
        return True
