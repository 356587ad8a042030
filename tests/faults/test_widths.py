"""Input that earlier versions took or mistook: widths, foreign sets, ids, links."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet, errors
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, on_soma, positions, untouched


@pytest.mark.parametrize("first", [(2,), (2, 2)])
def test_additional_data_is_as_wide_in_every_chunk(
    storage: Storage, path: Path, first: tuple[int, ...]
) -> None:
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(0), positions(2), additional={"x": np.ones(first)})
    with untouched(path), pytest.raises(errors.LengthError):
        cells.append_data(chunk(1), positions(2), additional={"x": np.ones((2, 3))})
    assert 2 == len(cells)
    assert first == cells.load_additional("x").shape


def test_additional_data_appended_alone_is_as_wide_in_every_chunk(
    storage: Storage, path: Path
) -> None:
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(0), positions(2), additional={"x": np.ones(2)})
    cells.append_data(chunk(1), positions(2))
    with untouched(path), pytest.raises(errors.LengthError):
        cells.append_additional("x", chunk(1), np.ones((2, 2)))


def test_widths_that_differ_within_a_scope_are_refused(storage: Storage, path: Path) -> None:
    cells = storage.require_placement_set(cell_type("a"))
    with untouched(path), pytest.raises(errors.LengthError), storage.write_scope():
        cells.append_data(chunk(0), positions(2), additional={"x": np.ones(2)})
        cells.append_data(chunk(1), positions(2), additional={"x": np.ones((2, 2))})


def test_a_set_that_was_cleared_takes_another_width(storage: Storage) -> None:
    cells = storage.require_placement_set(cell_type("a"))
    with storage.write_scope():
        cells.append_data(chunk(0), positions(2), additional={"x": np.ones(2)})
        cells.clear()
        cells.append_data(chunk(1), positions(2), additional={"x": np.ones((2, 2))})
    assert (2, 2) == cells.load_additional("x").shape


def test_cells_of_another_storage_are_not_connected(
    cells: PlacementSet, storage: Storage, path: Path, layout: str
) -> None:
    cs = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loop")
    other = new_storage(path.with_name("other.hdf5"), layout)
    foreign = other.require_placement_set(cell_type("a"))
    foreign.append_data(chunk(0), positions(50))
    for pre, post in ((foreign, cells), (cells, foreign)):
        with untouched(path), pytest.raises(errors.InputError, match="another storage"):
            cs.connect(pre, post, on_soma(0), on_soma(0))
    cs.connect(cells, cells, on_soma(0), on_soma(0))
    assert 1 == len(cs)


def test_connections_run_in_or_out_and_nowhere_else(cells: PlacementSet, storage: Storage) -> None:
    cs = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loop")
    cs.connect(cells, cells, on_soma(0), on_soma(0))
    with pytest.raises(ValueError, match="foo"):
        list(cs.nested_iter_connections("foo"))
    with pytest.raises(ValueError, match="foo"):
        list(cs.nested_iter_connections("foo", chunk(0)))


def test_an_id_that_is_no_text_names_no_file(storage: Storage) -> None:
    for ask in (storage.files.load, storage.files.has, storage.files.remove):
        with pytest.raises(
            errors.InvalidNameError, match="the name of a file must be a str, not int"
        ):
            ask(3)


def test_moving_through_a_relative_link_moves_the_file(cells: PlacementSet, path: Path) -> None:
    folder = path.parent / "elsewhere"
    folder.mkdir()
    link = path.parent / "link.hdf5"
    os.symlink(path.name, link)
    content = path.read_bytes()
    linked = Storage("hdf5", str(link))
    target = folder / "moved.hdf5"
    linked.move(str(target))
    assert not target.is_symlink()
    assert content == target.read_bytes()
    assert not path.exists() and not link.is_symlink()
    assert linked.exists()
    assert 1000 == len(linked.get_placement_set(cell_type("a")))


@pytest.mark.parametrize("value", [True, False])
def test_the_argument_that_silenced_a_warning_is_still_taken(
    cells: PlacementSet, storage: Storage, value: bool
) -> None:
    with storage.read_scope():
        append: Any = cells.append_data
        append(chunk(0), positions(1), promote_from_read=value)
    assert 1001 == len(cells)
