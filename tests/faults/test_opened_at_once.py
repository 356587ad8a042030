"""Programs and threads that open a network that is not there yet, all at once."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bsb import Storage

from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, positions
from tests.faults.kills import fork

OPENERS, ROUNDS = 8, 3


def open_network(kind: str, root: Path) -> Storage:
    hdf5 = kind in ("classic", "columnar")
    return new_storage(root, kind) if hdf5 else Storage(kind, str(root))


def open_and_append(kind: str, root: Path, number: int) -> None:
    cells = open_network(kind, root).require_placement_set(cell_type("a"))
    cells.append_data(chunk(number), positions(1))


@pytest.mark.parametrize("kind", ["classic", "columnar", "zarr"])
def test_processes_that_make_one_network_at_once_all_get_it(tmp_path: Path, kind: str) -> None:
    failed = []
    for number in range(ROUNDS):
        root = tmp_path / f"network-{number}"
        start, go = os.pipe()

        def run(number: int, root: Path = root, start: int = start, go: int = go) -> None:
            os.close(go)
            os.read(start, 1)
            try:
                open_and_append(kind, root, number)
            except BaseException as error:
                (tmp_path / f"error-{root.name}-{number}").write_text(repr(error))

        children = [fork(lambda each=each: run(each)) for each in range(OPENERS)]  # type: ignore[misc]
        os.close(start)
        os.close(go)
        for child in children:
            os.waitpid(child, 0)
        failed += [each.read_text() for each in tmp_path.glob("error-*")]
        cells = open_network(kind, root).get_placement_set(cell_type("a"))
        assert OPENERS - len(failed) == len(cells) == len(cells.load_positions())
    assert [] == failed
    assert [f"network-{number}" for number in range(ROUNDS)] == sorted(os.listdir(tmp_path))


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Threads take turns often, so that they meet."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("quick_switches")
@pytest.mark.parametrize("kind", ["classic", "columnar", "zarr", "memory"])
def test_threads_that_make_one_network_at_once_all_get_it(tmp_path: Path, kind: str) -> None:
    barrier = threading.Barrier(OPENERS)

    def open_together(root: Path, number: int) -> None:
        barrier.wait(30)
        open_and_append(kind, root, number)

    with ThreadPoolExecutor(OPENERS) as pool:
        for number in range(ROUNDS):
            root = tmp_path / f"network-{number}"
            opened = [pool.submit(open_together, root, each) for each in range(OPENERS)]
            for each in opened:
                each.result(60)
            cells = open_network(kind, root).get_placement_set(cell_type("a"))
            assert OPENERS == len(cells)
