"""Networks that appear whole: made under a hidden name, and renamed at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence

from ...errors import StoreExistsError
from ...platform import give_other_name
from ..files.errors import system_error
from ..files.names import hidden_path
from .store import free_path


class Draft:
    """
    A network that is not complete yet, in a file or folder beside its final place.

    :param target: the final place, where nothing is.
    :param companions: endings of the names of files beside it that go with it.
    :raises StoreExistsError: something is at the target.
    """

    def __init__(self, target: str, companions: Sequence[str] = ()) -> None:
        self.target = free_path(target)
        self.path = hidden_path(self.target, "new")
        self._companions = companions

    def publish(self) -> None:
        """
        Publish the network under its final name.

        :raises StoreExistsError: the name exists meanwhile; the draft is deleted.
        """
        try:
            give_name(self.path, self.target)
        finally:
            self.discard()

    def discard(self) -> None:
        """Delete the draft, if it exists."""
        delete(self.path, self._companions)


def give_name(path: str, target: str) -> None:
    """
    Rename a file or folder, unless there is something at the target.

    :raises StoreExistsError: there is.
    """
    try:
        if not os.path.isdir(path):
            give_other_name(path, target)
        elif os.path.lexists(target):
            raise FileExistsError
        else:
            os.rename(path, target)
    except OSError as error:
        if isinstance(error, FileExistsError) or os.path.lexists(target):
            raise StoreExistsError(f"'{target}' exists", location=target) from error
        raise system_error(error, target) from error


def delete(path: str, companions: Sequence[str] = ()) -> None:
    """Delete a file or folder, and the files that go with it, as far as they exist."""
    if os.path.isdir(path) and not os.path.islink(path):
        # Others see it disappear at once, however long the deletion takes.
        gone = hidden_path(path, "gone")
        os.rename(path, gone)
        shutil.rmtree(gone)
    for each in (path, *(path + ending for ending in companions)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(each)
