"""
Write everything that BSB reads from a storage file to a JSON document.

    python dump.py FILE OUT.json

It is a script of its own so that the interpreter that runs it decides which storage engine
reads the file. Two dumps are equal when the same network is read: arrays are written with dtype,
shape and each value as Python's shortest exact text; what has no order in BSB is sorted.

What differs between two builds of the same network is kept apart under "volatile":

* `storage_id`, `state_id` and the names of the fields of the provenance bundle;
* of each file: its `mtime`, and the id where the store chose it (a UUID; such a file goes by its
  title under "files");
* of the active configuration: the storage root, which is the path of the file, and with it the
  hash of the content; and which bsb-core produced it.

Not read, because bsb-hdf5 8.0.2 answers wrongly: `FileStore.has`, `Engine.versions`, additional
data under a label filter, the unlabelled cells by way of a label filter, label masks and the
empty label set of entities, and the chunk statistics of a set that has never had a cell.
"""

import base64
import json
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from bsb import Branch, Chunk, DatasetNotFoundError, Morphology, Scaffold, Storage, from_storage

Json = Any


def dump(path: str) -> dict[str, Json]:
    """
    The dump of a storage file.

    The file itself is only opened as a storage. A scaffold stores its configuration when it is
    made, so it is made of a copy.
    """
    storage = Storage("hdf5", path, missing_ok=False)
    document = {
        "volatile": {
            "storage_id": storage._engine.storage_id,
            "state_id": storage._engine.state_id,
            "provenance": sorted(storage._engine.metadata),
            "files": file_times(storage),
        },
        "files": dump_files(storage),
        "active_config": dump_active_config(storage),
        "chunk_stats": storage._engine.get_chunk_stats(),
        "morphologies": dump_morphologies(storage),
    }
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(path, Path(folder) / "copy.hdf5")
        document |= dump_sets(from_storage(str(copy)))
    return document


def dump_sets(scaffold: Scaffold) -> dict[str, Json]:
    tags = sorted(cs.tag for cs in scaffold.get_connectivity_sets())
    with scaffold.storage.read_scope():
        placement = {
            cell_type.name: dump_placement(scaffold, cell_type)
            for cell_type in scaffold.get_cell_types()
        }
        connectivity = {tag: dump_connectivity(scaffold, tag) for tag in tags}
    return {"placement": placement, "connectivity": connectivity}


def dump_array(values: Any) -> Json:
    array = np.asarray(values)
    return {"dtype": str(array.dtype), "shape": list(array.shape), "values": array.tolist()}


def unless_missing(read: Callable[[], Any]) -> Json:
    try:
        return dump_array(read())
    except DatasetNotFoundError:
        return DatasetNotFoundError.__name__


# --- placement ----------------------------------------------------------------------------


def dump_placement(scaffold: Scaffold, cell_type: Any) -> Json:
    ps = scaffold.storage.get_placement_set(cell_type)
    chunks = ps.get_all_chunks()
    labels = sorted(set().union(*ps.get_unique_labels()))
    by_chunk = {}
    for chunk in chunks:
        part = scaffold.storage.get_placement_set(cell_type, chunks=[chunk])
        by_chunk[str(chunk.id)] = dump_cells(part) | {"labels": dump_labels(part, labels)}
    return dump_cells(ps) | {
        "labels": dump_labels(ps, labels),
        "label_sets": sorted(sorted(labelset) for labelset in ps.get_unique_labels() if labelset),
        "labelled": {label: dump_array(ps.get_labelled([label])) for label in labels},
        "chunks": [chunk.tolist() for chunk in chunks],
        "chunk_sizes": [dump_array(chunk.dimensions) for chunk in chunks[:1]],
        "chunk_stats": ps.get_chunk_stats() if len(ps) else {},
        "by_chunk": by_chunk,
        "by_label": {
            label: dump_filtered(scaffold.storage.get_placement_set(cell_type, labels=[label]))
            for label in labels
        },
    }


def dump_cells(ps: Any) -> dict[str, Json]:
    additional = {key: np.asarray(values) for key, values in ps.load_additional().items()}
    return dump_filtered(ps) | {
        # A key without rows in these chunks is as good as no key.
        "additional": {key: dump_array(data) for key, data in additional.items() if data.size},
    }


def dump_filtered(ps: Any) -> dict[str, Json]:
    return {
        "len": len(ps),
        "ids": dump_array(ps.load_ids()),
        "positions": unless_missing(ps.load_positions),
        "rotations": unless_missing(ps.load_rotations),
        "morphologies": unless_missing(lambda: morphology_names(ps)),
    }


def morphology_names(ps: Any) -> list[str]:
    """The name of each cell's morphology; the order of the set's own list is no information."""
    morphologies = ps.load_morphologies()
    names = morphologies.names
    return [names[index] for index in morphologies.get_indices()]


def dump_labels(ps: Any, labels: Iterable[str]) -> Json:
    """The labels of each cell, sorted; nothing for entities."""
    if len(ps) != len(ps.load_positions()):
        return None
    masks = {label: np.asarray(ps.get_label_mask([label]), dtype=bool) for label in labels}
    assert all(len(mask) == len(ps) for mask in masks.values())
    return [[label for label, mask in masks.items() if mask[cell]] for cell in range(len(ps))]


# --- connectivity -------------------------------------------------------------------------


def dump_connectivity(scaffold: Scaffold, tag: str) -> Json:
    cs = scaffold.get_connectivity_set(tag)
    pre, post = cs.load_connections().as_globals().all()
    return {
        "pre": cs.pre_type_name,
        "post": cs.post_type_name,
        "len": len(cs),
        "chunk_stats": cs.get_chunk_stats(),
        "inc": dump_direction(cs, "inc"),
        "out": dump_direction(cs, "out"),
        "flat": dump_iteration(cs),
        "global_ids": dump_rows(pre, post),
    }


def dump_direction(cs: Any, direction: str) -> Json:
    return [dump_local(cs, direction, chunk) for chunk in cs.get_local_chunks(direction)]


def dump_local(cs: Any, direction: str, local: Chunk) -> Json:
    """
    The connections of one chunk, block by block and all at once, rows in stored order.

    All at once, 8.0.2 returns the blocks in the order in which they were stored, and others
    by chunk; so they are put in the order of their chunks.
    """
    chunks = cs.get_global_chunks(direction, local)
    rows, row_chunks, global_rows = cs.load_local_connections(direction, local)
    by_chunk = np.argsort(row_chunks, kind="stable")
    rows, row_chunks, global_rows = rows[by_chunk], row_chunks[by_chunk], global_rows[by_chunk]
    return {
        "chunk": local.tolist(),
        "blocks": [
            {
                "chunk": chunk.tolist(),
                "rows": dump_rows(*cs.load_block_connections(direction, local, chunk)),
            }
            for chunk in chunks
        ],
        "whole": {
            "chunks": dump_array(row_chunks),
            "rows": dump_rows(rows, global_rows),
        },
    }


def dump_rows(local: Any, global_: Any) -> Json:
    """Pairs of locations, a short text each: cell, branch and point of both sides."""
    return {
        "dtypes": [str(local.dtype), str(global_.dtype)],
        "pairs": [
            " ".join(map(str, left)) + " | " + " ".join(map(str, right))
            for left, right in zip(local.tolist(), global_.tolist(), strict=True)
        ],
    }


def dump_iteration(cs: Any) -> Json:
    """Which blocks come in which order; both iterators must say the same."""
    flat = [
        [direction, local.tolist(), global_.tolist(), len(rows)]
        for direction, local, global_, (rows, _) in cs.flat_iter_connections()
    ]
    nested = [
        [direction, local.tolist(), global_.tolist(), len(rows)]
        for direction, locals_ in cs.nested_iter_connections()
        for local, globals_ in locals_
        for global_, (rows, _) in globals_
    ]
    assert flat == nested
    return flat


# --- morphologies -------------------------------------------------------------------------


def dump_morphologies(storage: Storage) -> Json:
    repository = storage.morphologies
    stored = {loader.name: loader for loader in repository.all()}
    all_meta = repository.get_all_meta()
    assert sorted(stored) == sorted(repository.list()) == sorted(all_meta)
    return {
        name: {
            "has": bool(repository.has(name)),
            "meta": dump_meta(loader.get_meta()),
            "meta_by_name": dump_meta(repository.get_meta(name)),
            "meta_of_all": dump_meta(all_meta[name]),
            "meta_of_loaded": dump_meta(repository.load(name).meta),
            **dump_morphology(loader.load()),
        }
        for name, loader in stored.items()
    }


def dump_morphology(morphology: Morphology) -> dict[str, Json]:
    branches = morphology.branches
    ranks = {id(branch): rank for rank, branch in enumerate(branches)}
    return {
        "roots": [ranks[id(root)] for root in morphology.roots],
        "points": dump_array(morphology.points),
        "branches": [
            {"parent": ranks.get(id(branch.parent), -1), **dump_branch(branch)}
            for branch in branches
        ],
    }


def dump_branch(branch: Branch) -> dict[str, Json]:
    return {
        "points": dump_array(branch.points),
        "radii": dump_array(branch.radii),
        "labels": [sorted(labels) for labels in branch.labels.walk()],
        "properties": {name: dump_array(values) for name, values in branch._properties.items()},
    }


def dump_meta(value: Any) -> Json:
    if isinstance(value, np.ndarray):
        return {"ndarray": dump_array(value)}
    if isinstance(value, dict):
        return {key: dump_meta(item) for key, item in value.items()}
    if isinstance(value, list):
        return [dump_meta(item) for item in value]
    return value


# --- files --------------------------------------------------------------------------------


def dump_files(storage: Storage) -> Json:
    """Every file but the active configuration, which has a section of its own."""
    files = storage.files
    return {
        stable_name(id_, meta): {
            "content": dump_content(files.load(id_)[0]),
            "encoding": files.get_encoding(id_),
            "meta": without(meta, "mtime"),
            "meta_of_loaded": without(files.load(id_)[1], "mtime"),
            "meta_by_id": without(files.get_meta(id_), "mtime"),
        }
        for id_, meta in files.all().items()
        if not meta.get("active_config")
    }


def stable_name(id_: str, meta: dict[str, Any]) -> str:
    try:
        uuid.UUID(id_)
    except ValueError:
        return id_
    return f"<generated id> {meta['title']}"


def dump_content(content: str | bytes) -> Json:
    if isinstance(content, str):
        return {"text": content}
    return {"base64": base64.b64encode(bytes(content)).decode()}


def dump_active_config(storage: Storage) -> Json:
    files = storage.files
    (active,) = [id_ for id_, meta in files.all().items() if meta.get("active_config")]
    content, meta = files.load(active)
    configuration = storage.load_active_config()
    return {
        "stored": without_root(json.loads(content)),
        "loaded": without_root(json.loads(json.dumps(configuration.__tree__()))),
        "encoding": files.get_encoding(active),
        "meta": without(meta, "mtime", "content_sha256", "producer"),
        "meta_keys": sorted(meta),
    }


def without_root(tree: dict[str, Any]) -> Json:
    return tree | {"storage": without(tree["storage"], "root")}


def without(mapping: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in keys}


def file_times(storage: Storage) -> Json:
    files = storage.files
    return {
        id_: {"mtime": int(files.get_mtime(id_)), "mtime_in_meta": meta.get("mtime")}
        for id_, meta in files.all().items()
    }


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {Path(__file__).name} FILE OUT.json")
    text = json.dumps(dump(sys.argv[1]), sort_keys=True, indent=1, ensure_ascii=False)
    Path(sys.argv[2]).write_text(text + "\n", encoding="utf-8")
