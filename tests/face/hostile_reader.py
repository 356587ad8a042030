"""
Reads hostile networks in every way, with little memory, each in a process of its own.

``python -m tests.face.hostile_reader`` takes a case (:class:`Case`) per line, as JSON, and says
what went wrong with it: by what was tried, the errors that are none of ours, or that the process
died or took too long.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

ROOM = 3 << 30
"""Bytes that may be taken beyond what the imports took."""

Attempt = tuple[str, Callable[[], Any]]


@dataclass
class Case:
    """
    A network to read.

    :param types: names of its placement sets.
    :param tags: names of its connectivity sets, each with the two types that it is between.
    :param seconds: that it may take.
    :param rows: whether a checksum is made of all its rows, which are those of a
        :class:`~tests.face.samples.SmallNetwork`.
    """

    path: str
    engine: str = "hdf5"
    types: list[str] = field(default_factory=lambda: ["a", "b"])
    tags: dict[str, list[str]] = field(default_factory=lambda: {"a_to_b": ["a", "b"]})
    seconds: float = 20.0
    rows: bool = False


@dataclass
class Outcome:
    """
    What became of a case.

    :param problems: errors that are none of ours, by what was tried.
    :param sizes: numbers of cells and connections that could be read, by set.
    :param is_sound: whether ``verify`` found nothing.
    :param rows: checksum of the rows; None if they could not be read.
    """

    seconds: float
    problems: dict[str, str]
    sizes: dict[str, int]
    is_sound: bool = False
    rows: int | None = None


class Reader:
    """A process that judges networks for whoever holds this."""

    def __enter__(self) -> Reader:
        command = [sys.executable, "-m", "tests.face.hostile_reader"]
        root = Path(__file__).parents[2]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=root)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def judge(self, case: Case) -> Outcome:
        """What becomes of a case."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(case)) + "\n")
        self._process.stdin.flush()
        return Outcome(**json.loads(self._process.stdout.readline()))


def attempts(case: Case) -> Iterator[Attempt]:
    """Whatever can be asked of a storage; at last, to change it."""
    from bsb import Storage

    import bsb_hdf5

    path = case.path
    yield "verify", lambda: str(bsb_hdf5.verify(path))
    storage = Storage(case.engine, path)
    engine: Any = storage._engine
    if case.rows:
        yield "rows", partial(rows_of, storage)
    for name in ("metadata", "versions", "layout", "storage_id", "state_id"):
        yield name, partial(getattr, engine, name)
    yield "stats", engine.get_chunk_stats
    for name in case.types:
        yield from cells(storage, name)
    for tag, ends in case.tags.items():
        yield from connections(storage, tag, ends)
    yield "connectivity sets", storage.get_connectivity_sets
    yield from documents(storage)
    yield "convert", lambda: bsb_hdf5.convert(path, f"{path} copy", engine="memory")
    yield "repair", lambda: str(bsb_hdf5.repair(path, trust="out"))
    yield "repack", lambda: bsb_hdf5.repack(path, trust="inc")


def rows_of(storage: Any) -> int:
    """A checksum of the rows of cells, connections and morphologies, and of files."""
    from tests.face.samples import SmallNetwork

    small = SmallNetwork.of(storage)
    a, b = small.a, small.b
    found: list[Any] = [each.load_positions().tolist() for each in (a, b)]
    found += [each._labels_chunks.load(raw=True).tolist() for each in (a, b)]
    found += [a._rotation_chunks.load().tolist(), a._morphology_chunks.load().tolist()]
    found.append(a.load_additional("weight").tolist())
    for direction in ("inc", "out"):
        blocks = small.ab.flat_iter_connections(direction)
        found += [[part.tolist() for part in ends] for *_, ends in blocks]
    found.append(storage.morphologies.load("stub").flatten().tolist())
    found.append(storage.files.load("note")[0])
    return zlib.crc32(repr(found).encode())


def documents(storage: Any) -> Iterator[Attempt]:
    for name in ("stub", "..", "x/y", "/files/note"):
        yield f"morphology {name}", partial(storage.morphologies.load, name)
        yield f"file {name}", partial(storage.files.load, name)
    yield "file", lambda: storage.files.load("note")[0]
    yield "files", lambda: [storage.files.load(each) for each in storage.files.all()]
    yield "morphologies", lambda: [each.load() for each in storage.morphologies.all()]
    yield "metas", storage.morphologies.get_all_meta


def cells(storage: Any, name: str) -> Iterator[Attempt]:
    from tests.face.samples import cell_type

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


def connections(storage: Any, tag: str, ends: list[str]) -> Iterator[Attempt]:
    from tests.face.samples import cell_type

    def read(verb: str, *arguments: Any) -> Any:
        found = storage.get_connectivity_set(tag)
        for side, name in zip(("pre_type", "post_type"), ends, strict=True):
            cells = partial(storage.get_placement_set, cell_type(name))
            setattr(found, side, SimpleNamespace(get_placement_set=cells))
        return getattr(found, verb)(*arguments)

    def flat(direction: str) -> Any:
        return list(read("flat_iter_connections", direction))

    yield f"{tag} __len__", lambda: read("__len__")
    yield f"{tag} all", lambda: read("load_connections").all()
    for direction in ("inc", "out"):
        yield f"{tag} {direction}", partial(flat, direction)


def read_all(case: Case, tell: Callable[[Any], None]) -> Outcome:
    """
    Try all there is to try.

    :param tell: is told each title before it is tried.
    """
    from bsb_hdf5.errors import StorageError

    begin = time.monotonic()
    outcome = Outcome(0.0, {}, {})
    tries = attempts(case)
    while True:
        title = "open"
        try:
            tell(title)
            title, action = next(tries)
            tell(title)
            value = action()
            if title == "verify":
                outcome.is_sound = value == "nothing is wrong"
            elif title == "rows":
                outcome.rows = value
            elif title.endswith("__len__"):
                outcome.sizes[title.removesuffix(" __len__")] = value
        except StopIteration:
            outcome.seconds = time.monotonic() - begin
            return outcome
        except StorageError:
            pass
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            outcome.problems[title] = f"{type(error).__name__}: {error}"[:300] + f" {where}"


def limit_memory() -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM, taken + ROOM))


def judge(case: Case) -> Outcome:
    """What becomes of a case in a child, which may die or hang."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            limit_memory()
            with open(writer, "w") as pipe:

                def tell(said: Any) -> None:
                    print(json.dumps(said), file=pipe, flush=True)

                tell(asdict(read_all(case, tell)))
        finally:
            os._exit(0)
    os.close(writer)
    begin = time.monotonic()
    said, in_time = _heard(reader, begin + case.seconds)
    if not in_time:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    last = json.loads(said[-1]) if said else "the beginning"
    if in_time and isinstance(last, dict):
        return Outcome(**last)
    end = f"ended with {status}" if in_time else f"was not done after {case.seconds} s"
    return Outcome(time.monotonic() - begin, {str(last): f"the process {end}"}, {})


def _heard(reader: int, end: float) -> tuple[list[bytes], bool]:
    """Lines that were written to a pipe, and whether it was closed in time."""
    heard, closed = b"", False
    while not closed and select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]:
        part = os.read(reader, 1 << 16)
        heard, closed = heard + part, not part
    os.close(reader)
    return heard.splitlines(), closed


def main() -> None:
    # The children find all of it imported, also what is imported when it is used.
    importlib.import_module("zarr")
    importlib.import_module("tests.face.samples")
    for module in pkgutil.walk_packages(importlib.import_module("bsb_hdf5").__path__, "bsb_hdf5."):
        if not module.name.startswith(("bsb_hdf5.testing", "bsb_hdf5.adapters.mpi")):
            importlib.import_module(module.name)
    gc.freeze()
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        print(json.dumps(asdict(judge(Case(**json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
