"""The contract notices backends of whole files and folders that are wrong about their place."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from bsb_hdf5.testing.contract_claims import ClaimContract
from bsb_hdf5.testing.contract_files import FileContract
from bsb_hdf5.testing.contract_versions import VersionContract
from bsb_hdf5.testing.store_contract import NewStore
from examples.backends.parquet import store as parquet
from examples.backends.parquet.store import ParquetStore
from examples.backends.sqlite import store as sqlite
from examples.backends.sqlite.store import SqliteStore
from tests.contract.pickled_store import Pickled, PickledStore
from tests.mutants import NOTICED

Check = Callable[[NewStore], None]


class CountingStore(ParquetStore):
    """Each process counts the versions that it makes, and knows nothing of others."""

    counts: ClassVar[dict[str, int]] = {}

    def open_read(self, *, locking: bool = True) -> Any:
        return self._counted(super().open_read(locking=locking))

    def open_write(self) -> Any:
        session: Any = self._counted(super().open_write())
        commit = session.commit

        def count() -> None:
            self.counts[self.location] += 1
            commit()

        session.commit = count
        return session

    def _counted(self, session: Any) -> Any:
        session._manifest["state"] = self.counts.setdefault(self.location, 0)
        return session


class RemovingStore(ParquetStore):
    """Removes what there is, be it a network or not."""

    def remove(self) -> None:
        self.check_there()
        shutil.rmtree(self.location)


class LocklessStore(ParquetStore):
    """Readers have no lock, and a commit deletes the tables that they read."""

    def open_read(self, *, locking: bool = True) -> Any:
        self.check_there()
        manifest = parquet.read_manifest(self.location)
        nothing: Any = contextlib.ExitStack()
        return parquet.ReadSession(self.location, manifest, nothing)


class LiveStore(PickledStore):
    """Readers have no lock, and see what others commit, which is not said."""

    capabilities = attrs.evolve(PickledStore.capabilities, snapshots=False)

    def open(self, path: str, *, write: bool, new: bool, wait: float) -> Pickled:
        found = super().open(path, write=write, new=new, wait=wait)
        if not write:
            found.get = lambda key: self.load(path).get(key)  # type: ignore[method-assign]
        return found


class UnquotedStore(SqliteStore):
    """Takes a path for a URI as it is."""

    def open(self, path: str, *, write: bool, new: bool, wait: float) -> sqlite.Pairs:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite, "quote", str)
            return super().open(path, write=write, new=new, wait=wait)


_ONE_STATE = ClaimContract().test_a_session_that_reads_sees_one_state_or_others_wait_for_its_end


def check_odd_name(new_store: NewStore) -> None:
    FileContract().test_the_file_of_a_network_may_have_any_name(new_store, "no. 1 #2")


MUTANTS: dict[str, tuple[type, type, Check]] = {
    "each process counts versions": (
        CountingStore,
        ParquetStore,
        VersionContract().test_no_two_commits_of_different_processes_are_of_one_version,
    ),
    "any folder is removed": (
        RemovingStore,
        ParquetStore,
        FileContract().test_a_folder_of_something_else_is_left_alone,
    ),
    "what is read is deleted": (LocklessStore, ParquetStore, _ONE_STATE),
    "a reader sees what others commit": (LiveStore, PickledStore, _ONE_STATE),
    "a path is taken for a URI": (UnquotedStore, SqliteStore, check_odd_name),
}


@pytest.mark.parametrize("title", MUTANTS)
def test_the_contract_notices_that(title: str, tmp_path: Path) -> None:
    broken, sound, check = MUTANTS[title]

    def new_place(store: Any) -> NewStore:
        folder = tmp_path / uuid.uuid4().hex
        os.mkdir(folder)
        return lambda name: store(str(folder / name), lock_limit=0.3)

    check(new_place(sound))
    with pytest.raises(NOTICED):
        check(new_place(broken))
