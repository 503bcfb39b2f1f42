"""How much may be looked at closely before what is left is taken for a secret as a whole."""

from __future__ import annotations

from attrs import define

#: A look at one thing that might be what is sought takes about ten microseconds, so this is a second: as
#: long as a worker may be deaf to others for the sake of one message. A message with as many numbers that
#: are nearly cards is made for that, and one with as many addresses is a list that nobody wanted to pass.
LOOKS_MOST = 100_000
#: So many bytes of a match cost as much as another look.
BYTES_PER_LOOK = 32


@define
class Effort:
    """
    What is left for one message.

    Who asks for finds in several texts of it may pass the same on; once it is spent, all that is left of a
    text in which anything might be is found.
    """

    left: int = LOOKS_MOST

    def spend(self, size: int) -> bool:
        """Whether there is enough left for a look at a match of so many bytes."""
        self.left -= 1 + size // BYTES_PER_LOOK
        return self.left >= 0
