"""The whole encrypted path on one machine: what C{mcpgate demo} sets up, tries, and reads back."""
