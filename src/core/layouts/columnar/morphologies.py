"""
Morphologies in the columnar layout: long arrays of points, and a log of what was done.

A line of the log is a JSON object: ``save``, ``remove``, ``meta``, ``all_meta`` or
``forget_meta``. Replayed from the first to the last, they say which morphologies exist,
and which rows are whose.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from itertools import filterfalse
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError, InputError, MorphologyNotFoundError
from ....ports.arrays import GroupWriter
from ...json_types import Document
from ...labels import LabelSets
from ...morphology import MorphologyTable, dump_meta, load_meta
from ...names import check_name
from ...rows import Rows
from ..documents import interpreting, parse_json
from .arrays import LongArray
from .checksums import CHECKSUMS
from .groups import TALLY, Holder

LOG = "log"
POINTS, LABELS, PROPERTIES, BRANCHES = "points", "labels", "properties", "branches"
_KEY = ("columnar", "morphologies")
_FLOAT = (np.dtype(np.float64),)
_INTEGER = (np.dtype(np.int32), np.dtype(np.int64))
ROW_KINDS = {POINTS: _FLOAT, LABELS: _INTEGER, PROPERTIES: _FLOAT, BRANCHES: _INTEGER}
_WIDTHS: dict[str, tuple[int, ...]] = {POINTS: (4,), LABELS: (), PROPERTIES: (), BRANCHES: (2,)}


@attrs.frozen(eq=False)
class Saved:
    """
    Where the rows of a morphology are.

    :param points: first row, and the one after the last; also of the label codes.
    :param branches: likewise.
    :param values: likewise, in the array of properties.
    :param properties: their names.
    :param checksums: CRC-32 of the rows in each array, as the widest of its dtypes; of those that
        are known.
    """

    points: tuple[int, int]
    branches: tuple[int, int]
    values: tuple[int, int]
    properties: tuple[str, ...]
    labels: LabelSets
    checksums: Mapping[str, int]

    def ranges(self) -> dict[str, tuple[int, int]]:
        """Where the rows of each array are."""
        return {
            POINTS: self.points,
            LABELS: self.points,
            BRANCHES: self.branches,
            PROPERTIES: self.values,
        }


@attrs.frozen(eq=False)
class Catalogue:
    """
    What a log says, up to some byte. Never changed once others may see it.

    :param meta: JSON text by name.
    :param ends: the row after the last of each array that was ever used.
    """

    generation: int = 0
    length: int = 0
    checksum: int = 0
    saved: dict[str, Saved] = attrs.field(factory=dict)
    meta: dict[str, str] = attrs.field(factory=dict)
    ends: dict[str, int] = attrs.field(factory=lambda: dict.fromkeys(ROW_KINDS, 0))

    def copy(self) -> Catalogue:
        """One that may be changed."""
        return attrs.evolve(
            self, saved=dict(self.saved), meta=dict(self.meta), ends=dict(self.ends)
        )

    def apply(self, line: bytes | str) -> None:
        """
        Do what a line of the log says.

        :raises CorruptNetworkError: it says nothing that can be done.
        """
        command = parse_json(line, LOG)
        with interpreting(LOG):
            if "save" in command:
                self._save(command)
            elif "remove" in command:
                self.saved.pop(command["remove"], None)
            elif "meta" in command:
                self.meta.update(_texts(command["meta"]))
            elif "all_meta" in command:
                self.meta.clear()
                self.meta.update(_texts(command["all_meta"]))
            elif "forget_meta" in command:
                self.meta.pop(command["forget_meta"], None)
            else:
                raise CorruptNetworkError(f"the log of morphologies says {command}")

    def _save(self, command: Document) -> None:
        properties = tuple(str(name) for name in command.get(PROPERTIES, []))
        points, branches, values = (
            _range(command.get(key), key) for key in (POINTS, BRANCHES, "values")
        )
        labels = LabelSets.from_lists(command.get(LABELS, {}))
        checksums = {str(key): int(crc) for key, crc in command.get(CHECKSUMS, {}).items()}
        saved = Saved(points, branches, values, properties, labels, checksums)
        self.saved[str(command["save"])] = saved
        for name, (_, end) in saved.ranges().items():
            self.ends[name] = max(self.ends[name], end)


def _texts(meta: Document) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in meta.items()}


def _range(value: Any, name: str) -> tuple[int, int]:
    first, end = (int(each) for each in value)
    if not 0 <= first <= end:
        raise CorruptNetworkError(f"the '{name}' of a morphology are rows {first} to {end}")
    return first, end


class ColumnarMorphologies:
    """The morphologies of a network, for the duration of a session."""

    def __init__(self, find_group: Callable[[], GroupWriter], network: Holder) -> None:
        self._find_group = find_group
        self._network = network
        self._arrays: dict[str, LongArray] = {}
        self._lines: list[str] = []
        self._catalogue = self._recalled()

    @classmethod
    def create(cls, group: GroupWriter) -> None:
        """Prepare an empty group."""
        group.create_array(LOG, np.zeros(0, dtype=np.uint8))
        group.attributes.set(TALLY, np.zeros(3, dtype=np.int64))

    @cached_property
    def _group(self) -> GroupWriter:
        # perf: append morphologies; the catalogue is nearly always cached.
        return self._find_group()

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._catalogue.saved))

    def __contains__(self, name: str) -> bool:
        return name in self._catalogue.saved

    def lacks(self, names: Collection[str]) -> Collection[str]:
        # perf: append morphologies; to make a set of the names takes longer.
        return [*filterfalse(self._catalogue.saved.__contains__, names)]

    def load(self, name: str) -> MorphologyTable:
        saved = self._catalogue.saved.get(name)
        if saved is None:
            raise MorphologyNotFoundError(f"the morphology '{name}' does not exist", asked=name)
        points = self._rows(POINTS, saved.points)
        width = len(saved.properties)
        data = np.empty((len(points), 5 + width))
        data[:, :4] = points
        data[:, 4] = self._rows(LABELS, saved.points)
        values = self._rows(PROPERTIES, saved.values)
        if len(values) != len(points) * width:
            raise CorruptNetworkError(
                f"the morphology '{name}' has {len(values)} values of {width} properties"
                f" for {len(points)} points"
            )
        data[:, 5:] = values.reshape(len(points), width)
        graph = np.asarray(self._rows(BRANCHES, saved.branches), dtype=np.int64)
        return MorphologyTable(data, graph, saved.labels, saved.properties)

    def save(self, name: str, table: MorphologyTable) -> None:
        check_name(name, "morphology")
        codes = _codes(name, table.data[:, 4])
        self._network.touch()
        columns: dict[str, Rows] = {
            POINTS: table.data[:, :4].copy(),
            LABELS: codes,
            PROPERTIES: table.data[:, 5:].flatten(),
            BRANCHES: np.array(table.graph),
        }
        ranges = {key: self._put(key, rows) for key, rows in columns.items()}
        command = {
            "save": name,
            POINTS: ranges[POINTS],
            BRANCHES: ranges[BRANCHES],
            "values": ranges[PROPERTIES],
            PROPERTIES: list(table.properties),
            LABELS: {str(code): held for code, held in table.labels.to_lists().items()},
            CHECKSUMS: {key: _checksum(key, rows) for key, rows in columns.items()},
        }
        self._do(json.dumps(command))

    def damage(self) -> Iterator[str]:
        _, length, checksum = self._tally()
        text = _whole_lines(self._group.array(LOG).read().tobytes())
        # Writers that keep no tally remove it.
        if length >= 0 and (len(text), zlib.crc32(text)) != (length, checksum):
            yield f"'{LOG}'"
        for name in self.names():
            for array in self.damaged(name):
                yield f"'{name}', {array}"

    def damaged(self, name: str) -> tuple[str, ...]:
        """
        The arrays in which the rows of a morphology are not those that were stored.

        :raises CorruptNetworkError: the rows do not exist.
        """
        saved = self._catalogue.saved[name]
        return tuple(
            key
            for key, where in saved.ranges().items()
            if key in saved.checksums
            and _checksum(key, self._rows(key, where)) != saved.checksums[key]
        )

    def remove(self, name: str) -> None:
        if name not in self:
            raise MorphologyNotFoundError(f"the morphology '{name}' does not exist", asked=name)
        self._do(json.dumps({"remove": name}))

    def meta(self) -> Document:
        texts = self._catalogue.meta.items()
        return load_meta("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in texts) + "}")

    def meta_of(self, name: str) -> Document:
        text = self._catalogue.meta.get(name)
        if text is None and name in self:
            return {}
        if text is None:
            raise MorphologyNotFoundError(f"the morphology '{name}' does not exist", asked=name)
        meta: Document = load_meta('{"m":' + text + "}")["m"]
        return meta

    def update_meta(self, meta: Mapping[str, object]) -> None:
        self._do('{"meta":' + dump_meta(meta) + "}")

    def replace_meta(self, meta: Mapping[str, object]) -> None:
        self._do('{"all_meta":' + dump_meta(meta) + "}")

    def forget_meta(self, name: str) -> None:
        if name in self._catalogue.meta:
            self._do(json.dumps({"forget_meta": name}))

    def flush(self) -> None:
        """Store the rows that wait, and last what was done."""
        if not self._lines:
            return
        for array in self._arrays.values():
            array.write_out()
        text = "".join(f"{line}\n" for line in self._lines).encode()
        log, held = self._group.array(LOG), self._catalogue
        if log.shape[0] != held.length:
            log.resize(held.length)
        log.append(np.frombuffer(text, dtype=np.uint8))
        length, checksum = held.length + len(text), zlib.crc32(text, held.checksum)
        tally = np.array([held.generation, length, checksum], dtype=np.int64)
        self._group.attributes.set(TALLY, tally)
        self._catalogue = attrs.evolve(held, length=length, checksum=checksum)
        self._network.cache.put(_KEY, self._catalogue)
        self._lines = []

    def _do(self, line: str) -> None:
        """Note a line for the log, and do what it says."""
        self._network.touch()
        if not self._lines:
            self._catalogue = self._catalogue.copy()
        self._catalogue.apply(line)
        self._lines.append(line)

    def _put(self, name: str, rows: Rows) -> tuple[int, int]:
        first = self._catalogue.ends[name]
        if len(rows):
            self._array(name).put(first, rows)
        return first, first + len(rows)

    def _rows(self, name: str, where: tuple[int, int]) -> Rows:
        first, end = where
        if first == end:
            return np.zeros((0, *_WIDTHS[name]))
        array = self._array(name)
        if end > array.length:
            raise CorruptNetworkError(
                f"a morphology has rows {first} to {end} of '{name}', which has {array.length}"
            )
        return array.read_ranges(np.array([first]), np.array([end]))

    def _array(self, name: str) -> LongArray:
        if name not in self._arrays:
            array = LongArray(self._group, name, ROW_KINDS[name])
            if array.width not in (None, _WIDTHS[name]):
                raise CorruptNetworkError(
                    f"'{name}' of the morphologies has rows of shape {array.width}"
                )
            self._arrays[name] = array
        return self._arrays[name]

    def _recalled(self) -> Catalogue:
        cache = self._network.cache
        known: Catalogue | None = cache.get(_KEY)
        if known is None:
            known = self._replay(cache.get_stale(_KEY))
            cache.put(_KEY, known)
        return known

    def _replay(self, outdated: Catalogue | None) -> Catalogue:
        """Read the log, or only what came to it since."""
        generation, length, checksum = self._tally()
        log = self._group.array(LOG)
        if log.shape[1:] != () or log.dtype != np.uint8:
            raise CorruptNetworkError(f"the log has shape {log.shape} and dtype '{log.dtype}'")
        trusted = length == log.shape[0]
        if outdated is not None and trusted and outdated.generation == generation:
            text = log.read(outdated.length, length).tobytes()
            if outdated.length <= length and zlib.crc32(text, outdated.checksum) == checksum:
                return _replayed(outdated, text)
        text = log.read().tobytes()
        return _replayed(Catalogue(generation), _whole_lines(text))

    def _tally(self) -> tuple[int, int, int]:
        tally = self._group.attributes.get(TALLY)
        if not isinstance(tally, np.ndarray) or tally.shape != (3,) or tally.dtype.kind != "i":
            return 0, -1, 0
        generation, length, checksum = tally.tolist()
        return generation, length, checksum


def _whole_lines(text: bytes) -> bytes:
    """A writer may have been interrupted: an unterminated line does not count."""
    return text[: text.rfind(b"\n") + 1]


def _replayed(catalogue: Catalogue, text: bytes) -> Catalogue:
    result = catalogue.copy()
    for line in text.splitlines():
        result.apply(line)
    return attrs.evolve(
        result,
        length=catalogue.length + len(text),
        checksum=zlib.crc32(text, catalogue.checksum),
    )


def _checksum(key: str, rows: Rows) -> int:
    """The same on every machine, and whatever the rows are stored as."""
    widest = ROW_KINDS[key][-1].newbyteorder("<")
    return zlib.crc32(np.ascontiguousarray(rows, dtype=widest).data)


def _codes(name: str, values: NDArray[np.float64]) -> NDArray[np.int64]:
    with np.errstate(invalid="ignore"):
        codes = values.astype(np.int64)
    if not np.array_equal(codes, values):
        raise InputError(f"the label codes of the morphology '{name}' must be whole numbers")
    return codes
