"""The contract notices stores that fail when something goes wrong around them."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.errors import NotANetworkError, StoreError, StoreIOError
from bsb_hdf5.testing.contract_claims import ClaimContract
from bsb_hdf5.testing.contract_faults import FaultContract
from bsb_hdf5.testing.contract_files import FileContract
from bsb_hdf5.testing.contract_reading import ReadingContract
from bsb_hdf5.testing.contract_sizes import SizeContract
from bsb_hdf5.testing.store_contract import NewStore
from tests.contract.cases import failures_of
from tests.contract.pickled_store import Pickled, PickledStore
from tests.mutants import NOTICED, check_is_called_alike


class Faults(FaultContract, FileContract, ClaimContract, ReadingContract):
    """What concerns the world around a store."""

    test_values_of_some_megabytes_come_back = SizeContract.test_values_of_some_megabytes_come_back


commit, load, open_ = Pickled.commit, PickledStore.load, PickledStore.open
put, write = Pickled.put, Pickled.write
KEPT: dict[str, dict[bytes, bytes]] = {}


def commit_in_place(self: Any) -> None:
    self.write(self.path)


def commit_piecewise(self: Any) -> None:
    """What is there is written again, then what is new is added."""
    whole, before = self.values, {} if not os.path.exists(self.path) else load(self, self.path)
    for share in (0.3, 0.6, 1.0):
        keys = list(whole)[: int(share * len(whole))]
        self.values = {**before, **{key: whole[key] for key in keys}}
        commit(self)
    self.values = whole
    commit(self)


def commit_hiding_errors(self: Any) -> None:
    with contextlib.suppress(OSError):
        commit(self)


def commit_in_place_hiding_errors(self: Any) -> None:
    with contextlib.suppress(OSError):
        commit_in_place(self)


def commit_with_untyped_errors(self: Any) -> None:
    try:
        commit(self)
    except OSError as error:
        raise RuntimeError("the library failed") from error


def put_at_once(self: Any, key: bytes, value: bytes) -> None:
    """Stored before the commit."""
    put(self, key, value)
    commit(self)


def keep_in_process(self: Any, path: str) -> Any:
    """What this process has read once is not read again."""
    if path not in KEPT:
        KEPT[path] = load(self, path)
    return dict(KEPT[path])


def load_anything(self: Any, path: str) -> Any:
    """A file of something else is an empty network."""
    try:
        return load(self, path)
    except StoreError:
        return load(self, path) if not os.path.exists(path) else {b"bsb-hdf5": HEADER}


HEADER = b'{"format": "bsb-hdf5 by key", "version": 1, "root": 0, "next_id": 1, "state": "none"}'


def open_without_lock(self: Any, path: str, *, write: bool, new: bool, wait: float) -> Pickled:
    return Pickled(path, {} if new else self.load(path), None)


def open_with_untyped_errors(
    self: Any, path: str, *, write: bool, new: bool, wait: float
) -> Pickled:
    try:
        return open_(self, path, write=write, new=new, wait=wait)
    except StoreError as error:
        raise RuntimeError("the library failed") from error


def open_at_the_root(self: Any, path: str, *, write: bool, new: bool, wait: float) -> Pickled:
    """A symbolic link is not followed, and the commit puts a file in its place."""
    return open_(self, path if new else self.location, write=write, new=new, wait=wait)


def open_with_a_lock_by_name(
    self: Any, path: str, *, write: bool, new: bool, wait: float
) -> Pickled:
    """Each name of a file has a lock of its own."""
    name = path if new else self.location
    found = open_(self, path, write=False, new=new, wait=wait)
    found.lock = self.lock(f"{name}-lock", exclusive=True) if write else None
    found.values = {} if new else self.load(path)
    return found


def commit_with_a_mode_of_its_own(self: Any) -> None:
    commit(self)
    os.chmod(self.path, 0o600)


def commit_with_the_usual_mode(self: Any) -> None:
    """As a new file has."""
    new = f"{self.path}-new"
    self.write(new)
    os.replace(new, self.path)


def commit_after_the_lock(self: Any) -> None:
    """The next transaction may begin before this one is stored."""
    new = f"{self.path}-new"
    self.write(new)
    shutil.copymode(self.path, new)
    self.close()
    os.replace(new, self.path)


def open_keeping_the_lock(self: Any, path: str, *, write: bool, new: bool, wait: float) -> Pickled:
    """The lock stays if the transaction can't begin."""
    lock = self.lock(f"{path}-lock", exclusive=True) if write else None
    LEFT.append(lock)
    found = open_(self, path, write=False, new=new, wait=wait)
    found.lock = lock
    return found


def open_with_a_wait_of_its_own(
    self: Any, path: str, *, write: bool, new: bool, wait: float
) -> Pickled:
    patient = PickledStore(self.location, lock_limit=4.5)
    return open_(patient, path, write=write, new=new, wait=wait)


def open_one_more(self: Any, path: str, *, write: bool, new: bool, wait: float) -> Pickled:
    """A file that nobody closes."""
    found = open_(self, path, write=write, new=new, wait=wait)
    LEFT.append(open(path, "rb"))  # noqa: SIM115
    return found


def load_with_errors_of_the_library(self: Any, path: str) -> Any:
    """What is no network can't be told from a file that can't be read."""
    try:
        return load(self, path)
    except NotANetworkError as error:
        raise StoreIOError(str(error), location=path) from error


LEFT: list[Any] = []


def lose_large_values(self: Any, path: str) -> None:
    self.values = {key: value[:60_000] for key, value in self.values.items()}
    write(self, path)


def view_of(self: Any, path: str) -> Any:
    """A reader sees what others commit later."""
    return Live(self, path)


class Live(dict[bytes, bytes]):
    def __init__(self, store: Any, path: str) -> None:
        super().__init__(load(store, path))
        self._store, self._path = store, path

    def get(self, key: bytes, default: Any = None) -> Any:
        return load(self._store, self._path).get(key, default)


MUTANTS: dict[str, tuple[type, str, Any]] = {
    "a commit overwrites what there is": (Pickled, "commit", commit_in_place),
    "a commit goes piece by piece": (Pickled, "commit", commit_piecewise),
    "a full disk is not an error": (Pickled, "commit", commit_hiding_errors),
    "a full disk is not an error and costs the network": (
        Pickled,
        "commit",
        commit_in_place_hiding_errors,
    ),
    "a full disk is an error of the library": (Pickled, "commit", commit_with_untyped_errors),
    "what is put is stored before the commit": (Pickled, "put", put_at_once),
    "a process reads a network once": (PickledStore, "load", keep_in_process),
    "a file of something else is taken for a network": (PickledStore, "load", load_anything),
    "no program waits for another": (PickledStore, "open", open_without_lock),
    "a held lock is an error of the library": (PickledStore, "open", open_with_untyped_errors),
    "large values are cut": (Pickled, "write", lose_large_values),
    "a reader sees what others commit": (PickledStore, "load", view_of),
    "values are cut at a megabyte": (
        Pickled,
        "put",
        lambda self, key, value: put(self, key, value[: 1 << 20]),
    ),
    "a commit replaces a symbolic link": (PickledStore, "open", open_at_the_root),
    "each name of a file has a lock": (PickledStore, "open", open_with_a_lock_by_name),
    "a file is for its owner after a commit": (Pickled, "commit", commit_with_a_mode_of_its_own),
    "a file is for all after a commit": (Pickled, "commit", commit_with_the_usual_mode),
    "a lock ends before the commit": (Pickled, "commit", commit_after_the_lock),
    "a transaction that can't begin keeps its lock": (
        PickledStore,
        "open",
        open_keeping_the_lock,
    ),
    "the wait for a lock has one limit": (PickledStore, "open", open_with_a_wait_of_its_own),
    "each transaction leaves a file open": (PickledStore, "open", open_one_more),
    "a file of something else can't be read": (
        PickledStore,
        "load",
        load_with_errors_of_the_library,
    ),
    "files beside a network stay": (PickledStore, "companions", ()),
}


def failures(folder: Path) -> dict[str, BaseException]:
    """The tests that the pickled store fails as it is now, and how."""
    KEPT.clear()

    def new_place() -> NewStore:
        place = folder / uuid.uuid4().hex
        place.mkdir()
        return lambda name: PickledStore(str(place / name), lock_limit=2.0)

    def hasten(store: PickledStore) -> PickledStore:
        store.lock_limit = 0.5
        return store

    failed = failures_of(new_place, Faults, hasten)
    for each in LEFT:
        if each is not None:
            each.close()
    LEFT.clear()
    return failed


def test_the_store_passes_before_it_is_broken(tmp_path: Path) -> None:
    assert {} == failures(tmp_path)


@pytest.mark.parametrize("title", MUTANTS)
def test_the_contract_notices_that(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name, replacement = MUTANTS[title]
    check_is_called_alike(owner, name, replacement)
    monkeypatch.setattr(owner, name, replacement)
    failed = failures(tmp_path)
    monkeypatch.undo()
    assert [error for error in failed.values() if isinstance(error, NOTICED)], failed
