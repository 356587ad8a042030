"""Tables written as CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from ..queries.tables import CONNECTION_COLUMNS, joined
from .table_format import Connections, Facts

if TYPE_CHECKING:
    import pandas


class CsvFormat:
    """Text, which every program reads. Facts about the tables have no place in it."""

    name = "csv"

    def check(self) -> None:
        """Nothing is needed to write it."""

    def label_value(self, labels: frozenset[str], /) -> object:
        """The labels with commas between them."""
        return joined(labels)

    def write_cells(self, path: Path, parts: Iterable[pandas.DataFrame], facts: Facts, /) -> None:
        """Write a table of cells."""
        # One part may lack columns that another has.
        names = dict.fromkeys(name for part in parts for name in part.columns)
        with path.open("w", encoding="utf-8", newline="") as file:
            for i, part in enumerate(parts):
                table = part.reindex(columns=list(names))
                table.to_csv(file, header=not i, lineterminator="\n", quoting=_quoting(table))

    def write_connections(self, path: Path, parts: Iterable[Connections], facts: Facts, /) -> None:
        """Write a table of connections."""
        import pandas

        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(",".join(CONNECTION_COLUMNS) + "\n")
            for rows in parts:
                pandas.DataFrame(rows).to_csv(file, header=False, index=False, lineterminator="\n")


def _quoting(table: pandas.DataFrame) -> int:
    """Which values are quoted: at a carriage return that is not, readers end a line."""
    # Python before 3.13 quotes it only if it ends the lines that are written.
    texts = (table[name].unique() for name in table.columns if table[name].dtype.kind == "O")
    has_returns = any("\r" in str(each) for each in chain(table.columns, *texts))
    return csv.QUOTE_NONNUMERIC if has_returns else csv.QUOTE_MINIMAL
