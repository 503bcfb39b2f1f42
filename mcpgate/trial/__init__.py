"""Policy tried without a gate: cases that are expected to come out so, calls explained, journals replayed."""
