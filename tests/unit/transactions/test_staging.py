"""Calls that are logged beside a network: who has to see them, and who may not carry them out."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import h5py
import pytest
from bsb import Storage

from bsb_hdf5.adapters.hdf5 import call_log
from bsb_hdf5.adapters.hdf5.call_log import Hdf5CallLog
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.engines.hdf5 import HiddenRowsWarning
from bsb_hdf5.errors import ReadOnlyError, StoreAccessError
from bsb_hdf5.ports.call_log import Publication
from bsb_hdf5.transactions import staging
from tests.face.samples import untouched
from tests.parallel.ranks import cell_type, signed
from tests.parallel.staged import add, begin, chunk, contents, log_of, sets, shared, size_of_log


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "columnar")
    begin(root := tmp_path / "network.hdf5")
    return root


def others(storage: Storage) -> Any:
    return storage.get_placement_set(cell_type("other"))


def test_who_saw_calls_on_one_set_sees_the_next_ones_on_another(root: Path) -> None:
    writer, reader = shared(root), shared(root)
    cells, added, seen = sets(writer)[0], others(writer), others(reader)
    # The first cells of a set are stored at once, and those that follow are logged.
    for each in (cells, added):
        each.append_data(chunk(0), signed(0, 0, 5))
    for turn in (1, 2):
        cells.append_data(chunk(0), signed(0, turn, 5))
        # Leaves the calls on other sets where they are.
        assert 5 * turn == len(seen)
        with writer.write_scope():
            """Carries out what is logged."""
        before = root.read_bytes()
        added.append_data(chunk(0), signed(0, turn, 5))
        assert before == root.read_bytes()
        assert 5 * (turn + 1) == len(seen)
    assert 20 == len(sets(reader)[0])


def test_what_would_have_to_carry_calls_out_is_refused_in_read_only_mode(
    root: Path, tmp_path: Path
) -> None:
    add(shared(root), 0, 0)
    storage = Storage("hdf5", str(root))
    with (
        untouched(root),
        untouched(log_of(root)),
        storage.read_only(),
        pytest.raises(ReadOnlyError, match="read-only mode"),
    ):
        storage.copy(str(tmp_path / "copy.hdf5"))
    assert [root, log_of(root)] == sorted(tmp_path.iterdir())


def test_a_reader_that_can_not_have_calls_carried_out_is_warned_of_rows_not_seen(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(shared(root), 0, 0)
    reader = Storage("hdf5", str(root))
    placed = sets(reader)[0]

    def refuse(_: object) -> None:
        raise StoreAccessError("no")

    text = f"^'{root}' is read without the rows .* added to 'cell', 'linked' since"
    with monkeypatch.context() as patch, untouched(root):
        patch.setattr(Hdf5Store, "open_write", refuse)
        with pytest.warns(HiddenRowsWarning, match=text), reader.read_scope():
            assert 5 == len(placed)
    assert 10 == len(placed)


def test_nothing_is_written_within_a_read_of_an_open_file_that_lacks_rows(root: Path) -> None:
    add(shared(root), 0, 0)
    storage = Storage("hdf5", str(root))
    placed, sessions = sets(storage)[0], storage._engine.sessions
    with (
        h5py.File(root, "r+") as file,
        pytest.warns(HiddenRowsWarning),
        sessions.scope(write=False, handle=file) as session,
        pytest.raises(ReadOnlyError),
    ):
        placed.append_data(chunk(0), signed(0, 1, 5), handle=session)
    assert 10 == len(placed)


@pytest.mark.parametrize("found", [Publication.STALE, Publication.FULL])
def test_a_call_that_can_not_be_logged_is_made_at_once(
    found: Publication, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = shared(root)
    add(storage, 0, 0)
    before = contents(storage)
    monkeypatch.setattr(Hdf5CallLog, "publish", lambda *_: found)
    add(storage, 0, 1)
    stored = root.read_bytes()
    assert len(before["cells"]) + 5 == len(contents(Storage("hdf5", str(root)))["cells"])
    assert stored == root.read_bytes()


def test_no_name_of_a_file_lacks_the_rows_that_were_added_under_another_one(
    root: Path, tmp_path: Path
) -> None:
    (link := tmp_path / "link.hdf5").hardlink_to(root)
    add(shared(root), 0, 0)
    add(shared(link), 0, 1)
    assert [link, root] == sorted(tmp_path.iterdir())
    assert 15 == len(sets(Storage("hdf5", str(root)))[0])
    assert 15 == len(sets(Storage("hdf5", str(link)))[0])


def test_a_log_ends_once_its_file_has_another_name(root: Path, tmp_path: Path) -> None:
    storage = shared(root)
    add(storage, 0, 0)
    (link := tmp_path / "link.hdf5").hardlink_to(root)
    sets(storage)[0].label(["a"], [0])
    add(storage, 0, 1)
    assert not log_of(root).exists()
    assert 15 == len(sets(Storage("hdf5", str(link)))[0])


def test_calls_are_made_at_once_where_no_log_can_be_made(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: str, *_: object) -> int:
        raise PermissionError(errno.EACCES, "no", path)

    monkeypatch.setattr(call_log, "open_own", refuse)
    storage = shared(root)
    for turn in range(2):
        add(storage, 0, turn)
    assert not storage._engine.sessions.shares
    assert 15 == len(sets(Storage("hdf5", str(root)))[0])


@pytest.mark.parametrize(("most", "logged"), [(50, False), (1000, True)])
def test_a_call_with_many_rows_is_made_at_once(
    most: int, logged: bool, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_MOST_BYTES", most)
    storage = shared(root)
    # The first call begins the log.
    add(storage, 0, 0)
    stored, size = root.read_bytes(), size_of_log(root)
    add(storage, 0, 1)
    assert logged == (stored == root.read_bytes())
    assert logged == (size < size_of_log(root))
    cells, linked = sets(Storage("hdf5", str(root)))
    assert (15, 10) == (len(cells), len(linked))
