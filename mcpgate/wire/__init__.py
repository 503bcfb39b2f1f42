"""What bytes mean: HTTP/1.1 framing, JSON-RPC and MCP, strictly, as pure functions."""
