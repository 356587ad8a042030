"""
Foreign files in the folder of a network, and the removal of a network without them.

Groups that zarr creates above arrays, and empty folders, have no content, and are not foreign.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from typing import NamedTuple

from ...errors import CorruptNetworkError
from ...platform import open_descriptor
from .folders import (
    SHARDS,
    is_shard,
    is_unfinished,
    metadata_of,
    no_follow,
    read_file,
    remove_array,
    remove_group,
)
from .locations import LOCK_FILE
from .metadata import is_own_array, is_own_group, is_plain_group
from .paths import MANIFEST

_SHARD_FOLDER = re.compile(r"\d+")
# Folders within each other that are looked into; sessions of this package make fewer.
_DEEPEST = 200
# BSB's engine `fs` takes every folder for its own, and leaves this file in those that it opens.
_TRACE_OF_FS = "metadata.json"
# What makes a folder a storage of that engine.
_FOLDER_OF_FS = "file_meta"
# What the lock file says where a network was removed; it is empty otherwise.
_VACATED = b"A network of bsb-hdf5 was removed from this folder.\n"


class _Content(NamedTuple):
    """
    The content of a folder.

    :param arrays: paths of those that sessions made; ``groups``: of groups.
    :param foreign: paths of what they did not make; of a folder that is all foreign, its own.
    """

    arrays: list[str]
    groups: list[str]
    foreign: list[str]


def foreign_in(root: str) -> list[str]:
    """Paths of what no session made in the folder of a network, sorted."""
    return sorted(_content(root, "", 0).foreign)


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
    _write_lock(root, _VACATED)
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


def _write_lock(root: str, data: bytes) -> None:
    descriptor = open_descriptor(os.path.join(root, LOCK_FILE), os.O_WRONLY | no_follow())
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, data)
    finally:
        os.close(descriptor)


def remove_own(root: str, *, keep_lock: bool) -> None:
    """
    Delete what sessions made in the folder of a removed network, and the folder if it is empty.

    :param keep_lock: leave the lock file, which says that there was a network.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(root, MANIFEST))
    content = _content(root, "", 0)
    for path in content.arrays:
        remove_array(root, path)
    for path in reversed(content.groups):
        remove_group(root, path)
    if _has_trace_of_fs(root):
        os.unlink(os.path.join(root, _TRACE_OF_FS))
    for folder, names in list(_folders(root)):
        for name in names:
            if is_unfinished(name) or (folder == root and name == LOCK_FILE and not keep_lock):
                os.unlink(os.path.join(folder, name))
    for folder, _ in reversed(list(_folders(root))):
        _remove_empty(root, folder)


def _has_trace_of_fs(root: str) -> bool:
    """Whether BSB's engine ``fs`` took the folder for its own, and stored nothing in it."""
    if os.path.lexists(os.path.join(root, _FOLDER_OF_FS)):
        return False
    with contextlib.suppress(OSError, ValueError, RecursionError, CorruptNetworkError):
        found = json.loads(read_file(root, _TRACE_OF_FS))
        return isinstance(found, dict) and found.get("engine_name") == "fs"
    return False


def _folders(root: str) -> Iterator[tuple[str, list[str]]]:
    """The folders that may be a network's, those above first, with the files in each."""
    for folder, below, names in os.walk(root, topdown=True):
        below[:] = [name for name in below if not name.startswith(".")]
        yield folder, names


def _remove_empty(root: str, folder: str) -> None:
    path = os.path.relpath(folder, root)
    with contextlib.suppress(OSError):
        if os.listdir(folder) == [MANIFEST] and is_plain_group(metadata_of(root, path)):
            os.unlink(os.path.join(folder, MANIFEST))
        os.rmdir(folder)


def _content(root: str, path: str, depth: int) -> _Content:
    if depth > _DEEPEST:
        return _Content([], [], [path])
    metadata = metadata_of(root, path) if path else b""
    is_array = bool(path) and is_own_array(metadata, path)
    is_group = bool(path) and is_own_group(metadata, path)
    is_known = is_array or is_group or is_plain_group(metadata)
    found = _Content([path] if is_array else [], [path] if is_group else [], [])
    with os.scandir(os.path.join(root, path)) as entries:
        for entry in entries:
            key = f"{path}/{entry.name}" if path else entry.name
            if not entry.is_dir(follow_symlinks=False):
                is_own = entry.is_file(follow_symlinks=False) and (
                    is_unfinished(entry.name)
                    or (not path and entry.name in (MANIFEST, LOCK_FILE))
                    or (not path and entry.name == _TRACE_OF_FS and _has_trace_of_fs(root))
                    or (entry.name == MANIFEST and is_known)
                )
                if not is_own:
                    found.foreign.append(key)
            elif is_array and entry.name == SHARDS:
                found.foreign.extend(_among_shards(root, key, 0))
            elif entry.name.startswith("."):
                # Sessions make no hidden folders.
                found.foreign.append(key)
            else:
                below = _content(root, key, depth + 1)
                found.arrays.extend(below.arrays)
                found.groups.extend(below.groups)
                has_own = below.arrays or below.groups
                found.foreign.extend(below.foreign if has_own else below.foreign and [key])
    return found


def _among_shards(root: str, path: str, depth: int) -> Iterator[str]:
    with os.scandir(os.path.join(root, path)) as entries:
        for entry in entries:
            key = f"{path}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if _SHARD_FOLDER.fullmatch(entry.name) and depth < _DEEPEST:
                    yield from _among_shards(root, key, depth + 1)
                else:
                    yield key
            elif not entry.is_file(follow_symlinks=False) or not is_shard(entry.name):
                yield key
