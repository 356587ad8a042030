"""Networks as directories."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid

from .errors import system_error, taken, translated
from .local import LocalObjects
from .locking import LOCK_FILE, DirectoryLock, Patience, lock_directory
from .manifest import read_manifest
from .objects import Tag
from .places import Place

_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


class DirectoryPlace:
    """
    A directory.

    :param path: of it.
    """

    def __init__(self, path: str, patience: Patience) -> None:
        self.location = os.path.abspath(path)
        self.objects = LocalObjects(self.location)
        self._patience = patience

    @property
    def identity(self) -> str:
        return f"zarr:{os.path.realpath(self.location)}"

    def exists(self) -> bool:
        return os.path.lexists(self.location)

    def lock(self, *, exclusive: bool) -> DirectoryLock:
        if not os.path.exists(os.path.join(self.location, LOCK_FILE)):
            self._check_network()
        return lock_directory(self.location, self._patience, exclusive=exclusive)

    def _check_network(self) -> None:
        """Check that there is a network: in another's directory, no file is made."""
        found = self.objects.fetch(None)
        assert found is not None
        read_manifest(found[0], self.location)

    def check_writable(self) -> None:
        """A directory can be changed, unless the system says otherwise."""

    def build(self) -> NewDirectory:
        if self.exists():
            raise taken(self.location)
        return NewDirectory(self.location)

    def rename(self, target: Place) -> bool:
        if not isinstance(target, DirectoryPlace):
            return False
        if target.exists():
            raise taken(target.location)
        try:
            # Where the path is a link, the directory that it leads to moves, and the link goes.
            os.rename(os.path.realpath(self.location), target.location)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise _naming_error(error, target.location) from error
        if os.path.islink(self.location):
            os.unlink(self.location)
        return True

    def remove(self) -> None:
        with translated(self.location):
            real = os.path.realpath(self.location)
            gone = _temporary(real, "gone")
            # It goes at once for others, however long the deletion takes.
            os.rename(real, gone)
            if os.path.islink(self.location):
                os.unlink(self.location)
            shutil.rmtree(gone)


class NewDirectory:
    """A directory that gets its name when it is complete."""

    def __init__(self, target: str) -> None:
        self._target = target
        path = _temporary(target, "new")
        with translated(target):
            os.mkdir(path)
        self.objects = LocalObjects(path)

    def publish(self, manifest: bytes) -> Tag:
        if os.path.lexists(self._target):
            raise taken(self._target)
        tag = self.objects.replace(manifest, None)
        try:
            os.rename(self.objects.location, self._target)
        except OSError as error:
            raise _naming_error(error, self._target) from error
        return tag

    def release(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.objects.location)


def _temporary(path: str, kind: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.{kind}")


def _naming_error(error: OSError, target: str) -> Exception:
    return taken(target) if error.errno in _OCCUPIED else system_error(error, target)
