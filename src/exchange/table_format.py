"""The protocol of a table format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas

Facts: TypeAlias = Mapping[str, object]
"""Metadata of a table, as JSON values."""
Connections: TypeAlias = NDArray[np.int64]
"""(n, 6) connections, as ``CONNECTION_COLUMNS``."""


class TableFormat(Protocol):
    """Writes tables to files."""

    @property
    def name(self) -> str:
        """Name of the format, and suffix of its files."""

    def check(self) -> None:
        """
        Check that what it needs is installed.

        :raises InputError: it is not.
        """

    def label_value(self, labels: frozenset[str], /) -> object:
        """The value of a label set in a column."""

    def write_cells(self, path: Path, parts: Iterable[pandas.DataFrame], facts: Facts, /) -> None:
        """
        Write a table of cells.

        :param parts: of the table, at least one; they can be iterated again, and one may lack
            columns that another has.
        """

    def write_connections(self, path: Path, parts: Iterable[Connections], facts: Facts, /) -> None:
        """Write a table of connections."""
