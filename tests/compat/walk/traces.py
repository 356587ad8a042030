"""
Which parts of a network may have changed, found without reading it through an engine.

Reading all of a network after each of a thousand calls would take minutes, and most calls change
nothing or one part. A classic file is compared part by part, other networks as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

WITHOUT_MEANING = {"revision", "created_at", "morphology_hashes", "bsb_provenance"}
EVERYTHING = "everything"

Traces = dict[str, str]


def traces(root: str) -> Traces | None:
    """A digest of each part; None where only reading tells, as of a network in memory."""
    path = Path(root)
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        return {EVERYTHING: _digest(b"".join(each.read_bytes() for each in files))}
    if not path.is_file():
        return None
    with h5py.File(path, "r") as file:
        if not isinstance(file.get("placement"), h5py.Group):
            return {EVERYTHING: _digest(path.read_bytes())}
        return dict(_parts(file))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _parts(file: h5py.File) -> Iterator[tuple[str, str]]:
    yield "/", _digest(repr(_attributes(file)).encode())
    for name, node in file.items():
        if name in ("placement", "connectivity"):
            for each, group in node.items():
                yield f"{name}/{each}", _digest(repr(list(_content(group))).encode())
        else:
            yield name, _digest(repr(list(_content(node))).encode())


def _content(node: Any) -> Iterator[Any]:
    yield node.name, _attributes(node)
    if isinstance(node, h5py.Dataset):
        yield node.dtype, node.shape, _values(node[()])
        return
    for each in node.values():
        yield from _content(each)


def _attributes(node: Any) -> list[Any]:
    attributes = node.attrs
    return [(key, _values(attributes[key])) for key in attributes if key not in WITHOUT_MEANING]


def _values(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def differing(before: Traces | None, after: Traces | None) -> set[str] | None:
    """The parts that differ; None where all of them may."""
    if before is None or after is None:
        return None
    found = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return None if EVERYTHING in found else found
