"""Networks in zip archives, which are only read."""

from __future__ import annotations

import contextlib
import os
import stat
import zipfile
from collections.abc import Hashable

from ...errors import NotANetworkError, ReadOnlyError
from ...platform import Forks
from .errors import Translated
from .local import LocalLocation, folder_mode
from .locations import Objects, Tag
from .paths import MANIFEST

# A member of an archive of more bytes than these is compressed to no fewer than so many times less.
_MOST_UNQUESTIONED = 1 << 24
_MOST_PACKED = 64


class Archive(Objects):
    """
    The objects of an archive that was opened; one that takes its place changes nothing of them.

    :ivar state: identifies it, also against the one that a parent process reads.
    """

    def __init__(self, root: str) -> None:
        super().__init__(root)
        try:
            self._file = zipfile.ZipFile(root)
            members = self._file.infolist()
            _check_sizes(members)
            found = [each.filename for each in members if each.filename.split("/")[-1] == MANIFEST]
            first = min(found, key=lambda name: (name.count("/"), name))
        except (zipfile.BadZipFile, IsADirectoryError, ValueError) as error:
            raise NotANetworkError(
                f"'{root}' is not a zip archive of a zarr network", location=root
            ) from error
        # The common prefix of the names of all members of the network.
        self._base = first.removesuffix(MANIFEST)
        assert self._file.fp is not None
        self.state = _state_of(os.fstat(self._file.fp.fileno()))

    def get(self, key: str) -> bytes | None:
        with Translated(self.title), contextlib.suppress(KeyError):
            return self._file.read(self._base + key)
        return None

    def size(self) -> int:
        members = self._file.infolist()
        return sum(each.file_size for each in members if each.filename.startswith(self._base))


def _state_of(status: os.stat_result) -> Hashable:
    # A forked process opens the archive again: it shares the position in a file of its parent.
    return status.st_ino, status.st_size, status.st_mtime_ns, Forks.count


class ArchiveLocation(LocalLocation):
    """A zip archive, with the network at its top or in a folder of it; the tags are archives."""

    def size(self) -> int:
        with Translated(self.title):
            return Archive(self.root).size()

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        with Translated(self.title):
            if known is not None and known.state == _state_of(os.stat(self.root)):
                return None
            archive = Archive(self.root)
        return archive.get(MANIFEST) or b"", archive

    def at(self, tag: Tag) -> Objects:
        archive: Archive = tag
        return archive

    @property
    def mode(self) -> int:
        # A copy is for its owner to change.
        return folder_mode(super().mode) | stat.S_IWUSR

    def refusal(self) -> ReadOnlyError:
        if not self.exists():
            return ReadOnlyError(
                f"the network '{self.root}' would be a zip archive, which is only read; store it in"
                f" a directory, and zip that: python -m zipfile -c {os.path.basename(self.root)}"
                " DIRECTORY",
                location=self.root,
            )
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
