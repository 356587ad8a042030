"""The findings of a check of a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np

from ..errors import StorageError
from ..transactions.interrupts import call_pending, is_of_handler

# The most findings of a part that are listed; others are only counted.
_MOST_LISTED = 100
_MOST_CHARACTERS = 500
# Exceptions of numpy and Python for unexpected values.
_UNREADABLE = (
    StorageError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    MemoryError,
)

Mend = Callable[[], None]
KeyedMend = tuple[Hashable, Mend]
"""How to put something right, after the key that findings which it puts right have in common."""


@attrs.frozen
class Finding:
    """
    Something that is wrong.

    :param part: part of the network: ``provenance``, ``placement``, ``connectivity``, ``totals``,
        ``morphologies``, ``files`` or ``network``.
    :param where: place in the part: set, chunk, column.
    :param what: what is wrong there.
    :param repairable: whether :func:`bsb_hdf5.repair` can repair it.
    """

    part: str
    where: str
    what: str
    repairable: bool

    def __str__(self) -> str:
        end = " (can be repaired)" if self.repairable else ""
        return f"{self.part}: {self.where}: {self.what}{end}"


@attrs.frozen
class Report:
    """
    What is wrong in a network; empty if nothing is.

    It is a sequence of its findings.

    :param findings: what is wrong.
    :param repaired: what was wrong, and was repaired.
    """

    findings: tuple[Finding, ...] = ()
    repaired: tuple[Finding, ...] = ()

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        done = [f"repaired: {finding}" for finding in self.repaired]
        left = [str(finding) for finding in self.findings] or ["nothing is wrong"]
        return "\n".join((*done, *left))


@attrs.define
class Reading:
    """Whether something could not be read."""

    failed: bool = False


class Findings:
    """
    Collects findings.

    ``mends`` has the repairs by key; several findings may share one.
    """

    def __init__(self) -> None:
        self._listed: list[Finding] = []
        self._count: Counter[str] = Counter()
        self.mends: dict[Hashable, Mend] = {}

    def note(
        self,
        part: str,
        where: str,
        what: str,
        mend: KeyedMend | None = None,
        *,
        repairable: bool | None = None,
    ) -> None:
        """
        Add a finding.

        :param mend: the key of a repair, and the repair.
        :param repairable: whether it can be repaired; by default, if there is a ``mend``.
        """
        if mend is not None:
            self.mends.setdefault(*mend)
        self._count[part] += 1
        if self._count[part] <= _MOST_LISTED:
            can = mend is not None if repairable is None else repairable
            self._listed.append(Finding(part, where, _shortened(what), can))

    @contextmanager
    def reading(self, part: str, where: str, **options: Any) -> Iterator[Reading]:
        """Add a finding if the block raises; ``options`` as for :meth:`note`."""
        outcome = Reading()
        # Verification takes as long as the network is large.
        call_pending()
        try:
            yield outcome
        except _UNREADABLE as error:
            if is_of_handler(error):
                raise
            outcome.failed = True
            self.note(
                part, where, f"can't be read: {str(error) or type(error).__name__}", **options
            )

    def listed(self) -> tuple[Finding, ...]:
        """The findings, and how many more there are."""
        more = [
            Finding(part, "elsewhere", f"{count - _MOST_LISTED} more findings", repairable=False)
            for part, count in self._count.items()
            if count > _MOST_LISTED
        ]
        return (*self._listed, *more)


def plain(value: object) -> str:
    """A value as text for a message, without the type names of numpy."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_CHARACTERS else f"{text[:_MOST_CHARACTERS]}..."
