"""
Label sets: many labels on many cells or points, one small code each.

A code stands for a set of labels; 0 is the empty set. A table of codes only grows, so
codes that are stored stay valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptNetworkError, LabelError
from .extremes import extremes

Codes = NDArray[np.int64]
LabelSet = frozenset[str]


def check_labels(labels: Any) -> list[str]:
    """
    Labels as given by a caller.

    :raises LabelError: a bare text, no iterable, or items that are no texts.
    """
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise LabelError(f"labels are given as {labels!r}; valid is a list of texts", asked=labels)
    found = list(np.atleast_1d(labels) if isinstance(labels, np.ndarray) else labels)
    for label in found:
        if not isinstance(label, str):
            raise LabelError(f"{label!r} is no label; valid are texts", asked=label)
    return [str(label) for label in found]


@attrs.frozen(slots=False)
class LabelSets:
    """
    The label set of each code, in the order the codes were given out.

    :param table: may not be changed any more.
    """

    table: Mapping[int, LabelSet] = attrs.field(factory=lambda: {0: frozenset()})

    @classmethod
    def from_lists(cls, table: Mapping[Any, Iterable[str]]) -> LabelSets:
        """From code to list of labels, the codes possibly as text."""
        sets = {0: LabelSet()}
        sets.update((int(code), frozenset(map(str, labels))) for code, labels in table.items())
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

        That is these label sets themselves, if all that is needed is among them.
        """
        added = frozenset(labels)
        return self._transition(codes, lambda held: held | added)

    def remove(self, codes: Codes, labels: Iterable[str]) -> tuple[LabelSets, Codes]:
        """The codes with the labels taken away, and what explains them; see :meth:`add`."""
        removed = frozenset(labels)
        return self._transition(codes, lambda held: held - removed)

    def translate(self, codes: Codes, source: LabelSets) -> tuple[LabelSets, Codes]:
        """Codes of other label sets as codes of these, and these grown as needed."""
        return self._transition(codes, lambda held: held, source)

    def _transition(
        self, codes: Codes, change: Any, source: LabelSets | None = None
    ) -> tuple[LabelSets, Codes]:
        before = (self if source is None else source).table
        unique, where = _distinct(codes)
        wanted = []
        for code in unique:
            if code not in before:
                raise CorruptNetworkError(
                    f"label code {code} has no label set; known are {sorted(before)}", found=code
                )
            wanted.append(change(before[code]))
        sets = self._with(wanted)
        after = [sets._codes[held] for held in wanted]
        return sets, np.array(after, dtype=np.int64)[where]

    @cached_property
    def _codes(self) -> Mapping[LabelSet, int]:
        """The code of each label set: of several, the first."""
        return {held: code for code, held in reversed(list(self.table.items()))}

    def _with(self, wanted: list[LabelSet]) -> LabelSets:
        """These label sets and some more; themselves if all of those are among them."""
        known = self._codes
        new = [held for held in dict.fromkeys(wanted) if held not in known]
        if not new:
            return self
        following = range(max(self.table) + 1, max(self.table) + 1 + len(new))
        return LabelSets({**self.table, **dict(zip(following, new, strict=True))})


def _distinct(codes: Codes) -> tuple[list[int], Codes]:
    """The codes that occur, ascending, and the place of each code among them."""
    least, most = extremes(codes) if codes.size else (0, -1)
    if least == most:
        return [least], np.zeros(codes.shape, dtype=np.int64)
    if not 0 <= least <= most <= codes.size:
        unique, where = np.unique(codes, return_inverse=True)
        return unique.tolist(), where.reshape(codes.shape)
    # Few sets stand for many cells, so there is no need to sort.
    unique = np.bincount(codes.ravel()).nonzero()[0]
    places = np.zeros(most + 1, dtype=np.int64)
    places[unique] = np.arange(len(unique))
    return unique.tolist(), places[codes]
