"""What the contract suite needs from pytest."""

from __future__ import annotations

import pytest

# The suite is no test module itself, and its assertions should explain themselves all the same.
pytest.register_assert_rewrite("bsb_hdf5.testing.store_contract")
