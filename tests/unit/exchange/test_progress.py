"""A task counts each row that it goes through, as many as it said that there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bsb import Storage

import bsb_hdf5
from bsb_hdf5.queries.progress import Work, counted
from tests.face.samples import SmallNetwork

# Cells and connections of the sample.
ROWS = 12 + 3
Task = Callable[[Storage, Path], Work]


def counting(task: Callable[[Storage, Path], object]) -> Task:
    def count(storage: Storage, folder: Path) -> Work:
        with counted() as work:
            task(storage, folder)
        return work

    return count


def import_again(storage: Storage, folder: Path) -> Work:
    bsb_hdf5.export_sonata(storage, folder / "circuit")
    with counted() as work:
        bsb_hdf5.import_sonata(folder / "circuit", f"imported {folder}", engine="memory")
    return work


def merge_twice(storage: Storage, folder: Path) -> Work:
    other = bsb_hdf5.convert(storage, f"other {folder}")
    with counted() as work:
        bsb_hdf5.merge([storage, other], f"merged {folder}", engine="memory")
    return work


def verify_in(layout: str) -> Task:
    def verify(storage: Storage, folder: Path) -> Work:
        other = bsb_hdf5.convert(storage, f"{layout} {folder}", layout=layout)
        with counted() as work:
            bsb_hdf5.verify(other)
        return work

    return verify


TASKS: dict[str, tuple[Task, int, int]] = {
    "convert": (counting(lambda s, f: bsb_hdf5.convert(s, f"copy {f}")), ROWS, ROWS),
    "diff": (counting(lambda s, f: bsb_hdf5.diff(s, s)), ROWS, ROWS),
    "export_sonata": (counting(lambda s, f: bsb_hdf5.export_sonata(s, f / "circuit")), ROWS, ROWS),
    "import_sonata": (import_again, ROWS, ROWS),
    "merge": (merge_twice, 2 * ROWS, 2 * ROWS),
    # Cells are read twice: to find all columns, and to write them.
    "export_csv": (
        counting(lambda s, f: bsb_hdf5.export_csv(s, f / "tables")),
        ROWS + 12,
        ROWS + 12,
    ),
    "export_parquet": (
        counting(lambda s, f: bsb_hdf5.export_parquet(s, f / "tables")),
        ROWS + 12,
        ROWS + 12,
    ),
    # How much there is to verify is not known before.
    "verify a classic one": (verify_in("classic"), 0, ROWS),
    "verify a columnar one": (verify_in("columnar"), 0, ROWS),
    "repair": (counting(lambda s, f: bsb_hdf5.repair(s)), 0, ROWS),
    "repack": (counting(lambda s, f: bsb_hdf5.repack(s)), ROWS, ROWS),
}


def test_a_task_counts_all_rows(tmp_path: Path) -> None:
    for title, (task, expected, done) in TASKS.items():
        (folder := tmp_path / title).mkdir()
        storage = SmallNetwork.build(Storage("memory", f"network {folder}")).storage
        work = task(storage, folder)
        assert (expected, done) == (work.expected, work.done), title
