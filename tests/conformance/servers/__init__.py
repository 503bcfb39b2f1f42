"""MCP servers that have every tool, resource and prompt that the suite asks for by name."""
