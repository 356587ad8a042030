"""
The contents of the folder of a network.

The folder may come from any source, and may contain more than the network. Links within it are not
followed, no path leaves it, and only files that this package wrote are removed: arrays that are
marked so, at the path that they were created for, and files that were never completed.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Collection, Iterator

from ...errors import CorruptNetworkError
from ...platform import open_descriptor, read_some
from .metadata import is_own_array, is_own_group, is_plain_group
from .paths import MANIFEST

# Files that zarr has not completed, and names of shards.
_PARTIAL = re.compile(r"(zarr|\d+)\.[0-9a-f]{32}\.partial")
_SHARD = re.compile(r"\d+(\.[0-9a-f]{32}\.partial)?")
SHARDS = "c"
# Seconds after which an incomplete file is considered abandoned.
_AGE = 3600.0
# Bytes of the metadata of an array at most.
_MOST_OF_METADATA = 1 << 16


def check_contained(root: str, key: str) -> None:
    """
    Check that a key names something in a folder, and that no link leads to it.

    :param root: the folder; a link may lead to it.
    :param key: names separated by slashes.
    :raises CorruptNetworkError: it leads elsewhere.
    """
    names = key.split("/")
    if key.startswith("/") or ".." in names or "\\" in key or "\0" in key:
        raise CorruptNetworkError(f"'{root}' names {key!r}, which leads out of it", location=root)
    path = root
    for name in names:
        path = os.path.join(path, name)
        if os.path.islink(path):
            raise CorruptNetworkError(
                f"'{path}' is a symbolic link within a network, which is not followed;"
                " replace it by what it leads to, if that belongs to the network",
                location=root,
            )


def read_file(root: str, name: str) -> bytes:
    """
    The content of a file.

    :raises CorruptNetworkError: it is a link or a device.
    """
    check_contained(root, name)
    descriptor = open_descriptor(os.path.join(root, name), os.O_RDONLY | no_follow())
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise CorruptNetworkError(f"'{name}' in '{root}' is not a regular file", location=root)
        return read_whole(descriptor, 0, status.st_size)
    finally:
        os.close(descriptor)


def read_whole(descriptor: int, start: int, stop: int) -> bytes:
    """Bytes of a file; fewer if it ends before."""
    parts: list[bytes] = []
    while start < stop:
        part = read_some(descriptor, stop - start, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def no_follow() -> int:
    """The flag with which the system opens no links, if it has one."""
    return getattr(os, "O_NOFOLLOW", 0)


def is_free(root: str, path: str) -> bool:
    """Whether an array can be made at a path, as nothing is there."""
    check_contained(root, path)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return not os.listdir(os.path.join(root, path))
    return not os.path.lexists(os.path.join(root, path))


def is_free_for_group(root: str, path: str) -> bool:
    """Whether a group can be made at a path: a folder may be there, if it is not another's."""
    check_contained(root, path)
    if not os.path.isdir(os.path.join(root, path)):
        return not os.path.lexists(os.path.join(root, path))
    if not os.path.lexists(os.path.join(root, path, MANIFEST)):
        return True
    metadata = metadata_of(root, path)
    return is_plain_group(metadata) or is_own_group(metadata, path)


def size_of(root: str) -> int:
    """Bytes of the files in a folder."""
    return sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(root)
        for name in names
    )


def remove_array(root: str, path: str) -> None:
    """Remove an array, if a session made it there, and the groups above that are empty then."""
    check_contained(root, f"{path}/{SHARDS}")
    if not is_own_array(metadata_of(root, path), path):
        return
    folder = os.path.join(root, path)
    for above, _, names in os.walk(os.path.join(folder, SHARDS), topdown=False):
        for name in names:
            if _SHARD.fullmatch(name):
                os.unlink(os.path.join(above, name))
        _remove_if_empty(above)
    for name in os.listdir(folder):
        if _PARTIAL.fullmatch(name):
            os.unlink(os.path.join(folder, name))
    # It comes last: a process that is killed before leaves an array that is removed later.
    os.unlink(os.path.join(folder, MANIFEST))
    _remove_if_empty(folder)
    _remove_groups(root, path)


def remove_group(root: str, path: str) -> None:
    """Remove the metadata of a group, if a session made it there, and its folder if it is empty."""
    check_contained(root, f"{path}/{MANIFEST}")
    if is_own_group(metadata_of(root, path), path):
        os.unlink(os.path.join(root, path, MANIFEST))
        _remove_if_empty(os.path.join(root, path))


def _remove_groups(root: str, path: str) -> None:
    """Remove the groups above an array that hold nothing."""
    names = path.split("/")[:-1]
    for length in range(len(names), 0, -1):
        group = "/".join(names[:length])
        folder = os.path.join(root, group)
        if os.listdir(folder) != [MANIFEST] or not is_plain_group(metadata_of(root, group)):
            return
        os.unlink(os.path.join(folder, MANIFEST))
        _remove_if_empty(folder)


def sweep(root: str, used: Collection[str]) -> None:
    """
    Remove what killed sessions left behind.

    :param used: paths of arrays and groups that stay.
    """
    now = time.time()
    for path, entries in list(_walk(root)):
        if path and path not in used and _is_known_as_own(root, path):
            remove_array(root, path)
            remove_group(root, path)
            continue
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if now - entry.stat(follow_symlinks=False).st_mtime > _AGE:
                    os.unlink(entry.path)


def _is_known_as_own(root: str, path: str) -> bool:
    """Whether a session made the array or group at a path; not if that can't be read."""
    with contextlib.suppress(OSError):
        metadata = metadata_of(root, path)
        return is_own_array(metadata, path) or is_own_group(metadata, path)
    return False


def _walk(root: str) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """The folders that may be of a network, those below first, with files not completed."""
    folders = [""]
    found: list[tuple[str, list[os.DirEntry[str]]]] = []
    while folders:
        path = folders.pop()
        with os.scandir(os.path.join(root, path)) as entries:
            partial: list[os.DirEntry[str]] = []
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    # Sessions make no hidden folders.
                    if not entry.name.startswith("."):
                        folders.append(f"{path}/{entry.name}" if path else entry.name)
                elif _PARTIAL.fullmatch(entry.name):
                    partial.append(entry)
        found.append((path, partial))
    yield from reversed(found)


def is_shard(name: str) -> bool:
    """Whether a file among the shards of an array may be one."""
    return _SHARD.fullmatch(name) is not None


def is_unfinished(name: str) -> bool:
    """Whether a file is one that a session has not completed."""
    return _PARTIAL.fullmatch(name) is not None


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


def _remove_if_empty(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.rmdir(folder)
