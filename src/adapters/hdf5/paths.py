"""Files that get their names when they are complete."""

from __future__ import annotations

import contextlib
import os
import stat

from ...platform import (
    is_named,
    open_descriptor,
    read_some,
    write_some,
)
from ...transactions.interrupts import call_pending
from ..files.names import hidden_path, is_hidden_name
from ..native.drafts import give_name, sync_name
from .errors import translated

_KIND = "new"
# Bytes that are copied at a time.
_PIECE = 1 << 20


def temporary_path(path: str) -> str:
    """A free path in the same folder, for a file that is to get this one."""
    return hidden_path(path, _KIND)


def remove_temporary_names(descriptor: int, path: str) -> None:
    """Delete the temporary names that an open file still has beside its path."""
    folder, name = os.path.split(os.path.realpath(path))
    try:
        with os.scandir(folder) as entries:
            found = [each.path for each in entries if is_hidden_name(each.name, name, _KIND)]
    except OSError:
        return
    for each in found:
        if is_named(descriptor, each):
            remove_temporary(each)


def remove_temporary(path: str) -> None:
    """Delete a file, if it is there, and the system lets it be deleted."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def copy_file(descriptor: int, path: str, *, durable: bool = False) -> None:
    """
    Copy an open file. The copy gets its name once all of it is on the disk.

    :param durable: whether its name has to survive a power cut, too.
    :raises StoreExistsError: the name of the copy exists.
    """
    temporary = temporary_path(path)
    try:
        with translated(path):
            # The copy must not be readable by users who can't read the file.
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            made = open_descriptor(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            try:
                copy_content(descriptor, made)
                # The umask reduced the mode when the file was created.
                os.chmod(temporary, mode)
                os.fsync(made)
            finally:
                os.close(made)
            give_name(temporary, path)
            if durable:
                sync_name(path)
    finally:
        remove_temporary(temporary)


def copy_content(source: int, target: int, size: int | None = None) -> None:
    """
    Copy what a file holds into another.

    :param source: descriptor of the one; ``target`` of the other.
    :param size: size of what is copied; None for all.
    """
    start = 0
    while size is None or start < size:
        piece = read_some(source, _PIECE if size is None else min(_PIECE, size - start), start)
        if not piece:
            break
        # An incomplete copy is removed.
        call_pending()
        # The system may write less than it is given.
        start += write_some(target, piece, start)
