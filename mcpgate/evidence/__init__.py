"""What the gate writes down: one line per fact, in an append-only journal."""
