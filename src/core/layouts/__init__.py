"""Where the parts of a network lie in groups and arrays: a layout each."""
