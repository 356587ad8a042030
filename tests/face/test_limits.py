"""Beyond 64 KB an attribute, files in HDF5's first format, and files of early versions."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import bsb
import h5py
import numpy as np
import pytest
from bsb import MorphologySet, Storage, StoredMorphology
from bsb.storage import open_storage

from bsb_hdf5.placement_set import PlacementSet
from tests.face.layouts import about_classic, new_storage, place
from tests.face.samples import (
    WIDTH,
    SmallNetwork,
    cell_type,
    chunk,
    connections,
    digest,
    is_in_first_format,
    morphology,
    on_soma,
    place_without_data,
    positions,
    rewrite_as_legacy,
    rewrite_in_first_format,
    seen_from_the_cell,
    untouched,
    wide_chunk,
)

# --- many morphologies --------------------------------------------------------------------


@pytest.fixture(autouse=True)
def names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names take part here without morphologies, as thousands of these take seconds to store."""
    monkeypatch.setattr(PlacementSet, "_check_stored", lambda cells, given, handle: None)


def named(*numbers: int) -> MorphologySet:
    """Each of so many cells has a morphology of its own."""
    loaders = [StoredMorphology(f"cell {i}", lambda: None, {}) for i in numbers]
    return MorphologySet(loaders, np.arange(len(numbers)))


def names_of(storage: Storage) -> list[str]:
    found = storage.get_placement_set(cell_type("many")).load_morphologies()
    return [found._loaders[i].name for i in found.get_indices()]


@pytest.mark.parametrize("first", [False, True], ids=["our format", "HDF5's first format"])
@pytest.mark.parametrize("held", [1, 4_000, 4_090])
def test_a_chunk_that_has_morphologies_gets_more_than_fit_into_64_kilobytes(
    storage: Storage, path: Path, layout: str, held: int, first: bool
) -> None:
    numbers = range(5_000)
    storage.morphologies.set_all_meta({f"cell {i}": {"name": f"cell {i}"} for i in numbers})
    cells = storage.require_placement_set(cell_type("many"))
    cells.append_data(chunk(0), positions(held), morphologies=named(*range(held)))
    cells.append_data(chunk(1), positions(1), morphologies=named(7))
    if first:
        rewrite_in_first_format(path)
        assert is_in_first_format(path, place(layout, "placement", "many"))
    assert [f"cell {i}" for i in (*range(held), 7)] == names_of(storage)
    more = range(held - 1, 5_000)
    cells.append_data(chunk(0), positions(len(more)), morphologies=named(*more))
    expected = [f"cell {i}" for i in (*range(held), *more, 7)]
    assert expected == names_of(storage)
    assert len(expected) == len(cells)
    cells.append_data(chunk(0), positions(1), morphologies=named(4_999))
    assert [*expected[:-1], "cell 4999", "cell 7"] == names_of(storage)
    assert positions(held).tolist() == cells.load_positions()[:held].tolist()


def test_more_morphologies_in_a_file_of_the_first_format_are_undone_with_their_scope(
    storage: Storage, path: Path
) -> None:
    cells = storage.require_placement_set(cell_type("many"))
    cells.append_data(chunk(0), positions(4_000), morphologies=named(*range(4_000)))
    rewrite_in_first_format(path)
    with untouched(path), pytest.raises(ZeroDivisionError), storage.write_scope():
        cells.append_data(chunk(0), positions(1_000), morphologies=named(*range(4_000, 5_000)))
        assert 5_000 == len(cells)
        raise ZeroDivisionError


# --- many chunks --------------------------------------------------------------------------


def test_a_chunk_connected_to_very_many_is_extended(wide: Storage) -> None:
    pre, post = (wide.get_placement_set(cell_type(name)) for name in "ab")
    cs = wide.get_connectivity_set("wide")
    # The first, one in the middle and the last of those it is connected to, and a new one.
    place_without_data(wide, "b", [wide_chunk(i) for i in range(WIDTH + 1)])
    targets = [0, WIDTH // 2, WIDTH - 1, WIDTH]
    cs.connect(pre, post, on_soma(0, 0, 0, 0), on_soma(*targets))
    assert WIDTH + 4 == len(cs)
    near, far_chunks, far = cs.load_local_connections("out", chunk(0))
    expected = sorted(wide_chunk(i).id for i in (*range(WIDTH + 1), *targets[:3]))
    assert expected == far_chunks.tolist()
    assert near.tolist() == far.tolist() == on_soma(*[0] * (WIDTH + 4)).tolist()
    assert 2 == len(cs.load_block_connections("inc", wide_chunk(0), chunk(0))[0])
    assert 1 == len(cs.load_block_connections("inc", wide_chunk(WIDTH), chunk(0))[0])


def first_format_network(storage: Storage, path: Path, held: int) -> None:
    """
    A cell that is connected to one in each of so many chunks, of which the file only has the
    side of the cell: the other takes long to make.
    """
    pre, post = (storage.require_placement_set(cell_type(name)) for name in "ab")
    pre.append_data(chunk(0), positions(1))
    cs = storage.require_connectivity_set(pre.cell_type, post.cell_type, "wide")
    place_without_data(storage, "b", [wide_chunk(i) for i in range(WIDTH)])
    cs.connect(pre, post, on_soma(0), on_soma(0))
    rewrite_in_first_format(path)
    chunks = [wide_chunk(i) for i in range(held)]
    with h5py.File(path, "r+") as file:
        group = file["connectivity/wide/out/0"]
        for name in ("local_locs", "global_locs"):
            group[name].resize(held, axis=0)
            group[name][...] = on_soma(*[0] * held)
        group.attrs["chunk_list"] = np.array([each.tolist() for each in chunks], dtype=np.int16)
        for row, each in enumerate(chunks):
            group.attrs[str(each.id)] = row


@about_classic
@pytest.mark.parametrize("held", [1, 300])
def test_a_chunk_in_the_first_format_is_connected_to_more_than_fit_into_64_kilobytes(
    storage: Storage, path: Path, held: int
) -> None:
    """Classic only: there, the chunks that a chunk is connected to are a long attribute."""
    first_format_network(storage, path, held)
    assert is_in_first_format(path, "connectivity/wide/out/0")
    cs = storage.get_connectivity_set("wide")
    with storage.write_scope() as session:
        # Only the side that has the long list; connect() makes both.
        data = session.network.connectivity("wide")
        data._append(seen_from_the_cell(range(held - 1, WIDTH)))
    near, far_chunks, far = cs.load_local_connections("out", chunk(0))
    expected = sorted(wide_chunk(i).id for i in (*range(WIDTH), held - 1))
    assert expected == far_chunks.tolist()
    assert near.tolist() == far.tolist() == on_soma(*[0] * (WIDTH + 1)).tolist()
    assert WIDTH == len(cs.get_global_chunks("out", chunk(0)))


def test_a_file_in_the_first_format_is_read_and_extended_like_any_other(
    small: SmallNetwork,
) -> None:
    expected = connections(small.ab), small.a.load_positions().tolist()
    rewrite_in_first_format(small.path)
    assert is_in_first_format(small.path, place(small.layout, "placement", "a"))
    with untouched(small.path):
        assert expected == (connections(small.ab), small.a.load_positions().tolist())
    small.b.append_data(chunk(0), positions(2), additional={"depth": [1.0, 2.0]})
    small.b.label(["new"], [4, 5])
    small.ab.connect(small.a, small.b, on_soma(0, 0), on_soma(5, 0))
    small.storage.morphologies.save("new", morphology())
    small.storage.files.store("text", "new")
    assert [5, 9, 5] == [len(each) for each in (small.a, small.b, small.ab)]
    assert [4, 5] == small.b.get_labelled(["new"]).tolist()
    assert ["new", "stub"] == sorted(each.name for each in small.storage.morphologies.all())


# --- files without provenance -------------------------------------------------------------


@pytest.fixture
def legacy(small: SmallNetwork) -> SmallNetwork:
    """Classic only: networks have had an identity since before there were columnar files."""
    rewrite_as_legacy(small.path)
    return small


def _state_of_file(path: Path) -> tuple[str, int]:
    return digest(path), path.stat().st_mtime_ns


@about_classic
def test_opening_and_reading_a_legacy_file_changes_neither_a_byte_nor_its_time(
    legacy: SmallNetwork,
) -> None:
    before = _state_of_file(legacy.path)
    for opened in (Storage("hdf5", str(legacy.path)), open_storage(str(legacy.path))):
        network = SmallNetwork.of(opened)
        with opened.read_scope():
            assert [5, 7, 3] == [len(each) for each in (network.a, network.b, network.ab)]
            assert 3 == len(connections(network.ab))
        assert 5 == len(network.a.load_morphologies())
        assert {"note"} == set(opened.files.all())
        assert {} == opened._engine.metadata
        assert None is opened._engine.storage_id
        assert None is opened._engine.state_id
        assert opened.get_chunk_stats()
        opened.require_placement_set(network.a.cell_type)
        opened.create()
        with opened.read_only():
            assert 5 == len(network.a)
            opened._engine._bump_state()
        with opened.write_scope():
            assert 5 == len(network.a)
    assert before == _state_of_file(legacy.path)


@about_classic
def test_copying_a_legacy_file_changes_neither_of_them(legacy: SmallNetwork) -> None:
    before = _state_of_file(legacy.path)
    target = legacy.path.with_name("copy.hdf5")
    legacy.storage.copy(str(target))
    assert before == _state_of_file(legacy.path)
    assert before[0] == digest(target)


@about_classic
def test_the_first_write_to_a_legacy_file_gives_it_an_identity_with_a_warning(
    legacy: SmallNetwork,
) -> None:
    with pytest.warns(bsb.BsbProvenanceUpgradeWarning, match="network.hdf5"):
        legacy.b.append_data(chunk(0), positions(1))
    identity = legacy.storage._engine.storage_id
    assert identity
    assert 1 == legacy.storage._engine.state_id
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        legacy.b.append_data(chunk(0), positions(1))
    assert (identity, 2) == (legacy.storage._engine.storage_id, legacy.storage._engine.state_id)
    assert 9 == len(legacy.b)


@about_classic
def test_a_legacy_file_is_upgraded_once_by_a_scope(legacy: SmallNetwork) -> None:
    with pytest.warns(bsb.BsbProvenanceUpgradeWarning) as caught, legacy.storage.write_scope():
        legacy.b.append_data(chunk(0), positions(1))
        legacy.b.append_data(chunk(0), positions(1))
    assert 1 == len(caught)
    assert 1 == legacy.storage._engine.state_id


@about_classic
def test_a_legacy_file_stays_one_when_the_first_write_raises(legacy: SmallNetwork) -> None:
    with untouched(legacy.path), pytest.raises(ZeroDivisionError), legacy.storage.write_scope():
        legacy.b.append_data(chunk(0), positions(1))
        raise ZeroDivisionError
    assert None is legacy.storage._engine.storage_id


@about_classic
def test_a_warning_that_is_an_error_does_not_undo_the_first_write_half_way(
    legacy: SmallNetwork,
) -> None:
    before = digest(legacy.path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(bsb.BsbProvenanceUpgradeWarning):
            legacy.b.append_data(chunk(0), positions(1))
    assert (7, before) == (len(legacy.b), digest(legacy.path)) or 8 == len(legacy.b)


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_a_file_with_a_modification_time_of_long_ago_keeps_it_until_it_is_written(
    small: SmallNetwork, write: bool
) -> None:
    os.utime(small.path, (1_000_000_000, 1_000_000_000))
    Storage("hdf5", str(small.path))
    len(small.b)
    if write:
        small.b.append_data(chunk(0), positions(1))
    assert write is (small.path.stat().st_mtime > 1_000_000_000)


# --- files whose sets lack attributes -----------------------------------------------------

SET_ATTRIBUTES = [
    ("placement/a", ["chunks", "len"]),
    ("placement/b", ["chunks", "len"]),
    ("placement/b", ["cell_type", "revision", "created_at"]),
    ("connectivity/a_to_b", ["chunks", "len"]),
    ("connectivity/a_to_b", ["tag", "revision", "created_at"]),
    (
        "connectivity/a_to_b placement/a placement/b",
        ["chunks", "len", "tag", "cell_type", "revision", "created_at"],
    ),
]


@pytest.fixture(params=SET_ATTRIBUTES, ids=lambda param: f"{param[0]}: {param[1]}")
def early(request: pytest.FixtureRequest, small: SmallNetwork) -> SmallNetwork:
    """Classic only: a network whose sets lack what early versions did not write."""
    paths, names = request.param
    with h5py.File(small.path, "r+") as file:
        for path in paths.split():
            for name in names:
                file[path].attrs.pop(name, None)
    return SmallNetwork.of(new_storage(small.path, "classic"))


@about_classic
def test_sets_that_lack_attributes_are_read(early: SmallNetwork) -> None:
    with untouched(early.path):
        assert [5, 7, 3] == [len(each) for each in (early.a, early.b, early.ab)]
        assert {"0": 3, str(chunk(1).id): 2} == early.a.get_chunk_stats()
        assert {
            "0": {"inc": 1, "out": 1},
            str(chunk(1).id): {"inc": 0, "out": 2},
            str(chunk(2).id): {"inc": 2, "out": 0},
        } == early.ab.get_chunk_stats()
        assert 3 == len(connections(early.ab))


@about_classic
def test_sets_that_lack_attributes_are_extended(early: SmallNetwork) -> None:
    early.b.append_data(chunk(0), positions(2))
    early.b.append_data(chunk(5), positions(1))
    early.ab.connect(early.a, early.b, on_soma(0, 4), on_soma(5, 9))
    assert [5, 10, 5] == [len(each) for each in (early.a, early.b, early.ab)]
    assert {"0": 6, "2": 3, "5": 1} == {
        str(int(key) & 0xFFFF): value for key, value in early.b.get_chunk_stats().items()
    }
    assert 5 == len(connections(early.ab, "inc"))
    with h5py.File(early.path, "r") as file:
        assert [10, 5] == [
            int(file[path].attrs["len"]) for path in ("placement/b", "connectivity/a_to_b")
        ]


@about_classic
def test_sets_that_lack_attributes_are_cleared(early: SmallNetwork) -> None:
    early.ab.clear([chunk(0)])
    early.b.clear([chunk(0)])
    assert [5, 3, 2] == [len(each) for each in (early.a, early.b, early.ab)]
    early.ab.clear()
    early.b.clear()
    assert [5, 0, 0] == [len(each) for each in (early.a, early.b, early.ab)]


def test_the_statistics_of_a_network_that_lacks_them_are_counted_from_its_sets(
    small: SmallNetwork,
) -> None:
    expected = small.storage.get_chunk_stats()
    with h5py.File(small.path, "r+") as file:
        del file.attrs["chunks"]
    with untouched(small.path):
        assert expected == small.storage.get_chunk_stats()
    small.b.append_data(chunk(0), positions(1))
    expected["0"]["placed"] += 1
    assert expected == small.storage.get_chunk_stats()


def test_a_network_without_chunk_size_takes_that_of_the_first_chunk(small: SmallNetwork) -> None:
    with h5py.File(small.path, "r+") as file:
        del file.attrs["chunk_size"]
    assert np.isnan(small.b.get_all_chunks()[0].dimensions).all()
    small.b.append_data(chunk(0), positions(1))
    assert [100.0] * 3 == small.b.get_all_chunks()[0].dimensions.tolist()


@about_classic
def test_a_network_without_parts_for_files_and_morphologies_gets_them_when_needed(
    small: SmallNetwork,
) -> None:
    """Classic only: columnar files were never made without these parts."""
    with h5py.File(small.path, "r+") as file:
        del file["files"], file["morphologies"], file["morphology_meta"]
    assert {} == small.storage.files.all()
    assert [] == small.storage.morphologies.all()
    assert not small.storage.morphologies.has("stub")
    small.storage.files.store("text", "id")
    small.storage.morphologies.save("stub", morphology())
    assert ["id"] == list(small.storage.files.all())
    assert 5 == len(small.a.load_morphologies())


def test_a_copied_file_is_a_separate_network(small: SmallNetwork, tmp_path: Path) -> None:
    target = tmp_path / "copy.hdf5"
    shutil.copyfile(small.path, target)
    SmallNetwork.of(Storage("hdf5", str(target))).b.append_data(chunk(0), positions(1))
    assert 7 == len(small.b)
