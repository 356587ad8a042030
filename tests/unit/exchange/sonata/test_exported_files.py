"""
The files of a circuit, value for value: what earlier releases exported, others have to read.

``python -m tests.unit.exchange.sonata.test_exported_files`` writes what is expected, to be read
before it is committed.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from bsb import Branch, Morphology, MorphologySet, RotationSet, Storage

from bsb_hdf5 import ConnectivitySet, PlacementSet, diff, export_sonata, import_sonata
from tests.face.samples import cell_type, chunk

EXPECTED = Path(__file__).with_name("exported.json")


def tiny_network(root: str) -> Storage:
    """Cells in two chunks, of which the last ones have less, and connections on their points."""
    storage = Storage("memory", root)
    soma = Branch(np.array([[0.0, 0, 0], [0, 2, 0]]), np.array([3.0, 2]))
    soma.label(["soma"])
    for x in (-4.0, 4.0):
        child = Branch(np.array([[x, 2, 0], [x, 5, 0], [x, 5, 9]]), np.full(3, 0.5))
        child.label(["axon" if x < 0 else "dendrites"])
        child.label(["tip"], [2])
        soma.attach_child(child)
    storage.morphologies.save("a/tree", Morphology([soma]))
    stick = Branch(np.array([[0.0, 0, 0], [1, 0, 0]]), np.ones(2), properties={"depth": [1, 2]})
    stick.label(["tag_12"])
    storage.morphologies.save("stick", Morphology([stick], meta={"of": "a user"}))
    held = [storage.morphologies.preload(name) for name in ("stick", "a/tree")]
    cells = storage.require_placement_set(cell_type("a.b"))
    for x, count in ((1, 2), (0, 3)):
        place = np.arange(3.0 * count).reshape(count, 3) + 100 * x
        turned = RotationSet(np.arange(count * 3.0).reshape(count, 3) * 30)
        cells.append_data(
            chunk(x),
            place,
            morphologies=MorphologySet(held, np.arange(count) % 2),
            rotations=turned,
            additional={"pair": place[:, :2] / 2, "y": place[:, 2]},
        )
    bare = chunk(0, 0, -1)
    cells.append_data(bare, np.ones((1, 3)), rotations=RotationSet(np.array([[90.0, 0, 0]])))
    cells.append_data(bare, np.full((1, 3), 2.0))
    cells.append_additional("late", chunk(1), np.array([7, 8]))
    cells.label(["core", "é"], [0, 3])
    cells.label(["core"], [1])
    entities = storage.require_placement_set(cell_type("entities"))
    entities.append_entities(chunk(0), 2)
    entities.append_entities(chunk(2), 1)
    entities.label(["core"], [2])
    entities.require_chunk(chunk(0, 3))
    storage.require_placement_set(cell_type("none"))
    _connect(storage, cells, entities)
    return storage


def _connect(storage: Storage, cells: PlacementSet, entities: PlacementSet) -> None:
    def made(pre: str, post: str, tag: str) -> Any:
        return ConnectivitySet.require(storage._engine, cell_type(pre), cell_type(post), tag)

    ends = [[0, 1, 0], [1, 0, 1], [1, 1, 2], [3, 0, 1], [4, 2, 1], [2, -1, -1]]
    made("a.b", "a.b", "loops").connect(cells, cells, ends, ends[::-1])
    somas = [[i, -1, -1] for i in range(3)]
    made("entities", "a.b", "on/somas").connect(entities, cells, somas, somas)
    made("entities", "none", "nothing")
    made("entities", "entities", "none yet")


def dump(folder: Path) -> dict[str, Any]:
    """Every text of a circuit, and every array with its type and attributes."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".json":
            document = json.loads(path.read_text(encoding="utf-8"))
            found |= {f"{name}: {key}": value for key, value in document.items()}
        elif path.suffix == ".h5":
            with h5py.File(path) as file:
                found[f"{name}: /"] = _attributes(file)
                nodes: dict[str, Any] = {}
                file.visititems(nodes.__setitem__)
                found |= {f"{name}: {key}": _described(node) for key, node in nodes.items()}
        elif path.is_file():
            found[name] = path.read_text(encoding="utf-8").splitlines()
    return found


def _described(node: Any) -> Any:
    if isinstance(node, h5py.Group):
        return _attributes(node)
    if h5py.check_string_dtype(node.dtype):
        return ["text", node.asstr()[:].tolist()]
    fill = np.asarray(node.fillvalue).tolist()
    return [str(node.dtype), _plain(node[:].tolist()), _plain(fill), _attributes(node)]


def _attributes(node: Any) -> dict[str, Any]:
    return {key: np.asarray(value).tolist() for key, value in node.attrs.items()}


def _plain(value: Any) -> Any:
    """Values that equal themselves; digits that libraries may round in other ways are left out."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return (str(value) if np.isnan(value) else round(value, 4)) if value != 0 else value


def exported(folder: Path) -> tuple[Storage, dict[str, Any]]:
    storage = tiny_network(f"circuit {folder}")
    export_sonata(storage, folder / "circuit")
    return storage, dump(folder / "circuit")


def test_a_circuit_is_written_as_the_committed_one_was(tmp_path: Path) -> None:
    storage, found = exported(tmp_path)
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))
    assert sorted(expected) == sorted(found)
    for name, value in expected.items():
        assert value == found[name], name
    made = import_sonata(tmp_path / "circuit", f"made {tmp_path}", engine="memory")
    assert [] == [str(each) for each in diff(storage, made)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        content = exported(Path(home))[1]
    lines = [
        f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in content.items()
    ]
    EXPECTED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
