"""
Little room on the disk, in memory, and for open files, in every verb that makes something.

Each verb runs in a process of its own; then there is room again, and the process goes on. Each is
tried in one engine; ``BSB_HDF5_TESTING_EXAMPLES=1 pytest tests/faults/test_little_room.py`` tries
it in all of them.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from bsb_hdf5.errors import StorageError
from bsb_hdf5.testing.network_machine import EXAMPLES_VARIABLE
from tests.faults.inject import Rehearsal, built, looked_at_later
from tests.faults.kills import in_child
from tests.faults.verbs import ENGINES, NETWORK

MAKING = (
    "append_data",
    "create",
    "copy",
    "repack",
    "convert to classic",
    "convert to columnar",
    "convert to zarr",
)
PAIRS = [(ENGINES[i % len(ENGINES)], verb) for i, verb in enumerate(MAKING)]
if os.environ.get(EXAMPLES_VARIABLE):
    PAIRS = [(engine, verb) for engine in ENGINES for verb in MAKING]

pytestmark = pytest.mark.timeout(300)
Hinder = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("room")


def attempts(
    folder: Path, place: Path, pair: tuple[str, str], hinders: dict[str, Hinder], *numbers: int
) -> int:
    """
    Do a verb with each hindrance.

    :param numbers: of the errors of the system that may come of it.
    :returns: how often an error was raised.
    """
    rehearsal = Rehearsal(*pair, built(folder, pair[0]), place / "rehearsal")
    raised = 0
    for name, hinder in hinders.items():

        def attempt(name: str = name, hinder: Hinder = hinder) -> tuple[list[str], bool]:
            problems, error = rehearsal.attempt(place / name, hinder())
            if error is not None and not isinstance(error, StorageError | MemoryError):
                problems.append("".join(traceback.format_exception(error)))
            if isinstance(error, StorageError) and getattr(error, "errno", 0) not in numbers:
                problems.append(f"{error!r} has another errno")
            return problems, error is not None

        problems, has_raised = in_child(attempt)
        assert [] == problems, (pair, name)
        raised += has_raised
    return raised


@contextmanager
def limited(kind: int, limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def files_of_at_most(size: int) -> Hinder:
    return partial(limited, resource.RLIMIT_FSIZE, size)


@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_files_that_may_not_grow_are_left_or_not_made(
    folder: Path, tmp_path: Path, pair: tuple[str, str]
) -> None:
    network = built(folder, pair[0]) / NETWORK
    largest = max((each.stat().st_size for each in network.rglob("*")), default=0)
    size = largest if network.is_dir() else network.stat().st_size
    hinders = {str(limit): files_of_at_most(limit) for limit in (10, size // 2)}
    assert attempts(folder, tmp_path, pair, hinders, errno.EFBIG)
    if pair == PAIRS[0]:
        assert [] == looked_at_later([tmp_path / each for each in hinders])


@contextmanager
def no_more_files(count: int) -> Iterator[None]:
    """So many files can be opened."""
    free = [os.open(os.devnull, os.O_RDONLY) for _ in range(count + 1)]
    for each in free:
        os.close(each)
    with limited(resource.RLIMIT_NOFILE, free[-1]):
        yield


@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_programs_with_too_many_open_files_go_on_when_some_are_closed(
    folder: Path, tmp_path: Path, pair: tuple[str, str]
) -> None:
    hinders: dict[str, Hinder] = {str(count): partial(no_more_files, count) for count in range(3)}
    assert attempts(folder, tmp_path, pair, hinders, errno.EMFILE)


@contextmanager
def memory_beyond(more: int) -> Iterator[None]:
    """Not much more memory than there is already."""
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[0])
    with limited(resource.RLIMIT_AS, pages * resource.getpagesize() + more):
        yield


@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_programs_without_memory_go_on_when_there_is_some(
    folder: Path, tmp_path: Path, pair: tuple[str, str]
) -> None:
    # A thread that finds no memory at all as it starts lets Python wait for it for ever.
    least = 1 << 18 if "zarr" in " ".join(pair) else 0
    hinders: dict[str, Hinder] = {
        str(more): partial(memory_beyond, more) for more in (least, 1 << 19, 1 << 21)
    }
    attempts(folder, tmp_path, pair, hinders, errno.ENOMEM, errno.EAGAIN)


def _fails(command: list[str]) -> bool:
    return bool(subprocess.run(command, check=False, capture_output=True).returncode)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own, of a megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(place)]
    if shutil.which("mount") is None or _fails(mounted):
        pytest.skip("this user may not mount a filesystem")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def filled(place: Path, room: int) -> Iterator[None]:
    """All but so many bytes of a filesystem are taken."""
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    filler = place / "filler"
    with filler.open("wb") as file:
        file.write(bytes(max(0, free - room)))
    try:
        yield
    finally:
        filler.unlink()


@pytest.mark.parametrize("pair", PAIRS, ids=" ".join)
def test_a_disk_that_is_full_leaves_what_was_there(
    folder: Path, small_disk: Path, pair: tuple[str, str]
) -> None:
    hinders: dict[str, Hinder] = {"full": lambda: filled(small_disk, 0)}
    assert attempts(folder, small_disk, pair, hinders, errno.ENOSPC)
