"""The pages of the reference, made from the code that they are about, so that they cannot fall behind it."""
