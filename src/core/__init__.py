"""The rules of a stored network: no I/O, no BSB; numpy, attrs and ports only."""
