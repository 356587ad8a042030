"""A test module that holds the suite of an engine."""

from __future__ import annotations

import os
import re


def suite_module(folder: str, engine: str) -> str:
    """Write the module into a folder; its path."""
    path = os.path.join(folder, f"test_{re.sub(r'[^0-9A-Za-z]', '_', engine)}_engine.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            "from bsb_hdf5.testing import engine_suite\n\n"
            f"globals().update(engine_suite({engine!r}))\n"
        )
    return path
