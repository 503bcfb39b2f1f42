"""Calls that wait until a person has decided: what waits, for whose word, and until when."""
