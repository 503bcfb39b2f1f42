"""Tests of principals, peer certificates and issued tokens."""
