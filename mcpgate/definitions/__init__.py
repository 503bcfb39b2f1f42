"""What upstreams have said that their tools are, kept between lists, for all workers of a host."""
