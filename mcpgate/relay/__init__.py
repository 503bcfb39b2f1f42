"""Bytes in, bytes out: callers' connections, and the story of one exchange."""
