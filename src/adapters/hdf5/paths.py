"""Files that get their names when they are complete."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import uuid

from ...errors import StoreExistsError
from ...platform import open_descriptor, sync_folder
from .errors import translated


def temporary_path(path: str) -> str:
    """A free path in the same folder, for a file that is to get this one."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.new")


def remove_temporary_names(descriptor: int, path: str) -> None:
    """Delete the names of an open file that it had before it got its path, beside that."""
    folder, name = os.path.split(os.path.realpath(path))
    try:
        with os.scandir(folder) as entries:
            found = [each.path for each in entries if _is_temporary(each.name, name)]
    except OSError:
        return
    for each in found:
        if is_named(descriptor, each):
            remove_temporary(each)


def _is_temporary(candidate: str, name: str) -> bool:
    """Whether it is the name that a file had which was to get the other one."""
    return candidate.startswith(f".{name}.") and candidate.endswith(".new")


def remove_temporary(path: str) -> None:
    """Delete a file, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def sync_file(path: str) -> None:
    """Make sure that what a file holds survives a power cut."""
    descriptor = open_descriptor(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_name(path: str) -> None:
    """Make sure that the name of a file survives a power cut."""
    sync_folder(os.path.dirname(path) or ".")


def is_named(descriptor: int, path: str) -> bool:
    """Whether the path still names the open file, as far as can be told."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def give_name(path: str, target: str) -> None:
    """
    Give a file another name.

    :raises StoreExistsError: somebody took that name meanwhile.
    """
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError as error:
        raise StoreExistsError(f"'{target}' exists", location=target) from error
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # A filesystem without hard links.
        os.rename(path, target)
    else:
        # Whoever opened the file meanwhile may have done it.
        remove_temporary(path)


def copy_file(descriptor: int, path: str, *, durable: bool = False) -> None:
    """
    Copy an open file.

    :param durable: whether the copy is to survive a power cut.
    :raises StoreExistsError: somebody took the name of the copy meanwhile.
    """
    temporary = temporary_path(path)
    try:
        with translated(path), open(descriptor, "rb", closefd=False) as source:
            with open(temporary, "xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            os.chmod(temporary, stat.S_IMODE(os.fstat(descriptor).st_mode))
            if durable:
                sync_file(temporary)
            give_name(temporary, path)
            if durable:
                sync_name(path)
    finally:
        remove_temporary(temporary)
