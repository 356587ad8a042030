"""Networks in LMDB: an engine of BSB over a library that a process may open once for a file."""

from bsb_hdf5.kit import define_engine

engine = define_engine("lmdb", "examples.backends.lmdb.store:LmdbStore")
