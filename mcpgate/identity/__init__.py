"""Who a caller proved to be: principals out of certificates and issued tokens."""
