"""Cells are counted as a plain count counts them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.core.chunk_id import unpack
from bsb_hdf5.errors import InputError
from bsb_hdf5.queries import counts, group_text
from tests.unit.queries.networks import FILTERS, TYPES, Sample


def test_they_are_counted_by_type_label_and_chunk(sample: Sample) -> None:
    for filters in FILTERS:
        asked = [sample.placement(*each) for each in zip(TYPES, filters, strict=True)]
        by_type: dict[Any, int] = {}
        by_label: Counter[Any] = Counter()
        by_chunk: Counter[Any] = Counter()
        for name, each in zip(TYPES, filters, strict=True):
            kept = [sample.cells[name][i] for i in sample.kept(name, each)]
            by_type[name] = len(kept)
            for cell in kept:
                by_chunk[name, tuple(unpack([cell.chunk])[0].tolist())] += 1
                by_label.update((name, label) for label in cell.labels or [None])
        assert by_type == counts(asked)
        assert by_label == counts(asked, by="label")
        assert by_chunk == counts(asked, by="chunk")


def test_a_network_is_given_in_any_way(sample: Sample) -> None:
    expected = {name: len(sample.cells[name]) for name in TYPES}
    assert expected == counts(sample.storage)
    assert expected == counts(sample.storage.root)
    assert expected == counts(NetworkRoot(sample.storage.root))
    assert {"golgi": expected["golgi"]} == counts(sample.placement("golgi"))
    assert {} == counts([])


def test_other_groups_are_refused(sample: Sample) -> None:
    with pytest.raises(InputError, match="by must be 'type' or 'label' or 'chunk'"):
        counts(sample.storage, by="colour")
    with pytest.raises(InputError, match="a PlacementSet is needed"):
        counts([sample.connectivity("gap")])


def test_a_group_in_words() -> None:
    assert "golgi" == group_text("golgi")
    assert "golgi, dead" == group_text(("golgi", "dead"))
    assert "golgi, no label" == group_text(("golgi", None))
    assert "golgi, chunk 0 -1 2" == group_text(("golgi", (0, -1, 2)))
