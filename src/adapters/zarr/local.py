"""Objects as the files of a directory."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator

from ...errors import NotANetworkError
from .errors import absent, translated
from .objects import MANIFEST, PACKS, Span, Tag

_TEMPORARY = ".new-"
_ANNOUNCED = ".pending"


class LocalObjects:
    """
    Files of a directory, each replaced by renaming a complete one.

    :param root: path of the directory.
    """

    remote = False

    def __init__(self, root: str) -> None:
        self.location = root

    def get(self, key: str, span: Span | None = None) -> bytes | None:
        with translated(self.location):
            try:
                descriptor = os.open(self._path(key), os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                return None
            try:
                return _read(descriptor, span or Span(0))
            finally:
                os.close(descriptor)

    def put(self, key: str, data: bytes) -> None:
        with translated(self.location), self._replaced(self._path(key)) as temporary:
            _write(temporary, data)

    @contextlib.contextmanager
    def _replaced(self, path: str) -> Iterator[str]:
        temporary = os.path.join(self.location, f"{_TEMPORARY}{uuid.uuid4().hex}")
        try:
            yield temporary
            try:
                os.replace(temporary, path)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def put_description(self, key: str, data: bytes) -> None:
        # Some filesystems flush a file that is renamed over another, which takes a millisecond.
        with translated(self.location):
            try:
                descriptor = os.open(self._path(key), os.O_WRONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                self.put(key, data)
                return
            try:
                fits = os.fstat(descriptor).st_size == len(data)
                if fits:
                    os.pwrite(descriptor, data, 0)
            finally:
                os.close(descriptor)
            if not fits:
                self.put(key, data)

    def claim(self, key: str, data: bytes) -> bool:
        return True

    def delete(self, keys: Iterable[str]) -> None:
        with translated(self.location):
            for key in keys:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    os.unlink(self._path(key))
                self._prune(os.path.dirname(key))

    def delete_below(self, path: str) -> None:
        with translated(self.location):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                shutil.rmtree(self._path(path))
            self._prune(os.path.dirname(path))

    def announce(self, paths: Iterable[str]) -> None:
        self.put(_ANNOUNCED, "\n".join(paths).encode("utf-8"))

    def settle(self) -> None:
        self.delete([_ANNOUNCED])

    def leftovers(self, packs: Iterable[str]) -> list[str]:
        with translated(self.location):
            names = os.listdir(self.location)
            for name in names:
                if name.startswith(_TEMPORARY):
                    self.delete([name])
            if PACKS in names:
                found = set(os.listdir(self._path(PACKS)))
                self.delete([f"{PACKS}/{name}" for name in found.difference(packs)])
        announced = self.get(_ANNOUNCED) if _ANNOUNCED in names else None
        return announced.decode("utf-8", "replace").split("\n") if announced else []

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        data = self.get(MANIFEST)
        if data is None:
            if not os.path.exists(self.location):
                raise absent(self.location)
            raise NotANetworkError(
                f"'{self.location}' is no zarr network: it has no {MANIFEST}",
                location=self.location,
            )
        # The content is its own tag: the times of files are too coarse to tell commits apart.
        return None if data == known else (data, data)

    def replace(self, data: bytes, known: Tag | None) -> Tag:
        self.put(MANIFEST, data)
        return data

    def _prune(self, path: str) -> None:
        """Remove directories that became empty."""
        while path:
            try:
                os.rmdir(self._path(path))
            except OSError:
                return
            path = os.path.dirname(path)

    def _path(self, key: str) -> str:
        return f"{self.location}/{key}"


def _read(descriptor: int, span: Span) -> bytes:
    size = os.fstat(descriptor).st_size
    start = max(0, size + span.start) if span.start < 0 else span.start
    stop = size if span.stop is None else min(size, span.stop)
    parts = []
    while start < stop:
        part = os.pread(descriptor, stop - start, start)
        if not part:
            break
        parts.append(part)
        start += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _write(path: str, data: bytes) -> None:
    with open(path, "xb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
