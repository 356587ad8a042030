"""
Reads hostile files in every way, with little memory; prints what went wrong.

Started by ``test_hostile.py`` with the paths of the files. For each it prints a line of JSON:
the path, seconds, and the errors that are none of ours, by what was tried.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bsb import Storage

import bsb_hdf5
from bsb_hdf5.errors import StorageError
from tests.face.samples import cell_type

ROOM = 3 << 30
"""Bytes that may be taken beyond what the imports took."""


def attempts(path: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Whatever can be asked of a storage."""
    yield "verify", lambda: str(bsb_hdf5.verify(path))
    storage = Storage("hdf5", path)
    engine: Any = storage._engine
    for name in ("metadata", "versions", "layout", "storage_id", "state_id"):
        yield name, partial(getattr, engine, name)
    yield "stats", engine.get_chunk_stats
    for name in ("a", "b"):
        yield from cells(storage, name)
    yield from connections(storage)
    for name in ("stub", "..", "x/y", "/files/note"):
        yield f"morphology {name}", partial(storage.morphologies.load, name)
        yield f"file {name}", partial(storage.files.load, name)
    yield "file", lambda: storage.files.load("note")[0]
    yield "files", storage.files.all
    yield "morphologies", lambda: [each.load() for each in storage.morphologies.all()]
    yield "metas", storage.morphologies.get_all_meta
    yield "convert", lambda: bsb_hdf5.convert(path, f"{path} copy", engine="memory")
    yield "repair", lambda: str(bsb_hdf5.repair(path, believe="out"))
    yield "repack", lambda: bsb_hdf5.repack(path, believe="inc")


def cells(storage: Storage, name: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    def read(verb: str, *arguments: Any) -> Any:
        return getattr(storage.get_placement_set(cell_type(name)), verb)(*arguments)

    for verb in (
        "__len__",
        "load_positions",
        "load_rotations",
        "load_morphologies",
        "load_ids",
        "get_all_chunks",
        "get_chunk_stats",
        "get_unique_labels",
    ):
        yield f"{name} {verb}", partial(read, verb)
    yield f"{name} additional", lambda: read("load_additional", "weight")
    yield f"{name} mask", lambda: read("get_label_mask", ["core"])


def connections(storage: Storage) -> Iterator[tuple[str, Callable[[], Any]]]:
    def read(verb: str, *arguments: Any) -> Any:
        found = storage.get_connectivity_set("a_to_b")
        for side, name in (("pre_type", "a"), ("post_type", "b")):
            cells = partial(storage.get_placement_set, cell_type(name))
            setattr(found, side, SimpleNamespace(get_placement_set=cells))
        return getattr(found, verb)(*arguments)

    def flat(direction: str) -> Any:
        return list(read("flat_iter_connections", direction))

    yield "connections len", lambda: read("__len__")
    yield "connections all", lambda: read("load_connections").all()
    for direction in ("inc", "out"):
        yield f"connections {direction}", partial(flat, direction)
    yield "connectivity sets", storage.get_connectivity_sets


def problems(path: str) -> dict[str, str]:
    """The errors that are none of ours, by what was tried."""
    found: dict[str, str] = {}
    tries = attempts(path)
    while True:
        title = "open"
        try:
            title, action = next(tries)
            action()
        except StopIteration:
            return found
        except StorageError:
            pass
        except BaseException as error:
            found[title] = f"{type(error).__name__}: {error}"[:300]


def main() -> None:
    warnings.simplefilter("ignore")
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))
    for path in sys.argv[1:]:
        begin = time.monotonic()
        found = problems(path)
        print(json.dumps([path, time.monotonic() - begin, found]), flush=True)


if __name__ == "__main__":
    main()
