"""The page about what an application may rely on."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import mcpgate
import mcpgate.testing
from mcpgate.reference.api import Attribute, api_page, public_attributes, public_members, signature

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
        for one in public_attributes(found):
            assert one.words, f"{name}.{one.name}"
            assert f"\n- `{one.name}" in page


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


STRANGE = '''
from __future__ import annotations

from enum import Enum
from attrs import field, frozen


@frozen
class Base:
    """One."""

    #: How C{wide}
    #: it is.
    wide: int | None = field(default=None, repr=False)

    # Not for people who read pages.
    silent: int = 0


class Thing(Base):
    """Another."""

    kind = "thing"
    _own = 1

    def __init__(self, size: int, *rest: int) -> None:
        local: int = size
        #: How large it is.
        self.size: int = local
        if rest:
            #: What is left.
            self.rest = rest
        self.first, self._second = rest
        rest[0].other = 1  # type: ignore


class Kind(Enum):
    """A third."""

    ONE = 1
'''


@pytest.fixture
def strange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of ours that nobody has looked after."""
    path = tmp_path / "strange.py"
    path.write_text(STRANGE)
    spec = spec_from_file_location("mcpgate.strange", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    module.__doc__, module.__all__ = "Strange.", ["Thing"]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    spec.loader.exec_module(module)
    return module


def test_what_can_be_read_of_an_object_is_public_too(strange: ModuleType) -> None:
    """Fields, what a class has, and what it gives to what is made of it; with the comment right above."""
    assert list(public_attributes(strange.Thing)) == [
        Attribute("kind", "", ""),
        Attribute("size", "int", "How large it is."),
        Attribute("rest", "", "What is left."),
        Attribute("first", "", ""),
        Attribute("wide", "int | None", "How C{wide} it is."),
        Attribute("silent", "int", ""),
    ]
    assert list(public_attributes(strange.Kind)) == []


def test_an_attribute_without_a_comment_is_no_page(strange: ModuleType) -> None:
    """As a name without a docstring is none."""
    with pytest.raises(ValueError, match="mcpgate.strange.Thing.kind has no comment"):
        api_page(strange)
