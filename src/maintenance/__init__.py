"""What is done to a stored network as a whole: verify, repair, repack."""
