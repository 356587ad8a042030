"""The context that the groups and arrays of one session share."""

from __future__ import annotations

from weakref import WeakValueDictionary

import attrs

from ...errors import SessionAbortedError, SessionClosedError
from ...ports.arrays import DType
from .atomic.callback import CALLBACK
from .errors import translated
from .h5_types import H5Object
from .places import Content, RowPlaces

# Groups and arrays that stay open for the sessions that follow.
_MOST_KEPT = 512
# Numbers of blocks that stay open in a file: HDF5 looks through all open attributes of a file
# whenever it opens one.
_MOST_NUMBERS = 2048
# Names of numbers that are remembered in a file.
_MOST_NAMES = 1 << 16


@attrs.define(eq=False)
class OpenAttribute:
    """
    An attribute.

    :param shape: None if it has no value.
    """

    id: H5Object
    shape: tuple[int, ...] | None
    dtype: DType


@attrs.define(eq=False)
class OpenObject:
    """
    A group, array or document of a file that is open.

    The fields cache answers of HDF5 that are slow.

    :param kind: ``group``, ``array``, ``document``, or something else.
    :param shape: shape of an array; None if it was not asked for yet. ``dtype`` likewise.
    :param attributes: those that are open, by name.
    :param integers: names of attributes that are known to be one integer each, if not all of them.
    :param piece_bytes: that HDF5 unpacks at least to read an array; None if it was not asked for.
    :param places: where the rows of an array lie; None if that was not looked up.
    :param space: the dataspace of an array, of which a part is selected.
    :param reads: single ranges that were read through HDF5 since the array changed.
    """

    kind: str
    id: H5Object
    shape: tuple[int, ...] | None = None
    dtype: DType | None = None
    attributes: dict[bytes, OpenAttribute] = attrs.field(factory=dict)
    integers: set[bytes] = attrs.field(factory=set)
    piece_bytes: int | None = None
    places: RowPlaces | None = None
    space: H5Object | None = None
    reads: int = 0


class OpenObjects:
    """
    The open objects of a file by path: one per path, for as long as anything uses it.
    """

    def __init__(self) -> None:
        self._live: WeakValueDictionary[str, OpenObject] = WeakValueDictionary()
        # Objects that stay open even while unused.
        self._kept: dict[str, OpenObject] = {}
        self._numbers = self._names = 0

    def find(self, path: str) -> OpenObject | None:
        """The object of a path, if it is open."""
        return self._kept.get(path) or self._live.get(path)

    def add(self, path: str, member: OpenObject) -> None:
        """Keep an object open; the one that was opened first may be dropped for it."""
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[path] = self._live[path] = member

    def admit_number(self) -> bool:
        """
        Count a number that is about to stay open, and say whether it may.

        Where there come to be too many, all are closed, and none stays open until the file is
        opened again.
        """
        self._numbers += 1
        if self._numbers == _MOST_NUMBERS:
            for each in list(self._live.values()):
                each.attributes.clear()
        return self._numbers < _MOST_NUMBERS

    def admit_name(self) -> bool:
        """Count a name of a number that is about to be remembered, and say whether it may."""
        self._names += 1
        return self._names <= _MOST_NAMES

    def forget(self, path: str) -> None:
        """Close an object that is about to be deleted, and those within it."""
        below = f"{path}/"
        for each in [p for p in self._live if p == path or p.startswith(below)]:
            # An object that stays open keeps its space in the file.
            gone = self._live.pop(each, None)
            if gone is not None:
                gone.attributes.clear()
                gone.integers.clear()
            self._kept.pop(each, None)

    def clear(self) -> None:
        """Close all."""
        for each in list(self._live.values()):
            each.attributes.clear()
            each.integers.clear()
            each.shape = each.dtype = each.places = each.space = None
        self._live.clear()
        self._kept.clear()
        self._numbers = self._names = 0


class UnkeptObjects(OpenObjects):
    """Objects of a session whose callers have objects of h5py: each use opens a new one."""

    def find(self, path: str) -> None:
        """None is known to be what it was."""

    def add(self, path: str, member: OpenObject) -> None:
        """Let it go when its user does."""

    def admit_name(self) -> bool:
        """What is under a name may change."""
        return False


class Context:
    """
    What the groups and arrays of a session share.

    :param location: location of the store, for messages.
    :param source: the file below HDF5, which knows why it failed; None where HDF5 itself opened it.
    :param objects: open beyond the session.
    :param translation: of errors; it has no state, so that one serves all sessions on a file.
    """

    # Whether new growable arrays of integers are compressed.
    compress = False
    # Number of changes so far.
    changes = 0
    # Whether the session is over, so that nothing can be read or written.
    ended = False
    # Whether objects of h5py's were handed out, which may change what is open here.
    shared = False

    def __init__(
        self,
        location: str,
        source: Content | None = None,
        objects: OpenObjects | None = None,
        translation: translated | None = None,
    ) -> None:
        self.location = location
        self.source = source
        self.objects = OpenObjects() if objects is None else objects
        self._translated = translated(location, source) if translation is None else translation

    def translated(self) -> translated:
        """
        Translate errors of h5py; errors as for :meth:`check_usable`.
        """
        # perf: load a chunk; nearly always HDF5 can be called.
        if self.ended or CALLBACK.thread is not None:
            self.check_usable()
        return self._translated

    def check_usable(self) -> None:
        """
        Check that HDF5 can be called.

        :raises SessionClosedError: the session is over.
        :raises SessionAbortedError: HDF5 is in use in this thread.
        """
        if self.ended:
            raise SessionClosedError("the session that this belongs to has ended")
        # perf: load a chunk; nearly always there is no callback.
        if CALLBACK.thread is not None and CALLBACK.is_here():
            raise _is_called_back(self.location)


def check_free(location: str) -> None:
    """
    Check that this thread may call HDF5, which fails in any way if it is called twice at a time.

    :raises SessionAbortedError: HDF5 is reading or writing in this thread.
    """
    if CALLBACK.is_here():
        raise _is_called_back(location)


def _is_called_back(location: str) -> SessionAbortedError:
    return SessionAbortedError(
        f"'{location}' can't be used by a signal handler or finalizer that interrupts HDF5 in"
        " this thread; use it when the call that was interrupted has returned"
    )
