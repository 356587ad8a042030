"""A file whose changes take effect at a commit, whole or not at all."""
