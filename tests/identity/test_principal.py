"""A principal is a plain value."""

from __future__ import annotations

import pytest
from attrs.exceptions import FrozenInstanceError

from mcpgate.identity.principal import Principal


def test_a_principal_cannot_be_changed_and_is_equal_by_value() -> None:
    principal = Principal("ci", "token", "0123456789ab", None)
    assert principal == Principal("ci", "token", "0123456789ab", None)
    assert principal != Principal("ci", "certificate", "0123456789ab", None)
    with pytest.raises(FrozenInstanceError):
        principal.name = "root"  # type: ignore[misc]
