"""Who may call what: rules compiled once, and one pure decision per message."""
