"""The configuration file: its shape, its reading, its judging and its reference."""
