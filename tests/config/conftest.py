"""What holds for every configuration that these tests find good."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import pytest
from jsonschema import Draft4Validator

from mcpgate.config import load
from mcpgate.reference.editors import editor_schema


@lru_cache(maxsize=1)
def _judge() -> Draft4Validator:
    return Draft4Validator(json.loads(editor_schema()))


@pytest.fixture(scope="session", autouse=True)
def _no_editor_marks_what_is_good() -> Iterator[None]:
    """What becomes a configuration is good to the schema for editors, too; with all that it includes."""
    build: Callable[..., Any] = load._built

    def built(drafts: Any, sheets: Any, source: Any, text: bytes, included: Any) -> Any:
        config = build(drafts, sheets, source, text, included)
        for each in (text, *config.included.values()):
            raw = tomllib.loads(each.decode())
            assert [error.message for error in _judge().iter_errors(raw)] == []
        return config

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "_built", built)
        yield
