"""Storages and their engines, found by what lies at a root."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

import bsb
from bsb.storage import create_engine, get_engines

from .config import NetworkRoot, Root, check_new_root
from .engine import Comm, StorageEngine, as_versioned
from .errors import (
    InputError,
    NotANetworkError,
    StorageError,
    StoreAccessError,
    StoreNotFoundError,
)
from .exceptions import callers_stacklevel
from .ports.services import ServiceOptions, without_credentials
from .ports.store import Versioned


def open_storage(
    root: Root,
    *,
    version: str | datetime | None = None,
    storage_options: Mapping[str, object] | ServiceOptions | None = None,
) -> bsb.Storage:
    """
    Open the storage at a root with the engine that recognizes it.

    Only engines of this package are tried, as BSB's ``fs`` engine claims every folder, and
    adds a file to it.

    :param root: path or URL of the storage, or name of one in memory.
    :param version: version of a network in an object store to read: its id, a tag, or a time at
        which it was the latest. By default, the latest, which can also be changed.
    :param storage_options: how the service of a URL is reached: endpoint, region, credentials
        (:class:`~bsb_hdf5.ports.services.ServiceOptions`); by default, its environment variables
        say it.
    :raises InputError: there is no such version, or a time has no time zone.
    :raises StoreError: a version of a network whose store keeps none.
    :raises StoreNotFoundError: nothing lies at the root.
    :raises NotANetworkError: no engine of this package recognizes what is there.
    :raises StorageError: an engine could not look at the root, and no other finds a storage there.
    """
    if version is not None or storage_options is not None:
        root = NetworkRoot(root, version=version, storage_options=storage_options)
    ours = _own_engines()
    failed: list[StorageError] = []

    def looks(peek: Callable[[Root], bool]) -> bool:
        try:
            return peek(root)
        except StorageError as error:
            failed.append(error)
            return False

    present = [
        name
        for name, each in ours.items()
        if ask_engine(name, root, partial(looks, each.peek_exists))
    ]
    for name in present:
        if ask_engine(name, root, partial(ours[name].recognizes, root, None)):
            return bsb.Storage(name, root, missing_ok=False)
    raise failed[0] if failed else _not_found(root, ours, present)


def _not_found(
    root: Root, ours: Mapping[str, type[StorageEngine]], present: list[str]
) -> StoreNotFoundError | NotANetworkError | StoreAccessError:
    """
    Why no engine opens a root.

    :param present: the engines that find something there.
    """
    if not present:
        shown = without_credentials(str(root))
        return StoreNotFoundError(f"there is no storage at '{shown}'", location=str(root))
    reasons = {name: _why_not(ours[name], root) for name in present}
    for each in reasons.values():
        # What may not be read may well be a network.
        if isinstance(each, StoreAccessError):
            return each
    said = "".join(f"; {name}: {each or 'unknown'}" for name, each in reasons.items())
    return NotANetworkError(
        f"'{without_credentials(str(root))}' does not hold a network{said}",
        location=str(root),
    )


def _why_not(engine: type[StorageEngine], root: Root) -> StorageError | None:
    """The reason why an engine can't read a root."""
    try:
        engine(root, bsb.MPI).check_network()
    except StorageError as error:
        return error
    return None


def was_interrupted(root: Root) -> bool:
    """
    Whether a program was killed as it stored changes at a root, and they wait to be completed.

    They are shown as stored, and the next session that may write completes them.
    """
    ours = _own_engines()
    return any(
        ask_engine(name, root, partial(each.was_interrupted, root)) for name, each in ours.items()
    )


def ask_engine(name: str, root: object, question: Callable[[], bool]) -> bool:
    """
    The answer of an engine to a question about a root.

    An engine that raises is skipped with a warning, so that it does not break the others. Its
    error may name the root, which may contain credentials.
    """
    try:
        return question()
    except Exception as error:  # whatever an engine of another package raises
        shown = without_credentials(str(root))
        said = without_credentials(str(error).replace(str(root), shown))
        warnings.warn(
            f"the engine '{name}' failed to look at '{shown}', and was skipped:"
            f" {type(error).__name__}: {said}",
            stacklevel=callers_stacklevel(),
        )
        return False


def engine_of(storage: bsb.Storage | Root) -> StorageEngine:
    """
    The engine of a storage.

    :param storage: ``bsb.Storage``, or the root of one.
    :raises StoreNotFoundError: nothing lies at the root.
    :raises NotANetworkError: no engine of this package recognizes what is there.
    :raises InputError: the storage is of an engine of another package.
    """
    opened = storage if isinstance(storage, bsb.Storage) else open_storage(storage)
    return _checked(opened._engine, opened.format)


def versioned(storage: bsb.Storage | Root) -> Versioned:
    """
    The store of a network that keeps versions.

    :raises StoreError: it keeps none; errors as for ``engine_of``.
    """
    return as_versioned(engine_of(storage).sessions.store)


def make_engine(name: str, root: Root, comm: Comm) -> StorageEngine:
    """
    An engine at a root where nothing is made yet.

    :raises InputError: there is no such engine, or the root comes with a version.
    """
    check_new_root(root)
    try:
        made = create_engine(name, root, comm)
    except bsb.UnknownStorageEngineError as error:
        known = ", ".join(map(repr, sorted(_own_engines())))
        raise InputError(f"the engine {name!r} does not exist; use {known}", asked=name) from error
    made._format = name
    return _checked(made, name)


def _own_engines() -> dict[str, type[StorageEngine]]:
    """The engines of this package, and those that its kit made, by name."""
    return {name: each for name, each in get_engines().items() if issubclass(each, StorageEngine)}


def _checked(engine: bsb.Engine, name: str) -> StorageEngine:
    if not isinstance(engine, StorageEngine):
        raise InputError(
            f"the engine '{name}' ({type(engine).__name__}) does not belong to bsb-hdf5",
            asked=name,
        )
    return engine
