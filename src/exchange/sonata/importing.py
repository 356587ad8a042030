"""Making networks from SONATA circuits."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import bsb
import numpy as np
from bsb.storage.provenance import iso_now
from numpy.typing import ArrayLike, NDArray

from ...config import Root
from ...core.chunk_id import normalize_size
from ...core.json_types import Document
from ...core.layouts.detection import create_network
from ...core.layouts.protocols import NetworkWriter
from ...core.morphology import MorphologyTable
from ...engine import StorageEngine
from ...errors import (
    ChunkSizeError,
    CorruptNetworkError,
    InputError,
    MorphologyExistsError,
    StorageError,
    StoreExistsError,
    StoreIOError,
)
from ...exceptions import bsb_errors
from ...ports.arrays import GroupWriter
from ...queries.progress import count_expected
from ...storages import make_engine
from ...targets import cause_of, local_path
from ...transactions.interrupts import call_pending, is_of_handler, without_interrupts
from ..diff import same_morphology
from ..transfer import Portion, copy_cells
from .circuit import Circuit, read_circuit
from .columns import Group, group_in
from .edge_reader import EdgeReader
from .files import open_file
from .names import from_disk
from .node_reader import NodeReader
from .sections import sections_in
from .swc import from_swc

# BSB's default (um).
_CHUNK_SIZE = 100.0


@without_interrupts
def import_sonata(
    folder: str | os.PathLike[str],
    root: Root,
    *,
    engine: str | None = None,
    layout: str | None = None,
    chunk_size: ArrayLike | None = None,
) -> bsb.Storage:
    """
    :guilabel:`collective` Make a network from a SONATA circuit: the opposite of
    :func:`export_sonata`.

    Node populations become cell types, edge populations connectivity sets. A circuit that
    :func:`export_sonata` wrote becomes the same network again. If another program wrote it, nodes
    are sorted into chunks, and get positions, rotations (``orientation_*``), morphologies (SWC
    files), and other numbers as additional data; edges get the points that are nearest to their
    sections and segments.

    At most 131,072 cells or 524,288 connections are in memory at a time, 24 bytes for each cell
    and, if the nodes are not sorted by chunk, a column of a population.

    :param folder: folder of the circuit, or its ``circuit_config.json``.
    :param root: root of the new network.
    :param engine: name of its engine: ``hdf5``, ``memory`` or ``zarr``; by default ``hdf5``.
    :param layout: ``classic`` or ``columnar``; by default that of the engine.
    :param chunk_size: one number or three, in um, for a circuit of another program; by default 100.
    :returns: the network, which appears once it is complete, or not at all.
    :raises StoreNotFoundError: there is no circuit at the folder.
    :raises NotANetworkError: the folder holds something else.
    :raises CorruptNetworkError: the circuit contradicts itself, or names files outside its folder.
    :raises MorphologyExistsError: two folders hold different morphologies with one name.
    :raises StoreExistsError: something lies at the root.
    :raises InputError: the engine or layout does not exist, the chunk size is not above 0, or the
        folder is a URL or an empty text.
    """
    made = make_engine(engine or "hdf5", root, bsb.MPI)
    size = _size(chunk_size)
    made.ranks.on_main(lambda: _import(local_path(folder), made, layout, size))
    return bsb.Storage(made._format, root, missing_ok=False)


def _size(given: ArrayLike | None) -> NDArray[np.float64] | None:
    if given is None:
        return None
    try:
        size = normalize_size(given)
    except (TypeError, ValueError) as error:
        raise ChunkSizeError(f"a chunk size must be one number or three, not {given!r}") from error
    if not (np.isfinite(size) & (size > 0)).all():
        raise ChunkSizeError(f"a chunk size must be above 0 um, not {given!r}", asked=given)
    return size


def _import(
    folder: Path, target: StorageEngine, layout: str | None, size: NDArray[np.float64] | None
) -> None:
    if target.exists():
        location = target.sessions.store.location
        raise StoreExistsError(
            f"'{location}' exists; choose another name, or remove it first", location=location
        )

    def fill(root: GroupWriter) -> NetworkWriter:
        network = create_network(root, layout or target.new_layout())
        target.stamp(network)
        _fill(network, circuit, size)
        return network

    with bsb_errors():
        try:
            circuit = read_circuit(folder)
            _check_size(circuit, size)
            target.sessions.create(fill)
        except (OSError, RuntimeError, MemoryError) as error:
            if isinstance(error, StorageError) or is_of_handler(error):
                raise
            number, said = cause_of(error)
            raise StoreIOError(f"'{folder}' can't be imported: {said}", errno=number) from error


def _check_size(circuit: Circuit, size: NDArray[np.float64] | None) -> None:
    if circuit.own is not None and size is not None:
        raise InputError(
            "the circuit was exported with its chunks; leave out chunk_size", asked=size.tolist()
        )


def _fill(network: NetworkWriter, circuit: Circuit, size: NDArray[np.float64] | None) -> None:
    own, stored = circuit.own, _chunk_size_of(circuit, size)
    if not np.isnan(stored).any():
        network.set_chunk_size(stored)
    with ExitStack() as stack:
        files: dict[Path, Group] = {}

        def population(path: Path, part: str, name: str) -> Group:
            if path not in files:
                files[path] = stack.enter_context(open_file(path))
            return group_in(group_in(files[path], part), name)

        def read_nodes(name: str, path: Path) -> NodeReader:
            held = network.morphologies.__contains__
            group = population(path, "nodes", name)
            return NodeReader(group, _own(own, "nodes", name), stored, held, circuit.morphology_of)

        readers = {name: read_nodes(name, path) for name, (path, _) in circuit.nodes.items()}
        groups = {name: population(path, "edges", name) for name, path in circuit.edges.items()}
        find_sections = sections_in(network)
        edges = {name: EdgeReader(group, name, find_sections) for name, group in groups.items()}
        count_expected(sum(each.size for each in readers.values()))
        count_expected(sum(each.size for each in edges.values()))
        _copy_morphologies(network, circuit, readers)
        _copy_nodes(network, own, readers)
        _copy_edges(network, own, edges, readers)
        for each in () if own is None else own["unconnected"]:
            types = each["pre"], each["post"]
            network.create_connectivity(each["name"], *types, created_at=iso_now())


def _chunk_size_of(circuit: Circuit, size: NDArray[np.float64] | None) -> NDArray[np.float64]:
    if circuit.own is not None:
        return normalize_size(circuit.own.get("chunk_size"))
    return np.full(3, _CHUNK_SIZE) if size is None else size


def _copy_nodes(
    network: NetworkWriter, own: Document | None, readers: dict[str, NodeReader]
) -> None:
    for name, reader in readers.items():
        type_ = _original(own, "nodes", name)
        network.create_placement(type_, created_at=iso_now())
        made = network.placement(type_)
        made.require_keys(reader.additional_keys())
        copy_cells(reader, made, Portion().cells)


def _own(own: Document | None, part: str, name: str) -> Document | None:
    """The additions of an export to a population; empty for one that was added later."""
    held: Document | None = None if own is None else own.get(part, {}).get(name)
    return held


def _original(own: Document | None, part: str, name: str) -> str:
    held = _own(own, part, name)
    return name if held is None else str(held["name"])


def _copy_morphologies(
    network: NetworkWriter, circuit: Circuit, readers: dict[str, NodeReader]
) -> None:
    """Store the morphologies of a circuit: those of an export, or those that nodes have."""
    meta = {}
    folders = [circuit.morphologies, *(where for _, where in circuit.nodes.values())]
    for folder in dict.fromkeys(each for each in folders if each is not None):
        for path in sorted(folder.glob("*.swc")) if folder.is_dir() else ():
            call_pending()
            name = circuit.morphology_of(from_disk(path.stem))
            if path.is_symlink():
                continue
            table, own_meta = from_swc(path.read_text(encoding="utf-8", errors="replace"), name)
            if name in network.morphologies:
                _check_same(network.morphologies.load(name), table, name, path)
                continue
            network.morphologies.save(name, table)
            if own_meta is not None:
                meta[name] = own_meta
    if meta:
        network.morphologies.replace_meta(meta)


def _check_same(held: MorphologyTable, other: MorphologyTable, name: str, path: Path) -> None:
    """Check that a morphology of another folder is that which is stored under its name."""
    if not same_morphology(held, other):
        raise MorphologyExistsError(
            f"the circuit has two different morphologies '{name}', one of them in '{path}'; rename"
            " one of the files, and the morphology of its nodes",
            asked=name,
        )


def _copy_edges(
    network: NetworkWriter,
    own: Document | None,
    edges: dict[str, EdgeReader],
    readers: dict[str, NodeReader],
) -> None:
    for name, reader in edges.items():
        ends = reader.ends()
        for each in ends:
            if each not in readers:
                raise CorruptNetworkError(
                    f"the edges '{name}' are on nodes of '{each}', which is not a population of the"
                    f" circuit; its node populations are {sorted(readers)}"
                )
        tag = _original(own, "edges", name)
        types = [_original(own, "nodes", each) for each in ends]
        network.create_connectivity(tag, *types, created_at=iso_now())
        made = network.connectivity(tag)
        for blocks in reader.blocks(readers[ends[0]], readers[ends[1]], Portion().connections):
            made.append(blocks)
