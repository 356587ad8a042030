"""
Which parts of a network may have changed, found without reading it through an engine.

Reading all of a network after each of a thousand calls would take minutes, and most calls change
nothing or one part. Each part is digested below the engine: by HDF5's own calls, from the files of
a folder, or from the groups in memory. What is of no known part counts as everything.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5s

WITHOUT_MEANING = {"revision", "created_at", "morphology_hashes", "bsb_provenance", "state_id"}
WITHOUT_MEANING_IN_HDF5 = {name.encode() for name in WITHOUT_MEANING}
EVERYTHING = "everything"
# Groups of sets, each of which is a part, by the names that they have in either layout.
SETS_OF = ("placement", "connectivity")
SETS = {name + suffix: name for name in SETS_OF for suffix in ("", "_sets")}
TABLES = {"morphology_tables": "morphologies", "stored_files": "files"}

Traces = dict[str, str]
Where = tuple[str, ...]
Content = Iterator[tuple[Where, bytes]]


def traces(root: str) -> Traces | None:
    """A digest of each part; None where there is no network."""
    digests: dict[str, Any] = {}
    for where, held in _content(root):
        digests.setdefault(_part(where), sha256()).update(repr(where).encode() + held)
    return {part: digest.hexdigest() for part, digest in digests.items()} or None


def content_of_file(root: str) -> bytes | None:
    """What equals itself where nothing was written; None where the network is no file."""
    path = Path(root)
    return path.read_bytes() if path.is_file() else None


def differing(before: Traces | None, after: Traces | None) -> set[str] | None:
    """The parts that differ; None where all of them may."""
    if before is None or after is None:
        return None
    found = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    if EVERYTHING in found:
        return None
    # Columns have no statistics of their own: they are those of the sets.
    return found | ({"/"} if any(part.startswith(SETS_OF) for part in found) else set())


def _part(where: Where) -> str:
    """The part, by the name of its group in the classic layout."""
    if not where:
        return "/"
    group, *members = where
    if group not in SETS:
        return TABLES.get(group, group)
    if not members:
        return SETS[group]
    # Names that are written otherwise than they are.
    return f"{SETS[group]}/{members[0]}" if members[0].isidentifier() else EVERYTHING


def _content(root: str) -> Content:
    path = Path(root)
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return _in_file(path)
    return _in_memory(root)


def _in_file(path: Path) -> Content:
    try:
        file = h5f.open(bytes(path), h5f.ACC_RDONLY)
    except OSError:
        yield (EVERYTHING,), path.read_bytes()
        return
    found: list[tuple[Where, bytes]] = []
    try:
        _look_at((), h5o.open(file, b"/"), found)
    finally:
        file.close()
    yield from found


def _look_at(where: Where, node: Any, found: list[tuple[Where, bytes]]) -> None:
    for index in range(h5a.get_num_attrs(node)):
        attribute = h5a.open(node, index=index)
        if (name := attribute.name) not in WITHOUT_MEANING_IN_HDF5:
            found.append((where, name + _values(attribute)))
    if isinstance(node, h5d.DatasetID):
        found.append((where, _values(node, h5s.ALL, h5s.ALL)))
    elif isinstance(node, h5g.GroupID):
        found.append((where, b"group"))
        for name in node:
            _look_at((*where, name.decode()), h5o.open(node, name), found)


def _values(node: Any, *spaces: Any) -> bytes:
    space = node.get_space()
    if space.get_simple_extent_type() == h5s.NULL:
        return b"null"
    values = np.empty(space.get_simple_extent_dims(), node.dtype)
    node.read(*spaces, values)
    return _bytes(values)


def _bytes(value: Any) -> bytes:
    """Values with their dtype and shape; of objects, what they hold."""
    if not isinstance(value, np.ndarray):
        return repr(value).encode()
    held = repr(value.tolist()).encode() if value.dtype.hasobject else value.tobytes()
    return f"{value.dtype} {value.shape}".encode() + held


def _in_folder(path: Path) -> Content:
    """The metadata of all members, which the root holds, and which files there are."""
    held = json.loads(path.joinpath("zarr.json").read_bytes())
    members = held.pop("consolidated_metadata")["metadata"]
    yield (), repr(held).encode()
    for name in sorted(members):
        yield tuple(name.split("/")), repr(members[name]).encode()
    yield from _files_in(str(path), ())


def _files_in(folder: str, where: Where) -> Content:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda each: each.name)
    for each in found:
        if each.is_dir(follow_symlinks=False):
            yield from _files_in(each.path, (*where, each.name))
        elif each.name not in (".lock", "zarr.json"):
            # Copies share files, which an engine replaces, and never writes to.
            yield where, f"{each.name} {each.inode()}".encode()


def _in_memory(root: str) -> Content:
    store = sys.modules.get("bsb_hdf5.adapters.memory.store")
    network = None if store is None else store._NETWORKS.get(root)
    if network is not None:
        yield from _in_node((), network.members)


def _in_node(where: Where, node: Any) -> Content:
    kept = node.values.keys() - WITHOUT_MEANING
    yield where, b"".join(name.encode() + _bytes(node.values[name]) for name in sorted(kept))
    if hasattr(node, "nodes"):
        for name in sorted(node.nodes):
            yield from _in_node((*where, name), node.nodes[name])
    else:
        yield where, _bytes(node.view) if hasattr(node, "view") else node.data
