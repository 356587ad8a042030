"""Rows in Parquet files: one table for each part of an array, which never changes."""

from __future__ import annotations

import os
import uuid
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bsb_hdf5.kit import CorruptNetworkError, DtypeError

Part = dict[str, Any]


def check_storable(dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "biuf":
        raise DtypeError(f"Parquet tables here hold numbers and booleans, not {dtype}")


def write_part(folder: str, rows: Any) -> Part:
    """Write rows into a new file; a column for each value of a row."""
    flat = rows.reshape(len(rows), prod(rows.shape[1:]))
    if not flat.size:
        return {"file": None, "rows": len(rows)}
    native = flat.astype(flat.dtype.newbyteorder("="))
    columns = {f"column_{i}": pa.array(native[:, i]) for i in range(native.shape[1])}
    file = f"{uuid.uuid4().hex}.parquet"
    pq.write_table(pa.table(columns), os.path.join(folder, file), compression="zstd")
    return {"file": file, "rows": len(rows)}


def read_part(folder: str, part: Part, empty: Any) -> Any:
    """The rows of a part, in the shape and dtype of an array without rows."""
    found = np.empty((part["rows"], prod(empty.shape[1:])), dtype=empty.dtype)
    if part["file"] is not None:
        table = pq.read_table(os.path.join(folder, part["file"]))
        if (table.num_rows, table.num_columns) != found.shape:
            raise CorruptNetworkError(f"the table {part['file']} is not of {found.shape} values")
        for i, column in enumerate(table.columns):
            found[:, i] = column.to_numpy()
    return found.reshape(part["rows"], *empty.shape[1:])
