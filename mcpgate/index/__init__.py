"""The searchable copy of the journal: filled from it, and made anew from it whenever that is easier."""
