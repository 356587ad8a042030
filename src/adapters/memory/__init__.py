"""Networks in memory: dictionaries and growing arrays."""
