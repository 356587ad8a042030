"""
A small network through each engine, on a system without the calls of POSIX.

``python -m tests.unit.without_posix FOLDER LOCKS`` is run by ``test_platform.py`` in a process of
its own. It takes the calls away before the package is imported, and after the libraries, which have
ways of their own. ``LOCKS`` is ``portalocker`` to let that be imported, or ``none``.
"""

from __future__ import annotations

import asyncio.unix_events
import concurrent.futures.thread
import importlib
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import bsb
import bsb.config
import bsb.mixins
import h5py
import numpy as np
import portalocker
import zarr
import zarr.core.sync
import zarr.storage

CALLS = (
    *("register_at_fork", "pread", "pwrite", "preadv", "pwritev", "geteuid", "getegid", "fork"),
    *("O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "O_NOFOLLOW", "getxattr", "setxattr", "listxattr"),
    *("chown", "fchown", "fchmod", "major", "minor"),
)
LIBRARIES: tuple[object, ...] = (
    *(asyncio.unix_events, concurrent.futures.thread, multiprocessing, np, portalocker, tempfile),
    *(zarr.storage, h5py, importlib.import_module("bsb_json")),
)

# What BSB imports itself, which calls nothing of the system.
OPTIONS = {"bsb_hdf5", "bsb_hdf5.storage_options"}


def take_away(*, locks: bool) -> None:
    """Leave the system as Windows is, as far as that can be had on POSIX."""
    assert OPTIONS >= {name for name in sys.modules if name.split(".")[0] == "bsb_hdf5"}
    assert LIBRARIES
    for name in ("fcntl", "msvcrt", *(() if locks else ("portalocker",))):
        sys.modules[name] = None  # type: ignore[assignment]
    for name in CALLS:
        if hasattr(os, name):
            delattr(os, name)
    os.supports_fd.discard(os.utime)
    os.supports_follow_symlinks.discard(os.link)
    os.link = refusing_to_follow(os.link)
    for name in ("rename", "replace", "unlink", "remove"):
        setattr(os, name, refusing_open_files(getattr(os, name)))


def refusing_to_follow(link: Callable[..., None]) -> Callable[..., None]:
    """``os.link`` as of a system that has no choice whether to follow links."""

    def refuse(source: str, target: str, *, follow_symlinks: bool = True) -> None:
        if not follow_symlinks:
            raise NotImplementedError("follow_symlinks unavailable on this platform")
        link(source, target)

    return refuse


def refusing_open_files(call: Callable[..., None]) -> Callable[..., None]:
    """A call that renames or deletes, of a system that refuses that for what is open."""

    def refuse(*paths: Any, **options: Any) -> None:
        if not options:
            for path in map(os.path.abspath, map(os.fsdecode, paths)):
                if open_below(path):
                    raise PermissionError(13, "The process cannot access the file", path)
        call(*paths, **options)

    return refuse


def open_below(path: str) -> list[str]:
    """What this process has open of a file, or of the files in a folder."""
    folder = "/proc/self/fd"
    links = [os.path.join(folder, name) for name in os.listdir(folder)]
    files = [os.readlink(link) for link in links if os.path.lexists(link)]
    return [file for file in files if file == path or file.startswith(f"{path}/")]


def build(storage: Any) -> None:
    """Cells of two types with labels, morphologies and connections, and a file."""
    from tests.face.samples import SmallNetwork

    SmallNetwork.build(storage)


def contents(storage: Any) -> list[Any]:
    """What is stored, as plain values."""
    from tests.face.samples import SmallNetwork, connections

    network = SmallNetwork.of(storage)
    morphologies = network.a.load_morphologies()
    return [
        len(network.a),
        [len(each.branches) for each in morphologies],
        network.a.load_positions().tolist(),
        network.b.get_label_mask(["core"]).tolist(),
        connections(network.ab),
        storage.files.load("note")[0],
    ]


def run(engine: str, root: Any, folder: Path) -> None:
    """Store, copy, move, repack, convert, remove and open again."""
    from bsb_hdf5 import convert, repack

    storage = bsb.Storage(engine, root)
    build(storage)
    before = contents(storage)
    assert before[:2] == [5, [2] * 5] and len(before[4]) == 3
    storage.copy(str(folder / "copy"))
    assert contents(bsb.Storage(engine, str(folder / "copy"))) == before
    repack(storage)
    assert contents(storage) == before
    storage.move(str(folder / "moved"))
    assert contents(storage) == before
    again = bsb.Storage(engine, str(folder / "moved"))
    assert contents(again) == before
    with storage.read_only():
        assert contents(storage) == before
    for name in ("hdf5", "memory", "zarr"):
        made = convert(storage, str(folder / f"converted to {name}"), engine=name)
        assert contents(made) == before
        made.remove()
        assert not made.exists()
    again.remove()
    assert not storage.exists()
    bsb.Storage(engine, str(folder / "copy")).remove()


def another_process() -> Connection:
    """
    One on such a system, too, which has imported nothing else either.

    :returns: to send it roots, and receive whether it is kept away from them.
    """
    ours, others = multiprocessing.Pipe()
    if os.fork():
        return ours
    ours.close()
    take_away(locks=True)
    try:
        while True:
            others.send(is_kept_away(others.recv()))
    finally:
        # What MPI has registered for the end of a process complains in a forked one.
        os._exit(0)


def is_kept_away(root: str) -> bool:
    from bsb_hdf5.config import NetworkRoot
    from bsb_hdf5.errors import LockTimeoutError

    try:
        bsb.Storage("hdf5", NetworkRoot(root, lock_limit=0.3)).get_chunk_stats()
    except LockTimeoutError:
        return True
    return False


def locks_of(root: Path, other: Connection) -> bool:
    """Whether another process is kept away while this one writes."""
    from bsb_hdf5.config import NetworkRoot

    answers = []
    storage = bsb.Storage("hdf5", NetworkRoot(str(root)))
    with storage.write_scope():
        other.send(str(root))
        answers.append(other.recv())
    other.send(str(root))
    answers.append(other.recv())
    return answers == [True, False]


def main(folder: Path, *, locks: bool) -> None:
    """Run all engines, and print what was found as JSON."""
    other = another_process() if locks else None
    take_away(locks=locks)
    found = sorted(bsb.storage.get_engines())
    from bsb_hdf5 import platform
    from bsb_hdf5.config import NetworkRoot

    platform.IS_WINDOWS = True
    for layout in ("classic", "columnar"):
        place = folder / layout
        place.mkdir()
        run("hdf5", NetworkRoot(str(place / "network"), layout=layout), place)
    for engine in ("zarr", "memory"):
        place = folder / engine
        place.mkdir()
        run(engine, str(place / "network"), place)
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    limits = {
        engine: bsb.Storage(engine, str(folder / f"limits of {engine}"))._engine.limits
        for engine in ("hdf5", "zarr")
    }
    kept_away = other is not None and locks_of(folder / "limits of hdf5", other)
    print(json.dumps({"engines": found, "left": left, "limits": limits, "locks": kept_away}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), locks=sys.argv[2] == "portalocker")
