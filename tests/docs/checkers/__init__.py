"""Who checks what cannot be run as it stands: C{<!-- checked: NAME ... -->} above a fence.

Each is a module here with a function C{check}, which does the most that can be done: it is given the machine,
the fence, and what follows the name in the comment, and raises L{NotGood}.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs.fences import Fence

if TYPE_CHECKING:
    from tests.docs.place import Place


class NotGood(Exception):
    """What is wrong with the fence."""


def there_is(name: str) -> bool:
    """Whether a checker has that name."""
    return name.isidentifier() and Path(__file__).with_name(f"{name}.py").is_file()


def checker(name: str) -> Callable[[Place, Fence, str], None]:
    """The one of that name."""
    found: Callable[[Place, Fence, str], None] = import_module(f"{__name__}.{name}").check
    return found
