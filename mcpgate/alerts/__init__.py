"""Who is told, and of what, when something needs a person."""
