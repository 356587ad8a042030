"""Networks as zip archives, which are read, and written once, as copies."""

from __future__ import annotations

import contextlib
import os
import threading
import uuid
import zipfile
from collections.abc import Iterable

from ...errors import CorruptNetworkError, NotANetworkError
from .errors import absent, system_error, taken, translated, unwritable
from .objects import MANIFEST, Span, Tag
from .places import Nothing, Place


class ArchivePlace:
    """
    A zip archive.

    :param path: of it.
    """

    def __init__(self, path: str) -> None:
        self.location = os.path.abspath(path)
        self.objects = ArchiveObjects(self.location)

    @property
    def identity(self) -> str:
        return f"zarr:{os.path.realpath(self.location)}"

    def exists(self) -> bool:
        return os.path.lexists(self.location)

    def lock(self, *, exclusive: bool) -> Nothing:
        return Nothing()

    def check_writable(self) -> None:
        raise unwritable(self.location)

    def build(self) -> NewArchive:
        if self.exists():
            raise taken(self.location)
        return NewArchive(self.location)

    def rename(self, target: Place) -> bool:
        if not isinstance(target, ArchivePlace):
            return False
        with translated(target.location):
            _give_name(self.location, target.location)
        return True

    def remove(self) -> None:
        with translated(self.location):
            os.unlink(self.location)


class ArchiveObjects:
    """Members of a zip archive, at its top or in a folder of it."""

    remote = False

    def __init__(self, path: str) -> None:
        self.location = path
        self._open: tuple[Tag, zipfile.ZipFile, str] | None = None
        self._mutex = threading.Lock()

    def get(self, key: str, span: Span | None = None) -> bytes | None:
        with self._mutex, translated(self.location):
            _, archive, prefix = self._archive()
            try:
                info = archive.getinfo(prefix + key)
            except KeyError:
                return None
            return self._read(archive, info, span or Span(0))

    def _read(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo, span: Span) -> bytes:
        start = max(0, info.file_size + span.start) if span.start < 0 else span.start
        try:
            with archive.open(info) as member:
                member.seek(start)
                return member.read(-1 if span.stop is None else max(0, span.stop - start))
        except (zipfile.BadZipFile, EOFError) as error:
            raise CorruptNetworkError(
                f"'{self.location}' is damaged: {error}", location=self.location
            ) from error

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        with self._mutex, translated(self.location):
            tag, archive, prefix = self._archive()
            if tag == known:
                return None
            return self._read(archive, archive.getinfo(prefix + MANIFEST), Span(0)), tag

    def _archive(self) -> tuple[Tag, zipfile.ZipFile, str]:
        status = os.stat(self.location)
        tag = (status.st_ino, status.st_size, status.st_mtime_ns)
        if self._open is None or self._open[0] != tag:
            try:
                archive = zipfile.ZipFile(self.location)
            except (zipfile.BadZipFile, IsADirectoryError) as error:
                raise self._other() from error
            self._open = tag, archive, self._prefix(archive)
        return self._open

    def _prefix(self, archive: zipfile.ZipFile) -> str:
        names = [n for n in archive.namelist() if n.split("/")[-1] == MANIFEST]
        if not names:
            archive.close()
            raise self._other()
        return min(names, key=lambda name: (name.count("/"), name)).removesuffix(MANIFEST)

    def _other(self) -> NotANetworkError:
        return NotANetworkError(
            f"'{self.location}' is no zip archive of a zarr network", location=self.location
        )

    def put(self, key: str, data: bytes) -> None:
        raise unwritable(self.location)

    def put_description(self, key: str, data: bytes) -> None:
        self.put(key, data)

    def claim(self, key: str, data: bytes) -> bool:
        raise unwritable(self.location)

    def delete(self, keys: Iterable[str]) -> None:
        raise unwritable(self.location)

    def delete_below(self, path: str) -> None:
        raise unwritable(self.location)

    def announce(self, paths: Iterable[str]) -> None:
        raise unwritable(self.location)

    def settle(self) -> None:
        raise unwritable(self.location)

    def leftovers(self, packs: Iterable[str]) -> list[str]:
        return []

    def replace(self, data: bytes, known: Tag | None) -> Tag:
        raise unwritable(self.location)


class NewArchive(ArchiveObjects):
    """An archive that gets its name when it is complete; its members can't be replaced."""

    def __init__(self, target: str) -> None:
        folder, name = os.path.split(target)
        self._target = target
        self._path = os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.new")
        super().__init__(target)
        with translated(target):
            # What is in it is compressed already.
            self._file = zipfile.ZipFile(self._path, "x", zipfile.ZIP_STORED)

    @property
    def objects(self) -> NewArchive:
        return self

    def put(self, key: str, data: bytes) -> None:
        with translated(self._target):
            self._file.writestr(key, data)

    def publish(self, manifest: bytes) -> Tag:
        self.put(MANIFEST, manifest)
        with translated(self._target):
            self._file.close()
            _give_name(self._path, self._target)
        return None

    def release(self) -> None:
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


def _give_name(path: str, target: str) -> None:
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError as error:
        raise taken(target) from error
    except FileNotFoundError as error:
        raise absent(path) from error
    except PermissionError as error:
        # A filesystem without hard links.
        if os.path.lexists(target):
            raise taken(target) from error
        try:
            os.rename(path, target)
        except OSError as failure:
            raise system_error(failure, target) from failure
    else:
        os.unlink(path)
