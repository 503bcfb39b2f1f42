"""Who checks what cannot be run as it stands: C{<!-- checked: NAME ... -->} above a fence.

Each does the most that can be done here. What follows the name in the comment is the checker's to read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.docs.fences import Fence
from tests.docs.place import Place


class NotGood(Exception):
    """What is wrong with the fence."""


Checker = Callable[[Place, Fence, str], None]

CHECKERS: Mapping[str, Checker] = {}
