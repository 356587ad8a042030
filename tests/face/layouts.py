"""Both layouts of an HDF5 file: storages in either, and where their parts lie in the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from bsb import Chunk, Storage

from bsb_hdf5.config import NetworkRoot
from tests.face.samples import LOCK_LIMIT

LAYOUTS = ("classic", "columnar")

about_classic = pytest.mark.parametrize("layout", ["classic"], indirect=True)
"""For tests about the classic layout itself; their docstrings say why."""

_PLACES = {
    "placement": "placement_sets",
    "connectivity": "connectivity_sets",
    "files": "stored_files",
}


def new_storage(path: Path | str, layout: str) -> Storage:
    """A storage in a layout, that gives up on locks after seconds."""
    return Storage("hdf5", NetworkRoot(path, layout, lock_limit=LOCK_LIMIT))


def place(layout: str, part: str, *names: str) -> str:
    """The path of one of the sets or files, by its name; ``part`` is that of the classic layout."""
    return "/".join([part if layout == "classic" else _PLACES[part], *names])


def column_place(layout: str, cells: str, chunk: Chunk, column: str) -> str:
    """The path of the array that holds a column of a chunk: of it alone, or of the whole set."""
    among = [str(chunk.id)] if layout == "classic" else []
    return place(layout, "placement", cells, *among, column)
