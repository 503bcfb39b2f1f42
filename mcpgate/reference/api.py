"""The page about what an application may rely on: the public names, by their signatures and docstrings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from enum import Enum
from types import ModuleType
from typing import Any

from attrs import frozen

from mcpgate.reference.epytext import inline, markdown
from mcpgate.reference.words import MADE

#: Defaults that mean the same wherever they are read.
_PLAIN = (type(None), bool, int, float, str, bytes)


@frozen
class Attribute:
    """Something that can be read of a public class. C{words}: what the comment above it says, or nothing."""

    name: str
    annotation: str
    words: str


def api_page(*modules: ModuleType) -> str:
    """
    The page about all names in C{__all__} of some modules.

    @raise ValueError: A name has no docstring, or an attribute no comment.
    """
    parts = [
        "# API",
        f"{MADE} What is here is public: it changes only with a word in the news, and what else there is may "
        "change at any time. How to use it is in [embedding](../howto/embed.md).",
    ]
    for module in modules:
        parts += [f"## {module.__name__}", _documented(module, module.__name__)]
        for name in sorted(module.__all__):
            parts += _entry(getattr(module, name), f"{module.__name__}.{name}")
    return "\n\n".join(parts) + "\n"


def public_members(cls: type) -> Iterator[tuple[str, Any]]:
    """What a class of ours has that may be used, in the order of its source; what else it inherits is not."""
    seen = set()
    for base in cls.__mro__:
        if not base.__module__.startswith("mcpgate"):
            continue
        for name, member in vars(base).items():
            if not name.startswith("_") and name not in seen and _is_member(member):
                seen.add(name)
                yield name, member


def public_attributes(cls: type) -> Iterator[Attribute]:
    """
    What a class of ours has beside its L{public_members}, in the order of its source: what stands in its
    body, as fields do, and what its C{__init__} gives itself. The members of an enumeration are none.
    """
    seen = set()
    for base in () if issubclass(cls, Enum) else cls.__mro__:
        if not base.__module__.startswith("mcpgate"):
            continue
        source = inspect.getsource(inspect.getmodule(base) or base)
        lines = source.splitlines()
        for made in ast.parse(source).body:
            if not isinstance(made, ast.ClassDef) or made.name != base.__name__:
                continue
            for name, line, annotation in _given(made):
                if not name.startswith("_") and name not in seen:
                    seen.add(name)
                    yield Attribute(name, annotation, _comment(lines, line))


def _given(made: ast.ClassDef) -> Iterator[tuple[str, int, str]]:
    """The names that a class gives itself; on which line, and with which annotation."""
    own = [(statement, False) for statement in made.body]
    for method in made.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            own += [(statement, True) for statement in ast.walk(method) if isinstance(statement, ast.stmt)]
    targets: list[ast.expr]
    for statement, of_self in sorted(own, key=lambda one: one[0].lineno):
        if isinstance(statement, ast.AnnAssign):
            targets, annotation = [statement.target], ast.unparse(statement.annotation)
        elif isinstance(statement, ast.Assign):
            targets, annotation = statement.targets, ""
        else:
            continue
        for target in targets:
            for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                if not of_self and isinstance(one, ast.Name):
                    yield one.id, statement.lineno, annotation
                elif of_self and isinstance(one, ast.Attribute) and ast.unparse(one.value) == "self":
                    yield one.attr, statement.lineno, annotation


def _comment(lines: list[str], line: int) -> str:
    """The comment that stands right above a line, which is counted from 1."""
    words: list[str] = []
    for above in reversed(lines[: line - 1]):
        if not above.strip().startswith("#:"):
            break
        words.insert(0, above.strip().removeprefix("#:").strip())
    return " ".join(words)


def _is_member(member: Any) -> bool:
    return inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod)


def _entry(found: Any, path: str) -> Iterator[str]:
    name = path.rpartition(".")[2]
    if inspect.isfunction(found):
        yield f"### {path}\n\n`{name}{signature(found)}`"
        yield _documented(found, path)
        return
    if not inspect.isclass(found):
        yield f"### {path}"
        yield _documented(found, path)
        return
    made = "" if issubclass(found, Enum | BaseException) else f"\n\n`{name}{signature(found)}`"
    yield f"### {path}{made}"
    yield _documented(found, path)
    begun = vars(found).get("__init__")
    if inspect.isfunction(begun) and begun.__doc__ and "generated by attrs" not in begun.__doc__:
        yield markdown(begun.__doc__)
    if issubclass(found, Enum):
        return
    listed = [_attribute(one, path) for one in public_attributes(found)]
    if listed:
        yield "\n".join(["Attributes:", "", *listed])
    for inner, member in public_members(found):
        plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        said = inner if isinstance(plain, property) else f"{inner}{signature(plain, method=True)}"
        yield f"#### {name}.{inner}\n\n`{said}`"
        yield _documented(plain, f"{path}.{inner}")


def _attribute(one: Attribute, path: str) -> str:
    if not one.words:
        raise ValueError(f"{path}.{one.name} has no comment")
    said = f"{one.name}: {one.annotation}" if one.annotation else one.name
    return f"- `{said}`: {inline(one.words)}"


def _documented(found: Any, path: str) -> str:
    words = found.__doc__
    if not words:
        raise ValueError(f"{path} has no docstring")
    return markdown(words)


def signature(found: Any, *, method: bool = False) -> str:
    """
    How it is called, the same in all versions of Python.

    @param method: Whether the first parameter is the instance or the class.
    """
    whole = inspect.signature(found)
    parameters = list(whole.parameters.values())[1 if method else 0 :]
    parts: list[str] = []
    starred = False
    for one in parameters:
        if one.kind is one.VAR_POSITIONAL:
            starred = True
        elif one.kind is one.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        parts.append(_parameter(one))
    returned = (
        ""
        if whole.return_annotation is whole.empty or inspect.isclass(found)
        else (f" -> {_annotation(whole.return_annotation)}")
    )
    return f"({', '.join(parts)}){returned}"


def _parameter(one: inspect.Parameter) -> str:
    stars = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
    said = f"{stars}{one.name}"
    if one.annotation is not one.empty:
        said += f": {_annotation(one.annotation)}"
    if one.default is not one.empty:
        plain = isinstance(one.default, _PLAIN) or one.default == ()
        default = repr(one.default) if plain else "..."
        said += f" = {default}"
    return said


def _annotation(annotation: Any) -> str:
    if isinstance(annotation, str):
        return annotation
    return str(annotation.__qualname__) if isinstance(annotation, type) else str(annotation)
