"""Heads that were judged, by their bytes: the same head again is the same admission.

Reading and judging a head takes a third of what a small request costs, and a client sends the same few
heads all the time, also on its next connection.
"""

from __future__ import annotations

from mcpgate.relay.admission import Admission

#: What came before the digits of the Content-Length, what came behind them, and what both were judged
#: to be. One for all who send it: each connection keeps the one that it saw last.
Known = tuple[bytes, bytes, Admission]

# Remembered by a listener for all its callers: a few heads for each of some hundred tokens. A head and
# what was read out of it take some 6 KiB, at the worst (a hundred lines, or a long token) 35: 18 MB.
# They hold the tokens, so no more than are in use should be kept.
HEADS_OF_ALL = 512

# Remembered by a connection of its own, of which there may be thousands: the head of a client's calls,
# and another one.
HEADS_OF_ONE = 2

# The largest are those with a JWT of somebody in many groups, of which 8 KiB are read (identity.jose).
HEAD_MOST = 9 * 1024


class Heads(dict[bytes, Known]):
    """
    Heads that were judged, by their bytes without the digits of the Content-Length.

    Only what was judged by these bytes and the listener may stand here; what else went into it is
    compared by L{Admission.still_good}.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def remember(self, before: bytes, behind: bytes, admission: Admission) -> None:
        """Keep an admission, in the place of all others when there are too many: those in use come again."""
        key = before + behind
        if len(key) > HEAD_MOST:
            return
        if len(self) >= self._most or self._outdated(admission):
            self.clear()
        self[key] = before, behind, admission

    def _outdated(self, admission: Admission) -> bool:
        """Whether what is here was judged by other tokens, or by another generation, than this one."""
        for _, _, one in self.values():
            return one.generation is not admission.generation or one.accepts is not admission.accepts
        return False
