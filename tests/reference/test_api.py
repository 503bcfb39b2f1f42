"""The page about what an application may rely on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import ModuleType

import pytest

import mcpgate
import mcpgate.testing
from mcpgate.reference.api import api_page, public_members, signature

MODULES = (mcpgate, mcpgate.testing)


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in MODULES for name in module.__all__]
)
def test_every_public_name_is_documented(module: ModuleType, name: str) -> None:
    """With a docstring of its own, and so is whatever a public class has."""
    page = api_page(*MODULES)
    found = getattr(module, name)
    assert f"\n### {module.__name__}.{name}\n" in page
    assert inspect.getdoc(found)
    if inspect.isclass(found):
        for inner, member in public_members(found):
            assert member.__doc__, f"{name}.{inner}"


def test_no_markup_of_docstrings_is_left() -> None:
    """All of it was understood."""
    assert not [mark for mark in ("C{", "L{", "@param", "@raise", "@ivar") if mark in api_page(*MODULES)]


class Sample:
    """One."""

    def call(
        self,
        first: int,
        /,
        *rest: str,
        after: float = 1.5,
        names: Sequence[str] = (),
        how: Callable[[], int] = int,
    ) -> bool:
        """Call it."""
        return True

    @classmethod
    def made(cls, *, name: str | None = None) -> Sample:
        """Make it."""
        return cls()

    @property
    def size(self) -> int:
        """How large it is."""
        return 1

    def _own(self) -> None: ...


def test_a_signature_is_as_it_is_written() -> None:
    """Types as they stand in the source, defaults where they mean the same everywhere."""
    assert signature(Sample.call, method=True) == (
        "(first: int, *rest: str, after: float = 1.5, names: Sequence[str] = (), "
        "how: Callable[[], int] = ...) -> bool"
    )
    assert signature(Sample.made.__func__, method=True) == "(*, name: str | None = None) -> Sample"  # type: ignore[attr-defined]
    assert signature(Sample) == "()"


def test_what_is_not_explained_is_no_page() -> None:
    """A public name without a docstring stops the making of it."""
    module = ModuleType("mcpgate.strange", "Strange.")
    module.__all__ = ["thing"]  # type: ignore[attr-defined]
    module.thing = lambda: None  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="mcpgate.strange.thing has no docstring"):
        api_page(module)
