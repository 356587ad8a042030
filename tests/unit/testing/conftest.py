"""What tests that run pytest within pytest need."""

from __future__ import annotations

# pytester forgets the modules that were first imported within it, and what is written in C
# can't be imported twice by one process.
import bsb_hdf5.engines.hdf5
import bsb_hdf5.engines.zarr

ENGINES = (bsb_hdf5.engines.hdf5, bsb_hdf5.engines.zarr)
