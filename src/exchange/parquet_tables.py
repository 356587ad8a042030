"""Tables written as Parquet files."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..queries.tables import CONNECTION_COLUMNS
from .table_format import Connections, Facts

if TYPE_CHECKING:
    import pandas

# Connections that are written together, which readers skip or read together.
_MOST_ROWS = 1 << 19
_METADATA = b"bsb"


class ParquetFormat:
    """Compressed columns with types, as pandas, DuckDB and Spark read them."""

    name = "parquet"

    def check(self) -> None:
        """
        Check that pyarrow is installed.

        :raises InputError: it is not.
        """
        try:
            importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            raise InputError(
                "Parquet files need the package pyarrow, which is not installed: install it with:"
                " pip install 'bsb-hdf5[parquet]'"
            ) from error

    def label_value(self, labels: frozenset[str], /) -> object:
        """A sorted list."""
        return sorted(labels)

    def write_cells(self, path: Path, parts: Iterable[pandas.DataFrame], facts: Facts, /) -> None:
        """Write a table of cells."""
        import pyarrow

        schema = pyarrow.unify_schemas(map(_schema_of, parts), promote_options="permissive")
        with _new_file(path, schema, facts) as file:
            for part in parts:
                table = _as_columns(part).reindex(columns=schema.names)
                file.write_table(pyarrow.Table.from_pandas(table, schema, preserve_index=False))

    def write_connections(self, path: Path, parts: Iterable[Connections], facts: Facts, /) -> None:
        """Write a table of connections."""
        import pyarrow

        schema = pyarrow.schema([(name, pyarrow.int64()) for name in CONNECTION_COLUMNS])
        with _new_file(path, schema, facts) as file:
            for rows in _gathered(parts):
                columns = [pyarrow.array(each) for each in np.ascontiguousarray(rows.T)]
                file.write_table(pyarrow.table(columns, schema=schema), row_group_size=len(rows))


def _as_columns(part: pandas.DataFrame) -> pandas.DataFrame:
    """The table with the numbers of its cells as first column."""
    return part.reset_index()


def _schema_of(part: pandas.DataFrame) -> Any:
    """The types of the columns; of those that hold texts, without looking at them."""
    import pyarrow

    known = {"labels": pyarrow.list_(pyarrow.string()), "morphology": pyarrow.string()}
    table = _as_columns(part)
    found = pyarrow.Schema.from_pandas(
        table.drop(columns=[*known], errors="ignore"), preserve_index=False
    )
    types = known | {field.name: field.type for field in found}
    return pyarrow.schema([(name, types[name]) for name in table.columns])


@contextmanager
def _new_file(path: Path, schema: Any, facts: Facts) -> Iterator[Any]:
    from pyarrow.parquet import ParquetWriter

    metadata = {_METADATA: json.dumps(facts, ensure_ascii=False).encode()}
    described = schema.with_metadata(metadata)
    # Given a file, pyarrow does not take its name for a URL.
    with path.open("wb") as file, ParquetWriter(file, described, compression="zstd") as writer:
        yield writer


def _gathered(parts: Iterable[Connections]) -> Iterator[Connections]:
    """The connections in parts of about the same size."""
    waiting: list[Connections] = []
    count = 0
    for rows in parts:
        waiting.append(rows)
        count += len(rows)
        if count >= _MOST_ROWS:
            yield np.concatenate(waiting)
            waiting, count = [], 0
    if count:
        yield np.concatenate(waiting)
