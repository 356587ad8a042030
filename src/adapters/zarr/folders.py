"""
The contents of the folder of a network.

The folder may come from any source, and may contain more than the network. Links within it are not
followed, no path leaves it, and only files that this package wrote are removed: arrays and groups
that are marked so, at the path that they were created for, and files that were never completed.
Groups that zarr creates above arrays, and empty folders, have no content, and are not foreign.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator

from ...errors import CorruptNetworkError
from ...platform import open_descriptor
from ...transactions.interrupts import call_pending
from .metadata import kind_of
from .objects import ObjectFile, no_follow, path_in
from .paths import MANIFEST, Kind

LOCK_FILE = ".lock"
# Files that are not complete, and the names of shards and of the folders that they lie in.
_PARTIAL = re.compile(r"(zarr|\d+)\.[0-9a-f]{32}\.partial")
_SHARD = re.compile(r"\d+(\.[0-9a-f]{32}\.partial)?")
_SHARD_FOLDER = re.compile(r"\d+")
_SHARDS = "c"
# Seconds after which an incomplete file is considered abandoned.
_AGE = 3600.0
# The most bytes of the metadata of an array.
_MOST_OF_METADATA = 1 << 16
# The deepest nesting of folders that is searched; sessions of this package make fewer levels.
_DEEPEST = 200
# BSB's engine `fs` claims every folder, and adds this file to those that it opens.
_TRACE_OF_FS = "metadata.json"
# The entries that make a folder a storage of that engine.
_FOLDER_OF_FS = "file_meta"
# The content of the lock file after a network was removed; otherwise it is empty.
_VACATED = b"A network of bsb-hdf5 was removed from this folder.\n"


def read_file(root: str, name: str) -> bytes:
    """
    The content of a file.

    :raises CorruptNetworkError: it is a link or a device.
    """
    with ObjectFile(path_in(root, name)) as file:
        return file.read(0, file.size)


def metadata_of(root: str, path: str) -> bytes:
    """
    The zarr metadata of an array or group; empty if there is none.

    :raises OSError: the system could not read it, so that its owner is unknown.
    """
    key = f"{path}/{MANIFEST}"
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, CorruptNetworkError):
        if os.lstat(os.path.join(root, key)).st_size <= _MOST_OF_METADATA:
            return read_file(root, key)
    return b""


def is_free(root: str, path: str, kind: Kind) -> bool:
    """Whether a group or array can be made at a path: for a group, what is there may be one."""
    folder = path_in(root, path)
    if not os.path.isdir(folder):
        return not os.path.lexists(folder)
    if kind == "array":
        return not os.listdir(folder)
    if not os.path.lexists(os.path.join(folder, MANIFEST)):
        return True
    return kind_of(metadata_of(root, path), path) in ("plain", "group")


def size_of(root: str) -> int:
    """Bytes of the files in a folder."""
    return sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(root)
        for name in names
    )


def remove_node(root: str, path: str) -> None:
    """Remove what a session made at a path, and the folders that are empty then."""
    folder = path_in(root, path)
    kind = kind_of(metadata_of(root, path), path)
    if kind not in ("group", "array"):
        return
    if kind == "array":
        for above, _, names in os.walk(path_in(root, f"{path}/{_SHARDS}"), topdown=False):
            _unlink(above, [name for name in names if _SHARD.fullmatch(name)])
            with contextlib.suppress(OSError):
                os.rmdir(above)
        _unlink(folder, [name for name in os.listdir(folder) if _PARTIAL.fullmatch(name)])
    # It comes last: a process that is killed before leaves an array that is removed later.
    _unlink(folder, [MANIFEST])
    while path:
        _remove_if_empty(root, path)
        path = path.rpartition("/")[0]


class FolderContent:
    """
    What is in a folder, with paths below it.

    :param read: the metadata in a folder that a path names.
    :ivar own: groups and arrays that sessions made, those above first.
    :ivar foreign: what they did not make; of a folder that is all foreign, its own path.
    :ivar unfinished: files that were never completed.
    :ivar folders: all that may be of a network, those above first.
    """

    def __init__(self, root: str, read: Callable[[str, str], bytes] = metadata_of) -> None:
        self._root, self._read = root, read
        self.own: list[str] = []
        self.foreign: list[str] = []
        self.unfinished: list[str] = []
        self.folders: list[str] = []
        self._look("", 0)

    def _look(self, path: str, depth: int) -> None:
        if depth > _DEEPEST:
            self.foreign.append(path)
            return
        kind = kind_of(self._read(self._root, path), path) if path else "plain"
        self.own += [path] if kind in ("group", "array") else []
        for entry, key in self._entries(path):
            if not entry.is_dir(follow_symlinks=False):
                is_own = entry.name == MANIFEST and kind != ""
                self._note_file(entry, key, is_own=is_own or (not path and self._is_ours(key)))
            elif kind == "array" and entry.name == _SHARDS:
                self._look_among_shards(key, 0)
            elif entry.name.startswith("."):
                # Sessions make no hidden folders.
                self.foreign.append(key)
            else:
                own, foreign = len(self.own), len(self.foreign)
                self._look(key, depth + 1)
                if own == len(self.own) and foreign < len(self.foreign):
                    self.foreign[foreign:] = [key]

    def _look_among_shards(self, path: str, depth: int) -> None:
        for entry, key in self._entries(path):
            if not entry.is_dir(follow_symlinks=False):
                self._note_file(entry, key, is_own=_SHARD.fullmatch(entry.name) is not None)
            elif _SHARD_FOLDER.fullmatch(entry.name) and depth < _DEEPEST:
                self._look_among_shards(key, depth + 1)
            else:
                self.foreign.append(key)

    def _entries(self, path: str) -> Iterator[tuple[os.DirEntry[str], str]]:
        self.folders.append(path)
        with os.scandir(os.path.join(self._root, path)) as entries:
            for entry in entries:
                yield entry, f"{path}/{entry.name}" if path else entry.name

    def _note_file(self, entry: os.DirEntry[str], key: str, *, is_own: bool) -> None:
        is_file = entry.is_file(follow_symlinks=False)
        if is_file and _PARTIAL.fullmatch(entry.name):
            self.unfinished.append(key)
        elif not (is_file and is_own):
            self.foreign.append(key)

    def _is_ours(self, name: str) -> bool:
        """Whether a file in the root is of the network, or means nothing."""
        return name == LOCK_FILE or (name == _TRACE_OF_FS and _has_trace_of_fs(self._root))


def foreign_in(root: str) -> list[str]:
    """Paths of what no session made in the folder of a network, sorted."""
    return sorted(FolderContent(root).foreign)


def copy_foreign(root: str, target: str) -> None:
    """
    Copy what no session made into the folder of a copy, which may lie in it; links stay links.

    :raises OSError: something there can't be copied, such as a pipe.
    """
    name = os.path.basename(target)
    for path in foreign_in(root):
        call_pending()
        if os.path.basename(path) == name:
            continue
        here, there = os.path.join(root, path), os.path.join(target, path)
        os.makedirs(os.path.dirname(there), exist_ok=True)
        if os.path.isdir(here) and not os.path.islink(here):
            shutil.copytree(here, there, symlinks=True, ignore=lambda _, names: {name} & {*names})
        else:
            shutil.copy2(here, there, follow_symlinks=False)


def sweep(root: str, used: Collection[str]) -> None:
    """
    Remove what killed sessions left behind.

    :param used: paths of arrays and groups that stay.
    """

    def read(root: str, path: str) -> bytes:
        with contextlib.suppress(OSError):
            return b"" if path in used else metadata_of(root, path)
        return b""

    now, found = time.time(), FolderContent(root, read)
    for path in reversed(found.own):
        remove_node(root, path)
    for key in found.unfinished:
        with contextlib.suppress(FileNotFoundError):
            if now - os.lstat(os.path.join(root, key)).st_mtime > _AGE:
                os.unlink(os.path.join(root, key))


def remove_own(root: str, *, keep_lock: bool) -> None:
    """
    Delete what sessions made in the folder of a removed network, and the folder if it is empty.

    :param keep_lock: leave the lock file, which says that there was a network.
    """
    _unlink(root, [MANIFEST])
    found = FolderContent(root)
    for path in reversed(found.own):
        remove_node(root, path)
    _unlink(root, [_TRACE_OF_FS] if _has_trace_of_fs(root) else [])
    _unlink(root, found.unfinished if keep_lock else [*found.unfinished, LOCK_FILE])
    for path in reversed(found.folders):
        _remove_if_empty(root, path)


def is_vacated(root: str) -> bool:
    """
    Whether a network was removed from a folder that held more than the network.

    Some of its arrays may still be there, if their deletion failed or was interrupted.
    """
    with contextlib.suppress(OSError, CorruptNetworkError):
        if not os.path.lexists(os.path.join(root, MANIFEST)):
            return read_file(root, LOCK_FILE) == _VACATED
    return False


def vacate(root: str) -> None:
    """
    Remove a network from a folder that holds more, at once; its arrays are left behind.

    :raises OSError: the network is still there.
    """
    flags = os.O_WRONLY | os.O_TRUNC | no_follow()
    descriptor = open_descriptor(os.path.join(root, LOCK_FILE), flags)
    try:
        os.write(descriptor, _VACATED)
    finally:
        os.close(descriptor)
    try:
        os.unlink(os.path.join(root, MANIFEST))
    except BaseException:
        occupy(root)
        raise


def occupy(root: str) -> None:
    """Note that the network in a folder was not removed from there."""
    path = os.path.join(root, LOCK_FILE)
    with contextlib.suppress(OSError):
        if os.lstat(path).st_size:
            os.truncate(path, 0)


def _has_trace_of_fs(root: str) -> bool:
    """Whether BSB's engine ``fs`` took the folder for its own, and stored nothing in it."""
    if os.path.lexists(os.path.join(root, _FOLDER_OF_FS)):
        return False
    with contextlib.suppress(OSError, ValueError, RecursionError, CorruptNetworkError):
        found = json.loads(read_file(root, _TRACE_OF_FS))
        return isinstance(found, dict) and found.get("engine_name") == "fs"
    return False


def _unlink(root: str, keys: Iterable[str]) -> None:
    """Delete files, as far as they exist."""
    for key in keys:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(root, key))


def _remove_if_empty(root: str, path: str) -> None:
    """Remove a folder that holds nothing, or only the metadata of a group that zarr made."""
    folder = os.path.join(root, path)
    with contextlib.suppress(OSError):
        if (
            path
            and os.listdir(folder) == [MANIFEST]
            and kind_of(metadata_of(root, path), path) == "plain"
        ):
            os.unlink(os.path.join(folder, MANIFEST))
        os.rmdir(folder)
