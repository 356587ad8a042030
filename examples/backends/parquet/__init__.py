"""Networks in Parquet files: an engine of BSB whose tables pandas and DuckDB open."""

from bsb_hdf5.kit import define_engine

engine = define_engine("parquet", "examples.backends.parquet.store:ParquetStore")
