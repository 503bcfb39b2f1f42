"""What operators reach a running gate by."""
