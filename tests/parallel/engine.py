"""Which engine the networks of a run on ranks are stored with."""

from __future__ import annotations

import os

ENGINE_VARIABLE = "BSB_HDF5_TESTING_ENGINE"
ENGINE = os.environ.get(ENGINE_VARIABLE, "hdf5")
KINDS = {
    "hdf5 classic": {"BSB_HDF5_LAYOUT": "classic", ENGINE_VARIABLE: "hdf5"},
    "hdf5 columnar": {"BSB_HDF5_LAYOUT": "columnar", ENGINE_VARIABLE: "hdf5"},
    "zarr": {ENGINE_VARIABLE: "zarr"},
}
"""The variables of each kind of network."""
