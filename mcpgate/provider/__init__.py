"""Asking others than MCP servers, over verified TLS: issuers for keys, token endpoints for tokens."""
