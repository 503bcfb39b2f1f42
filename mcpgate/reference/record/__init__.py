"""What each field of each record means: the one place that says it (pure).

Nothing that writes or reads lines needs it. Tests hold it against the classes that make lines, and against
every line that they read from a journal: a field that is not here fails them.
"""
