"""Sessions of MCP up to 2025-11-25: what callers hold of them, and what is known and kept of those in use."""
