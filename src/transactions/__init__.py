"""Sessions of a store, and their exclusion from threads, ranks and signals."""
