"""Maintenance of a stored network: verify, repair, repack."""
