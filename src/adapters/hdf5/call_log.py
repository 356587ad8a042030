"""
The log of calls that lies beside an HDF5 file of a network.

A header holds the token, the generation and the state of :mod:`...ports.call_log`, and a checksum.
Records follow it: the size of the title and of the rows, their checksum, one of these numbers, and
then both. The numbers of a record are written last, so it counts, or does not, whenever a writer is
killed; what lies past the last record is cut off by the next one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence

from ...errors import CorruptNetworkError, StoreExistsError
from ...platform import Forks, is_named, open_own, read_at, unlock, write_at
from ...ports.call_log import Buffer, Mark, Position, Publication, Record
from ...transactions.deadline import OnSlow
from ..files.errors import system_error
from ..files.locking import close_file, lock_file
from .errors import translated
from .paths import copy_file

SUFFIX = ".staged"
"""The suffix of the name of a log, after the name of its file."""
_MAGIC = b"bsbcalls"
_HEADER = struct.Struct("<8sqqq")
_RECORD = struct.Struct("<IQI")
_CHECKSUM = struct.Struct("<I")
_HEAD, _RECORD_HEAD = (each.size + _CHECKSUM.size for each in (_HEADER, _RECORD))
# Enough for the numbers of a record and most titles.
_TITLES = 1024
# A program that finds a log of this size folds it, so that a fold fits into memory.
_MOST_BYTES = 64 * 1024 * 1024
_LONGEST_NAME = 255


class Hdf5CallLog:
    """
    The log of one file.

    :param path: path of the file.
    :param place: finds the file that the path leads to.
    :param limit: seconds to wait for its lock.
    :param on_slow: called once if the wait is long.
    """

    def __init__(self, path: str, place: Callable[[], str], limit: float, on_slow: OnSlow) -> None:
        self._location = path
        self._place = place
        self.limit = limit
        self._on_slow = on_slow
        self._descriptor: int | None = None
        self._forks = Forks.count
        # The mark of the log in which the end of the records was searched, and its position.
        self._end: tuple[Mark | None, int] = (None, _HEAD)

    @property
    def path(self) -> str:
        return self._place() + SUFFIX

    @property
    def is_nameable(self) -> bool:
        """Whether a file can have its name."""
        return _can_exist(self.path)

    @property
    def is_found_by_all(self) -> bool:
        # It lies beside one of the names of the file only.
        try:
            return os.stat(self._place()).st_nlink <= 1
        except OSError as error:
            raise system_error(error, self._location) from error

    def titles(self, mark: Mark, after: int) -> tuple[list[bytes], int]:
        # perf: compile, 2 ranks / serial; each session on a network with a log asks for them.
        size = self._size()
        if size == after:
            return [], after
        with self._opened(os.O_RDONLY) as descriptor:
            if _check(mark, _read_header(descriptor), self.path) is None:
                # The bytes that are there now will be cut off.
                return [], 0
            found = list(_scan(descriptor, after or _HEAD, size))
        return [title for title, _ in found], found[-1][1] if found else after or _HEAD

    def position(self, mark: Mark) -> Position | None:
        with self._opened(os.O_RDONLY) as descriptor:
            state = _check(mark, _read_header(descriptor), self.path)
        return Position(mark.token, state) if state else None

    def publish(self, position: Position, title: bytes, rows: Sequence[Buffer], /) -> Publication:
        descriptor, found = self._taken(), Publication.FULL
        if descriptor is None:
            return Publication.STALE
        try:
            if self._lock(descriptor):
                with translated(self._location):
                    found = self._append(descriptor, position, title, rows)
        except BaseException:
            close_file(descriptor)
            raise
        if found is Publication.STALE:
            self._end = (None, _HEAD)
            close_file(descriptor)
        else:
            unlock(descriptor)
            self._descriptor = descriptor
        return found

    def _append(
        self, descriptor: int, position: Position, title: bytes, rows: Sequence[Buffer]
    ) -> Publication:
        header = _read_header(descriptor)
        if header is None or Position(header[0].token, header[1]) != position:
            return Publication.STALE
        mark, (known, held) = header[0], self._end
        start, size = held if known == mark else _HEAD, os.fstat(descriptor).st_size
        end = max((end for _, end in _scan(descriptor, start, size)), default=start)
        content = b"".join((title, *rows))
        if end + len(content) > _MOST_BYTES:
            return Publication.FULL
        if size > end:
            os.ftruncate(descriptor, end)
        checked = _RECORD.pack(len(title), len(content) - len(title), zlib.crc32(content))
        try:
            write_at(descriptor, content, end + _RECORD_HEAD)
            write_at(descriptor, _with_checksum(checked), end)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, end)
            raise
        self._end = (mark, end + _RECORD_HEAD + len(content))
        return Publication.DONE

    def hold(self, mark: Mark | None) -> Hdf5HeldLog:
        made = os.O_CREAT if mark is None else 0
        while True:
            descriptor = self._open(os.O_RDWR | made)
            try:
                self._lock(descriptor)
                # The previous holder of the lock may have removed it.
                if is_named(descriptor, self.path):
                    with translated(self._location):
                        _check_own(descriptor, self.path)
                        if made and not os.fstat(descriptor).st_size:
                            # The umask reduced the mode when the file was created.
                            os.chmod(self.path, self._mode())
                        return Hdf5HeldLog(self._location, self.path, descriptor, mark)
            except BaseException:
                close_file(descriptor)
                raise
            close_file(descriptor)

    def copy(self, location: str) -> str | None:
        """
        Copy the log, if it exists, beside a copy of the file.

        :returns: the path of the copy; None if there is none.
        :raises StoreExistsError: there is another file of that name.
        """
        if not self.is_nameable:
            return None
        path = os.path.realpath(location) + SUFFIX
        with contextlib.suppress(FileNotFoundError), translated(self.path):
            _copy(self.path, path)
            return path
        return None

    def check_free(self, location: str) -> None:
        """
        Check that it can be moved to beside a file.

        :raises StoreExistsError: there is another file of its name.
        """
        beside = location + SUFFIX
        if self.is_nameable and os.path.exists(self.path) and os.path.lexists(beside):
            raise StoreExistsError(f"'{beside}' exists", location=beside)

    def move(self, path: str, location: str) -> None:
        """
        Move the log, if it exists, beside the file, which was moved.

        :param path: path of the log.
        """
        self.forget()
        if not _can_exist(path):
            return
        with contextlib.suppress(FileNotFoundError), translated(self._location):
            try:
                os.rename(path, location + SUFFIX)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                _copy(path, location + SUFFIX)
                os.unlink(path)

    def discard(self, path: str) -> None:
        """
        Delete the log, if it exists, as the file is gone.

        :param path: path of the log.
        """
        self.forget()
        if not _can_exist(path):
            return
        with contextlib.suppress(FileNotFoundError), translated(self._location):
            descriptor = open_own(path, os.O_RDWR)
            try:
                self._lock(descriptor)
                if _is_own(descriptor):
                    Hdf5HeldLog(self._location, path, descriptor, None).remove()
            finally:
                close_file(descriptor)

    def forget(self) -> None:
        """Close the log."""
        descriptor, self._descriptor = self._descriptor, None
        self._end = (None, _HEAD)
        if descriptor is not None:
            # The parent of a forked child holds the same lock.
            close_file(descriptor, locked=False)

    def _taken(self) -> int | None:
        """A descriptor for appending, which only the caller closes; None if there is no log."""
        if self._forks != Forks.count:
            self._forks = Forks.count
            self.forget()
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            with contextlib.suppress(CorruptNetworkError):
                return self._open(os.O_RDWR)
        return descriptor

    def _lock(self, descriptor: int) -> bool:
        """Whether it is locked: not where files have no locks."""
        return lock_file(
            descriptor, self._location, exclusive=True, limit=self.limit, on_slow=self._on_slow
        )

    @contextlib.contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        descriptor = self._open(flags)
        try:
            with translated(self._location):
                yield descriptor
        finally:
            close_file(descriptor, locked=False)

    def _open(self, flags: int) -> int:
        try:
            # Users without read permission for the file can't read its log either.
            return open_own(self.path, flags, self._mode() if flags & os.O_CREAT else 0)
        except FileNotFoundError as error:
            raise _parted(self.path, "which does not exist") from error
        except OSError as error:
            raise system_error(error, self.path) from error

    def _mode(self) -> int:
        """The mode of the file, which a new log gets, too."""
        try:
            return stat.S_IMODE(os.stat(self._place()).st_mode)
        except OSError:
            return stat.S_IRUSR | stat.S_IWUSR

    def _size(self) -> int:
        try:
            return os.lstat(self.path).st_size
        except FileNotFoundError as error:
            raise _parted(self.path, "which does not exist") from error
        except OSError as error:
            raise system_error(error, self.path) from error


def _can_exist(path: str) -> bool:
    """Whether a file can have the name of a log."""
    return len(os.fsencode(os.path.basename(path))) <= _LONGEST_NAME


class Hdf5HeldLog:
    """
    The log of a file, locked.

    :param location: location of the file.
    :param path: path of the log.
    :param descriptor: descriptor of the log, which is closed in the end.
    :param mark: mark of the network; None if the log is new.
    """

    def __init__(self, location: str, path: str, descriptor: int, mark: Mark | None) -> None:
        self._location = location
        self._path = path
        self._descriptor = descriptor
        known = None if mark is None else _check(mark, _read_header(descriptor), path)
        self._is_folded, self.state = known is None, known or 0

    def records(self) -> Sequence[Record]:
        if self._is_folded:
            return []
        with translated(self._location):
            size = os.fstat(self._descriptor).st_size
            content = read_at(self._descriptor, size - _HEAD, _HEAD)
        return list(_records(memoryview(content)))

    def close(self, mark: Mark) -> None:
        if self._is_folded:
            self.restart(mark, 0)
        else:
            self._write_header(mark, 0)

    def restart(self, mark: Mark, state: int) -> None:
        with translated(self._location):
            # A file that is new gets no zeros: without its header, nobody would take it for a log.
            if os.fstat(self._descriptor).st_size > _HEAD:
                os.ftruncate(self._descriptor, _HEAD)
            self._write_header(mark, state)

    def remove(self) -> None:
        with contextlib.suppress(OSError):
            # Programs that have it open see that it has ended.
            self._write_header(Mark(0, 0), 0)
            os.unlink(self._path)

    def release(self) -> None:
        close_file(self._descriptor)

    def _write_header(self, mark: Mark, state: int) -> None:
        packed = _HEADER.pack(_MAGIC, mark.token, mark.generation, state)
        with translated(self._location):
            write_at(self._descriptor, _with_checksum(packed), 0)


def _check(mark: Mark, header: tuple[Mark, int] | None, path: str) -> int | None:
    """
    The state of a log; None if the network has seen its calls.

    :raises CorruptNetworkError: it is not the log of the network.
    """
    if header is not None and header[0] == mark:
        return header[1]
    if header is not None and header[0].next() == mark:
        # The program that folded it was killed before it restarted the log.
        return None
    raise _parted(path, "which belongs to another network or another copy of it")


def _copy(path: str, target: str) -> None:
    descriptor = open_own(path, os.O_RDONLY)
    try:
        copy_file(descriptor, target)
    finally:
        close_file(descriptor, locked=False)


def _is_own(descriptor: int) -> bool:
    """Whether a file is a log, be it that its writer was killed as it began."""
    return _MAGIC.startswith(read_at(descriptor, len(_MAGIC), 0))


def _check_own(descriptor: int, path: str) -> None:
    """
    Check that a file is a log, before anything in it is overwritten.

    :raises StoreExistsError: it is something else.
    """
    if not stat.S_ISREG(os.fstat(descriptor).st_mode) or not _is_own(descriptor):
        raise StoreExistsError(
            f"'{path}' is not a log of this package, which needs that name for the calls of ranks;"
            " move it away",
            location=path,
        )


def _parted(path: str, what: str) -> CorruptNetworkError:
    return CorruptNetworkError(
        f"rows of the network are in '{path}', {what}: copy or move both files together. If the log"
        " is lost, `bsb_hdf5.repair` accepts that",
        missing=path,
    )


def _read_header(descriptor: int) -> tuple[Mark, int] | None:
    """Mark and state; None if there are none."""
    packed = _without_checksum(read_at(descriptor, _HEAD, 0))
    if packed is None:
        return None
    magic, token, generation, state = _HEADER.unpack(packed)
    return (Mark(token, generation), state) if magic == _MAGIC else None


def _scan(descriptor: int, start: int, size: int) -> Iterator[tuple[bytes, int]]:
    """The title of each record from a place on, and where the record ends."""
    while start < size:
        begin = read_at(descriptor, _TITLES, start)
        packed = _without_checksum(begin[:_RECORD_HEAD])
        if packed is None:
            return
        title, rows, _ = _RECORD.unpack(packed)
        if title > _TITLES - _RECORD_HEAD:
            begin = read_at(descriptor, _RECORD_HEAD + title, start)
        start += _RECORD_HEAD + title + rows
        if start > size:
            return
        yield begin[_RECORD_HEAD : _RECORD_HEAD + title], start


def _records(content: memoryview) -> Iterator[Record]:
    """The records of a log: a damaged one, and all after it, count as absent."""
    start = 0
    while (packed := _without_checksum(bytes(content[start : start + _RECORD_HEAD]))) is not None:
        title, rows, checksum = _RECORD.unpack(packed)
        begin = start + _RECORD_HEAD
        start = begin + title + rows
        if start > len(content) or zlib.crc32(content[begin:start]) != checksum:
            return
        yield bytes(content[begin : begin + title]), content[begin + title : start]


def _with_checksum(packed: bytes) -> bytes:
    return packed + _CHECKSUM.pack(zlib.crc32(packed))


def _without_checksum(data: bytes) -> bytes | None:
    packed, checksum = data[: -_CHECKSUM.size], data[-_CHECKSUM.size :]
    if len(checksum) < _CHECKSUM.size or _CHECKSUM.unpack(checksum) != (zlib.crc32(packed),):
        return None
    return packed
