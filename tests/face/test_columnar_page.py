"""The page on the columnar layout tells the truth: its code reads what the engine wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from bsb import Storage

from bsb_hdf5.config import NetworkRoot
from tests.face.samples import cell_type, chunk, on_soma, positions

PAGE = Path(__file__).parents[2] / "docs" / "columnar-layout.md"


def code_of_page() -> dict[str, Any]:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
    assert 12 >= sum(bool(line.strip()) for line in code.splitlines())
    names: dict[str, Any] = {}
    exec(compile(code, PAGE, "exec"), names)
    return names


def grown_network(path: Path) -> Storage:
    """Chunks in several pieces, with holes, and with connections of both kinds in one block."""
    storage = Storage("hdf5", NetworkRoot(path, "columnar"))
    cells = storage.require_placement_set(cell_type("granule"))
    for turn in range(3):
        for x in (2, 0, 1):
            # The bit of the positions is not always the first.
            if not turn:
                cells.append_entities(chunk(x), 1, {"weight": [0.5]})
            cells.append_data(chunk(x), positions(2 + x, first=10.0 * turn + x))
    cells.clear([chunk(1)])
    links = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loops")
    ends = [on_soma(0, 9, 3, 8), on_soma(1, 7, 9, 0)]
    links.connect(cells, cells, *ends)
    links.connect(cells, cells, *(end + np.array([0, 4, 300]) for end in ends))
    links.connect(cells, cells, *(end[::-1] for end in ends))
    return storage


def test_the_code_of_the_page_reads_the_positions_of_a_chunk(path: Path) -> None:
    storage = grown_network(path)
    read = code_of_page()["positions_of"]
    with h5py.File(path, "r") as file:
        for x in (0, 2):
            found = storage.get_placement_set(cell_type("granule"), [chunk(x)])
            expected = found.load_positions()[1:]
            assert 3 * (2 + x) == len(expected)
            np.testing.assert_array_equal(
                expected, read(file, "granule", int(chunk(x).id)), strict=True
            )


def test_the_code_of_the_page_reads_all_connections(path: Path) -> None:
    storage = grown_network(path)
    links = storage.get_connectivity_set("loops")
    expected: dict[Any, list[Any]] = {}
    for _, pre, post, (here, there) in links.flat_iter_connections("out"):
        rows = np.stack(
            (here[:, 0], there[:, 0], here[:, 1], here[:, 2], there[:, 1], there[:, 2]), axis=1
        )
        expected[int(pre.id), int(post.id)] = rows.tolist()
    found: dict[Any, list[Any]] = {}
    with h5py.File(path, "r") as file:
        for pre, post, rows in code_of_page()["connections_of"](file, "loops"):
            found.setdefault((pre, post), []).extend(rows.tolist())
    assert expected == found
    assert 12 == sum(map(len, found.values()))


def test_the_page_names_everything_in_a_file(path: Path) -> None:
    storage = grown_network(path)
    storage.files.store("a text", id="note")
    text = PAGE.read_text("utf-8")
    named = {"granule", "loops", "weight", "note"}
    with h5py.File(path, "r") as file:
        parts = {part for name in file["placement_sets"].file for part in name.split("/")}
        file.visititems(lambda name, node: parts.update(name.split("/"), node.attrs))
        parts.update(file.attrs)
    unknown = {part for part in parts - named if f"`{part}`" not in text and part not in text}
    # As in the classic layout.
    assert {"mtime", "encoding", "meta"} >= unknown
