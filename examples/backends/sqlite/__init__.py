"""Networks in SQLite: an engine of BSB over the standard library."""

from bsb_hdf5.kit import define_engine

engine = define_engine("sqlite", "examples.backends.sqlite.store:SqliteStore")
