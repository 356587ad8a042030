"""
Errors that are also errors of BSB.

The core raises the errors in :mod:`.errors`. If BSB has an error for the same case, a public
method raises a class of this module, which is both. So code written for ``bsb`` and code written
for this package each catch the error that they expect.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any, ClassVar, Generic, NoReturn, TypeVar

import bsb

from . import errors
from .transactions.deadline import SlowWait
from .transactions.interrupts import guarded

T = TypeVar("T")
_Error = TypeVar("_Error", bound=type[errors.StorageError])
_COUNTERPARTS: dict[type[errors.StorageError], type[errors.StorageError]] = {}


def counterpart_of(original: type[errors.StorageError]) -> Callable[[_Error], _Error]:
    """Declare the class that replaces an error of the core at the end of a public method."""

    def declare(cls: _Error) -> _Error:
        _COUNTERPARTS[original] = cls
        return cls

    return declare


class _Detailed:
    # BSB's errors look their details up before they set any attribute.
    details: ClassVar[Mapping[str, Any]] = {}


@counterpart_of(errors.SetNotFoundError)
class SetNotFoundError(_Detailed, errors.SetNotFoundError, bsb.DatasetNotFoundError):
    """No placement or connectivity set has that name."""


@counterpart_of(errors.DataNotFoundError)
class DataNotFoundError(_Detailed, errors.DataNotFoundError, bsb.DatasetNotFoundError):
    """A placement set lacks a kind of data."""


@counterpart_of(errors.SetExistsError)
class SetExistsError(_Detailed, errors.SetExistsError, bsb.DatasetExistsError):
    """The placement or connectivity set exists."""


@counterpart_of(errors.MorphologyNotFoundError)
class MorphologyNotFoundError(
    _Detailed,
    errors.MorphologyNotFoundError,
    bsb.MissingMorphologyError,
    bsb.MorphologyRepositoryError,
):
    """No morphology has that name; it is BSB's error for loading and that for removing."""


@counterpart_of(errors.MorphologyExistsError)
class MorphologyExistsError(_Detailed, errors.MorphologyExistsError, bsb.MorphologyRepositoryError):
    """The morphology exists."""


@counterpart_of(errors.LabelError)
class LabelError(_Detailed, errors.LabelError, bsb.LabellingError):
    """Labels, or cells to label, that don't fit the placement set."""


@counterpart_of(errors.LabelTypeError)
class LabelTypeError(_Detailed, errors.LabelTypeError, bsb.LabellingError):
    """Labels that are not texts."""


@counterpart_of(errors.MorphologyInUseError)
class MorphologyInUseError(_Detailed, errors.MorphologyInUseError, bsb.MorphologyRepositoryError):
    """A morphology that can't be removed, because cells have it."""


class MorphologyNameError(
    _Detailed, errors.NameTypeError, bsb.MissingMorphologyError, bsb.MorphologyRepositoryError
):
    """The name of a morphology is not a str, so the morphology does not exist."""


@counterpart_of(errors.ConfigurationNotStoredError)
class MissingActiveConfigError(
    _Detailed, errors.ConfigurationNotStoredError, bsb.MissingActiveConfigError
):
    """The network has no active configuration."""


@counterpart_of(errors.ChunkRangeError)
class ChunkRangeError(_Detailed, errors.ChunkRangeError, bsb.ChunkError):
    """Chunk coordinates outside the range that chunk ids can express (int16)."""


@counterpart_of(errors.ChunkSizeError)
class ChunkSizeError(_Detailed, errors.ChunkSizeError, bsb.ChunkError):
    """A chunk of another size than the network's."""


class HDF5SlowLockingWarning(bsb.exceptions.ScaffoldWarning):
    """Another thread or program has held the lock of a network for a long time."""


class HiddenRowsWarning(bsb.exceptions.ScaffoldWarning):
    """A network is read without rows that others have logged, as it can't be written from here."""


class LayoutKeptWarning(bsb.exceptions.ScaffoldWarning):
    """A configuration names another layout than that of the existing file."""


def warn_of_slow_lock(wait: SlowWait) -> None:
    """Warn of a long wait for a lock: on which network, who holds it, and for how long."""
    warnings.warn(str(wait), HDF5SlowLockingWarning, stacklevel=callers_stacklevel())


def warn_of_hidden_rows(what: str) -> None:
    """Warn of rows that a session does not see."""
    warnings.warn(what, HiddenRowsWarning, stacklevel=callers_stacklevel())


# Packages of this one, and the module that runs its context managers.
_OURS = (__name__.partition(".")[0], "contextlib")


def callers_stacklevel() -> int:
    """The ``stacklevel`` with which a warning points at the line that called into this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        level, frame = level + 1, frame.f_back
    return level


def raise_as_bsb(error: errors.StorageError) -> NoReturn:
    """Raise an error of the core as its counterpart, if it has one."""
    counterpart = _COUNTERPARTS.get(type(error))
    if counterpart is None:
        raise error
    raise counterpart(error.message, **error.fields) from error


class as_bsb(AbstractContextManager[T], Generic[T]):  # noqa: N801  # used like a function
    """
    A context manager with errors of the core, its own and of its block, replaced.

    :param inner: the context manager.
    """

    def __init__(self, inner: AbstractContextManager[T]) -> None:
        self._inner = inner

    @guarded
    def __enter__(self) -> T:
        try:
            return self._inner.__enter__()
        except errors.StorageError as error:
            raise_as_bsb(error)

    @guarded
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if getattr(self._inner, "is_over", False):
            # The process is ending, and imported modules may be gone.
            return None
        try:
            suppressed = self._inner.__exit__(kind, error, trace)
        except errors.StorageError as failure:
            raise_as_bsb(failure)
        if not suppressed and isinstance(error, errors.StorageError):
            raise_as_bsb(error)
        return suppressed


def bsb_errors() -> AbstractContextManager[None]:
    """Replace errors of the core by their counterparts, in a block."""
    return as_bsb(nullcontext())
