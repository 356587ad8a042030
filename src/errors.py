"""
Every error that this package raises on purpose.

::

    StorageError
    +-- StoreError                      the place where the data lies
    |   +-- StoreNotFoundError          (FileNotFoundError)
    |   +-- StoreExistsError            (FileExistsError)
    |   +-- StoreAccessError            (PermissionError)
    |   +-- StoreIOError                (OSError)
    |   +-- NotANetworkError            (OSError)
    |   +-- CorruptNetworkError         (ValueError)
    |   +-- LockTimeoutError            (TimeoutError)
    |   +-- ChangedMeanwhileError       (OSError)
    |   +-- ReadOnlyError               (OSError)
    |   +-- SessionClosedError          (RuntimeError)
    |   +-- SingleProcessError          (RuntimeError)
    |   +-- SessionAbortedError         (RuntimeError)
    |   |   +-- CommitConflictError
    |   +-- NodeNotFoundError           (KeyError)
    |   +-- NodeExistsError             (ValueError)
    |   +-- UnknownContentError         (ValueError)
    +-- InputError                      invalid arguments; (ValueError)
    |   +-- ShapeError
    |   +-- DtypeError                  (TypeError)
    |   +-- LengthError
    |   +-- InvalidNameError
    |   |   +-- NameTypeError           (TypeError, KeyError)
    |   +-- ChunkRangeError
    |   +-- ChunkSizeError
    |   +-- HandleError                 (TypeError)
    |   +-- CellIdError                 (IndexError)
    |   +-- LocationError               (IndexError)
    |   +-- LabelError
    |   |   +-- LabelTypeError          (TypeError)
    |   +-- DirectionError              (KeyError)
    |   |   +-- DirectionTypeError      (TypeError)
    |   +-- EncodingError               (UnicodeEncodeError)
    |   +-- UnknownEncodingError        (LookupError)
    |   +-- MorphologyInUseError
    +-- MissingError                    what is not stored; (LookupError)
    |   +-- SetNotFoundError
    |   +-- DataNotFoundError
    |   +-- MorphologyNotFoundError
    |   +-- FileNotStoredError          (KeyError, FileNotFoundError)
    |   +-- ConfigurationNotStoredError
    +-- ClashError                      what is stored already; (ValueError)
        +-- SetExistsError
        +-- SetTypeError
        +-- MorphologyExistsError
        +-- FileStoredError      (FileExistsError)

Each has its message and, in ``fields``, the values in the message. All of
them can be pickled, as MPI ranks send them to each other.
"""

from __future__ import annotations

import errno
from typing import Any, ClassVar


def _rebuild(cls: type[StorageError], message: str, fields: dict[str, Any]) -> StorageError:
    return cls(message, **fields)


class StorageError(Exception):
    """
    Root of the tree.

    :param message: what is wrong, what was found, and what to do.
    :param fields: the values in the message, for programs. An ``errno`` is also an attribute of
        errors that are an ``OSError``, as the system's own.
    """

    _errno: ClassVar[int | None] = None

    def __init__(self, message: str = "", /, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields
        if isinstance(self, OSError):
            system: OSError = self
            system.errno = fields.get("errno", self._errno)

    def __str__(self) -> str:
        # LookupError and OSError format their arguments themselves.
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.fields)


class StoreError(StorageError):
    """A problem with the place where the data lies."""


class StoreNotFoundError(StoreError, FileNotFoundError):
    """No storage exists at the root."""

    _errno = errno.ENOENT


class StoreExistsError(StoreError, FileExistsError):
    """Something exists already where a network was to be created."""

    _errno = errno.EEXIST


class StoreAccessError(StoreError, PermissionError):
    """The permissions of the root do not allow the call."""

    _errno = errno.EACCES


class StoreIOError(StoreError, OSError):
    """The system failed to read or write."""


def is_of_system(error: Exception) -> bool:
    """Whether the system failed, so that what is stored may be whole."""
    return isinstance(error, StoreIOError | StoreAccessError) and error.errno is not None


class NotANetworkError(StoreError, OSError):
    """The root holds something that is not a network of a known layout."""


class CorruptNetworkError(StoreError, ValueError):
    """A network whose contents contradict its layout."""


class LockTimeoutError(StoreError, TimeoutError):
    """Another thread or program locked or changed the storage for longer than the limit."""


class ChangedMeanwhileError(StoreError, OSError):
    """Another program changed the storage while it was read without a lock."""


class ReadOnlyError(StoreError, OSError):
    """A write to something that is read-only."""


class SessionClosedError(StoreError, RuntimeError):
    """A session was used after its end."""


class SingleProcessError(StoreError, RuntimeError):
    """Several ranks tried to share a store that only one process can use."""


class SessionAbortedError(StoreError, RuntimeError):
    """A write session was used after an error had interrupted one of its changes."""


class CommitConflictError(SessionAbortedError):
    """Another program committed after a write session began, so the session is not stored."""


class NodeNotFoundError(StoreError, KeyError):
    """A group or array is missing."""


class NodeExistsError(StoreError, ValueError):
    """A group or array exists already."""


class UnknownContentError(StoreError, ValueError):
    """Content that the layout of a network does not know, and that a rewrite can't keep."""


class InputError(StorageError, ValueError):
    """An argument that the storage can't accept; nothing was stored."""


class ShapeError(InputError):
    """An array of the wrong shape."""


class DtypeError(InputError, TypeError):
    """Values of a type that can't be stored without loss."""


class LengthError(InputError):
    """Arrays that describe the same cells or connections differ in length."""


class InvalidNameError(InputError):
    """An invalid name of a set, file, morphology or column."""


class NameTypeError(InvalidNameError, TypeError, KeyError):
    """A name that is not a text: nothing is stored under it, and nothing can be."""


class ChunkRangeError(ShapeError):
    """Chunk coordinates outside the range that chunk ids can express (int16)."""


class ChunkSizeError(InputError):
    """A chunk that differs in size from those of the network."""


class HandleError(InputError, TypeError):
    """A ``handle`` that is not an open session or file."""


class CellIdError(InputError, IndexError):
    """Cell ids outside a placement set."""


class LocationError(InputError, IndexError):
    """Connection locations on cells, branches or points that do not exist."""


class LabelError(InputError):
    """Labels, or cells to label, that are invalid for the placement set."""


class LabelTypeError(LabelError, TypeError):
    """Labels that are not texts."""


class DirectionError(InputError, KeyError):
    """A direction of connections other than ``inc`` and ``out``."""


class DirectionTypeError(DirectionError, TypeError):
    """A direction of connections that is not a text."""


class EncodingError(InputError, UnicodeEncodeError):
    """
    A text that its encoding can't hold.

    :param fields: ``encoding``, ``object``, ``start``, ``end`` and ``reason``, as
        ``UnicodeEncodeError`` has them.
    """

    def __init__(self, message: str = "", /, **fields: Any) -> None:
        given = {"encoding": "", "object": "", "start": 0, "end": 0, "reason": message, **fields}
        names = ("encoding", "object", "start", "end", "reason")
        UnicodeEncodeError.__init__(self, *(given[name] for name in names))
        self.message = message
        self.fields = fields


class UnknownEncodingError(InputError, LookupError):
    """An encoding that Python does not know."""


class MorphologyInUseError(InputError):
    """A morphology that can't be removed, because cells have it."""


class MissingError(StorageError, LookupError):
    """Nothing is stored under a name."""


class SetNotFoundError(MissingError):
    """No placement or connectivity set has that name."""


class DataNotFoundError(MissingError):
    """A placement set lacks the requested data."""


class MorphologyNotFoundError(MissingError):
    """No morphology has that name."""


class FileNotStoredError(MissingError, KeyError, FileNotFoundError):
    """No file has that id."""


class ConfigurationNotStoredError(MissingError):
    """The network has no configuration."""


class ClashError(StorageError, ValueError):
    """Something is stored already under that name."""


class SetExistsError(ClashError):
    """The placement or connectivity set exists."""


class SetTypeError(ClashError):
    """The connectivity set exists, between other cell types."""


class MorphologyExistsError(ClashError):
    """The morphology exists."""


class FileStoredError(ClashError, FileExistsError):
    """The file exists."""
