"""Tests of records and of the journal."""
