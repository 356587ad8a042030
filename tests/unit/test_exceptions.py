"""Warnings: where they point."""

from __future__ import annotations

import warnings

from bsb_hdf5.exceptions import HDF5SlowLockingWarning, callers_stacklevel, warn_of_slow_lock
from bsb_hdf5.transactions.deadline import SlowWait


def test_a_warning_points_at_the_line_that_called_into_the_package() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_slow_lock(SlowWait("here", (), 5.0, 600.0))
    assert [HDF5SlowLockingWarning] == [each.category for each in caught]
    assert [__file__] == [each.filename for each in caught]


def test_from_outside_the_package_a_warning_points_at_itself() -> None:
    assert 1 == callers_stacklevel()
