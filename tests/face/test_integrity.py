"""Storages are verified and repaired, whatever engine and layout they are of."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import Report, convert, repair, verify
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.errors import (
    InputError,
    NotANetworkError,
    ReadOnlyError,
    SessionAbortedError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.maintenance.checks import network as integrity
from bsb_hdf5.testing.network_machine import NetworkMachine, machine_settings
from tests.compat import network as sample
from tests.face.layouts import about_classic, column_place, place
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    connections,
    morphology,
    positions,
    rewrite_as_legacy,
    untouched,
)

COMPAT = Path(__file__).parents[1] / "compat" / "files"
BY_8_0_2 = ["created-default", "created-newer", "created-legacy", "extended-default"]
# Of 8.0.2, before networks had an identity.
WITHOUT_IDENTITY = ["created-legacy"]


def unpacked(name: str, path: Path) -> str:
    path.write_bytes(gzip.decompress((COMPAT / f"{name}.hdf5.gz").read_bytes()))
    return str(path)


@pytest.fixture
def name() -> Iterator[str]:
    """A root in memory."""
    root = f"network {uuid.uuid4()}"
    yield root
    if Storage("memory", root).exists():
        Storage("memory", root).remove()


# --- nothing is wrong ---------------------------------------------------------------------


def test_nothing_is_wrong_with_a_network_full_of_features(
    path: Path, layout: str, tmp_path: Path, name: str
) -> None:
    sample.create(NetworkRoot(path, layout))
    sample.extend(str(path))
    assert "nothing is wrong" == str(verify(str(path)))
    for engine, root in (("zarr", str(tmp_path / "n.zarr")), ("memory", name)):
        copy = convert(str(path), root, engine=engine, layout=layout)
        assert "nothing is wrong" == str(verify(copy))


@pytest.mark.parametrize("given", BY_8_0_2)
def test_nothing_is_wrong_with_files_of_8_0_2(given: str, path: Path) -> None:
    root = unpacked(given, path)
    missing = ["provenance"] if given in WITHOUT_IDENTITY else []
    assert missing == [finding.part for finding in verify(root)]


def test_to_verify_changes_no_byte(small: SmallNetwork, path: Path) -> None:
    before = path.stat().st_mtime_ns
    with untouched(path):
        assert Report() == verify(small.storage)
        with small.storage._engine.read_only():
            assert Report() == verify(small.storage)
        with small.storage._engine.read_scope():
            assert Report() == verify(small.storage)
    assert before == path.stat().st_mtime_ns


def test_to_repair_what_is_right_changes_no_byte(small: SmallNetwork, path: Path) -> None:
    state = small.storage._engine.state_id
    with untouched(path):
        assert Report() == repair(small.storage)
    assert state == small.storage._engine.state_id


# --- damage -------------------------------------------------------------------------------


def break_tally(file: Any, layout: str) -> None:
    group = file[place(layout, "placement", "a")]
    if layout == "classic":
        group.attrs["len"] = 99
    else:
        tally = group.attrs["tally"]
        tally[4] += 1
        group.attrs["tally"] = tally


def break_connection_count(file: Any, layout: str) -> None:
    group = file[place(layout, "connectivity", "a_to_b")]
    if layout == "classic":
        group.attrs["chunks"] = group.attrs["chunks"].replace("1", "4")
    else:
        group.attrs["tally"] = np.zeros(6, dtype=np.int64) + group["blocks"].shape[0]


def break_labels(file: Any, layout: str) -> None:
    file[column_place(layout, "b", chunk(0), "labels")][0] = 40


def break_rotation(file: Any, layout: str) -> None:
    where = column_place(layout, "a", chunk(0), "rotation")
    del file[where]
    file[where] = np.full((3, 2), 1.0)


def break_link(file: Any, layout: str) -> None:
    where = column_place(layout, "a", chunk(0), "position")
    del file[where]
    file[where] = h5py.ExternalLink("/etc/passwd", "/")


def break_provenance(file: Any, layout: str) -> None:
    file.attrs["bsb_provenance"] = '{"storage_id": 4}'


def break_content(file: Any, layout: str) -> None:
    document = file[place(layout, "files", "note")]
    document[()] = b"a tExt"


Break = Callable[[Any, str], None]
BREAKS: list[tuple[Break, str, str, bool]] = [
    (break_tally, "placement", "'a'", True),
    (break_connection_count, "connectivity", "'a_to_b'", True),
    (break_provenance, "provenance", "storage_id", True),
    (break_labels, "placement", "'b', chunk 0, labels", False),
    (break_rotation, "placement", "'a'", False),
    (break_link, "placement", "'a'", False),
    (break_content, "files", "'note'", False),
]


@pytest.mark.parametrize(
    ("do", "part", "where", "repairable"), BREAKS, ids=[each[0].__name__ for each in BREAKS]
)
def test_damage_to_a_file_is_found_and_repaired_where_it_can_be(
    small: SmallNetwork, path: Path, do: Break, part: str, where: str, repairable: bool
) -> None:
    with h5py.File(path, "r+") as file:
        do(file, small.layout)
    with untouched(path):
        report = verify(str(path))
    found = [each for each in report if each.part == part and each.where.startswith(where)]
    assert found, str(report)
    assert {repairable} == {each.repairable for each in found}
    done = repair(str(path))
    assert {each.part for each in found} <= {
        e.part for e in (done.repaired if repairable else done)
    }
    assert all(not each.repairable for each in done)
    assert done.findings == verify(str(path)).findings
    assert repairable == (not done)
    if repairable:
        assert [5, 7, 3] == [len(each) for each in (small.a, small.b, small.ab)]


@about_classic
def test_copies_that_differ_are_repaired_only_if_one_is_trusted(
    small: SmallNetwork, path: Path
) -> None:
    """Only this layout has two."""
    before = connections(small.ab)
    with h5py.File(path, "r+") as file:
        del file["connectivity/a_to_b/out/1"]
    (left,) = {each.part for each in repair(small.storage)}
    assert "connectivity" == left
    assert before != connections(small.ab)
    report = repair(small.storage, trust="inc")
    assert () == report.findings
    assert any("from chunk 1 to " in each.where for each in report.repaired)
    assert before == connections(small.ab)
    assert before == sorted(connections(small.ab))
    assert "nothing is wrong" == str(verify(small.storage))


def test_an_old_network_gets_an_identity(small: SmallNetwork, path: Path, layout: str) -> None:
    if layout == "classic":
        rewrite_as_legacy(path)
    else:
        with h5py.File(path, "r+") as file:
            del file.attrs["bsb_provenance"]
    assert {} == small.storage._engine.metadata
    assert ["is missing"] == [each.what for each in repair(small.storage).repaired]
    assert small.storage._engine.storage_id
    assert 1 == small.storage._engine.state_id


def test_a_repair_is_one_change(small: SmallNetwork, path: Path, layout: str) -> None:
    state, identity = small.storage._engine.state_id, small.storage._engine.storage_id
    with h5py.File(path, "r+") as file:
        break_tally(file, layout)
        break_connection_count(file, layout)
    assert repair(small.storage).repaired
    assert (state + 1, identity) == (
        small.storage._engine.state_id,
        small.storage._engine.storage_id,
    )
    small.b.append_data(chunk(0), positions(1))
    assert 8 == len(small.b)
    assert Report() == verify(small.storage)


def test_a_repair_that_fails_half_way_changes_nothing(
    small: SmallNetwork, path: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(path, "r+") as file:
        break_tally(file, layout)
    held, turns = integrity._check, iter(range(9))

    def failing(*arguments: Any) -> Any:
        if next(turns):
            raise StoreIOError("the disk is gone")
        return held(*arguments)

    monkeypatch.setattr(integrity, "_check", failing)
    with untouched(path), pytest.raises(StoreIOError, match="the disk is gone"):
        repair(small.storage)
    monkeypatch.undo()
    assert repair(small.storage).repaired


@pytest.mark.parametrize("engine", ["zarr", "memory"])
def test_networks_of_other_engines_are_repaired(engine: str, tmp_path: Path, name: str) -> None:
    root = name if engine == "memory" else str(tmp_path / "n.zarr")
    small = SmallNetwork.build(Storage(engine, root))
    with small.storage.write_scope() as session:
        group = session.writable_root.group("placement_sets").group("a")
        group.attributes.set("tally", group.attributes.get("tally") + 1 - np.arange(6))
    report = verify(small.storage)
    assert ["'a', tally"] == [each.where for each in report]
    assert report.findings == repair(small.storage).repaired
    assert Report() == verify(small.storage)
    assert 5 == len(small.a)


# --- what is refused ----------------------------------------------------------------------


def test_what_is_not_stored_yet_is_not_verified(small: SmallNetwork) -> None:
    with small.storage.write_scope(), pytest.raises(SessionAbortedError, match="verified"):
        verify(small.storage)


@pytest.mark.parametrize("scope", ["read_scope", "write_scope"])
def test_a_storage_is_not_repaired_within_a_scope(small: SmallNetwork, scope: str) -> None:
    with getattr(small.storage, scope)(), pytest.raises(SessionAbortedError, match="repaired"):
        repair(small.storage)


def test_what_is_only_read_is_not_repaired(small: SmallNetwork, path: Path) -> None:
    with untouched(path), small.storage._engine.read_only(), pytest.raises(ReadOnlyError):
        repair(small.storage)


def test_there_has_to_be_a_network(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for action in (verify, repair):
        with pytest.raises(StoreNotFoundError, match="nowhere"):
            action(str(tmp_path / "nowhere"))
        with pytest.raises(NotANetworkError, match="folder"):
            action(str(tmp_path / "folder"))
    assert ["folder"] == [each.name for each in tmp_path.iterdir()]


def test_a_copy_that_does_not_exist_is_not_trusted(small: SmallNetwork, path: Path) -> None:
    with untouched(path), pytest.raises(InputError, match="both"):
        repair(small.storage, trust="both")


# --- whatever happened --------------------------------------------------------------------


class VerifiedMachine(NetworkMachine):
    """Random histories after which nothing is wrong."""

    def teardown(self) -> None:
        """Verify what is left when the scopes are over."""
        try:
            self._abandon()
            if self.storage.exists():
                stored = set(self.model.morphologies)
                for finding in verify(self.storage):
                    # Morphologies may be removed while cells have them.
                    assert finding.what.endswith("which is not stored"), str(finding)
                    assert all(f"'{each}', which" not in finding.what for each in stored)
        finally:
            super().teardown()


def verified_histories(engine: str, layout: str | None, examples: int) -> Any:
    def make_root(machine: NetworkMachine) -> Any:
        root = NetworkMachine.make_root(machine)
        return root if layout is None else NetworkRoot(root, layout)

    members = {"engine": engine, "make_root": make_root}
    machine: Any = type(f"{engine} {layout}", (VerifiedMachine,), members)
    machine.TestCase.settings = machine_settings(examples, steps=15)
    return machine.TestCase


TestHdf5Classic = verified_histories("hdf5", "classic", 4)
TestHdf5Columnar = verified_histories("hdf5", "columnar", 4)
TestMemory = verified_histories("memory", None, 10)
TestZarr = pytest.mark.slow(verified_histories("zarr", None, 3))


def test_whatever_has_become_unreadable_is_found(small: SmallNetwork, path: Path) -> None:
    small.storage.files.store("text", "a/b/c")
    small.storage.morphologies.save("m/n/o", morphology())
    nested = small.storage.require_placement_set(cell_type("d/e/f"))
    nested.append_data(chunk(0), positions(3), additional={"w/x": [1.0, 2.0, 3.0]})
    small.storage._engine.close()
    whole = path.read_bytes()
    names: list[str] = []
    # What bsb-hdf5 8.0.2 looks for in other layouts holds nothing there.
    empty = {"placement", "connectivity", "morphologies", "morphology_meta", "files"}
    with h5py.File(path) as file:
        columnar = "format" in file.attrs
        file.visit(names.append)
    missed = []
    for name in names[::3] if columnar else [name for name in names if name[:2] in ("fi", "mo")]:
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            del file[name]
            file[name] = h5py.SoftLink("/nowhere")
        if not len(verify(str(path))) and not (columnar and name in empty):
            missed.append(name)
    assert [] == missed
