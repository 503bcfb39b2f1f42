"""The pages of the dashboard: what each asks, and the values that its template gets."""

from __future__ import annotations

from mcpgate.admin.page import Page
from mcpgate.admin.pages import (
    certificates,
    ciphers,
    configuration,
    definitions,
    exchanges,
    held,
    posture,
    refused,
    search,
    sessions,
)

PAGES: tuple[Page, ...] = (
    posture.PAGE,
    ciphers.PAGE,
    certificates.PAGE,
    *sessions.PAGES,
    *exchanges.PAGES,
    refused.PAGE,
    *held.PAGES,
    *definitions.PAGES,
    configuration.PAGE,
    search.PAGE,
)
