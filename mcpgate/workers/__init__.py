"""Several processes that serve as one gate, under one that supervises them."""
