"""Random histories of networks, on every engine and in every layout."""

from __future__ import annotations

import os

import pytest

from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.testing.network_machine import EXAMPLES_VARIABLE, histories_on

TestHdf5Classic = pytest.mark.slow(histories_on("hdf5", examples=8))
TestHdf5Columnar = pytest.mark.slow(
    histories_on("hdf5", root=lambda path: NetworkRoot(path, "columnar"), examples=8)
)
TestMemory = histories_on("memory", examples=20)
TestZarr = pytest.mark.slow(histories_on("zarr", examples=6))

# As many histories as are asked for take as long as they take.
pytestmark = pytest.mark.timeout(0 if EXAMPLES_VARIABLE in os.environ else 600)
