"""Which engine the networks of a run on ranks are stored with."""

from __future__ import annotations

import os

ENGINE_VARIABLE = "BSB_HDF5_TESTING_ENGINE"
ENGINE = os.environ.get(ENGINE_VARIABLE, "hdf5")
