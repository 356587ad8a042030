"""Files and folders that are made of a network: where they lie, and how they become whole."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import DtypeError, InputError, StorageError, StoreAccessError, StoreIOError
from .platform import DENIED, encoding_without, open_descriptor
from .ports.services import check_alone, is_url
from .transactions.interrupts import is_of_handler


def local_path(place: str | os.PathLike[str]) -> Path:
    """
    Where a file or folder lies that is to be read or written.

    :raises DtypeError: the place is neither a text nor a path.
    :raises InputError: it is a URL or empty, or no file can have its name; a URL that comes with
        credentials is not shown.
    """
    try:
        text = os.fsdecode(place)
    except TypeError as error:
        raise DtypeError(
            f"the name of a file or folder must be a str or a path, not {place!r}", asked=place
        ) from error
    if is_url(text):
        check_alone(text, "name of a file or folder")
        raise InputError(f"'{text}' is a URL; name a file or folder here", asked=text)
    if not text or "\0" in text or encoding_without(text):
        raise InputError(f"{text!r} can't name a file or folder", asked=text)
    return Path(text)


def check_folder(target: Path) -> None:
    """
    Check that a file or folder can have a place, before anything is made for it.

    :raises StoreIOError: the folder that it is to be in does not exist.
    """
    folder = target.parent
    # Unlike those of pathlib, these functions take a name that is too long for one of nothing.
    if os.path.isdir(folder):
        return
    is_file = os.path.exists(folder)
    what = "is a file" if is_file else "does not exist; create it first"
    raise StoreIOError(
        f"the folder '{folder}' of '{target}' {what}",
        location=str(target),
        errno=errno.ENOTDIR if is_file else errno.ENOENT,
    )


def write_beside(
    target: Path, write: Callable[[BinaryIO], object], mode: int | None = None
) -> None:
    """
    Write a file under another name, and rename it once it is complete.

    :param mode: which users may read and write it at most; None leaves that to the system.
    :raises StoreAccessError: the file may not be written.
    :raises StoreIOError: the system failed to write it.
    """

    def opened(path: str, flags: int) -> int:
        return open_descriptor(path, flags, 0o666 if mode is None else mode)

    with writing(target), made_beside(target) as made:
        with open(made, "wb", opener=opened) as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        made.replace(target)


@contextmanager
def made_beside(target: Path) -> Iterator[Path]:
    """
    A free hidden path beside a target, at which the target is made before it gets its name.

    What is left there at the end is removed.
    """
    # A folder of its own, as no name is free for sure: of several threads, or after a kill.
    folder = Path(tempfile.mkdtemp(".part", ".bsb-hdf5-", target.parent))
    made = folder / "made"
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        for remove in (made.unlink, folder.rmdir):
            with contextlib.suppress(OSError):
                remove()


@contextmanager
def writing(target: str | os.PathLike[str]) -> Iterator[None]:
    """
    Translate errors of the system.

    :param target: the file or folder that is written, for messages.
    :raises StoreAccessError: the system does not allow it.
    :raises StoreIOError: the system failed otherwise.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        if isinstance(error, StorageError) or is_of_handler(error):
            raise
        if isinstance(error, RuntimeError) and not _NUMBER.search(str(error)):
            raise
        number, said = cause_of(error)
        kind = StoreAccessError if number in DENIED else StoreIOError
        raise kind(
            f"'{target}' can't be written: {said}", location=str(target), errno=number
        ) from error


# HDF5 names the error of the system among other things, also in a RuntimeError as a file closes.
_NUMBER = re.compile(r"errno = (\d+)")


def cause_of(error: Exception) -> tuple[int | None, str]:
    """The number of an error of the system, or of HDF5 or memory, and what it says."""
    if isinstance(error, MemoryError):
        return errno.ENOMEM, "there is not enough memory"
    found = _NUMBER.search(str(error))
    number = int(found[1]) if found else getattr(error, "errno", None)
    return number, os.strerror(number) if number else str(error)
