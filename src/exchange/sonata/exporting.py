"""Writing networks as SONATA circuits."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from ...core.json_types import Document
from ...core.layouts.protocols import NetworkReader
from ...engine import StorageEngine
from ...errors import CorruptNetworkError
from ...ports.store import common_mode
from ...queries.networks import Network, engine_of_network
from ...queries.progress import count_expected, rows_in
from ...targets import local_path
from ...transactions.interrupts import call_pending, without_interrupts
from ..exported import CONFIG, EDGES, MORPHOLOGIES, NODES, OWN, SETS, exported, swc
from ..folders import write_folder
from ..transfer import Portion, types_of
from .edges import write_edges
from .files import new_file
from .names import file_names
from .nodes import MODEL_TYPE, Nodes, node_sets, write_nodes
from .sections import sections_in
from .swc import to_swc

SCHEMA = 1


@without_interrupts
def export_sonata(
    network: Network, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> None:
    """
    :guilabel:`collective` Write a network as a SONATA circuit: ``circuit_config.json``, which
    names the other files, ``nodes.h5``, ``edges.h5``, ``node_sets.json``, and an SWC file for each
    morphology.

    A cell type becomes a node population, in which cells keep the ids of their placement set. A
    connectivity set becomes an edge population, with both indices. Each label becomes a node set.
    Of connections that are stored twice, the outgoing copy is written. Files, configuration and
    provenance are left out. The folder appears once it is complete, or not at all.

    At most 131,072 cells or 524,288 connections are in memory at a time, unless there are more in
    one chunk or between two; and 4 bytes for each cell, and 48 for each cell of one type.

    :param network: ``bsb.Storage``, ``bsb.Scaffold``, or the root of one.
    :param folder: the folder to write.
    :param overwrite: replace the folder, if an earlier export wrote it.
    :raises StoreExistsError: the folder exists, and ``overwrite`` is not given; or it holds
        something that no export wrote.
    :raises InputError: the folder is a URL, or empty.
    :raises StoreAccessError: you have no permission to write it.
    :raises StoreIOError: the system failed to write it.
    :raises CorruptNetworkError: a connection refers to a cell that does not exist.
    """
    engine = engine_of_network(network)
    engine.ranks.on_main(lambda: _export(engine, local_path(folder), overwrite))


def _export(engine: StorageEngine, target: Path, overwrite: bool) -> None:
    def write(folder: Path) -> None:
        with engine.read_scope() as session:
            _write(session.network, folder)

    mode = common_mode(engine.sessions.store)
    write_folder(target, write, exported, overwrite=overwrite, mode=mode)


def _write(network: NetworkReader, folder: Path) -> None:
    count_expected(rows_in(network))
    (folder / MORPHOLOGIES).mkdir()
    meta = network.morphologies.meta()
    files = file_names(network.morphologies.names())
    for name, file_name in files.items():
        call_pending()
        text = to_swc(network.morphologies.load(name), meta.get(name))
        (folder / MORPHOLOGIES / swc(file_name)).write_text(text, encoding="utf-8")
    with new_file(folder / NODES) as file:
        file.create_group("nodes")
        nodes = {
            name: write_nodes(file, network.placement(name), files, Portion().cells)
            for name in network.placement_names()
        }
    edges, unconnected = _write_edges(network, folder, nodes)
    config = _config(network, list(nodes.values()), edges)
    config[OWN]["unconnected"] = unconnected
    _write_json(folder / SETS, node_sets(list(nodes.values())))
    _write_json(folder / CONFIG, config)


def _write_edges(
    network: NetworkReader, folder: Path, nodes: dict[str, Nodes]
) -> tuple[Document, list[Document]]:
    """
    The connectivity sets by the names of their populations, and those that are none.

    Validators refuse edges of a population without nodes, even if there are no edges.
    """

    find_sections = sections_in(network)
    written: Document = {}
    unconnected: list[Document] = []
    with new_file(folder / EDGES) as file:
        file.create_group("edges")
        for tag in network.connectivity_tags():
            source = network.connectivity(tag)
            pre, post = types_of(network, source)
            filled = all(each in nodes and nodes[each].counts.total for each in (pre, post))
            if not source.count and not filled:
                ends = {"pre": pre, "post": post}
                unconnected.append({"name": tag, **ends})
                continue
            missing = [each for each in (pre, post) if each not in nodes]
            if missing:
                raise CorruptNetworkError(
                    f"the connectivity set '{tag}' is between cells of type '{missing[0]}', of"
                    " which the network has no placement set; SONATA needs their nodes"
                )
            sides = nodes[pre], nodes[post]
            name = write_edges(file, source, *sides, find_sections, Portion().connections)
            written[name] = {"name": tag}
    return written, unconnected


def _config(network: NetworkReader, nodes: list[Nodes], edges: Document) -> Document:
    base = "$BASE_DIR"
    size = network.chunk_size
    populations = {each.name: {"type": MODEL_TYPE} for each in nodes}
    networks: Document = {"nodes": [], "edges": []}
    if nodes:
        networks["nodes"].append({"nodes_file": f"{base}/{NODES}", "populations": populations})
    if edges:
        types = {name: {"type": "chemical"} for name in edges}
        networks["edges"].append({"edges_file": f"{base}/{EDGES}", "populations": types})
    return {
        "version": 2.4,
        # A network says nothing of the physiology of its cells and synapses.
        "metadata": {"status": "partial"},
        "manifest": {base: "."},
        "node_sets_file": f"{base}/{SETS}",
        "components": {"morphologies_dir": f"{base}/{MORPHOLOGIES}"},
        "networks": networks,
        OWN: {
            "schema": SCHEMA,
            "chunk_size": None if np.isnan(size).any() else size.tolist(),
            "nodes": {each.name: each.document for each in nodes},
            "edges": edges,
            "morphologies": network.morphologies.names(),
        },
    }


def _write_json(path: Path, document: Document) -> None:
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
