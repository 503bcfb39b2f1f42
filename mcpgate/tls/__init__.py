"""TLS on both legs: what is demanded, what was negotiated, and why it was refused."""
