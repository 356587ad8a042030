"""
Build, in two steps, one network that uses every feature of a BSB storage.

    python network.py create FILE
    python network.py extend FILE

It is a script of its own so that the interpreter that runs it decides which storage engine
writes the file. It keeps to BSB's public interface, and to calls that every engine answers alike:

* rows given to `connect` are sorted by postsynaptic and then presynaptic cell, because
  bsb-hdf5 8.0.2 sorts them so when there is a single source chunk;
* file contents do not end in zero bytes and metadata holds no empty list, which 8.0.2 loses;
* cells are labelled by their id in the whole set, entities are not labelled.

Two runs build the same network; only ids, times and the recorded provenance differ.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from bsb import (
    Branch,
    Chunk,
    Configuration,
    Morphology,
    MorphologySet,
    RotationSet,
    Scaffold,
    Storage,
    from_storage,
)
from numpy.typing import NDArray

Coordinates = tuple[int, int, int]
Locations = NDArray[np.int64]

CHUNK_SIZE = (100.0, 80.0, 60.0)

HOME: Coordinates = (0, 0, 0)
NORTH: Coordinates = (0, 1, 0)
SOUTH: Coordinates = (3, -2, 1)
WEST: Coordinates = (-1, 0, 2)
NEW: Coordinates = (2, 2, -2)
FAR: Coordinates = (32767, -32768, -1)
"""The outermost coordinates that a chunk can have."""

PYRAMIDAL_CELLS = {HOME: 12, NORTH: 5, SOUTH: 9, WEST: 7}
"""Cells by chunk, in the order of their ids in the set: ascending chunk ids."""


def chunk_at(coordinates: Coordinates) -> Chunk:
    return Chunk(coordinates, CHUNK_SIZE)


def configuration(extended: bool) -> Configuration:
    cell_types: dict[str, dict[str, Any]] = {
        "granule": {"spatial": {"radius": 2.5, "density": 1e-3}},
        "mossy": {"entity": True, "spatial": {"radius": 1.0, "count": 40}},
        "pyramidal": {"spatial": {"radius": 7.25, "count": 33}},
        "silent": {"spatial": {"radius": 1 / 3, "count": 1}},
        "stellate": {"spatial": {"radius": 4.0, "count": 10}},
    }
    if extended:
        cell_types["late"] = {"spatial": {"radius": 5.0, "count": 3}}
    return Configuration.default(
        storage={"engine": "hdf5", "root": "network.hdf5"},
        rng={"seed": 1906},
        network={"x": 500.0, "y": 400.0, "z": 300.0, "chunk_size": list(CHUNK_SIZE)},
        regions={"cortex": {"type": "stack", "children": ["layer"]}},
        partitions={"layer": {"type": "layer", "thickness": 120.0}},
        cell_types=cell_types,
        placement={
            "random": {
                "strategy": "bsb.placement.RandomPlacement",
                "partitions": ["layer"],
                "cell_types": ["granule", "stellate"],
            }
        },
        connectivity={
            "granule_to_stellate": {
                "strategy": "bsb.connectivity.AllToAll",
                "presynaptic": {"cell_types": ["granule"]},
                "postsynaptic": {"cell_types": ["stellate"]},
            }
        },
    )


def create(path: str) -> None:
    scaffold = Scaffold(configuration(extended=False), Storage("hdf5", path))
    store_morphologies(scaffold)
    place_granules(scaffold)
    place_pyramidals(scaffold)
    place_stellates(scaffold)
    place_mossy_entities(scaffold)
    label_cells(scaffold)
    connect_points(scaffold)
    connect_locations(scaffold)
    connect_selected(scaffold)
    store_files(scaffold)


def extend(path: str) -> None:
    scaffold = from_storage(path)
    scaffold.configuration = configuration(extended=True)
    extend_morphologies(scaffold)
    extend_placement(scaffold)
    extend_labels(scaffold)
    extend_in_one_scope(scaffold)
    extend_connections(scaffold)
    replace_cells_and_connections(scaffold)
    extend_files(scaffold)


# --- morphologies -------------------------------------------------------------------------


def branch(seed: int, points: int, labels: list[str], **properties: list[float]) -> Branch:
    """A branch of a random walk; the values have no short binary form."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(size=(points, 3)), axis=0) * 10 / 3
    grown = Branch(walk, rng.random(points) + 0.1, properties=properties)
    if labels:
        grown.label(labels, np.ones(points, dtype=bool))
    return grown


def spiny(seed: int) -> Morphology:
    """Two roots, a fork, labels on branches and on points, and two properties."""
    soma = branch(seed, 3, ["soma"], myelin=[0.1, 0.2, 0.3], spines=[0.0, -0.0, 1e-300])
    trunk = branch(seed + 1, 4, ["dendrites", "trunk"], myelin=[1, 2, 3, 4], spines=[9, 8, 7, 6])
    tuft = branch(seed + 2, 2, ["dendrites"], myelin=[1 / 3, 2 / 3], spines=[1e300, np.pi])
    axon = branch(seed + 3, 5, [], myelin=[5, 4, 3, 2, 1], spines=[0, 0, 0, 0, 0])
    loose = branch(seed + 4, 2, ["dendrites", "détaché"], myelin=[0.5, 0.25], spines=[1, 2])
    soma.attach_child(trunk)
    trunk.attach_child(tuft)
    soma.attach_child(axon)
    morphology = Morphology([soma, loose])
    morphology.label(["sampled"], np.arange(len(morphology)) % 4 == 1)
    return morphology


def smooth(seed: int) -> Morphology:
    trunk = branch(seed, 4, ["dendrites"])
    trunk.attach_child(branch(seed + 1, 3, ["dendrites", "tip"]))
    return Morphology([trunk])


SPINY_META: dict[str, Any] = {
    "species": "Mus musculus",
    "region": "Cx ΔIV 大脑",
    "age": 21,
    "weight": 0.1 + 0.2,
    "checked": True,
    "reference": None,
    "tags": ["layer 5", "regular spiking"],
    "recording": {"site": {"hemisphere": "left"}, "depths": np.array([0.1, 0.2, 1 / 3])},
    "counts": np.array([3, -1, 2**40]),
    "affine": np.array([[1.0, 0.5], [-0.25, 1e-17]]),
}


def store_morphologies(scaffold: Scaffold) -> None:
    repository = scaffold.morphologies
    detailed = spiny(10)
    detailed.meta.update(SPINY_META)
    repository.save("spiny", detailed)
    repository.save("smooth", smooth(20))
    repository.save("dot", Morphology([Branch([[1.5, -2.5, 3.5]], [4.5])]))
    repository.save("empty", Morphology([]))
    later = smooth(30)
    saved = repository.save("annotated later", later, update_meta=False)
    repository.update_all_meta(
        {"annotated later": saved.get_meta() | {"note": "written afterwards"}}
    )


def extend_morphologies(scaffold: Scaffold) -> None:
    repository = scaffold.morphologies
    repository.save("hairy", spiny(40))
    repository.save("dot", smooth(50), overwrite=True)
    repository.update_all_meta({"smooth": repository.get_meta("smooth") | {"revised": [1, 2.5]}})


# --- placement ----------------------------------------------------------------------------


def positions_in(chunk: Chunk, count: int, seed: int) -> NDArray[np.float64]:
    spread = np.random.default_rng(seed).random((count, 3))
    return np.asarray(chunk.ldc + spread * np.array(CHUNK_SIZE), dtype=float)


def rotations(count: int, seed: int) -> RotationSet:
    return RotationSet(np.random.default_rng(seed).random((count, 3)) * 360 - 180)


def morphology_set(scaffold: Scaffold, names: list[str], count: int) -> MorphologySet:
    """`count` cells that take turns in using the named morphologies."""
    loaders = [scaffold.morphologies.preload(name) for name in names]
    return MorphologySet(loaders, np.arange(count) % len(names))


def pyramidal_data(count: int, seed: int) -> dict[str, NDArray[Any]]:
    """A float, an integer and a two-dimensional value for each cell."""
    rng = np.random.default_rng(seed)
    excitability = rng.normal(size=count)
    excitability[0] = np.nan
    return {
        "excitability": excitability,
        "cluster": np.arange(count) % 3,
        "receptors": rng.random((count, 2)),
    }


def place_granules(scaffold: Scaffold) -> None:
    """Many chunks around the origin with positions and nothing else, in one write scope."""
    granules = scaffold.get_placement_set("granule")
    lattice: list[Coordinates] = [
        (x, y, z) for x in range(-1, 2) for y in range(-2, 1) for z in range(-1, 2)
    ]
    with scaffold.storage.write_scope():
        for rank, coordinates in enumerate([FAR, *lattice]):
            chunk = chunk_at(coordinates)
            granules.append_data(chunk, positions=positions_in(chunk, 1 + rank % 3, 100 + rank))


def place_pyramidals(scaffold: Scaffold) -> None:
    """Cells with all there is to a cell; values kept beside them in some of the chunks."""
    pyramidals = scaffold.get_placement_set("pyramidal")
    variants = (["spiny", "smooth"], ["smooth"], ["smooth", "spiny", "annotated later"], ["spiny"])
    cells = zip(PYRAMIDAL_CELLS.items(), variants, strict=True)
    for seed, ((coordinates, count), names) in enumerate(cells, start=300):
        chunk = chunk_at(coordinates)
        pyramidals.append_data(
            chunk,
            positions=positions_in(chunk, count, seed),
            morphologies=morphology_set(scaffold, names, count),
            rotations=rotations(count, seed + 10),
            additional=pyramidal_data(count, seed + 20),
        )
    for coordinates in (NORTH, WEST):
        values = np.linspace(-1, 1, PYRAMIDAL_CELLS[coordinates])
        pyramidals.append_additional("depth", chunk_at(coordinates), values)


def place_stellates(scaffold: Scaffold) -> None:
    """Cells with morphologies but no rotations given, appended to one chunk in two parts."""
    stellates = scaffold.get_placement_set("stellate")
    for seed, (coordinates, names) in enumerate(
        [(HOME, ["smooth"]), (WEST, ["spiny", "dot"]), (HOME, ["dot", "smooth"])], start=400
    ):
        chunk = chunk_at(coordinates)
        stellates.append_data(
            chunk,
            positions=positions_in(chunk, 4, seed),
            morphologies=morphology_set(scaffold, names, 4),
        )


def place_mossy_entities(scaffold: Scaffold) -> None:
    mossy = scaffold.get_placement_set("mossy")
    mossy.append_entities(chunk_at(HOME), 25)
    mossy.append_entities(chunk_at(WEST), 15, additional={"rate": np.linspace(0, 100, 15)})
    mossy.append_entities(chunk_at(HOME), 3)


def extend_placement(scaffold: Scaffold) -> None:
    """More cells in chunks that have some and in chunks that have none."""
    granules = scaffold.get_placement_set("granule")
    for seed, coordinates in enumerate([FAR, HOME, (7, -7, 7), HOME], start=500):
        chunk = chunk_at(coordinates)
        granules.append_data(chunk, positions=positions_in(chunk, 6, seed))
    pyramidals = scaffold.get_placement_set("pyramidal")
    for seed, (coordinates, names) in enumerate(
        [(HOME, ["smooth", "hairy"]), (NEW, ["hairy"]), (NORTH, ["spiny", "smooth"])], start=510
    ):
        chunk = chunk_at(coordinates)
        pyramidals.append_data(
            chunk,
            positions=positions_in(chunk, 6, seed),
            morphologies=morphology_set(scaffold, names, 6),
            rotations=rotations(6, seed + 10),
            additional=pyramidal_data(6, seed + 20)
            | ({"depth": np.arange(6) / 7} if coordinates == NORTH else {}),
        )
    mossy = scaffold.get_placement_set("mossy")
    mossy.append_entities(chunk_at(WEST), 2, additional={"rate": np.array([0.5, 1.5])})
    mossy.append_entities(chunk_at(SOUTH), 4)


# --- labels -------------------------------------------------------------------------------


def label_cells(scaffold: Scaffold) -> None:
    """Overlapping labels: across chunks, within one chunk, by mask, and some taken off again."""
    pyramidals = scaffold.get_placement_set("pyramidal")
    ids = np.arange(len(pyramidals))
    north = slice(PYRAMIDAL_CELLS[HOME], PYRAMIDAL_CELLS[HOME] + PYRAMIDAL_CELLS[NORTH])
    pyramidals.label(["even"], ids[::2])
    pyramidals.label(["nord", "couche µ"], ids[north])
    pyramidals.label(["sparse", "even"], [1, 30])
    pyramidals.label_by_mask(["third"], ids % 3 == 0)
    pyramidals.remove_labels(["even"], [0, 4, 16])
    pyramidals.remove_labels_by_mask(["third"], ids < 4)
    granules = scaffold.get_placement_set("granule")
    granules.label(["first"], [0])
    granules.label(["tail"], np.arange(len(granules))[-5:])


def extend_labels(scaffold: Scaffold) -> None:
    """Labels on cells that came later, new label sets, and labels taken off old cells."""
    pyramidals = scaffold.get_placement_set("pyramidal")
    ids = np.arange(len(pyramidals))
    pyramidals.label(["late", "even"], [12, 13, ids[-1]])
    pyramidals.label(["everyone"], ids)
    pyramidals.remove_labels(["couche µ"], ids[:20])
    pyramidals.label_by_mask(["couche µ"], ids % 11 == 5)
    pyramidals.remove_labels_by_mask(["everyone", "even"], ids % 7 == 2)
    stellates = scaffold.get_placement_set("stellate")
    stellates.label(["inhibitory"], [0, 5, 11])


# --- connectivity -------------------------------------------------------------------------


def locations(
    cells: int, rows: int, seed: int, branches: int = 0, points: int = 0
) -> NDArray[np.int64]:
    """Random cells, on branches and points below the given numbers or on none (-1, -1)."""
    rng = np.random.default_rng(seed)
    table = np.full((rows, 3), -1, dtype=np.int64)
    table[:, 0] = rng.integers(0, cells, rows)
    if branches:
        table[:, 1] = rng.integers(0, branches, rows)
        table[:, 2] = rng.integers(0, points, rows)
    return table


def connect_points(scaffold: Scaffold) -> None:
    """Connections between whole cells, over many chunks at once; and two sets without any."""
    types = scaffold.cell_types
    granules, pyramidals = (scaffold.get_placement_set(t) for t in ("granule", "pyramidal"))
    pre, post = locations(len(granules), 250, 600), locations(len(pyramidals), 250, 601)
    to_pyramidal = scaffold.require_connectivity_set(types.granule, types.pyramidal)
    to_pyramidal.connect(granules, pyramidals, pre, post)
    mossy = scaffold.get_placement_set("mossy", chunks=[chunk_at(WEST)])
    fibres, targets = locations(len(mossy), 80, 602), locations(len(granules), 80, 603)
    to_granule = scaffold.require_connectivity_set(types.mossy, types.granule, "mossy fibres")
    to_granule.connect(mossy, granules, fibres[:, 0], targets[:, 0])
    scaffold.require_connectivity_set(types.silent, types.granule)
    scaffold.require_connectivity_set(types.stellate, types.granule)


def recurrent_block(
    scaffold: Scaffold, pre: Coordinates, post: Coordinates, rows: int, seed: int
) -> None:
    """Rows between two chunks, in no particular order."""
    types = scaffold.cell_types
    block = (
        locations(PYRAMIDAL_CELLS[pre], rows, seed, branches=2, points=3),
        locations(PYRAMIDAL_CELLS[post], rows, seed + 1, branches=2, points=3),
    )
    recurrent = scaffold.require_connectivity_set(types.pyramidal, types.pyramidal, "recurrent")
    recurrent.chunk_connect(chunk_at(pre), chunk_at(post), *block)


def connect_locations(scaffold: Scaffold) -> None:
    """Connections between points on branches, block by block, chunks in no order."""
    recurrent_block(scaffold, WEST, HOME, 11, 610)
    recurrent_block(scaffold, NORTH, HOME, 1500, 612)
    recurrent_block(scaffold, SOUTH, HOME, 1, 614)
    recurrent_block(scaffold, HOME, HOME, 9, 616)
    recurrent_block(scaffold, NORTH, WEST, 7, 618)
    recurrent_block(scaffold, NORTH, HOME, 20, 620)
    recurrent_block(scaffold, WEST, HOME, 5, 622)


def connect_selected(scaffold: Scaffold) -> None:
    """Cells and locations counted among those that filters by label or chunk let through."""
    types = scaffold.cell_types
    selected = scaffold.require_connectivity_set(types.pyramidal, types.stellate, "selected")
    even = scaffold.get_placement_set("pyramidal", labels=["even"])
    stellates = scaffold.get_placement_set("stellate")
    pre, post = (
        locations(len(even), 30, 630, branches=2, points=2),
        locations(len(stellates), 30, 631),
    )
    selected.connect(even, stellates, pre, post)
    corner = scaffold.get_placement_set(
        "pyramidal", chunks=[chunk_at(SOUTH), chunk_at(WEST)], labels=["even", "third"]
    )
    pre, post = locations(len(corner), 25, 632), locations(len(stellates), 25, 633)
    selected.connect(corner, stellates, pre, post)
    dendrites = scaffold.get_placement_set("pyramidal", morphology_labels=["dendrites"])
    pre, post = (
        locations(len(dendrites), 40, 634, branches=2, points=2),
        locations(len(stellates), 40, 635),
    )
    selected.connect(dendrites, stellates, pre, post)


def extend_connections(scaffold: Scaffold) -> None:
    """More rows for blocks that have some, at the start, middle and end; and new blocks."""
    recurrent_block(scaffold, WEST, HOME, 6, 640)
    recurrent_block(scaffold, NORTH, HOME, 3, 642)
    recurrent_block(scaffold, HOME, HOME, 4, 644)
    recurrent_block(scaffold, SOUTH, SOUTH, 8, 646)
    recurrent_block(scaffold, NORTH, NORTH, 2, 648)
    recurrent_block(scaffold, SOUTH, HOME, 1, 650)
    types = scaffold.cell_types
    granules, pyramidals = (scaffold.get_placement_set(t) for t in ("granule", "pyramidal"))
    pre, post = locations(len(granules), 150, 652), locations(len(pyramidals), 150, 653)
    to_pyramidal = scaffold.get_connectivity_set("granule_to_pyramidal")
    to_pyramidal.connect(granules, pyramidals, pre, post)
    empty = scaffold.require_connectivity_set(types.stellate, types.granule)
    empty.chunk_connect(chunk_at(WEST), chunk_at(FAR), locations(4, 2, 654), locations(7, 2, 655))


# --- several features in one scope, and replacements --------------------------------------


def extend_in_one_scope(scaffold: Scaffold) -> None:
    """Cells, labels, connections, a morphology and a file, written as one change."""
    late_type = scaffold.cell_types.late
    with scaffold.storage.write_scope():
        late = scaffold.storage.require_placement_set(late_type)
        scaffold.morphologies.save("late", smooth(60))
        for seed, coordinates in enumerate([NEW, HOME], start=660):
            chunk = chunk_at(coordinates)
            late.append_data(
                chunk,
                positions=positions_in(chunk, 3, seed),
                morphologies=morphology_set(scaffold, ["late", "smooth"], 3),
                rotations=rotations(3, seed),
            )
        late.label(["scoped"], [0, 5])
        among = scaffold.require_connectivity_set(late_type, late_type)
        pre, post = locations(6, 30, 670, 2, 3), locations(6, 30, 671, 2, 3)
        among.connect(late, late, pre, post)
        scaffold.files.store("written in a scope", id="scoped", meta={"late": True})


def replace_cells_and_connections(scaffold: Scaffold) -> None:
    """One chunk of cells and one whole set of connections, cleared and stored anew."""
    granules = scaffold.get_placement_set("granule")
    chunk = chunk_at((1, 0, 0))
    granules.clear(chunks=[chunk])
    granules.append_data(chunk, positions=positions_in(chunk, 5, 680))
    fibres = scaffold.get_connectivity_set("mossy fibres")
    fibres.clear()
    fibres.chunk_connect(
        chunk_at(WEST), chunk_at(HOME), locations(15, 12, 681), locations(3, 12, 682)
    )


# --- files --------------------------------------------------------------------------------


def store_files(scaffold: Scaffold) -> None:
    files = scaffold.files
    files.store("plain text\n", id="notes", meta={"author": {"name": "B. S. Builder"}, "n": 3})
    files.store("µm, ΔF/F, 大脑, \U0001f9e0", id="unicode", meta={"ключ": "wært"})
    files.store("déjà vu", id="latin", encoding="latin-1")
    files.store("10 €", id="wide", meta={}, encoding="utf-16-le")
    files.store(bytes(range(256)), id="binary", meta={"levels": [1, 2.5, None, "x"]})
    files.store("", id="empty", meta={"left": "blank"})
    files.store(b"\x00\x01\x00\xff", meta={"title": "stored under an id of its own"})


def extend_files(scaffold: Scaffold) -> None:
    files = scaffold.files
    files.store("second edition", id="notes", meta={"edition": 2}, overwrite=True)
    files.remove("latin")
    files.store(b"\x89HDF\r\n\x1a\n", id="more binary", meta={"kind": "signature"})


if __name__ == "__main__":
    steps = {"create": create, "extend": extend}
    if len(sys.argv) != 3 or sys.argv[1] not in steps:
        sys.exit(f"usage: {Path(__file__).name} {{create|extend}} FILE")
    steps[sys.argv[1]](sys.argv[2])
