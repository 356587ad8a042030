"""Networks in LMDB pass all that an engine has to pass."""

from __future__ import annotations

import pytest

from bsb_hdf5.testing import engine_suite

pytest.importorskip("lmdb")
globals().update(engine_suite("lmdb", root=lambda path: f"{path}.lmdb", examples=5))
