"""Where the source of the installed package lies."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PACKAGE = "bsb_hdf5"


def package_folder() -> Path:
    """The folder of the package: ``src`` itself in an editable install."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))
