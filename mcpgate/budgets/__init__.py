"""What all workers of a host count together: one file in the state directory, mapped by each."""
