"""What the figures of a summary answer: one question each, for whichever framework asks it."""
