"""Classic networks whose names are spelled in several ways, as paths can be, are copied whole."""

from __future__ import annotations

from pathlib import Path

import bsb
import h5py
import numpy as np
import pytest
from bsb import CellType, MorphologySet

from bsb_hdf5 import convert, export_sonata, merge, repack, verify
from bsb_hdf5.errors import InvalidNameError, MorphologyInUseError
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, morphology, on_soma, positions


def named(name: str) -> CellType:
    kind = cell_type("any")
    kind.name = name
    return kind


def connected(path: Path, spelled: str) -> bsb.Storage:
    """Three cells of ``a/b``, and connections between cells of another spelling of that."""
    storage = new_storage(path, "classic")
    storage.require_placement_set(named("a/b")).append_data(chunk(0), positions(3))
    kind = named(spelled)
    loop = storage.require_connectivity_set(kind, kind, "loop")
    loop.chunk_connect(chunk(0), chunk(0), on_soma(0, 1), on_soma(1, 2))
    return storage


def test_merged_connections_stay_on_their_cells(tmp_path: Path) -> None:
    sources = [connected(tmp_path / f"{i}", "a//b") for i in range(2)]
    merged = merge(sources, str(tmp_path / "merged"))
    pre, post = merged.get_connectivity_set("loop").load_connections().all()
    assert [0, 1, 3, 4] == pre[:, 0].tolist()
    assert [1, 2, 4, 5] == post[:, 0].tolist()


def test_the_types_of_a_copy_are_those_that_it_lists(tmp_path: Path) -> None:
    source = connected(tmp_path / "source", "a//b")
    copy = convert(source, str(tmp_path / "copy"), layout="columnar")
    loop = copy.get_connectivity_set("loop")
    assert ("a/b", "a/b") == (loop.pre_type_name, loop.post_type_name)
    export_sonata(source, tmp_path / "circuit")
    assert (tmp_path / "circuit" / "edges.h5").exists()


@pytest.mark.parametrize("what", ["file", "morphology", "placement set", "connectivity set"])
def test_networks_that_spell_a_path_in_two_ways_are_not_merged(tmp_path: Path, what: str) -> None:
    sources = []
    for name in ("l/m", "l//m"):
        storage = new_storage(tmp_path / name.replace("/", "-"), "classic")
        if what == "file":
            storage.files.store(name, id=name)
        elif what == "morphology":
            storage.morphologies.save(name, morphology())
        elif what == "placement set":
            storage.require_placement_set(named(name))
        else:
            storage.require_placement_set(named("x"))
            storage.require_connectivity_set(named("x"), named("x"), name)
        sources.append(storage)
    with pytest.raises(InvalidNameError, match=f"can't name a {what}") as refused:
        merge(sources, str(tmp_path / "merged"))
    assert "'l/m'" in str(refused.value)
    assert "'l//m'" in str(refused.value)
    assert not (tmp_path / "merged").exists()
    merged = merge(sources, str(tmp_path / "columnar"), layout="columnar")
    assert not verify(merged).findings


def test_a_morphology_in_use_is_kept_by_all_spellings_of_its_name(tmp_path: Path) -> None:
    storage = new_storage(tmp_path / "network", "classic")
    loader = storage.morphologies.save("lib/m", morphology())
    cells = storage.require_placement_set(named("a"))
    cells.append_data(chunk(0), positions(2), MorphologySet([loader], np.zeros(2, dtype=int)))
    for name in ("lib/m", "lib//m", "/lib/m"):
        with pytest.raises(MorphologyInUseError):
            storage.morphologies.remove(name)


def test_what_is_saved_over_another_spelling_leaves_none_of_its_metadata(tmp_path: Path) -> None:
    saved = new_storage(tmp_path / "network", "classic").morphologies
    saved.save("l/m", morphology())
    saved.save("l//m", morphology(), overwrite=True)
    assert ["l//m"] == list(saved.get_all_meta())
    saved.remove("l/m")
    assert [] == list(saved.get_all_meta())


def test_cells_keep_a_morphology_that_they_name_by_another_spelling(tmp_path: Path) -> None:
    storage = new_storage(tmp_path / "network", "classic")
    cells = storage.require_placement_set(named("a"))
    for name in ("l/m", "l//m"):
        # As 8.0.2 allows it: what is saved over a path is listed by its last spelling.
        loader = storage.morphologies.save(name, morphology(), overwrite=True)
        cells.append_data(chunk(0), positions(2), MorphologySet([loader], np.zeros(2, dtype=int)))
    assert not verify(storage).findings
    for layout in ("classic", "columnar"):
        copy = convert(storage, str(tmp_path / layout), layout=layout)
        loaded = copy.get_placement_set(cells.cell_type).load_morphologies()
        assert [len(morphology().points)] * 4 == [len(each.points) for each in loaded]
        assert not verify(copy).findings
    merged = merge([storage, storage], str(tmp_path / "merged"), layout="columnar")
    assert 8 == len(list(merged.get_placement_set(cells.cell_type).load_morphologies()))
    assert not verify(merged).findings


def test_additional_data_that_is_listed_by_two_spellings_is_copied_once(tmp_path: Path) -> None:
    storage = new_storage(tmp_path / "network", "classic")
    cells = storage.require_placement_set(named("a"))
    cells.append_data(chunk(0), positions(2), additional={"k/v": [1.0, 2.0]})
    with h5py.File(storage.root, "a") as file:
        # As 8.0.2 lists a key that was given in two spellings.
        file["placement/a"].attrs["additional_keys"] = ["k//v", "k/v"]
    cells.append_data(chunk(0), positions(1), additional={"k//v": [3.0], "new": [0.0]})
    assert not verify(storage).findings
    for layout in ("classic", "columnar"):
        copy = convert(storage, str(tmp_path / layout), layout=layout)
        copied = copy.get_placement_set(cells.cell_type)
        assert {"k/v", "new"} == set(copied.load_additional())
        assert [1.0, 2.0, 3.0] == copied.load_additional("k/v").tolist()
        assert not verify(copy).findings
    repack(storage)
    for key in ("k/v", "k//v", "/k/v"):
        assert [1.0, 2.0, 3.0] == cells.load_additional(key).tolist()
