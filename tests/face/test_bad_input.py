"""Bad input is refused with a typed error, and changes nothing."""

from __future__ import annotations

import contextlib
import pickle
import re
import sys
from pathlib import Path

import bsb
import h5py
import pytest

from bsb_hdf5 import errors as e
from bsb_hdf5.chunk_arguments import as_chunk
from tests.face.bad_input.calls import Bad, append, connect
from tests.face.bad_input.connectivity import CONNECTIVITY
from tests.face.bad_input.handles import HANDLES
from tests.face.bad_input.labels import LABELS
from tests.face.bad_input.morphologies import REPOSITORY
from tests.face.bad_input.names import LOOKUPS, NAMES, type_named
from tests.face.bad_input.placement import PLACEMENT
from tests.face.layouts import new_storage
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    digest,
    on_soma,
    positions,
    untouched,
)


@pytest.mark.parametrize(
    "bad",
    [*PLACEMENT, *LABELS, *CONNECTIVITY, *NAMES, *LOOKUPS, *REPOSITORY, *HANDLES],
    ids=lambda bad: bad.name,
)
def test_bad_input_is_refused_with_one_typed_error_and_changes_nothing(
    small: SmallNetwork, bad: Bad
) -> None:
    with untouched(small.path), pytest.raises(bad.error) as caught:
        bad.call(small)
    assert isinstance(caught.value, bad.also)
    for pattern in bad.says:
        assert re.search(pattern, str(caught.value))
    # Whatever was refused, the storage goes on working.
    append(small, positions=positions(1))
    assert 8 == len(small.b)


@pytest.mark.parametrize(
    "bad",
    [*PLACEMENT, *LABELS, *CONNECTIVITY[::4], *NAMES[:9], *REPOSITORY],
    ids=lambda bad: bad.name,
)
def test_what_is_refused_within_a_write_scope_leaves_the_rest_of_the_scope_to_be_stored(
    small: SmallNetwork, bad: Bad
) -> None:
    with small.storage.write_scope():
        c = small.storage.require_placement_set(cell_type("c"))
        c.append_data(chunk(0), positions(1))
        with pytest.raises(bad.error):
            bad.call(small)
        c.append_data(chunk(4), positions(2))
    assert {"0": 1, "4": 2} == c.get_chunk_stats()
    assert [5, 7, 3] == [len(each) for each in (small.a, small.b, small.ab)]
    assert ["stub"] == [each.name for each in small.storage.morphologies.all()]
    assert ["note"] == list(small.storage.files.all())


# Names that HDF5 would take for a path to, or the beginning of, another name.
REACHING = ["stub/data", "/morphologies/stub", "stub\0more", ".", "", "..", "../stub"]


@pytest.mark.parametrize("name", REACHING)
def test_a_name_does_not_reach_into_what_has_another_name(small: SmallNetwork, name: str) -> None:
    repository, files = small.storage.morphologies, small.storage.files
    tag, id_ = name.replace("stub", "a_to_b").replace("data", "inc"), name.replace("stub", "note")
    cell = name.replace("stub", "a").replace("data", "0")
    with untouched(small.path):
        assert repository.has(name) is False
        assert files.has(id_) is False
        assert small.storage._ConnectivitySet.exists(small.storage._engine, tag) is False
        assert small.storage._PlacementSet.exists(small.storage._engine, type_named(cell)) is False
        for use in (repository.remove, repository.load):
            with pytest.raises(bsb.MissingMorphologyError):
                use(name)
        for find in (files.remove, files.load, files.get_meta):
            with pytest.raises(FileNotFoundError):
                find(id_)
        with pytest.raises(bsb.DatasetNotFoundError):
            small.storage.get_connectivity_set(tag)
        with pytest.raises(bsb.DatasetNotFoundError):
            small.storage.get_placement_set(type_named(cell))
    assert 3 == len(small.ab)
    assert 2 == len(repository.load("stub").branches)


@pytest.mark.parametrize("reading", [False, True], ids=["on its own", "within a read scope"])
def test_a_label_that_nobody_carries_selects_nothing(small: SmallNetwork, reading: bool) -> None:
    with small.storage.read_scope() if reading else contextlib.nullcontext():
        small.a.set_label_filter(["nobody"])
        small.b.set_label_filter(["nobody", "core"])
        assert 0 == len(small.a)
        assert [] == small.a.load_ids().tolist()
        assert (0, 3) == small.a.load_positions().shape
        assert 0 == len(small.a.load_rotations())
        assert 0 == len(small.a.load_morphologies(allow_empty=True))
        assert [] == small.a.load_additional("weight").tolist()
        assert [] == small.a.get_labelled(["nobody"]).tolist()
        assert 2 == len(small.b)


def test_no_cell_can_be_connected_under_a_label_that_nobody_carries(small: SmallNetwork) -> None:
    small.a.set_label_filter(["nobody"])
    with untouched(small.path), pytest.raises(e.LocationError, match=r"0 cells"):
        connect(small, on_soma(0), on_soma(0))


def test_no_cell_can_be_labelled_under_a_label_that_nobody_carries(small: SmallNetwork) -> None:
    small.a.set_label_filter(["nobody"])
    with untouched(small.path), pytest.raises(e.LabelError, match=r"0 cells"):
        small.a.label(["new"], [0])


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize("kind", ["session", "file"])
def test_a_handle_of_another_storage_is_refused(
    small: SmallNetwork, tmp_path: Path, layout: str, write: bool, kind: str
) -> None:
    other = new_storage(tmp_path / "other.hdf5", layout)
    with other.write_scope():
        other.require_placement_set(small.b.cell_type).append_data(chunk(0), positions(1))
    before = digest(small.path), digest(Path(other.root))
    opened = other.write_scope() if kind == "session" else h5py.File(other.root, "r+")
    with opened as handle, pytest.raises(e.HandleError, match="other"):
        if write:
            small.b.append_data(chunk(0), positions(1), handle=handle)
        else:
            small.b.load_positions(handle=handle)
    assert before[0] == digest(small.path)
    if kind == "session":
        assert before[1] == digest(Path(other.root))


def test_errors_say_the_same_after_a_trip_to_another_process(small: SmallNetwork) -> None:
    for bad in (*PLACEMENT, *LABELS, *CONNECTIVITY[::5], *REPOSITORY):
        with pytest.raises(bad.error) as caught:
            bad.call(small)
        copied = pickle.loads(pickle.dumps(caught.value))
        assert type(caught.value) is type(copied)
        assert str(caught.value) == str(copied)


def test_chunks_of_bsb_are_taken_as_they_are() -> None:
    given = chunk(1, -2, 3)
    assert as_chunk(given) is given
    assert [1, -2, 3] == as_chunk((1.0, -2.0, 3.0)).tolist()
    assert sys.maxsize > as_chunk((1, -2, 3)).id == given.id
