"""Networks in Parquet: a folder of tables, and a manifest that says what they hold."""

from __future__ import annotations

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from bsb_hdf5.kit import (
    ArrayStore,
    Capabilities,
    Draft,
    HeldDescriptor,
    NotANetworkError,
    delete,
    free_path,
    give_name,
    system_error,
)

from .nodes import Node, ParquetGroup, ParquetGroupWriter, View, arrays_of, new_group
from .tables import read_part, write_part

MANIFEST, LOCK = "manifest.json", "lock"
# A part of fewer rows is written again with those that follow.
LEAST_ROWS = 50_000


class ReadSession:
    def __init__(self, folder: str, manifest: Node, held: HeldDescriptor) -> None:
        self._view = View(folder)
        self._manifest = manifest
        self._held = held

    @property
    def root(self) -> ParquetGroup:
        self._view.check()
        return ParquetGroup(self._manifest["root"], self._view)

    @property
    def version(self) -> str:
        return str(self._manifest["state"])

    def close(self) -> None:
        self._view.is_closed = True
        self._held.close()


class WriteSession:
    """Changes of a manifest in memory; the commit writes tables, and then the manifest."""

    def __init__(self, folder: str, manifest: Node, end: Callable[[bool], object]) -> None:
        self._view = View(folder)
        self._manifest = manifest
        self._end = end

    @property
    def root(self) -> ParquetGroupWriter:
        self._view.check()
        return ParquetGroupWriter(self._manifest["root"], self._view)

    @property
    def version(self) -> str:
        return str(self._manifest["state"])

    @property
    def changes(self) -> int:
        return self._view.changes

    def commit(self) -> None:
        self._view.check()
        try:
            if self.changes:
                self._store_tables()
                self._manifest["state"] = uuid.uuid4().hex
            write_manifest(self._view.folder, self._manifest)
        except BaseException:
            self.rollback()
            raise
        remove_stale(self._view.folder, self._manifest)
        self._close(committed=True)

    def rollback(self) -> None:
        self._close(committed=False)

    def _close(self, *, committed: bool) -> None:
        if not self._view.is_closed:
            self._view.is_closed = True
            self._end(committed)

    def _store_tables(self) -> None:
        folder = self._view.folder
        for node in arrays_of(self._manifest["root"]):
            tail = node.pop("tail", [])
            if not any(map(len, tail)):
                continue
            parts, empty = node["parts"], np.empty((0, *node["width"]), node["dtype"])
            if parts and parts[-1]["rows"] < LEAST_ROWS:
                tail = [read_part(folder, parts.pop(), empty), *tail]
            parts.append(write_part(folder, np.concatenate((empty, *tail), dtype=empty.dtype)))


class ParquetStore(ArrayStore):
    """The place of one network: the path of a folder."""

    capabilities = Capabilities(
        locking=True, parallel=True, persistent=True, writable=True, threads=True
    )
    # Arrow raises what the system says as it is.
    errors = (pa.ArrowException, OSError)

    def create(self) -> WriteSession:
        draft = Draft(self.location)
        try:
            os.mkdir(draft.path)
        except OSError as error:
            raise system_error(error, self.location) from error
        manifest = {"format": "bsb parquet 1", "state": uuid.uuid4().hex, "root": new_group()}
        end = {True: draft.publish, False: draft.discard}
        return WriteSession(draft.path, manifest, lambda committed: end[committed]())

    def open_read(self, *, locking: bool = True) -> ReadSession:
        held = self._locked(exclusive=False)
        try:
            return ReadSession(self.location, read_manifest(self.location), held)
        except BaseException:
            held.close()
            raise

    def open_write(self) -> WriteSession:
        held = self._locked(exclusive=True)
        try:
            manifest = read_manifest(self.location)
            return WriteSession(self.location, manifest, lambda committed: held.close())
        except BaseException:
            held.close()
            raise

    def copy(self, target: str) -> None:
        with self._locked(exclusive=False):
            draft = Draft(target)
            try:
                shutil.copytree(self.location, draft.path)
                draft.publish()
            except OSError as error:
                raise system_error(error, target) from error
            finally:
                draft.discard()

    def move(self, target: str) -> None:
        with self._locked(exclusive=True):
            give_name(self.location, free_path(target))

    def remove(self) -> None:
        with self._locked(exclusive=True):
            delete(self.location)

    def _locked(self, *, exclusive: bool) -> HeldDescriptor:
        """The lock on what the path names, once it is ours."""
        path = os.path.join(self.location, LOCK)
        while True:
            self.check_there()
            # In the folder of something else, no file is made.
            read_manifest(self.location)
            held = self.lock(path, exclusive=exclusive)
            if os.path.exists(path) and os.path.samestat(os.fstat(held.descriptor), os.stat(path)):
                return held
            held.close()


def read_manifest(folder: str) -> Node:
    try:
        with open(os.path.join(folder, MANIFEST), encoding="utf-8") as file:
            manifest: Node = json.load(file)
        if manifest["format"] != "bsb parquet 1":
            raise ValueError(f"it is of the format {manifest['format']!r}")
        for part in (part for node in arrays_of(manifest["root"]) for part in node["parts"]):
            # Nothing outside of the folder is read.
            if not (part["file"] is None or re.fullmatch(r"[0-9a-f]{32}\.parquet", part["file"])):
                raise ValueError(f"{part['file']!r} is no table of it")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"'{folder}' holds no network in Parquet: {error}"
        raise NotANetworkError(message, location=folder) from error
    return manifest


def write_manifest(folder: str, manifest: Node) -> None:
    path = os.path.join(folder, MANIFEST)
    try:
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(manifest, file)
        os.replace(path + ".new", path)
    except OSError as error:
        raise system_error(error, folder) from error


def remove_stale(folder: str, manifest: dict[str, Any]) -> None:
    """Delete the tables that the network does not consist of any more."""
    parts = (part for node in arrays_of(manifest["root"]) for part in node["parts"])
    used = {part["file"] for part in parts}
    for name in os.listdir(folder):
        if name.endswith(".parquet") and name not in used:
            os.unlink(os.path.join(folder, name))
