"""The official conformance suite, run directly and through the gate: it must not see a difference.

What the counts are is the servers' and the suite's affair; that they are equal is ours. C{make conformance}
runs it, docs/reference/conformance.md says how to read it.
"""
