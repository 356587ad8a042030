"""A disk that runs full within a write scope: the limit of the system on a file's size."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from bsb_hdf5 import PlacementSet
from tests.face.samples import positions, untouched
from tests.faults.programs import run_program

FILL = """
    import resource, signal, sys
    from bsb import Storage
    from bsb_hdf5 import errors
    from tests.face.samples import cell_type, chunk, positions
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    path, limit = sys.argv[1], int(sys.argv[2])
    storage = Storage("hdf5", path)
    cells = storage.get_placement_set(cell_type("a"))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with storage.write_scope():
            for x in range(20):
                cells.append_data(chunk(x), positions(200))
    except errors.StoreIOError as error:
        print(error.fields["errno"])
    else:
        print("stored")
    print(len(cells))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    if sys.argv[3] == "append":
        cells.append_data(chunk(3), positions(7))
        print(len(cells))
"""
ADDED = 20 * 200 * 3 * 8


# Where in a file the room ends matters little to a layout.
ROOM = [
    *(("classic", extra) for extra in (0, 1, 4097, 60_000)),
    *(("columnar", extra) for extra in (0, 60_000)),
]


@pytest.mark.parametrize(("layout", "extra"), ROOM, indirect=["layout"])
def test_a_scope_that_fills_the_disk_leaves_the_file_as_it_was(
    cells: PlacementSet, path: Path, extra: int
) -> None:
    limit = str(path.stat().st_size + extra)
    with untouched(path):
        assert [str(errno.EFBIG), "1000"] == run_program(FILL, str(path), limit, "stop")


@pytest.mark.parametrize("extra", [0, 20_000])
def test_the_program_whose_disk_ran_full_can_append_once_there_is_room(
    cells: PlacementSet, path: Path, extra: int
) -> None:
    limit = str(path.stat().st_size + extra)
    assert [str(errno.EFBIG), "1000", "1007"] == run_program(FILL, str(path), limit, "append")
    assert 1007 == len(cells) == len(cells.load_positions())
    fourth = cells.load_positions()[150:207]
    np.testing.assert_array_equal(fourth, np.concatenate([positions(50), positions(7)]))


def test_a_scope_that_just_fits_is_stored(cells: PlacementSet, path: Path) -> None:
    limit = str(path.stat().st_size + 20 * ADDED)
    assert ["stored", "5000"] == run_program(FILL, str(path), limit, "stop")
    assert 5000 == len(cells.load_positions())
