"""Rewriting a file in its place."""

from __future__ import annotations

import os
import stat

from ...platform import before_renaming, copy_attributes
from ..native.drafts import sync_name
from .errors import translated
from .groups import Hdf5Group
from .session import Hdf5CreationSession, Hdf5WriteSession


class Hdf5RewriteSession(Hdf5CreationSession):
    """
    A new file beside the one it is to replace, which stays locked.

    :param path: path of the file, not a link.
    :param held: a session on it that changes nothing; ended by this one.
    :param compress: growable arrays of integers.
    """

    def __init__(self, path: str, held: Hdf5WriteSession, *, compress: bool) -> None:
        self._held = held
        self._is_let_go = False
        try:
            # The new file must not be readable by users who can't read the old one.
            held_by = os.stat(path)
            super().__init__(
                path,
                mode=stat.S_IMODE(held_by.st_mode) | stat.S_IRUSR | stat.S_IWUSR,
                owner=(held_by.st_uid, held_by.st_gid),
                user_block=held.user_block,
            )
        except BaseException:
            held.rollback()
            raise
        self._context.compress = compress

    @property
    def before(self) -> Hdf5Group:
        return self._held.root

    def commit(self) -> None:
        try:
            self._file.fill_user_block(self._held.descriptor, self._held.user_block)
            super().commit()
        finally:
            self._let_go()

    def _publish(self) -> None:
        with translated(self._path):
            copy_attributes(self._path, self._file.temporary)
            before_renaming(self._let_go)
            # Programs that wait for the lock of the old file see that the path names another.
            os.replace(self._file.temporary, self._path)
            sync_name(self._path)

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        """Close the old file, once, and release its lock."""
        if not self._is_let_go:
            self._is_let_go = True
            self._held.rollback()
