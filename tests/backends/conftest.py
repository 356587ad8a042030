"""The backends of the examples are known to BSB."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.kit.registration import registered


@pytest.fixture(scope="module", autouse=True)
def engines() -> Iterator[None]:
    with registered(
        sqlite="examples.backends.sqlite:engine",
        lmdb="examples.backends.lmdb:engine",
        parquet="examples.backends.parquet:engine",
    ):
        yield
