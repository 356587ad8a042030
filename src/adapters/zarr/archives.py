"""Networks in zip archives, which are only read."""

from __future__ import annotations

import contextlib
import os
import zipfile

from ...errors import NotANetworkError, ReadOnlyError
from .errors import translated
from .held import LockHandle
from .local import LocalLocation
from .locations import Tag
from .paths import MANIFEST

# A member of an archive of more bytes than these is compressed to no fewer than so many times less.
_MOST_UNQUESTIONED = 1 << 24
_MOST_PACKED = 64


class ArchiveLocation(LocalLocation):
    """A zip archive, with the network at its top or in a folder of it."""

    # What the names of all members of the network begin with.
    _base = ""
    _tag: Tag = None
    _archive: zipfile.ZipFile | None = None

    def _opened(self) -> zipfile.ZipFile:
        if self._archive is None:
            try:
                archive = zipfile.ZipFile(self.root)
                members = archive.infolist()
                _check_sizes(members)
                names = [member.filename for member in members]
                found = [name for name in names if name.split("/")[-1] == MANIFEST]
                first = min(found, key=lambda name: (name.count("/"), name))
            except (zipfile.BadZipFile, IsADirectoryError, ValueError) as error:
                raise NotANetworkError(
                    f"'{self.root}' is not a zip archive of a zarr network", location=self.root
                ) from error
            self._base = first.removesuffix(MANIFEST)
            self._archive = archive
        return self._archive

    def let_go(self) -> None:
        archive, self._archive = self._archive, None
        if archive is not None:
            archive.close()

    def get(self, key: str) -> bytes | None:
        with translated(self.title), contextlib.suppress(KeyError):
            archive = self._opened()
            return archive.read(self._base + key)
        return None

    def size(self) -> int:
        with translated(self.title):
            members = self._opened().infolist()
            return sum(each.file_size for each in members if each.filename.startswith(self._base))

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        with translated(self.title):
            status = os.stat(self.root)
        tag = (status.st_ino, status.st_size, status.st_mtime_ns)
        if tag != self._tag:
            self.let_go()
            self._tag = tag
        return None if tag == known else (self.get(MANIFEST) or b"", tag)

    def lock(self, *, exclusive: bool) -> LockHandle:
        if exclusive:
            raise self.refusal()
        return LockHandle()

    def refusal(self) -> ReadOnlyError:
        return ReadOnlyError(
            f"'{self.root}' is a zip archive, which is only read;"
            " copy it to a directory to change it",
            location=self.root,
        )


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    """
    Check that the members of an archive do not decompress to implausible sizes.

    :raises ValueError: one does.
    """
    for member in members:
        if member.file_size > max(_MOST_UNQUESTIONED, _MOST_PACKED * member.compress_size):
            raise ValueError(f"{member.filename!r} claims to hold {member.file_size} bytes")
