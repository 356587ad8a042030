"""
What differs between operating systems, in one place.

File locks, fork hooks, positioned reads and writes, hard links, attributes of files, and the
synchronisation of folders differ between systems. Where a system lacks one, the function here does
the same by other means, or says that it can't be had. No other module imports ``fcntl`` or asks
which system it runs on.
"""

from __future__ import annotations

import _thread
import contextlib
import enum
import errno
import os
import shutil
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import TypeAlias

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None

Buffer: TypeAlias = bytes | bytearray | memoryview

IS_WINDOWS = os.name == "nt"
"""Whether open files can't be renamed, replaced or removed."""

LOCKS_MISSING = (
    "Programs do not exclude each other on this system, as neither it nor the package portalocker"
    " locks files; install it with: pip install 'portalocker[win32]'."
)
"""The limit that an engine declares if :func:`can_lock` is false."""

DENIED = frozenset((errno.EACCES, errno.EPERM, errno.EROFS))
"""Numbers of the errors of a place that may not be used as was asked."""
# Filesystems without locks (524 is Linux' ENOTSUPP), and media that are read-only.
_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, 524, errno.EROFS))
_BUSY = frozenset((errno.EAGAIN, errno.EACCES))
# Flags of ``os.open`` that not every system has: not to hand a file to programs that are started;
# not to wait for the other end of a pipe; to leave line ends as they are.
_EVERY_OPEN = sum(getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NONBLOCK", "O_BINARY"))
# Network filesystems that keep the names of files by themselves.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.EBADF)
# A descriptor has one position, which a seek of another thread would move. An object that is
# collected as garbage meanwhile may read in this thread.
_POSITION_MUTEX = threading.RLock()
# Buffers of one read: as many as POSIX lets every system have.
_MOST_PARTS = 16
# Why a filesystem refuses hard links; a file may also have as many as it can have.
_NO_LINKS = frozenset(
    (errno.EPERM, errno.EACCES, errno.EMLINK, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)
)
# The system's ``struct flock`` where numbers have 64 bits: type, origin, start, length, process.
_FLOCK = struct.Struct("hhqqi4x")
_BYTES_OF_64_BITS = 8
# Other systems that have locks of descriptors order the parts of ``struct flock`` otherwise.
_HAS_BYTE_LOCKS = (
    sys.platform == "linux"
    and hasattr(fcntl, "F_OFD_GETLK")
    and struct.calcsize("P") == _BYTES_OF_64_BITS
)
# The beginning of the system's answer if no other descriptor locked a byte.
_NO_LOCK = struct.pack("h", getattr(fcntl, "F_UNLCK", 0))
# Columns of a line of /proc/locks up to the file.
_FILE_COLUMN = 5
# The column of a line of /proc/self/fdinfo with the kind of a lock.
_KIND_COLUMN = 4


class LockAttempt(enum.Enum):
    """The outcome of an attempt to lock a file."""

    LOCKED = enum.auto()
    BUSY = enum.auto()
    UNSUPPORTED = enum.auto()


def after_fork_in_child(callback: Callable[[], object]) -> None:
    """Register a function to be called in each forked child, where processes can be forked."""
    register = getattr(os, "register_at_fork", None)
    if register is not None:
        register(after_in_child=callback)


def can_fork() -> bool:
    """Whether processes can be forked."""
    return hasattr(os, "fork")


def fork() -> int:
    """As ``os.fork``, where :func:`can_fork`."""
    return os.fork()


class Forks:
    """Counts the forks between the first process and this one."""

    count = 0


def _count_fork() -> None:
    Forks.count += 1


after_fork_in_child(_count_fork)


def open_descriptor(path: str, flags: int, mode: int = 0o666) -> int:
    """A descriptor of a file, which programs that are started do not inherit."""
    return os.open(path, flags | _EVERY_OPEN, mode)


def open_own(path: str, flags: int, mode: int = 0o666) -> int:
    """
    As :func:`open_descriptor`, but for a path that no link may lead away from.

    :raises OSError: it is a symbolic link (``ELOOP``), if the system can detect that.
    """
    return open_descriptor(path, flags | getattr(os, "O_NOFOLLOW", 0), mode)


def can_lock() -> bool:
    """Whether programs of this system can exclude each other, on filesystems that have locks."""
    return fcntl is not None or _portalocker() is not None


def _portalocker() -> ModuleType | None:
    try:
        import portalocker
    except ImportError:
        return None
    module: ModuleType = portalocker
    return module


def try_lock(descriptor: int, *, exclusive: bool) -> LockAttempt:
    """
    Try to lock an open file, for this descriptor.

    :raises OSError: the system failed otherwise than for want of locks.
    """
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            return LockAttempt.LOCKED
        return _try_portable_lock(descriptor, exclusive=exclusive)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return LockAttempt.UNSUPPORTED
        if error.errno in _BUSY:
            return LockAttempt.BUSY
        raise


def _try_portable_lock(descriptor: int, *, exclusive: bool) -> LockAttempt:
    portalocker = _portalocker()
    if portalocker is None:
        return LockAttempt.UNSUPPORTED
    kind = portalocker.LockFlags.EXCLUSIVE if exclusive else portalocker.LockFlags.SHARED
    try:
        portalocker.lock(descriptor, kind | portalocker.LockFlags.NON_BLOCKING)
    except portalocker.AlreadyLocked:
        return LockAttempt.BUSY
    except (ImportError, portalocker.LockException):
        return LockAttempt.UNSUPPORTED
    return LockAttempt.LOCKED


def unlock(descriptor: int) -> None:
    """Release the lock of an open file; nothing happens where there is none."""
    # perf: append 50 cells; `suppress` takes as long as the call.
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            return
        portalocker = _portalocker()
        if portalocker is not None:
            with contextlib.suppress(ImportError, portalocker.LockException):
                portalocker.unlock(descriptor)
    except OSError:
        pass


def try_lock_byte(descriptor: int, offset: int, *, exclusive: bool) -> LockAttempt:
    """
    Try to lock one byte of an open file, apart from :func:`try_lock`, for this descriptor.

    Only some systems (Linux) have such locks for a descriptor and not for all of a process.
    """
    try:
        done = _set_byte_lock(descriptor, offset, "F_WRLCK" if exclusive else "F_RDLCK")
    except OSError as error:
        # A descriptor that only reads can't lock a byte exclusively (EBADF).
        return LockAttempt.BUSY if error.errno in _BUSY else LockAttempt.UNSUPPORTED
    return LockAttempt.LOCKED if done else LockAttempt.UNSUPPORTED


def unlock_byte(descriptor: int, offset: int) -> None:
    """Release the lock of :func:`try_lock_byte`."""
    with contextlib.suppress(OSError):
        _set_byte_lock(descriptor, offset, "F_UNLCK")


def is_byte_locked(descriptor: int, offset: int) -> bool:
    """Whether another descriptor locked the byte exclusively, as far as the system reports it."""
    if fcntl is None or not _HAS_BYTE_LOCKS:
        return False
    try:
        found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _lock_request(offset, "F_RDLCK"))
    except OSError:
        return False
    return not found.startswith(_NO_LOCK)


def _set_byte_lock(descriptor: int, offset: int, kind: str) -> bool:
    """Change the lock; whether the system has such locks."""
    if fcntl is None or not _HAS_BYTE_LOCKS:
        return False
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _lock_request(offset, kind))
    return True


@cache
def _lock_request(offset: int, kind: str) -> bytes:
    """The system call's argument for one byte; packed once, as each session that reads needs it."""
    return _FLOCK.pack(getattr(fcntl, kind), os.SEEK_SET, offset, 1, 0)


def lock_holders(descriptor: int) -> list[int]:
    """Ids of the processes that hold a lock on an open file, where the system reports them."""
    try:
        status = os.fstat(descriptor)
        device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        with open("/proc/locks", encoding="ascii") as locks:
            rows = [line.split() for line in locks]
    except (OSError, AttributeError):
        return []
    # "1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF"; those that wait have a "->".
    holders = {
        int(row[_FILE_COLUMN - 1])
        for row in rows
        if len(row) > _FILE_COLUMN and row[1] == "FLOCK" and row[_FILE_COLUMN] == device
    }
    # Processes of other containers are shown as 0.
    return sorted(holders - {0})


def locked_descriptors(descriptor: int) -> dict[int, bool]:
    """
    Other descriptors of this process that hold a lock on an open file, and whether exclusively.

    None where the system does not report them.
    """
    found: dict[int, bool] = {}
    status = os.fstat(descriptor)
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            each = int(name)
            with contextlib.suppress(OSError):
                if each == descriptor or not os.path.samestat(os.fstat(each), status):
                    continue
                with open(f"/proc/self/fdinfo/{each}", encoding="ascii") as lines:
                    # "lock: 1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF"
                    locks = [line.split() for line in lines if line.startswith("lock:")]
                kinds = [row[_KIND_COLUMN] for row in locks if "FLOCK" in row]
                if kinds:
                    found[each] = "WRITE" in kinds
    return found


@contextlib.contextmanager
def _at(descriptor: int, start: int) -> Iterator[None]:
    with _POSITION_MUTEX:
        os.lseek(descriptor, start, os.SEEK_SET)
        yield


def read_some(descriptor: int, size: int, start: int) -> bytes:
    """Up to ``size`` bytes of a file from a position on, as ``os.pread`` gives them."""
    # perf: append 50 cells; asking first whether the system has the call takes as long as the rest.
    try:
        return os.pread(descriptor, size, start)
    except AttributeError:
        with _at(descriptor, start):
            return os.read(descriptor, size)


def read_some_into(descriptor: int, view: memoryview, start: int) -> int:
    """Read into a buffer from a position on; returns the number of bytes, as ``os.preadv`` does."""
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [view], start)
    data = read_some(descriptor, len(view), start)
    view[: len(data)] = data
    return len(data)


def read_parts_into(
    descriptor: int,
    view: memoryview,
    begins: Sequence[int],
    ends: Sequence[int],
    targets: Sequence[int],
) -> int:
    """
    Read parts of a file into places of a buffer.

    :param begins: where each part begins, and in ``ends``, where it ends.
    :param targets: where in the buffer each part is to begin.
    :returns: how many parts were read for certain; all, unless the file ends before.
    """
    # perf: load locally, out; asking what the system has takes half as long as a read.
    read = getattr(os, "preadv", None) or _read_parts
    parts: list[memoryview] = []
    done = start = stop = 0
    for begin, end, target in zip(begins, ends, targets, strict=True):
        if parts and (begin != stop or len(parts) == _MOST_PARTS):
            if read(descriptor, parts, start) < stop - start:
                return done
            done += len(parts)
            parts = []
        if not parts:
            start = begin
        parts.append(view[target : target + end - begin])
        stop = end
    if parts and read(descriptor, parts, start) == stop - start:
        done += len(parts)
    return done


def _read_parts(descriptor: int, parts: Sequence[memoryview], start: int) -> int:
    """Fill buffers, one after the other, as ``os.preadv`` does."""
    total = 0
    for part in parts:
        found = read_some_into(descriptor, part, start + total)
        total += found
        if found < len(part):
            break
    return total


def write_some(descriptor: int, data: Buffer, start: int) -> int:
    """Write bytes from a position on; returns the number of bytes, as ``os.pwrite`` does."""
    # perf: append 50 cells; as `read_some`.
    try:
        return os.pwrite(descriptor, data, start)
    except AttributeError:
        with _at(descriptor, start):
            return os.write(descriptor, data)


def read_at(descriptor: int, size: int, start: int) -> bytes:
    """Bytes of a file; fewer if the file ends before."""
    data = read_some(descriptor, size, start)
    while 0 < len(data) < size:
        more = read_some(descriptor, size - len(data), start + len(data))
        if not more:
            break
        data += more
    return data


def read_into(descriptor: int, view: memoryview, start: int) -> int:
    """Fill a buffer from a file; returns the number of bytes that there were."""
    done = 0
    while done < len(view):
        count = read_some_into(descriptor, view[done:] if done else view, start + done)
        if not count:
            break
        done += count
    return done


def write_at(descriptor: int, data: Buffer, start: int) -> None:
    """Write all of some bytes to a place in a file."""
    done = write_some(descriptor, data, start)
    while done < len(data):
        done += write_some(descriptor, memoryview(data)[done:], start + done)


def sync_folder(folder: str) -> None:
    """Make sure that the names in a folder survive a power cut, where folders can be synced."""
    directory = getattr(os, "O_DIRECTORY", None)
    if directory is None:
        return
    descriptor = os.open(folder, os.O_RDONLY | directory | _EVERY_OPEN)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def set_times(descriptor: int, accessed: int, modified: int) -> bool:
    """Set the times of an open file, in ns; returns whether that is supported."""
    if os.utime not in os.supports_fd:
        return False
    try:
        os.utime(descriptor, ns=(accessed, modified))
    except OSError:
        return False
    return True


def is_named(descriptor: int, path: str) -> bool:
    """Whether a path still names an open file, as far as that can be determined."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def encoding_without(path: str) -> str | None:
    """The encoding of names of files, if it lacks characters of a path; else None."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        return error.encoding
    return None


def sync_file(path: str) -> None:
    """Make sure that what a file holds survives a power cut."""
    # Windows syncs only what may be written.
    descriptor = open_descriptor(path, os.O_RDWR if IS_WINDOWS else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def before_renaming(close: Callable[[], object]) -> None:
    """
    Close a file that is about to be renamed, replaced or removed, where the system needs that.

    Elsewhere it stays open, and its lock keeps others away until the end.
    """
    if IS_WINDOWS:
        close()


def give_other_name(path: str, target: str) -> None:
    """
    Rename a file, unless there is something at the target.

    :raises FileExistsError: there is.
    :raises OSError: the system failed; the file has its name, or both, where it can't be undone.
    """
    try:
        if os.link in os.supports_follow_symlinks:
            os.link(path, target, follow_symlinks=False)
        else:
            os.link(path, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_reserved(path, target)
    else:
        _drop_first_name(path, target)


def _drop_first_name(path: str, target: str) -> None:
    """Remove the first of two names of a file, or the other one, where that fails."""
    try:
        # Another program that opened the file may have done it already.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    except BaseException:
        os.unlink(target)
        raise


def _rename_reserved(path: str, target: str) -> None:
    """Rename a file where there are no hard links: an empty one keeps the name free of others."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _EVERY_OPEN))
    try:
        os.replace(path, target)
    except BaseException:
        os.unlink(target)
        raise


def signal_main_thread(number: int) -> None:
    """Send a signal to the main thread, and end what it waits for where the system can."""
    ident = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and ident is not None:
        signal.pthread_kill(ident, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


def give_owner(descriptor: int, owner: tuple[int, int]) -> None:
    """
    Give an open file to a user and group, where files have these.

    :raises OSError: this process may not do that.
    """
    if hasattr(os, "fchown"):
        status = os.fstat(descriptor)
        if (status.st_uid, status.st_gid) != owner:
            os.fchown(descriptor, *owner)


def copy_attributes(path: str, target: str) -> None:
    """
    Give a file the mode, access control list and attributes of another.

    What the system, the filesystem or the rights of this process do not allow is left out.
    """
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(path):
                with contextlib.suppress(OSError):
                    os.setxattr(target, name, os.getxattr(path, name))
    shutil.copymode(path, target)
