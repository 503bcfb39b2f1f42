"""Reaching MCP servers: verified connections, kept and leased."""
