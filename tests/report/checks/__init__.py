"""Tests of single questions."""
