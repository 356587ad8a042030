"""``verify`` finds each bit of stored rows that flips, where the layout is columnar."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import convert, merge, repack, repair, verify
from bsb_hdf5.errors import CorruptNetworkError, StorageError
from bsb_hdf5.maintenance.findings import Report
from tests.face.layouts import new_storage
from tests.face.samples import SmallNetwork, chunk, digest, morphology_set, positions

FLIPS = 12
"""Of each array."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of several sessions: cells and labels that were added, changed and cleared."""
    path = tmp_path_factory.mktemp("flips") / "network.hdf5"
    small = SmallNetwork.build(new_storage(path, "columnar"))
    a = small.a
    a.append_data(
        chunk(5),
        positions(40),
        morphologies=morphology_set(small.storage, ["stub"], [0] * 40),
        additional={"weight": np.arange(40.0)},
    )
    a.append_additional("wide", chunk(5), np.arange(80.0).reshape(40, 2))
    a.label(["late"], [7, 9])
    a._rotation_chunks.overwrite(chunk(5), np.ones((40, 3)))
    small.b.clear([chunk(0)])
    small.b.append_data(chunk(9), positions(30))
    somas = np.full((30, 3), -1)
    somas[:, 0] = np.arange(30)
    small.ab.chunk_connect(chunk(5), chunk(9), somas, somas)
    points = np.abs(somas)
    small.ab.chunk_connect(chunk(5), chunk(9), points, points)
    assert () == verify(str(path)).findings
    return path


def arrays_of(path: Path) -> list[str]:
    """Every array of cells, connections and morphologies."""
    found: list[str] = []
    with h5py.File(path) as file:
        for part in ("placement_sets", "connectivity_sets", "morphology_tables"):
            file[part].visititems(
                lambda name, node, part=part: (
                    found.append(f"{part}/{name}")
                    if isinstance(node, h5py.Dataset) and node.size
                    else None
                )
            )
    return found


def flip(path: Path, array: str, choice: random.Random) -> None:
    with h5py.File(path, "r+") as file:
        rows = file[array][()]
        raw = rows.reshape(-1).view(np.uint8)
        raw[choice.randrange(len(raw))] ^= np.uint8(1 << choice.randrange(8))
        file[array][()] = rows


@pytest.mark.parametrize("packed", [True, False])
def test_each_flipped_bit_of_rows_in_use_is_found(
    network: Path, tmp_path: Path, packed: bool
) -> None:
    path, choice = Path(shutil.copy(network, tmp_path / "sound.hdf5")), random.Random(1)
    if packed:
        repack(str(path))
    expected, found, harmless = rows_of(Storage("hdf5", str(path))), 0, set()
    for array in arrays_of(path):
        for _ in range(FLIPS):
            damaged = Path(shutil.copy(path, tmp_path / "damaged.hdf5"))
            flip(damaged, array, choice)
            if verify(str(damaged)).findings:
                found += 1
                continue
            # Nobody reads it: it lies in a hole, or among the checksums.
            harmless.add(array)
            assert str(expected) == str(rows_of(Storage("hdf5", str(damaged)))), array
    assert found > 15 * FLIPS
    if packed:
        holes = {"additional/weight", "additional/wide", "rotation", "morphology", "checksums"}
        assert {name.split("/", 2)[-1] for name in harmless} <= holes


COPIES: dict[str, Callable[..., object]] = {
    "repack": lambda path, target, **options: repack(str(path), **options),
    "convert": lambda path, target, **options: convert(
        str(path), str(target), layout="columnar", **options
    ),
    "convert to classic": lambda path, target, **options: convert(
        str(path), str(target), layout="classic", **options
    ),
    "merge": lambda path, target, **options: merge([str(path)] * 2, str(target), **options),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_does_not_make_a_flipped_bit_valid(network: Path, tmp_path: Path, how: str) -> None:
    choice, refused = random.Random(2), set()
    target = tmp_path / "target.hdf5"
    for array in arrays_of(network):
        path = Path(shutil.copy(network, tmp_path / "damaged.hdf5"))
        flip(path, array, choice)
        if not verify(str(path)).findings:
            continue
        before = digest(path)
        with pytest.raises(StorageError):
            COPIES[how](path, target)
        refused.add(array)
        assert not target.exists()
        assert before == digest(path)
    columns = {name.split("/", 2)[-1] for name in refused}
    assert {"position", "cells", "points", "branches", "log", "segments", "blocks"} <= columns


@pytest.mark.parametrize("how", COPIES)
def test_damaged_rows_are_copied_if_that_is_asked_for(
    network: Path, tmp_path: Path, how: str
) -> None:
    path, target = Path(shutil.copy(network, tmp_path / "damaged.hdf5")), tmp_path / "target.hdf5"
    with h5py.File(path, "r+") as file:
        rows = file["placement_sets/a/position"]
        first = next(
            row[1] for row in file["placement_sets/a/segments"][:].tolist() if row[0] == chunk(5).id
        )
        rows[first + 3, 1] = 7.5
    message = rf"the cells 'a', chunk {chunk(5).id}, position: .* keep_damaged=True"
    with pytest.raises(CorruptNetworkError, match=message):
        COPIES[how](path, target)
    COPIES[how](path, target, keep_damaged=True)
    copy = path if how == "repack" else target
    found = SmallNetwork.of(Storage("hdf5", str(copy))).a
    found.set_chunk_filter([chunk(5)])
    assert 7.5 in found.load_positions()[:, 1]
    assert () == verify(str(copy)).findings


def test_every_column_is_tried(network: Path) -> None:
    columns = {name.split("/", 2)[-1] for name in arrays_of(network)}
    every = {"position", "rotation", "morphology", "labels", "additional/weight", "additional/wide"}
    assert {*every, "cells", "points", "branches", "log", "segments", "blocks"} <= columns


def rows_of(storage: Storage) -> Any:
    small = SmallNetwork.of(storage)
    a, b = small.a, small.b
    return (
        [cells.load_positions().tolist() for cells in (a, b)],
        a._rotation_chunks.load().tolist(),
        a._labels_chunks.load(raw=True).tolist(),
        a._morphology_chunks.load().tolist(),
        [a.load_additional(key).tolist() for key in ("weight", "wide")],
        [[part.tolist() for part in ends] for *_, ends in small.ab.flat_iter_connections("out")],
        storage.morphologies.load("stub").flatten().tolist(),
    )


def test_set_and_chunk_are_named_and_what_can_be_done(network: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(network, tmp_path / "damaged.hdf5"))
    with h5py.File(path, "r+") as file:
        cells = file["placement_sets/a"]
        first = next(row[1] for row in cells["segments"][:].tolist() if row[0] == chunk(5).id)
        cells["position"][first + 3, 1] = 7.5
        file["connectivity_sets/a_to_b/cells"][-1] = (1, 1)
    before = digest(path)
    found = verify(str(path))
    assert [("placement", f"'a', chunk {chunk(5).id}, position")] == named(found, "placement")
    pair = f"'a_to_b', chunks {chunk(5).id} to {chunk(9).id}, cells"
    assert [("connectivity", pair)] == named(found, "connectivity")
    assert all("restore them from a backup" in finding.what for finding in found)
    assert not any(finding.repairable for finding in found)
    report = repair(str(path))
    assert found.findings == report.findings
    assert () == report.repaired
    assert before == digest(path)


def named(report: Report, part: str) -> list[tuple[str, str]]:
    return [(each.part, each.where) for each in report if each.part == part]


@pytest.mark.parametrize("how", ["repack", "convert"])
def test_a_network_without_checksums_is_valid_and_gets_them(
    network: Path, tmp_path: Path, how: str
) -> None:
    path = Path(shutil.copy(network, tmp_path / "old.hdf5"))
    with h5py.File(path, "r+") as file:
        for part in ("placement_sets", "connectivity_sets"):
            for group in file[part].values():
                group.attrs["tally"] = group.attrs["tally"][:6]
                if "checksums" in group:
                    del group["checksums"]
    assert () == verify(str(path)).findings
    if how == "repack":
        repack(str(path))
    else:
        convert(str(path), str(tmp_path / "new.hdf5"), layout="columnar")
        path = tmp_path / "new.hdf5"
    flip(path, "placement_sets/a/position", random.Random(3))
    assert verify(str(path)).findings


def test_a_tally_that_is_repaired_keeps_the_latest_checksums(network: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(network, tmp_path / "repaired.hdf5"))
    with h5py.File(path, "r+") as file:
        attributes = file["placement_sets/a"].attrs
        tally = attributes["tally"]
        tally[4] += 1
        attributes["tally"] = tally
    assert ["'a', tally"] == [each.where for each in repair(str(path)).repaired]
    assert () == verify(str(path)).findings
    flip(path, "placement_sets/a/position", random.Random(3))
    assert verify(str(path)).findings


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("columnar", "stored_files/note"),
        ("columnar", "placement_sets/a"),
        ("columnar", "connectivity_sets/a_to_b"),
        ("classic", "files/note"),
        ("classic", "morphologies/stub"),
        ("classic", "placement/a"),
        ("classic", "connectivity/a_to_b"),
    ],
)
def test_what_can_not_be_opened_any_more_is_found(tmp_path: Path, layout: str, name: str) -> None:
    path = tmp_path / "network.hdf5"
    SmallNetwork.build(new_storage(path, layout))
    assert () == verify(str(path)).findings
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file[name].id).addr
    raw = bytearray(path.read_bytes())
    raw[header + 12] ^= 4
    path.write_bytes(raw)
    assert name.split("/")[1] in str(verify(str(path)))


def test_zarr_finds_flipped_bits_itself(network: Path, tmp_path: Path) -> None:
    convert(str(network), str(tmp_path / "network.zarr"), engine="zarr")
    choice = random.Random(4)
    files = [each for each in (tmp_path / "network.zarr").rglob("*") if each.is_file()]
    shards = [each for each in files if "c" in each.parts]
    assert len(shards) > 5
    for _ in range(FLIPS):
        shutil.copytree(tmp_path / "network.zarr", tmp_path / "damaged.zarr")
        target = choice.choice([*shards, tmp_path / "network.zarr" / "zarr.json"])
        damaged = tmp_path / "damaged.zarr" / target.relative_to(tmp_path / "network.zarr")
        raw = bytearray(damaged.read_bytes())
        at = choice.randrange(len(raw))
        raw[at] ^= 1 << choice.randrange(8)
        damaged.write_bytes(raw)
        try:
            found = bool(verify(str(tmp_path / "damaged.zarr")).findings)
        except Exception:
            found = True
        if not found:
            before, after = (
                rows_of(Storage("zarr", str(tmp_path / name)))
                for name in ("network.zarr", "damaged.zarr")
            )
            assert str(before) == str(after), (target, at)
        shutil.rmtree(tmp_path / "damaged.zarr")
