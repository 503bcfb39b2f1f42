"""A descriptor kept for bad times: with it, a connection that nothing is left for can still be closed.

When a process has no descriptor left it cannot accept, and what it does not accept it cannot refuse:
the caller hears nothing, and a listening socket goes on saying that somebody waits. Giving up the
spare for a moment makes one connection acceptable, so that it can be closed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from socket import socket


class Spare:
    """One open descriptor of nothing."""

    def __init__(self) -> None:
        self._descriptor = -1
        self.keep()

    def keep(self) -> None:
        """Have one again, if there is one to be had."""
        if self._descriptor < 0:
            with suppress(OSError):
                self._descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def turn_away(self, listening: socket) -> object:
        """
        Accept one connection with it, and close that at once.

        @return: The address of whoever was turned away; C{None} when nobody could be.
        """
        self.close()
        try:
            sock, address = listening.accept()
        except OSError:
            return None
        else:
            sock.close()
            return address
        finally:
            self.keep()

    def close(self) -> None:
        """Have none."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
