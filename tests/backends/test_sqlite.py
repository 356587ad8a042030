"""Networks in SQLite pass all that an engine has to pass."""

from __future__ import annotations

from bsb_hdf5.testing import engine_suite

globals().update(engine_suite("sqlite", root=lambda path: f"{path}.sqlite", examples=5))
