"""Folders that an export makes: written beside their place and renamed, so that they are whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ..errors import StorageError, StoreExistsError, StoreIOError


def write_folder(
    target: Path,
    write: Callable[[Path], None],
    is_export: Callable[[Path], bool],
    *,
    overwrite: bool,
) -> None:
    """
    Make a folder.

    :param write: fills the folder that it is given.
    :param is_export: whether a folder was written by such an export, and may be replaced.
    :param overwrite: replace what is at the target.
    :raises StoreExistsError: there is something at the target, and ``overwrite`` is not given; or
        what is there was not exported.
    :raises StoreIOError: the folder can't be written.
    """
    _check_target(target, is_export, overwrite)
    beside, before = (target.with_name(f".{target.name}.{os.getpid()}.{end}") for end in _ENDS)
    try:
        beside.mkdir()
        write(beside)
        if target.exists():
            target.rename(before)
        beside.rename(target)
    except (OSError, RuntimeError) as error:
        if isinstance(error, StorageError):
            raise
        said = (isinstance(error, OSError) and error.strerror) or str(error)
        raise StoreIOError(f"'{target}' can't be written: {said}") from error
    finally:
        if before.exists() and not target.exists():
            before.rename(target)
        for each in (beside, before):
            shutil.rmtree(each, ignore_errors=True)


_ENDS = ("part", "before")


def _check_target(target: Path, is_export: Callable[[Path], bool], overwrite: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not overwrite:
        raise StoreExistsError(f"'{target}' exists; pass overwrite=True to replace it")
    # Only what an export wrote is removed.
    if target.is_symlink() or not is_export(target):
        raise StoreExistsError(f"'{target}' was not written by an export, and is not replaced")
