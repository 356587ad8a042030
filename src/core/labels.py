"""
Label sets: many labels on many cells or points, one small code each.

A code stands for a set of labels; 0 is the empty set. A table of codes only grows, so
codes that are stored stay valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptNetworkError, LabelError, LabelTypeError
from .min_max import min_max
from .names import encodable

Codes = NDArray[np.int64]
LabelSet = frozenset[str]
# Returns the new codes and the label sets that explain them; the same array if no code changes.
LabelChange = Callable[[Codes], "tuple[LabelSets, Codes]"]
_MOST = int(np.iinfo(np.int64).max)


def check_labels(labels: object) -> list[str]:
    """
    Labels as given by a caller.

    :raises LabelError: a single text, or a label that can't be encoded as UTF-8.
    :raises LabelTypeError: anything else but an iterable of texts.
    """
    # perf: label 25 cells; checking whether a list is iterable takes as long as all the rest.
    if isinstance(labels, (str, bytes)) or not isinstance(labels, (list, Iterable)):
        kind = LabelError if isinstance(labels, (str, bytes)) else LabelTypeError
        raise kind(f"labels must be a list of texts, not {labels!r}", asked=labels)
    found = []
    for label in np.atleast_1d(labels) if isinstance(labels, np.ndarray) else labels:
        if not isinstance(label, str):
            raise LabelTypeError(
                f"a label must be a str, not {type(label).__name__} ({label!r})", asked=label
            )
        if not (label.isascii() or encodable(label)):
            raise LabelError(f"the label {label!r} can't be encoded as UTF-8", asked=label)
        found.append(str(label))
    return found


@attrs.frozen(slots=False)
class LabelSets:
    """
    The label set of each code, in the order the codes were given out.

    :param table: may not be changed any more.
    """

    table: Mapping[int, LabelSet] = attrs.field(factory=lambda: {0: frozenset()})

    @classmethod
    def from_lists(
        cls, table: Mapping[str, Iterable[str]] | Mapping[int, Iterable[str]]
    ) -> LabelSets:
        """
        From code to list of labels, the codes possibly as text.

        :raises CorruptNetworkError: a code does not fit int64.
        """
        sets = {0: LabelSet()}
        sets.update((int(code), frozenset(map(str, labels))) for code, labels in table.items())
        for code in (min(sets), max(sets)):
            if not -_MOST <= code <= _MOST:
                raise CorruptNetworkError(
                    f"a label code is {code}; it must lie between {-_MOST} and {_MOST}", found=code
                )
        return cls(sets)

    def to_lists(self) -> dict[int, list[str]]:
        """From code to sorted list of labels."""
        return {code: sorted(labels) for code, labels in self.table.items()}

    def of(self, codes: Codes) -> list[LabelSet]:
        """
        The label set of each code.

        :raises CorruptNetworkError: a code has none.
        """
        found = [self.table.get(code) for code in codes.tolist()]
        if None in found:
            code = codes.tolist()[found.index(None)]
            raise CorruptNetworkError(
                f"label code {code} has no label set; known are {sorted(self.table)}", found=code
            )
        return [labels for labels in found if labels is not None]

    def matching(self, labels: Iterable[str]) -> Codes:
        """
        Codes of the sets that hold any of the labels.

        No labels stand for the unlabelled: the codes of the empty set.
        """
        wanted = frozenset(labels)
        return np.array(
            [c for c, held in self.table.items() if held & wanted or held == wanted], np.int64
        )

    def mask(self, codes: Codes, labels: Iterable[str] | None) -> NDArray[np.bool_]:
        """Which codes match (:meth:`matching`); all of them if ``labels`` is None."""
        if labels is None:
            return np.ones(codes.shape, dtype=bool)
        return np.isin(codes, self.matching(labels))

    def add(self, codes: Codes, labels: Iterable[str]) -> tuple[LabelSets, Codes]:
        """
        The codes with the labels added, and what explains them.

        Those are these label sets themselves, if all that is needed is among them, and the codes
        that were given, if none of them changes.
        """
        added = frozenset(labels)
        return self._transition(codes, lambda held: held | added)

    def remove(self, codes: Codes, labels: Iterable[str]) -> tuple[LabelSets, Codes]:
        """The codes with the labels taken away, and what explains them; see :meth:`add`."""
        removed = frozenset(labels)
        return self._transition(codes, lambda held: held - removed)

    def translate(self, codes: Codes, source: LabelSets) -> tuple[LabelSets, Codes]:
        """Codes of other label sets as codes of these, see :meth:`add`."""
        return self._transition(codes, lambda held: held, source)

    def _transition(
        self, codes: Codes, change: Callable[[LabelSet], LabelSet], source: LabelSets | None = None
    ) -> tuple[LabelSets, Codes]:
        before = (self if source is None else source).table
        unique = _distinct(codes)
        wanted = []
        for code in unique:
            if code not in before:
                raise CorruptNetworkError(
                    f"label code {code} has no label set; known are {sorted(before)}", found=code
                )
            wanted.append(change(before[code]))
        sets = self if self._codes.keys() >= set(wanted) else self._with(wanted)
        after = [sets._codes[held] for held in wanted]
        if after == unique:
            return sets, codes
        return sets, _replaced(codes, unique, after)

    @cached_property
    def _codes(self) -> Mapping[LabelSet, int]:
        """The code of each label set: of several, the first."""
        return {held: code for code, held in reversed(list(self.table.items()))}

    def _with(self, wanted: list[LabelSet]) -> LabelSets:
        """These label sets and some more."""
        new = [held for held in dict.fromkeys(wanted) if held not in self._codes]
        last = max(self.table)
        if last + len(new) > _MOST:
            raise CorruptNetworkError(
                f"there are not enough label codes above {last} for {len(new)} more label sets;"
                f" the highest code is {_MOST}",
                found=last,
                valid=_MOST,
            )
        following = range(last + 1, last + 1 + len(new))
        return LabelSets({**self.table, **dict(zip(following, new, strict=True))})


def _distinct(codes: Codes) -> list[int]:
    """The codes that occur, ascending."""
    least, most = min_max(codes) if codes.size else (0, -1)
    if least == most:
        return [least]
    if _are_few(least, most, codes):
        found = np.bincount(codes.ravel()).nonzero()[0]
    else:
        found = np.unique(codes)
    unique: list[int] = found.tolist()
    return unique


def _replaced(codes: Codes, before: list[int], after: list[int]) -> Codes:
    """
    Other codes for codes.

    :param before: the codes that occur, ascending.
    :param after: the code for each.
    """
    if len(before) == 1:
        replaced = np.empty(codes.shape, dtype=np.int64)
        replaced.fill(after[0])
        return replaced
    if not _are_few(before[0], before[-1], codes):
        return np.array(after, dtype=np.int64)[np.searchsorted(before, codes)]
    table = np.zeros(before[-1] + 1, dtype=np.int64)
    table[before] = after
    return table[codes]


def _are_few(least: int, most: int, codes: Codes) -> bool:
    """Whether a table of all codes is small: few sets stand for many cells."""
    return 0 <= least <= most <= codes.size
