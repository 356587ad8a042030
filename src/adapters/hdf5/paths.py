"""Files that get their names when they are complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat

from ...errors import StoreExistsError
from ...platform import give_other_name, is_named, open_descriptor, sync_file, sync_folder
from ..files.names import hidden_path, is_hidden_name
from .errors import translated

_KIND = "new"


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
    """Delete a file, if it is there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)


def sync_name(path: str) -> None:
    """Make sure that the name of a file survives a power cut."""
    sync_folder(os.path.dirname(path) or ".")


def give_name(path: str, target: str) -> None:
    """
    Give a file another name.

    :raises StoreExistsError: somebody took that name meanwhile.
    """
    try:
        give_other_name(path, target)
    except FileExistsError as error:
        raise StoreExistsError(f"'{target}' exists", location=target) from error


def copy_file(descriptor: int, path: str, *, durable: bool = False) -> None:
    """
    Copy an open file.

    :param durable: whether the copy is to survive a power cut.
    :raises StoreExistsError: somebody took the name of the copy meanwhile.
    """
    temporary = temporary_path(path)
    try:
        with translated(path), open(descriptor, "rb", closefd=False) as source:
            # Positioned reads move the position where the system has no such calls.
            source.seek(0)
            # Nobody may read of the copy what they may not read of the file.
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            made = open_descriptor(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with open(made, "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            # The system takes from the mode what it takes from new files.
            os.chmod(temporary, mode)
            if durable:
                sync_file(temporary)
            give_name(temporary, path)
            if durable:
                sync_name(path)
    finally:
        remove_temporary(temporary)
