"""The pages of the dashboard, in the order of the menu."""

from __future__ import annotations

from mcpgate.admin.page import Page
from mcpgate.admin.pages import posture

PAGES: tuple[Page, ...] = (posture.PAGE,)
