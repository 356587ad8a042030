"""Networks that appear whole: made under a hidden name, and renamed at the end."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Sequence

from ...errors import StoreError, StoreExistsError, StoreIOError
from ...platform import give_other_name, sync_folder
from ..files.errors import system_error
from ..files.names import hidden_path
from .store import free_path


class Draft:
    """
    A network that is not complete yet, in a file or folder beside its final place.

    :param target: the final place, where nothing is.
    :param companions: endings of the names of files beside it that go with it.
    :param durable: whether its name has to survive a power cut.
    :raises StoreExistsError: something is at the target.
    """

    def __init__(
        self, target: str, companions: Sequence[str] = (), *, durable: bool = False
    ) -> None:
        self.target = free_path(target)
        self.path = hidden_path(self.target, "new")
        self._companions = companions
        self._durable = durable

    def publish(self) -> None:
        """
        Publish the network under its final name.

        :raises StoreExistsError: the name exists meanwhile; the draft is deleted.
        """
        try:
            give_name(self.path, self.target)
            if self._durable:
                sync_name(self.target)
        finally:
            self.discard()

    def discard(self) -> None:
        """Delete the draft, if it exists."""
        delete(self.path, self._companions)


def give_name(path: str, target: str) -> None:
    """
    Rename a file or folder, unless there is something at the target.

    :raises StoreExistsError: there is.
    :raises StoreError: the system failed; the message says whether a file has both names now.
    """
    try:
        if not os.path.isdir(path):
            give_other_name(path, target)
        elif os.path.lexists(target):
            raise FileExistsError
        else:
            os.rename(path, target)
    except OSError as error:
        raise _renaming_error(error, path, target) from error


def sync_name(path: str) -> None:
    """
    Make sure that the name of a file or folder survives a power cut.

    :raises StoreError: the system failed.
    """
    try:
        sync_folder(os.path.dirname(path))
    except OSError as error:
        raise system_error(error, path) from error


def rename_within(path: str, target: str) -> bool:
    """As :func:`give_name`; False if the target lies on another filesystem."""
    try:
        give_name(path, target)
    except StoreIOError as error:
        if error.fields.get("errno") != errno.EXDEV:
            raise
        return False
    return True


def _renaming_error(error: OSError, path: str, target: str) -> StoreError:
    if not isinstance(error, FileExistsError) and _is_same(path, target):
        return type(system_error(error, target))(
            f"'{target}' is complete, but its former name '{path}' can't be removed:"
            f" {error.strerror}; remove that name",
            location=target,
            errno=error.errno,
        )
    # A folder that another program filled meanwhile may be empty again, or gone.
    taken = isinstance(error, FileExistsError) or error.errno == errno.ENOTEMPTY
    if taken or os.path.lexists(target):
        return StoreExistsError(f"'{target}' exists", location=target)
    return system_error(error, target)


def _is_same(path: str, target: str) -> bool:
    try:
        return os.path.samefile(path, target)
    except OSError:
        return False


def delete(path: str, companions: Sequence[str] = ()) -> None:
    """
    Delete a file or folder, and the files that go with it, as far as they exist.

    :raises StoreError: the system failed.
    """
    if os.path.isdir(path) and not os.path.islink(path):
        # For others it disappears at once, however long the deletion takes.
        gone = hidden_path(path, "gone")
        try:
            os.rename(path, gone)
            shutil.rmtree(gone)
        except OSError as error:
            raise system_error(error, path) from error
    delete_companions(path, ("", *companions))


def delete_companions(path: str, companions: Sequence[str]) -> None:
    """Delete the files that go with a file or folder; errors as for :func:`delete`."""
    try:
        for ending in companions:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + ending)
    except OSError as error:
        raise system_error(error, path) from error
