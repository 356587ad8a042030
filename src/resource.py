"""Groups and arrays of a stored network, by their paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .core.chunk_groups import NUMBERS
from .core.layouts.columnar.members import is_plain
from .core.names import check_member
from .core.rows import Rows
from .core.validation import as_numbers, as_numbers_of
from .errors import DtypeError, InputError, NodeExistsError, NodeNotFoundError
from .handles import (
    HANDLED,
    SessionEngine,
    handles_class_handles,
    handles_handles,
    handles_static_handles,
)
from .ports.arrays import (
    AnyReader,
    AnyWriter,
    ArrayReader,
    DocumentReader,
    GroupReader,
    GroupWriter,
)
from .transactions.session import Session

__all__ = [
    "HANDLED",
    "NetworkPart",
    "PromotedHandleWarning",
    "Resource",
    "UnusedWriteScopeWarning",
    "handles_class_handles",
    "handles_handles",
    "handles_static_handles",
]


class PromotedHandleWarning(UserWarning):
    """
    Never issued: a write within a read scope is stored at once, and needs no promotion.

    It exists so that warning filters made for bsb-hdf5 8.0.2 still name a class.
    """


class UnusedWriteScopeWarning(UserWarning):
    """
    Never issued: a write scope that writes nothing costs nothing.

    It exists so that warning filters made for bsb-hdf5 8.0.2 still name a class.
    """


Values: TypeAlias = Any
"""Values as the backend has them: an array, a scalar, a text or bytes."""
Options: TypeAlias = Mapping[str, Any]
"""Keyword arguments of ``h5py.Group.create_dataset``."""
Translate: TypeAlias = Callable[[Values, Values], Values]
"""Translates one record, given the map and the record."""


# Parameters of ``h5py.Group.create_dataset``.
_POSITIONS = ("shape", "dtype")
# What leads nowhere in a path, as in HDF5.
_NO_STEPS = frozenset(("", "."))


def _pick_attribute(mapping: Values, record: Values) -> Values:
    return mapping[record]


def _rows_added(_: Resource, new_data: object = (), *__: object, **___: object) -> dict[str, int]:
    """The attributes of the span of an append, for rows of any kind."""
    try:
        return {"hdf5.rows_added": len(new_data)}  # type: ignore[arg-type]
    except TypeError:
        return {"hdf5.rows_added": 1}


class Resource:
    """
    A group or array of the stored network, by its path.

    The layout of the network determines what lies at which path. All of it can be read. What
    belongs to a set, to the morphologies or to the files can be changed by their methods only, not
    by its path.

    :param engine: engine of the storage.
    :param path: names separated by ``/``, from the root.
    """

    def __init__(self, engine: SessionEngine, path: str) -> None:
        self._engine = engine
        self._given = path

    @property
    def _path(self) -> str:
        return self._given

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Resource)
            and self._engine == other._engine
            and self._path == other._path
        )

    def __hash__(self) -> int:
        # The first name depends on the layout of the network.
        return _hash_within(self._names()[1:])

    @handles_handles("a")
    def create(
        self, data: ArrayLike, *args: object, handle: Session = HANDLED, **kwargs: object
    ) -> None:
        """
        Make an array, or a single value where the backend has them.

        :param data: numbers; in HDF5 also texts, complex numbers or records. The array is of their
            shape, and of ``dtype`` if it is given.
        :param args: as for ``h5py.Group.create_dataset``, as are ``kwargs``: shape and dtype.
        :raises NodeExistsError: the path is taken.
        :raises InputError: the path belongs to the layout, the values can't be stored, or the
            backend has no such options.
        """
        options = _options(args, kwargs)
        self._check_free(handle)
        if self.exists(handle=handle):
            raise NodeExistsError(f"'{self._path}' exists", asked=self._path)
        rows = _as_rows(data, options)
        if rows is None:
            _check_any(handle.writable_root, data, options)
        parent, name = self._parent(handle)
        if rows is None and isinstance(parent, AnyWriter):
            parent.create_any(name, data, **options)
        elif rows is not None:
            parent.create_array(name, rows)

    @handles_handles("r")
    def exists(self, handle: Session = HANDLED) -> bool:
        """Whether something lies at the path."""
        group, names = handle.root, self._names()
        for depth, name in enumerate(names, start=1):
            if name not in group:
                return False
            try:
                group = group.group(name)
            except NodeNotFoundError:
                # Nothing is within what is no group.
                return depth == len(names)
        return True

    @handles_handles("r")
    def keys(self, handle: Session = HANDLED) -> list[str] | None:
        """Names of the members of a group; None for an array or a document."""
        node = self._node(handle)
        return list(node.names()) if isinstance(node, GroupReader) else None

    @handles_handles("a")
    def remove(self, handle: Session = HANDLED) -> None:
        """
        Delete what is at the path, and all below it.

        :raises NodeNotFoundError: nothing lies there.
        :raises InputError: the path belongs to the layout.
        """
        names = self._names()
        self._check_free(handle)
        if handle.network.is_part(names):
            raise InputError(
                f"'{self._path}' can't be removed by its path: it is part of a set or morphology;"
                " remove the whole set or morphology, or use its methods",
                asked=self._path,
            )
        if names[-1] not in self._above(handle):
            raise NodeNotFoundError(f"there is nothing at '{self._path}'", asked=self._path)
        parent, name = self._parent(handle)
        parent.delete(name)

    @handles_handles("a")
    def require(self, handle: Session) -> GroupWriter:
        """
        The group at the path, made if it is absent.

        :param handle: a session that writes.
        :raises InputError: it is absent, and the path belongs to the layout.
        """
        group = handle.writable_root
        if not self.exists(handle=handle):
            self._check_free(handle)
        for name in self._checked_names():
            group = group.require_group(name)
        return group

    @handles_handles("r")
    def get_dataset(self, selector: Values = (), handle: Session = HANDLED) -> Values:
        """
        The array at the path, or a part of it.

        :param selector: a numpy index.
        :returns: the values; of a single value, as a stored file, what h5py has for it: bytes of
            a text.
        """
        value = self._read_values(handle)
        if isinstance(selector, tuple) and not selector and not isinstance(value, np.ndarray):
            return value
        return np.asarray(value)[selector]

    @property
    @handles_handles("r")
    def attributes(self, handle: Session = HANDLED) -> dict[str, Values]:  # noqa: PLR0206
        """All attributes of what is at the path."""
        attributes = self._node(handle).attributes
        return {name: attributes.get(name) for name in attributes.names()}

    def get_attribute(self, name: str) -> Values:
        """
        An attribute.

        :raises AttributeError: no attribute has that name.
        """
        attributes = self.attributes
        if name not in attributes:
            raise AttributeError(
                f"'{self._path}' has no attribute '{name}'; it has {[*attributes]}"
            )
        return attributes[name]

    def unmap(
        self,
        selector: object = (),
        mapping: Translate = _pick_attribute,
        data: Iterable[Values] | None = None,
    ) -> Rows:
        """
        Translate records through the attribute ``map``.

        :param selector: which of the stored records, if no ``data`` are given.
        :param mapping: translates one record; is given the map and the record.
        :param data: records to translate instead.
        """
        records = self.get_dataset(selector) if data is None else data
        table = self.get_attribute("map")
        return np.array([mapping(table, record) for record in records])

    def unmap_one(self, data: object, mapping: Translate | None = None) -> Rows:
        """Translate one record; see :meth:`unmap`."""
        return self.unmap(data=[data], mapping=mapping or _pick_attribute)

    def __iter__(self) -> Iterator[Values]:
        return iter(self.get_dataset())

    @property
    @handles_handles("r")
    def shape(self, handle: Session = HANDLED) -> tuple[int, ...]:  # noqa: PLR0206
        """Shape of the array at the path."""
        node = self._node(handle)
        if isinstance(node, GroupReader):
            raise NodeNotFoundError(f"'{self._path}' is a group, not an array", asked=self._path)
        return node.shape if isinstance(node, ArrayReader) else ()

    def __len__(self) -> int:
        return self.shape[0]

    @handles_handles("a", describe=_rows_added)
    def append(
        self, new_data: ArrayLike, dtype: DTypeLike = float, handle: Session = HANDLED
    ) -> None:
        """
        Add rows to the array at the path, which is made if it is absent.

        :param new_data: (n, ...) numbers.
        :param dtype: dtype of an array that is made.
        :raises InputError: the path belongs to the layout.
        :raises DtypeError: the array can't hold the numbers as they are.
        """
        self._check_free(handle)
        rows = np.atleast_1d(as_numbers(new_data, "the data"))
        if not self.exists(handle=handle):
            rows = _as_dtype(rows, dtype)
            parent, name = self._parent(handle)
            parent.create_array(name, rows)
            return
        parent, name = self._parent(handle)
        array = parent.array(name)
        if isinstance(parent, AnyWriter):
            parent.check_append(name, rows)
        array.append(rows)

    def _check_free(self, session: Session) -> None:
        network = session.network
        if network.owns(self._names()):
            raise InputError(
                f"'{self._path}' can't be changed by its path: it belongs to the {network.layout}"
                " layout; the methods of placement sets, connectivity sets, morphology repository"
                " and file store change what they hold",
                asked=self._path,
            )

    def _names(self) -> list[str]:
        return [name for name in self._path.split("/") if name not in _NO_STEPS]

    def _checked_names(self) -> list[str]:
        return [check_member(name, "resource") for name in self._names()]

    def _node(self, session: Session) -> GroupReader | ArrayReader | DocumentReader:
        names = self._names()
        if not names:
            return session.root
        above = self._above(session)
        others = (above.value,) if isinstance(above, AnyReader) else ()
        for member in (above.group, above.array, *others, above.document):
            with suppress(NodeNotFoundError):
                found: GroupReader | ArrayReader | DocumentReader = member(names[-1])
                return found
        raise NodeNotFoundError(f"there is nothing at '{self._path}'", asked=self._path)

    def _read_values(self, session: Session) -> Values:
        """All values of the array, document or single value at the path."""
        above, name = self._place(session)
        if isinstance(above, AnyReader):
            return above.read_any(name)
        try:
            return above.array(name).read()
        except NodeNotFoundError:
            return above.document(name).read()

    def _place(self, session: Session) -> tuple[GroupReader, str]:
        """The group that something other than a group is in, and the last name."""
        names = self._names()
        if not names:
            raise NodeNotFoundError("'/' is a group, not an array", asked=self._path)
        return self._above(session), names[-1]

    def _above(self, session: Session) -> GroupReader:
        """The group above the path."""
        group = session.root
        for name in self._names()[:-1]:
            group = group.group(name)
        return group

    def _parent(self, session: Session) -> tuple[GroupWriter, str]:
        """
        The group above the path, made if it is absent, and the last name.

        :raises InvalidNameError: something in the path can't be the name of anything.
        """
        *above, name = self._checked_names()
        group = session.writable_root
        for each in above:
            group = group.require_group(each)
        return group, name


def _hash_within(names: Sequence[str]) -> int:
    """The hash of what has some names within a part of the network, or a path within a group."""
    # The path of any other name depends on the layout, which is not known without reading.
    return hash(tuple(names)) if len(names) < 2 and all(map(is_plain, names)) else 0  # noqa: PLR2004


def _options(args: Sequence[object], options: Options) -> Options:
    """The given properties of an array to create, by name."""
    if len(args) > len(_POSITIONS):
        raise InputError(f"'data' is followed by {' and '.join(_POSITIONS)}, not by {[*args]}")
    given = dict(zip(_POSITIONS, args, strict=False))
    if twice := given.keys() & options.keys():
        raise InputError(f"{' and '.join(sorted(twice))} is given twice")
    return {key: value for key, value in {**given, **options}.items() if value is not None}


def _as_rows(data: ArrayLike, options: Options) -> Rows | None:
    """
    Rows of numbers, if the data are these and nothing else is asked for.

    :raises DtypeError: numbers that the dtype can't hold.
    """
    try:
        numbers = as_numbers(data, "the data")
    except DtypeError:
        return None
    dtype = options.get("dtype")
    rows = np.array(numbers) if dtype is None else _as_dtype(numbers, dtype)
    is_plain = rows.ndim and rows.dtype.kind in NUMBERS and not options.keys() - {"dtype"}
    return rows if is_plain else None


def _as_dtype(numbers: Rows, dtype: DTypeLike) -> Rows:
    """Numbers in a dtype that is asked for, which may be one of other values."""
    try:
        asked = np.dtype(dtype)
        if asked.kind in NUMBERS:
            return as_numbers_of(asked, numbers, "the data")
        return numbers.astype(asked)
    except (TypeError, ValueError) as error:
        if isinstance(error, DtypeError):
            raise
        raise DtypeError(f"the data can't be of dtype {dtype!r}: {error}") from error


def _check_any(root: GroupWriter, data: ArrayLike, options: Options) -> None:
    """Check that the backend can store what is more than rows of numbers."""
    if isinstance(root, AnyWriter):
        root.check_any(data, **options)
    elif more := sorted(options.keys() - {"dtype"}):
        raise InputError(f"only arrays in an HDF5 file have the options {', '.join(more)}")
    else:
        raise DtypeError(
            "only HDF5 files can store single values, and arrays of anything but numbers; give rows"
            f" of numbers, not {data!r}"
        )


class NetworkPart(Resource):
    """
    A part of the network, or a set in it, at the path that the layout of the network says.

    :param engine: engine of the storage.
    :param part: ``placement``, ``connectivity``, ``morphologies`` or ``files``.
    :param names: names of its parts, such as a set.
    """

    def __init__(self, engine: SessionEngine, part: str, *names: str) -> None:
        self._engine = engine
        self._part = part
        self._within = names

    @property
    def _path(self) -> str:
        return self._read_path()

    @property
    def _traced_path(self) -> str:
        """The path in the classic layout: the same for all layouts, and known without reading."""
        return "/".join(["", self._part, *self._within])

    @handles_handles("r")
    def _read_path(self, handle: Session = HANDLED) -> str:
        return handle.network.place(self._part, *self._within)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NetworkPart):
            return super().__eq__(other)
        return (
            self._engine == other._engine
            and self._part == other._part
            and self._within == other._within
        )

    def __hash__(self) -> int:
        return _hash_within(self._within)
