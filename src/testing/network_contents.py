"""Compiled networks, as plain values that can be compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from bsb import DatasetNotFoundError, Scaffold, Storage

from .network_samples import described

# What says when, where and by whom something was stored.
OF_THE_STORAGE = {"mtime"}

Contents: TypeAlias = dict[str, Any]


def contents(network: Scaffold) -> Contents:
    """Everything that can be loaded, except for the name of the storage."""
    return {
        "cells": {cells.tag: _cells(cells) for cells in network.get_placement_sets()},
        "connections": {cs.tag: _connections(cs) for cs in network.get_connectivity_sets()},
        "totals": network.storage.get_chunk_stats(),
        "morphologies": _morphologies(network.storage),
        "files": _files(network.storage),
    }


def _cells(cells: Any) -> Contents:
    morphologies = _if_any(cells.load_morphologies)
    held = [frozenset(labels) for labels in cells.get_unique_labels()]
    return {
        "chunks": [chunk.tolist() for chunk in cells.get_all_chunks()],
        "chunk size": [chunk.dimensions.tolist() for chunk in cells.get_all_chunks()],
        "counts": cells.get_chunk_stats(),
        "positions": cells.load_positions(),
        "rotations": np.asarray(_if_any(cells.load_rotations)),
        "morphologies": morphologies
        and [morphologies.names[i] for i in morphologies.get_indices()],
        # Hooks that do not depend on each other label in any order.
        "label sets": sorted(sorted(labels) for labels in held),
        "labels": {
            label: cells.get_label_mask([label]) for label in sorted(frozenset().union(*held))
        },
        "additional": cells.load_additional(),
    }


def _if_any(load: Callable[[], Any]) -> Any:
    """The loaded value; None if the cells have none of this kind."""
    try:
        return load()
    except DatasetNotFoundError:
        return None


def _connections(cs: Any) -> Contents:
    return {
        "types": (cs.pre_type_name, cs.post_type_name),
        "count": len(cs),
        "chunks": cs.get_chunk_stats(),
        "blocks": [
            (direction, int(local.id), int(far.id), near, remote)
            for direction, local, far, (near, remote) in cs.flat_iter_connections()
        ],
        "by local chunk": {
            f"{direction} {int(local.id)}": cs.load_local_connections(direction, local)
            for direction in ("inc", "out")
            for local in cs.get_local_chunks(direction)
        },
    }


def _morphologies(storage: Storage) -> Contents:
    repository = storage.morphologies
    return {
        name: {
            "meta": _without(meta, OF_THE_STORAGE),
            "branches": described(repository.load(name)),
        }
        for name, meta in repository.get_all_meta().items()
    }


def _files(storage: Storage) -> Contents:
    """Files by their source, as ids are unique to a storage."""
    found = {}
    for id_ in storage.files.all():
        content, meta = storage.files.load(id_)
        meta = _without(meta, OF_THE_STORAGE)
        if meta.get("active_config"):
            # It names its engine and root, which its checksum covers.
            content = _without(json.loads(content), {"storage"})
            meta = _without(meta, {"content_sha256"})
        found[str(meta.get("source", meta.get("meta")))] = {"content": content, "meta": meta}
    assert len(found) == len(storage.files.all())
    return found


def _without(meta: Any, names: set[str]) -> Contents:
    return {name: value for name, value in meta.items() if name not in names}


def assert_equal(expected: Any, found: Any, where: str) -> None:
    """Equal types and values, in the same order but for the keys of dictionaries."""
    assert type(expected) is type(found), where
    if isinstance(expected, dict):
        assert sorted(expected) == sorted(found), where
        for key, value in expected.items():
            assert_equal(value, found[key], f"{where}: {key}")
    elif isinstance(expected, list | tuple):
        assert len(expected) == len(found), where
        for i, (left, right) in enumerate(zip(expected, found, strict=True)):
            assert_equal(left, right, f"{where}[{i}]")
    elif isinstance(expected, np.ndarray):
        assert (expected.dtype, expected.shape) == (found.dtype, found.shape), where
        np.testing.assert_array_equal(found, expected, err_msg=where, strict=True)
    else:
        assert expected == found, where
