"""Sizes: values, rows and ranges of every magnitude that networks have."""

from __future__ import annotations

import numpy as np

from ..ports.arrays import DType
from .contents import make, reading, value_of, writing
from .contract_samples import DTYPES, NewStore


def bounds_of(dtype: DType) -> list[object]:
    """The least and greatest values of a dtype, and those around the change of its sign."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return [limits.min, limits.max, limits.max // 2 + 1, 0, 1]
    if dtype.kind == "f":
        found = np.finfo(dtype)
        return [found.min, found.max, found.tiny, -found.tiny, 0.1]
    return [False, True, True, False, True]


class SizeContract:
    """The promises of a store for values and arrays of every size."""

    def test_the_bounds_of_each_dtype_come_back(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        bounds = {name: np.array(bounds_of(np.dtype(name)), dtype=name) for name in DTYPES}
        with writing(store) as root:
            for name, rows in bounds.items():
                group = root.require_group(name)
                group.create_array("made", rows)
                group.create_array("added", rows[:0]).append(rows)
                group.create_array("written", np.zeros_like(rows)).write(0, rows)
                root.attributes.set(name, rows)
        with reading(store) as read:
            for name, rows in bounds.items():
                for each in ("made", "added", "written"):
                    assert value_of(rows) == value_of(read.group(name).array(each).read())
                assert value_of(rows) == value_of(read.attributes.get(name))

    def test_large_and_small_appends_follow_each_other(self, new_store: NewStore) -> None:
        store, parts = make(new_store("a")), []
        with writing(store) as root:
            root.create_array("x", np.zeros((0, 3)))
        for number, count in enumerate((1, 20_000, 3, 999, 1001, 70_000, 1)):
            parts.append(np.arange(count * 3.0).reshape(count, 3) + number)
            with writing(store) as root:
                root.array("x").append(parts[-1])
        with reading(store) as read:
            assert np.array_equal(np.concatenate(parts), read.array("x").read())

    def test_hundreds_of_thousands_of_ranges_are_read(self, new_store: NewStore) -> None:
        store, rows = make(new_store("a")), np.arange(600_000)
        with writing(store) as root:
            root.create_array("x", rows)
        starts = np.random.default_rng(1).permutation(600_000)[:300_000]
        with reading(store) as read:
            assert np.array_equal(starts, read.array("x").read_ranges(starts, starts + 1))

    def test_many_ranges_all_over_a_large_array_are_read(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        rows = np.arange(40_000).reshape(20_000, 2)
        with writing(store) as root:
            root.create_array("x", rows)
        for longest in (1, 3, 40):
            random = np.random.default_rng(longest)
            starts = random.permutation(np.arange(0, 19_900, 17))
            stops = starts + random.integers(0, longest + 1, len(starts))
            with reading(store) as read:
                found = read.array("x").read_ranges(starts, stops)
            expected = np.concatenate([rows[a:b] for a, b in zip(starts, stops, strict=True)])
            assert np.array_equal(expected, found)

    def test_rows_far_inside_a_large_array_are_replaced_and_cut(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        rows = np.arange(100_000.0).reshape(-1, 2)
        with writing(store) as root:
            root.create_array("x", rows)
        with writing(store) as root:
            root.array("x").write(20_000, -rows[:25_000])
            root.array("x").resize(47_000)
        rows[20_000:45_000] = -rows[:25_000]
        with reading(store) as read:
            assert np.array_equal(rows[:47_000], read.array("x").read())
            assert np.array_equal(rows[19_990:20_010], read.array("x").read(19_990, 20_010))

    def test_a_large_document_comes_back(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        content = np.random.default_rng(1).bytes(3_000_000)
        with writing(store) as root:
            root.write_document("x", content)
        with reading(store) as read:
            assert content == read.document("x").read()

    def test_values_of_some_megabytes_come_back(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        text, numbers = "granule " * 500_000, np.arange(500_000)
        with writing(store) as root:
            root.attributes.set("text", text)
            root.attributes.set("numbers", numbers)
            root.create_array("rows", numbers)
        with reading(store) as read:
            assert text == read.attributes.get("text")
            assert np.array_equal(numbers, read.attributes.get("numbers"))
            assert np.array_equal(numbers, read.array("rows").read())

    def test_attributes_of_the_root_last_over_many_commits(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        expected = {}
        for number in range(25):
            expected[f"name {number}"] = number
            expected["again"] = number
            with writing(store) as root:
                root.attributes.set(f"name {number}", number)
                root.attributes.set("again", number)
                root.require_group(f"group {number}")
        with reading(store) as read:
            found = {name: int(read.attributes.get(name)) for name in read.attributes.names()}
            assert expected == found
            assert 25 == len(read.names())
