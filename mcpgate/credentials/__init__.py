"""What the gate shows upstreams: on behalf of whom which credential, and tokens that are asked for."""
