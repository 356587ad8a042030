"""A repack that fails leaves the network as it was, and free for others."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import h5py
import pytest

from bsb_hdf5 import repack, verify
from bsb_hdf5.errors import InputError, StoreIOError
from bsb_hdf5.exchange.unknown import CopyOptions, NetworkSource, NetworkTarget, copy_whole
from tests.face.layouts import new_storage
from tests.face.samples import SmallNetwork, cell_type, chunk, positions


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_a_repack_that_fails_changes_nothing(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = new_storage(tmp_path / "network", layout)
    cells: Any = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(0), positions(3))
    path = Path(storage.root)
    before, names = path.read_bytes(), sorted(tmp_path.iterdir())

    def fail(*_: object, **__: object) -> None:
        raise StoreIOError("full")

    with monkeypatch.context() as patch:
        patch.setattr("bsb_hdf5.maintenance.repack.copy_whole", fail)
        with pytest.raises(StoreIOError, match="full"):
            repack(storage)
    assert (before, names) == (path.read_bytes(), sorted(tmp_path.iterdir()))
    storage._engine.sessions.settings.limit = 0.5
    cells.append_data(chunk(0), positions(2))
    repack(storage)
    assert 5 == len(cells.load_positions())


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_a_network_is_in_order_after_a_repack(layout: str, tmp_path: Path) -> None:
    storage = SmallNetwork.build(new_storage(tmp_path / "network", layout)).storage
    before = storage.get_chunk_stats()
    repack(storage)
    assert not verify(storage).findings
    assert before == storage.get_chunk_stats()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, CopyOptions(None, False, False)),
        ({"trust": "out"}, CopyOptions("out", False, False)),
        ({"drop_unknown": True}, CopyOptions(None, True, False)),
        ({"keep_damaged": True}, CopyOptions(None, False, True)),
    ],
)
def test_nothing_is_left_out_or_kept_unless_that_is_asked(
    given: dict[str, Any],
    expected: CopyOptions,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[CopyOptions] = []

    def copy(source: NetworkSource, target: NetworkTarget, options: CopyOptions) -> None:
        asked.append(options)
        copy_whole(source, target, options)

    monkeypatch.setattr("bsb_hdf5.maintenance.repack.copy_whole", copy)
    repack(new_storage(tmp_path / "network", "columnar"), **given)
    assert [expected] == asked


def test_a_store_that_can_not_be_rewritten_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = new_storage(tmp_path / "network", "columnar")
    monkeypatch.setattr("bsb_hdf5.maintenance.repack.Rewritable", int)
    with pytest.raises(InputError, match="engine 'hdf5' can't be rewritten") as caught:
        repack(storage)
    assert "hdf5" == caught.value.fields["asked"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_repacked_file_keeps_who_may_read_it(mode: int, tmp_path: Path) -> None:
    storage = SmallNetwork.build(new_storage(tmp_path / "network", "columnar")).storage
    path = Path(storage.root)
    path.chmod(mode)
    repack(storage)
    assert mode == stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("layout", ["classic", "columnar"])
@pytest.mark.parametrize(("options", "packed"), [({}, None), ({"compress": True}, "gzip")])
def test_whole_numbers_are_compressed_where_that_is_asked(
    layout: str, options: dict[str, Any], packed: str | None, tmp_path: Path
) -> None:
    storage = SmallNetwork.build(new_storage(tmp_path / "network", layout)).storage
    before = Path(storage.root).stat().st_size
    found = repack(storage, **options)
    assert (before, Path(storage.root).stat().st_size) == (found.before, found.after)
    kinds: dict[str, set[str | None]] = {"i": set(), "f": set()}

    def note(_: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape and node.dtype.kind in kinds:
            kinds[node.dtype.kind].add(node.compression)

    with h5py.File(storage.root) as file:
        file.visititems(note)
    # Some are too small, or of a fixed shape.
    assert packed in kinds["i"] <= {packed, None}
    assert {None} == kinds["f"]
