"""Arrays of rows."""

from __future__ import annotations

import numpy as np
import pytest

from ..core.layouts.optional_verbs import create_fixed_array
from ..errors import (
    ShapeError,
)
from ..ports.arrays import AnyArray, ArrayReader, ArrayWriter, GroupWriter
from .contents import (
    make,
    reading,
    snapshot,
    value_of,
    writing,
)
from .contract_samples import (
    DTYPES,
    RANGES,
    RANGES_OUTSIDE,
    ROWS,
    SLICES,
    NewStore,
    bounds,
)


def make_array(root: GroupWriter, rows: AnyArray, growable: bool) -> ArrayWriter:
    """An array ``x`` that can grow, or need not."""
    return root.create_array("x", rows) if growable else create_fixed_array(root, "x", rows)


class ArrayContract:
    """The promises of arrays."""

    def test_rows_come_back_with_their_dtype(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        ones = [[1, 0], [0, 1], [1, 1]]
        with writing(store) as root:
            for dtype in DTYPES:
                rows = np.array(ones, dtype=dtype)
                assert value_of(rows) == value_of(root.create_array(dtype, rows).read())
        with reading(store) as read:
            for dtype in DTYPES:
                assert (3, 2) == read.array(dtype).shape
                assert np.dtype(dtype) == read.array(dtype).dtype
                expected = np.array(ones, dtype=dtype)
                assert value_of(expected) == value_of(read.array(dtype).read())

    def test_rows_come_back_with_their_shape(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        shapes = [(7,), (0,), (0, 3), (4, 1), (2, 3, 4), (0, 2, 2)]
        rows = {f"{each}": np.arange(np.prod(each), dtype="f8").reshape(each) for each in shapes}
        with writing(store) as root:
            for name, given in rows.items():
                root.create_array(name, given)
                create_fixed_array(root, f"fixed {name}", given)
        with reading(store) as read:
            for name, expected in rows.items():
                assert value_of(expected) == value_of(read.array(name).read())
                assert value_of(expected) == value_of(read.array(f"fixed {name}").read())

    @pytest.mark.parametrize("growable", [True, False])
    def test_rows_may_hold_no_values(self, new_store: NewStore, growable: bool) -> None:
        store = make(new_store("a"))
        rows = np.zeros((5, 0))
        with writing(store) as root:
            make_array(root, rows, growable)
        with reading(store) as read:
            assert read.array("x").read().shape == (5, 0)

    def test_floats_come_back_to_the_last_bit(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        rows = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1])
        with writing(store) as root:
            root.create_array("x", rows)
        with reading(store) as read:
            assert rows.tobytes() == read.array("x").read().tobytes()

    def test_rows_that_are_views_are_stored_in_their_order(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        whole = np.arange(60.0).reshape(6, 10)
        views = [whole.T, whole[::2], whole[:, 3:5], whole[::-1], np.asfortranarray(whole)]
        with writing(store) as root:
            for i, view in enumerate(views):
                array = root.create_array(str(i), view)
                array.append(view)
                array.write(0, view)
        with reading(store) as read:
            for i, view in enumerate(views):
                expected = np.concatenate((view, view))
                assert value_of(expected) == value_of(read.array(str(i)).read())

    def test_a_range_of_rows_is_read_like_a_slice(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        rows = np.arange(30).reshape(10, 3)
        with writing(store) as root:
            root.create_array("x", rows)
        with reading(store) as read:
            array = read.array("x")
            for start, stop in SLICES:
                assert value_of(rows[start:stop]) == value_of(array.read(start, stop))
                assert value_of(rows[start:]) == value_of(array.read(start))

    def test_what_is_read_is_a_copy(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            array.read()[:] = -1
            array.read(1, 3)[:] = -1
            assert value_of(ROWS) == value_of(array.read())
        with reading(store) as read:
            read.array("x").read()[:] = -1
            read.array("x").read(1, 3)[:] = -1
            assert value_of(ROWS) == value_of(read.array("x").read())
        with reading(store) as read:
            assert value_of(ROWS) == value_of(read.array("x").read())

    @pytest.mark.parametrize("growable", [True, False])
    def test_ranges_of_rows_come_one_after_the_other(
        self, new_store: NewStore, growable: bool
    ) -> None:
        store = make(new_store("a"))
        rows = np.arange(30, dtype=np.int16).reshape(10, 3)

        def check(array: ArrayReader) -> None:
            for title, ranges in RANGES.items():
                expected = np.concatenate([rows[:0], *(rows[a:b] for a, b in ranges)])
                found = array.read_ranges(*bounds(ranges))
                assert value_of(expected) == value_of(found), title

        with writing(store) as root:
            check(make_array(root, rows, growable))
        with reading(store) as read:
            check(read.array("x"))

    def test_ranges_hold_what_the_session_wrote(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", np.arange(10))
        with writing(store) as root:
            array = root.array("x")
            array.append(np.arange(10, 20))
            array.write(2, np.array([-1, -2]))
            found = array.read_ranges(*bounds([(15, 20), (1, 5), (9, 11)]))
            assert found.tolist() == [15, 16, 17, 18, 19, 1, -1, -2, 4, 9, 10]

    def test_ranges_that_reach_past_the_end_are_refused(self, new_store: NewStore) -> None:
        store = make(new_store("a"))

        def check(array: ArrayReader) -> None:
            for ranges in RANGES_OUTSIDE:
                with pytest.raises(ShapeError):
                    array.read_ranges(*bounds(ranges))

        with writing(store) as root:
            check(root.create_array("x", np.arange(10)))
        with reading(store) as read:
            check(read.array("x"))

    def test_what_is_read_of_ranges_is_a_copy(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        samples = ([(1, 3)], [(3, 4), (0, 2)], [(0, 4)])
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            for ranges in samples:
                array.read_ranges(*bounds(ranges))[:] = -1
                assert value_of(ROWS) == value_of(array.read())
        with reading(store) as read:
            for ranges in samples:
                starts, stops = bounds(ranges)
                read.array("x").read_ranges(starts, stops)[:] = -1
                assert value_of(ROWS) == value_of(read.array("x").read())
                assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == ranges

    def test_what_was_given_is_not_kept(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        made, added, written = ROWS.copy(), ROWS.copy(), ROWS.copy()
        with writing(store) as root:
            array = root.create_array("x", made)
            array.append(added)
            array.append(written)
            array.write(8, written)
            for given in (made, added, written):
                given[:] = -1
            assert value_of(np.concatenate([ROWS] * 3)) == value_of(array.read())
        assert np.concatenate([ROWS] * 3).tolist() == snapshot(store)["members"]["x"]["rows"][3]

    def test_what_was_given_is_not_changed(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        rows = ROWS.copy()
        rows.flags.writeable = False
        with writing(store) as root:
            array = root.create_array("x", rows)
            array.append(rows)
            array.write(0, rows)
            array.attributes.set("rows", rows)
        assert value_of(ROWS) == value_of(rows)

    def test_appended_rows_follow_in_order(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        parts = [np.arange(n * 3).reshape(n, 3) + 1000 * n for n in (0, 1, 5, 0, 70, 2)]
        with writing(store) as root:
            array = root.create_array("x", parts[0])
            for part in parts[1:4]:
                array.append(part)
        with writing(store) as root:
            for part in parts[4:]:
                root.array("x").append(part)
            assert value_of(np.concatenate(parts)) == value_of(root.array("x").read())
        with reading(store) as read:
            assert value_of(np.concatenate(parts)) == value_of(read.array("x").read())

    @pytest.mark.parametrize("described", [True, False])
    def test_very_many_small_appends_lose_nothing(
        self, new_store: NewStore, described: bool
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", np.zeros((0, 40)))
            if described:
                array.attributes.set("of", "an array")
        for first in range(0, 150, 50):
            with writing(store) as root:
                array = root.array("x")
                for i in range(first, first + 50):
                    array.append(np.full((2, 40), float(i)))
                assert (2 * (first + 50), 40) == array.shape
        with reading(store) as read:
            assert np.repeat(np.arange(150.0), 2).tolist() == read.array("x").read()[:, 7].tolist()
            assert ("an array" if described else None) == read.array("x").attributes.get("of")

    def test_the_rows_expected_are_not_there_yet(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", ROWS, expected=1000)
        with reading(store) as read:
            assert value_of(ROWS) == value_of(read.array("x").read())

    def test_appended_rows_of_another_shape_are_refused_and_nothing_is_appended(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            for wrong in (np.zeros((2, 2)), np.zeros(3), np.zeros((1, 3, 1))):
                with pytest.raises(ShapeError):
                    array.append(wrong)
            assert value_of(ROWS) == value_of(array.read())

    def test_written_rows_replace_those_that_were_there(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        expected = {}
        with writing(store) as root:
            for start, count in [(0, 4), (0, 1), (3, 1), (1, 2), (4, 0), (0, 0)]:
                name, rows = f"{count} from {start} on", -ROWS[:count] - 1
                root.create_array(name, ROWS).write(start, rows)
                create_fixed_array(root, f"fixed {name}", ROWS).write(start, rows)
                expected[name] = ROWS.copy()
                expected[name][start : start + count] = rows
        with reading(store) as read:
            for name, rows in expected.items():
                assert value_of(rows) == value_of(read.array(name).read())
                assert value_of(rows) == value_of(read.array(f"fixed {name}").read())

    def test_rows_past_the_end_are_refused_and_nothing_is_written(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            for start, count in [(0, 5), (3, 2), (4, 1), (9, 1), (-1, 1)]:
                with pytest.raises(ShapeError):
                    array.write(start, np.full((count, 3), -1.0))
                assert value_of(ROWS) == value_of(array.read())

    def test_written_rows_of_another_shape_are_refused(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            with pytest.raises(ShapeError):
                array.write(0, np.zeros((2, 2)))
            assert value_of(ROWS) == value_of(array.read())

    def test_an_array_is_cut_and_extended_with_zeros(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            array.resize(2)
            assert value_of(ROWS[:2]) == value_of(array.read())
            array.resize(6)
            expected = np.concatenate((ROWS[:2], np.zeros((4, 3))))
            assert value_of(expected) == value_of(array.read())
            array.append(ROWS[:1])
        with reading(store) as read:
            expected = np.concatenate((expected, ROWS[:1]))
            assert value_of(expected) == value_of(read.array("x").read())

    def test_zeros_take_the_place_of_rows_that_an_earlier_session_stored(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", ROWS)
        with writing(store) as root:
            root.array("x").resize(1)
        with writing(store) as root:
            root.array("x").resize(4)
        with reading(store) as read:
            expected = np.concatenate((ROWS[:1], np.zeros((3, 3))))
            assert value_of(expected) == value_of(read.array("x").read())
