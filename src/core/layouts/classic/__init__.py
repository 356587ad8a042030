"""
The classic layout: a group per chunk and per block side.

It is what bsb-hdf5 up to 8.0.2 reads and writes; ``docs/classic-layout.md`` specifies it.
"""
