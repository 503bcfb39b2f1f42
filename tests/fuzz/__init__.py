"""Targets for a coverage-guided fuzzer: bytes in, and what must hold whatever they are."""
