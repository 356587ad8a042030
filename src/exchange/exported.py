"""What an export wrote into a folder, by the index that it left there."""

from __future__ import annotations

import json
from pathlib import Path

from ..core.json_types import Document
from .sonata.names import file_names, on_disk

INDEX = "network.json"
"""The index of tables."""
CONFIG, OWN = "circuit_config.json", "bsb"
"""The configuration of a circuit, and the key in it of what BSB alone knows."""
NODES, EDGES, SETS, MORPHOLOGIES = "nodes.h5", "edges.h5", "node_sets.json", "morphologies"


def exported(folder: Path) -> set[str] | None:
    """
    The files that an export wrote into a folder, in whichever format, by their paths within it.

    :returns: None if none did.
    """
    tables = _tables(folder)
    return _circuit(folder) if tables is None else tables


def swc(file: str) -> str:
    """The file of a morphology, by the name that circuits refer to."""
    return on_disk(f"{file}.swc")


def _tables(folder: Path) -> set[str] | None:
    index = _index(folder / INDEX)
    cells, connections = index.get("cells"), index.get("connections")
    if "schema" not in index or not isinstance(cells, dict) or not isinstance(connections, dict):
        return None
    named = [each.get("file") for each in connections.values() if isinstance(each, dict)]
    return {INDEX, *map(str, cells.values()), *map(str, named)}


def _circuit(folder: Path) -> set[str] | None:
    own = _index(folder / CONFIG).get(OWN)
    if not isinstance(own, dict):
        return None
    held = own.get("morphologies")
    files = file_names(map(str, held)).values() if isinstance(held, list) else ()
    return {CONFIG, NODES, EDGES, SETS, *(f"{MORPHOLOGIES}/{swc(each)}" for each in files)}


def _index(path: Path) -> Document:
    """The object that a file of JSON holds; an empty one if it holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
