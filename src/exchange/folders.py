"""Folders that an export makes: written beside their place and renamed, so that they are whole."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Collection
from pathlib import Path

from ..errors import StoreExistsError
from ..platform import sync_file
from ..targets import check_folder, made_beside, writing


def write_folder(
    target: Path,
    write: Callable[[Path], None],
    exported: Callable[[Path], Collection[str] | None],
    *,
    overwrite: bool,
    mode: int | None = None,
) -> None:
    """
    Make a folder.

    :param write: fills the folder that it is given.
    :param exported: the files, by their paths within it, that an export wrote into a folder; None
        if none did.
    :param overwrite: replace what is at the target, if nothing else is there.
    :param mode: of the network, so that no other users can read the folder; None leaves that to
        the system.
    :raises StoreExistsError: there is something at the target, and ``overwrite`` is not given; or
        it holds what no export wrote.
    :raises StoreAccessError: the folder may not be written.
    :raises StoreIOError: the system failed to write it.
    """
    target = Path(os.path.abspath(target))
    _check_target(target, exported, overwrite)
    check_folder(target)
    with writing(target), made_beside(target) as made:
        made.mkdir(mode=0o777 if mode is None else _folder_mode(mode))
        write(made)
        _sync(made)
        if overwrite and os.path.lexists(target):
            _replace(target, made, exported)
        else:
            _give_name(made, target)


def _folder_mode(mode: int) -> int:
    """
    The mode of a folder whose files may be read and written as those of a mode.

    Its owner has to fill it, also with what a read-only network holds.
    """
    return mode | (mode & 0o444) >> 2 | stat.S_IRWXU


def _replace(target: Path, made: Path, exported: Callable[[Path], Collection[str] | None]) -> None:
    """Give a folder the name of an earlier export, which is deleted then."""
    before = made.with_name("before")
    target.rename(before)
    try:
        # Others may have put something into it while the new one was written.
        _check_earlier(before, target, exported)
        _give_name(made, target)
    except BaseException:
        if not os.path.lexists(target):
            before.rename(target)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _give_name(made: Path, target: Path) -> None:
    try:
        if os.path.lexists(target):
            raise FileExistsError
        made.rename(target)
    except OSError as error:
        if not os.path.lexists(target):
            raise
        raise StoreExistsError(
            f"'{target}' was made by another program during the export, and is not replaced"
        ) from error


def _sync(folder: Path) -> None:
    """Make sure that all files are on the disk: it may be full without having said so yet."""
    for path in folder.rglob("*"):
        if path.is_file():
            sync_file(str(path))


def _check_target(
    target: Path, exported: Callable[[Path], Collection[str] | None], overwrite: bool
) -> None:
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise StoreExistsError(
            f"'{target}' exists; pass overwrite=True (--overwrite) to replace an earlier export"
        )
    _check_earlier(target, target, exported)


def _check_earlier(
    folder: Path, target: Path, exported: Callable[[Path], Collection[str] | None]
) -> None:
    """
    Check that a folder holds an export and nothing else.

    :param target: the name of the folder, for messages.
    """
    # Only what an export wrote is removed.
    made = None if folder.is_symlink() else exported(folder)
    if made is None:
        raise StoreExistsError(
            f"'{target}' was not written by an export, and is not replaced; choose another folder"
        )
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or (not path.is_dir() and name not in made):
            raise StoreExistsError(
                f"'{target}' holds '{name}', which the export did not write; move it away to"
                " replace the folder"
            )
