"""The bytes of arrays count, in groups up to a depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5.queries.networks import session_on
from bsb_hdf5.queries.sizes import Sizes, _array_sizes, sizes
from bsb_hdf5.resource import Resource
from bsb_hdf5.storages import engine_of
from bsb_hdf5.testing.network_samples import chunk_at
from tests.unit.queries.networks import new_storage, random_network


@pytest.mark.parametrize(("fewer", "counted"), [(0, True), (1, False)])
def test_so_many_arrays_are_counted_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fewer: int, counted: bool
) -> None:
    engine = engine_of(Storage("memory", str(tmp_path / "network")))
    Resource(engine, "/own/rows").create(np.arange(5))
    with session_on(engine) as session:
        root = session.root
        entries = [size for name in root.names() for size in _array_sizes(root, name, 0)]
    monkeypatch.setattr("bsb_hdf5.queries.sizes._MOST_ARRAYS", len(entries) - fewer)
    assert counted == (sizes(engine).parts is not None)


def test_an_array_counts_in_up_to_64_groups(tmp_path: Path) -> None:
    engine = engine_of(Storage("memory", str(tmp_path / "network")))
    for name, groups in (("a", 64), ("b", 65)):
        Resource(engine, "/" + "/".join([name] * groups + ["rows"])).create(np.arange(5))
    parts = sizes(engine).parts
    assert parts is not None
    assert (40, 0) == (parts["a"], parts["b"])


def test_what_is_left_of_a_file_is_never_less_than_nothing() -> None:
    """Arrays whose size is not known may be packed."""
    assert [3, 0, None, None] == [
        Sizes(total, parts, (0, 0)).rest
        for total, parts in ((10, {"a": 5, "b": 2}), (10, {"a": 11}), (None, {}), (10, None))
    ]


def test_texts_are_no_part_of_the_arrays(engine: str, tmp_path: Path) -> None:
    storage = new_storage(engine, tmp_path)
    storage.files.store("a text", id="note")
    found = sizes(engine_of(storage))
    assert {0} == set((found.parts or {}).values())
    assert found.rest == found.total


def test_rows_that_nothing_uses_are_counted(tmp_path: Path) -> None:
    sample = random_network(new_storage("memory", tmp_path), 1)
    assert (0, 0) == sizes(engine_of(sample.storage)).holes
    sets = sample.placement("granule"), sample.connectivity("gap")
    held = list(map(len, sets))
    for each in sets:
        each.clear(chunks=[chunk_at(0)])
    gone = [before - len(each) for before, each in zip(held, sets, strict=True)]
    assert 0 < gone[0] < gone[1]
    assert tuple(gone) == sizes(engine_of(sample.storage)).holes
