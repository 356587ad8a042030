"""A merged network, value for value, against what a few lines of Python make of its sources."""

from __future__ import annotations

import importlib
from typing import Any

import attrs
import numpy as np
import pytest

from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.detection import create_network
from bsb_hdf5.core.layouts.protocols import NetworkWriter
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.errors import ChunkSizeError, FileStoredError, MorphologyExistsError, SetTypeError
from bsb_hdf5.exchange.transfer import Portion
from tests.unit.exchange.networks import (
    FAR,
    NEAR,
    TABLE,
    Content,
    cells,
    connections_of,
    content,
    network,
)
from tests.unit.memory import new_root

merge_module = importlib.import_module("bsb_hdf5.exchange.merge")
OTHER = MorphologyTable(TABLE.data + 1, TABLE.graph, TABLE.labels, TABLE.properties)
THIRD = MorphologyTable(TABLE.data + 2, TABLE.graph, TABLE.labels, TABLE.properties)
Names = dict[str, str]


def joined(sources: list[Content], names: list[dict[str, Names]]) -> Content:
    """What a merge of some networks has; names that are not said stay."""
    made: Content = {"cells": {}, "sets": {}, "morphologies": {}, "files": {}}
    made["size"] = sources[0]["size"]
    for source, renamed in zip(sources, names, strict=True):
        for part in ("morphologies", "files"):
            for name, value in source[part].items():
                made[part].setdefault(renamed.get(part, {}).get(name, name), value)
        for tag, (types, held) in source["sets"].items():
            _, blocks = made["sets"].setdefault(renamed.get("sets", {}).get(tag, tag), (types, {}))
            for pair, rows in held.items():
                shift = [
                    len(made["cells"].get(name, {}).get(chunk, ()))
                    for name, chunk in zip(types, pair, strict=True)
                ]
                moved = np.add(rows, [shift[0], 0, 0, shift[1], 0, 0])
                blocks.setdefault(pair, []).extend(moved.tolist())
        for name, chunks in source["cells"].items():
            for chunk, rows in chunks.items():
                named = renamed.get("morphologies", {})
                made["cells"].setdefault(name, {}).setdefault(chunk, []).extend(
                    {**row, "morphology": named.get(row["morphology"], row["morphology"])}
                    for row in rows
                )
            made["cells"].setdefault(name, {})
    return made


def merged(sources: list[NetworkWriter], layout: str, *, rename: bool) -> NetworkWriter:
    target = create_network(new_root(), layout)
    places = [f"place {i}" for i in range(len(sources))]
    merge_module._Plan(sources, places, rename).write(target, None)
    target.flush()
    return target


def file(text: str, **meta: object) -> StoredContent:
    return StoredContent.of(text, meta, "utf-8", 5)


MORPHOLOGY, SETS, FILES = "morphologies", "sets", "files"
SAME: dict[str, Any] = {}
# Networks, and the names that those of each get.
MERGES: dict[str, list[tuple[dict[str, Any], dict[str, Names]]]] = {
    "equal networks": [(SAME, {}), (SAME, {}), (SAME, {})],
    "cells in one chunk of the second": [(SAME, {}), ({"far": cells(0), "empty": []}, {})],
    "no cells in a chunk of the first": [({"far": cells(0)}, {}), (SAME, {})],
    "morphologies of one name": [
        (SAME, {}),
        ({"table": OTHER}, {MORPHOLOGY: {"m": "m_2", "n": "n_2"}}),
        ({"table": THIRD}, {MORPHOLOGY: {"m": "m_3", "n": "n_3"}}),
        ({"table": OTHER}, {MORPHOLOGY: {"m": "m_4", "n": "n_4"}}),
    ],
    "metadata of morphologies": [
        (SAME, {}),
        ({"meta": {"m": {"at": 1}, "n": {"at": 2}}}, {MORPHOLOGY: {"m": "m_2", "n": "n_2"}}),
    ],
    "names that are taken": [
        ({"morphology": "m_2"} | {"names": ("m", "m_2")}, {}),
        ({"table": OTHER}, {MORPHOLOGY: {"m": "m_3"}}),
    ],
    "files": [
        (SAME, {}),
        ({"file": file("other")}, {FILES: {"f": "f_3"}}),
        # A name of any network is not free.
        ({"file": file("text", a=2), "id": "f_2"}, {FILES: {"f": "f_4"}}),
    ],
    "presynaptic types": [
        (SAME, {}),
        ({"types": ("b", "b")}, {SETS: {"c": "c_2", "more": "more_2"}}),
    ],
    "postsynaptic types": [
        (SAME, {}),
        ({"types": ("a", "a")}, {SETS: {"c": "c_2", "more": "more_2"}}),
        ({"tag": "c_3", "types": ("b", "a")}, {SETS: {"c": "c_4"}}),
    ],
    "other types and sets": [(SAME, {}), ({"other": "d", "tag": "new"}, {})],
    "a type that one network lacks": [
        ({"other": "d"}, {}),
        ({"types": ("a", "a"), "tag": "t"}, {SETS: {"c": "c_2"}}),
    ],
    "labels": [
        (SAME, {}),
        ({"labels": [["y"], ["y", "x"], []]}, {}),
        ({"labels": [[], ["x"]]}, {}),
    ],
    "no labels at first": [({"labels": []}, {}), (SAME, {})],
    "no labels": [({"labels": []}, {}), ({"labels": []}, {})],
}


@pytest.mark.parametrize(
    ("layout", "portion"), [("classic", Portion(cells=1, connections=1)), ("columnar", Portion())]
)
def test_all_of_each_network_is_in_the_merged_one(
    layout: str, portion: Portion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge_module, "Portion", lambda: portion)
    for title, cases in MERGES.items():
        sources = [network("classic", **changes) for changes, _ in cases]
        expected = joined(list(map(content, sources)), [names for _, names in cases])
        found = content(merged(sources, layout, rename=True))
        for part, value in expected.items():
            assert value == found[part], f"{title}: {part}"
        assert sorted(expected) == sorted(found), title


REFUSED: list[tuple[str, type[Exception], str]] = [
    ("morphologies of one name", MorphologyExistsError, "the morphology 'm'"),
    ("metadata of morphologies", MorphologyExistsError, "the morphology 'm'"),
    ("files", FileStoredError, "the file 'f'"),
    ("presynaptic types", SetTypeError, "the connectivity set 'c'"),
    ("postsynaptic types", SetTypeError, "the connectivity set 'c'"),
]


def test_what_differs_is_refused_by_name() -> None:
    for title, error, what in REFUSED:
        sources = [network(**changes) for changes, _ in MERGES[title]]
        text = f"^{what} differs between 'place 0' and 'place 1'; pass rename=True to keep both$"
        with pytest.raises(error, match=text) as raised:
            merged(sources, "columnar", rename=False)
        assert what.split("'")[1] == raised.value.fields["asked"]  # type: ignore[attr-defined]


def test_one_configuration_is_active() -> None:
    texts = ["first", "second", "third"]
    flags = [{}, {"active_config": True}, {"active_config": True}]
    sources = [
        network(id=f"id {text}", file=file(text, **flag))
        for text, flag in zip(texts, flags, strict=True)
    ]
    found = merged(sources, "columnar", rename=True).files
    held = {id_: found.load(id_) for id_ in ("f", "f_2", "f_3")}
    assert texts == [each.content() for each in held.values()]
    assert [None, True, False] == [each.meta.get("active_config") for each in held.values()]
    # Nothing else of them is changed.
    before = sources[2].files.load("f")
    meta = {**before.meta, "active_config": False}
    assert attrs.evolve(before, meta=meta) == held["f_3"]


def test_chunks_have_the_size_of_the_first_network_that_has_one() -> None:
    nan, size = [np.nan] * 3, [1.0, 2.0, 3.0]
    for sizes in ([nan, size], [size, nan], [size, size], [nan, size, nan, size]):
        found = merged([network(size=each) for each in sizes], "columnar", rename=True)
        assert size == found.chunk_size.tolist()
    assert np.isnan(merged([network(size=nan)] * 2, "columnar", rename=True).chunk_size).all()
    other = [1.0, 2.0, 3.5]
    for sizes in ([size, other], [nan, size, size, other]):
        with pytest.raises(ChunkSizeError) as raised:
            merged([network(size=each) for each in sizes], "columnar", rename=True)
        assert (other, size) == (raised.value.fields["found"], raised.value.fields["valid"])
        place = f"'place {len(sizes) - 1}' of {other} um"
        assert place in str(raised.value)
        assert f"'place {sizes.index(size)}' are of size {size} um" in str(raised.value)


def test_connections_on_types_that_are_not_placed_keep_their_cells() -> None:
    sources = [network(types=("x", "a")) for _ in range(2)]
    found = connections_of(merged(sources, "columnar", rename=True), "c")
    _, held = connections_of(sources[0], "c")
    assert ("x", "a") == found[0]
    for pair, count in (((NEAR, NEAR), 3), ((NEAR, FAR), 2)):
        second = np.add(held[pair], [0, 0, 0, count, 0, 0])
        assert held[pair] + second.tolist() == found[1][pair]


def test_labels_of_nothing_make_no_label_sets() -> None:
    sources = [network(labels=[]), network(labels=[])]
    placed = merged(sources, "columnar", rename=True).placement("a")
    assert LabelSets().table == placed.label_sets().table
