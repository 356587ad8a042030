"""Folders that an export makes: written beside their place and renamed, so that they are whole."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from ..core.json_types import Document
from ..errors import StorageError, StoreExistsError, StoreIOError
from ..queries.pages import check_folder


def write_folder(
    target: Path,
    write: Callable[[Path], None],
    exported: Callable[[Path], Collection[str] | None],
    *,
    overwrite: bool,
) -> None:
    """
    Make a folder.

    :param write: fills the folder that it is given.
    :param exported: the files, by their paths within it, that such an export wrote into a folder;
        None if none did.
    :param overwrite: replace what is at the target, if nothing else is there.
    :raises StoreExistsError: there is something at the target, and ``overwrite`` is not given; or
        it holds what no export wrote.
    :raises StoreIOError: the folder can't be written.
    """
    target = Path(os.path.abspath(target))
    _check_target(target, exported, overwrite)
    check_folder(target)
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
        raise _failure(target, error) from error
    finally:
        if before.exists() and not target.exists():
            before.rename(target)
        for each in (beside, before):
            shutil.rmtree(each, ignore_errors=True)


_ENDS = ("part", "before")
# HDF5 names the error of the system among other things.
_NUMBER = re.compile(r"errno = (\d+)")


def _failure(target: Path, error: OSError | RuntimeError) -> StoreIOError:
    found = _NUMBER.search(str(error))
    number = int(found[1]) if found else getattr(error, "errno", None)
    said = os.strerror(number) if number else str(error)
    return StoreIOError(f"'{target}' can't be written: {said}", errno=number)


def read_index(path: Path) -> Document | None:
    """The object that a file of JSON holds; None if it holds none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _check_target(
    target: Path, exported: Callable[[Path], Collection[str] | None], overwrite: bool
) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not overwrite:
        raise StoreExistsError(
            f"'{target}' exists; pass overwrite=True (--overwrite) to replace an earlier export"
        )
    # Only what an export wrote is removed.
    made = None if target.is_symlink() else exported(target)
    if made is None:
        raise StoreExistsError(
            f"'{target}' was not written by an export, and is not replaced; choose another folder"
        )
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target).as_posix()
        if path.is_symlink() or (not path.is_dir() and name not in made):
            raise StoreExistsError(
                f"'{target}' holds '{name}', which the export did not write; move it away to"
                " replace the folder"
            )
