"""Label sets, against a list of plain sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bsb._encoding import EncodedLabels
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.labels import LabelSets, check_labels
from bsb_hdf5.errors import CorruptNetworkError, LabelError

LABELS = st.sampled_from(["a", "b", "c", "soma"])
CELLS = 8
Step = tuple[bool, set[str], list[int]]
steps = st.lists(
    st.tuples(
        st.booleans(),
        st.sets(LABELS, max_size=3),
        st.lists(st.integers(0, CELLS - 1), max_size=CELLS, unique=True),
    ),
    max_size=12,
)


def sets_of(table: LabelSets, codes: Any) -> list[set[str]]:
    return [set(table.table[code]) for code in codes.tolist()]


def apply(history: list[Step]) -> tuple[LabelSets, Any, list[set[str]]]:
    """Labels added and removed, on codes and on plain sets."""
    table, codes = LabelSets(), np.zeros(CELLS, dtype=np.int64)
    model: list[set[str]] = [set() for _ in range(CELLS)]
    for adds, labels, cells in history:
        table, codes[cells] = (table.add if adds else table.remove)(codes[cells], labels)
        for cell in cells:
            model[cell] = model[cell] | labels if adds else model[cell] - labels
    return table, codes, model


@given(steps)
def test_codes_stand_for_what_plain_sets_hold(history: list[Step]) -> None:
    table, codes, model = apply(history)
    assert model == sets_of(table, codes)


@given(steps, steps)
def test_codes_that_are_stored_stay_valid(history: list[Step], future: list[Step]) -> None:
    table, codes, model = apply(history)
    later = table
    some = np.zeros(1, dtype=np.int64)
    for adds, labels, _ in future:
        later, some = (later.add if adds else later.remove)(some, labels)
    assert model == sets_of(later, codes)
    assert table.table == {code: later.table[code] for code in table.table}


@given(steps)
def test_a_label_set_has_one_code(history: list[Step]) -> None:
    table, _, _ = apply(history)
    assert len(set(table.table.values())) == len(table.table)
    assert frozenset() == table.table[0]


@given(steps, st.none() | st.sets(st.sampled_from(["a", "b", "c", "unknown"]), max_size=3))
def test_masks_are_those_of_bsb(history: list[Step], labels: set[str] | None) -> None:
    table, codes, model = apply(history)
    encoded = EncodedLabels(CELLS, buffer=codes.copy(), labels=table.to_lists())
    mask = table.mask(codes, labels)
    assert np.asarray(encoded.get_mask(labels)).tolist() == mask.tolist()
    assert [
        labels is None or bool(held & labels) or held == labels for held in model
    ] == mask.tolist()


@given(steps, steps)
def test_translated_codes_mean_the_same(first: list[Step], second: list[Step]) -> None:
    table, codes, model = apply(first)
    other, other_codes, other_model = apply(second)
    grown, translated = table.translate(other_codes, other)
    assert other_model == sets_of(grown, translated)
    assert model == sets_of(grown, codes)


@given(steps)
def test_a_table_survives_being_written_as_lists(history: list[Step]) -> None:
    table, codes, model = apply(history)
    text_keys = {str(code): labels for code, labels in table.to_lists().items()}
    assert model == sets_of(LabelSets.from_lists(text_keys), codes)


@given(steps)
def test_what_is_known_needs_no_other_label_sets(history: list[Step]) -> None:
    table, codes, model = apply(history)
    again, same = table.add(codes, set())
    assert table is again
    assert codes is same
    grown, _ = table.add(codes, {"another"})
    assert len(grown.table) == len(table.table) + len({frozenset(held) for held in model})


def test_the_codes_given_are_not_changed() -> None:
    codes = np.zeros(3, dtype=np.int64)
    LabelSets().add(codes, ["a"])
    assert [0, 0, 0] == codes.tolist()


def test_an_empty_table_knows_the_unlabelled() -> None:
    assert {0: frozenset()} == LabelSets.from_lists({}).table
    assert [0] == LabelSets().matching([]).tolist()


def test_several_codes_of_the_same_set_all_match() -> None:
    # Other programs may have given a set two codes.
    table = LabelSets.from_lists({0: [], 1: ["a"], 2: [], 3: ["a"]})
    codes = np.arange(4)
    assert [True, False, True, False] == table.mask(codes, []).tolist()
    assert [False, True, False, True] == table.mask(codes, ["a"]).tolist()
    assert [1, 1, 1, 1] == table.add(codes, ["a"])[1].tolist()


def test_labels_of_codes_in_a_matrix_keep_its_shape() -> None:
    table, codes = LabelSets().add(np.zeros((2, 3), dtype=np.int64), ["a"])
    assert (2, 3) == codes.shape
    assert (2, 3) == table.mask(codes, ["a"]).shape


def test_a_code_without_set_is_corrupt() -> None:
    with pytest.raises(CorruptNetworkError, match="7"):
        LabelSets().add(np.array([0, 7]), ["a"])


@pytest.mark.parametrize("labels", ["soma", b"soma", 5, None, [1], ["a", None], [b"a"]])
def test_what_is_no_list_of_texts_is_no_labels(labels: Any) -> None:
    with pytest.raises(LabelError) as raised:
        check_labels(labels)
    # A text is of the right type where a list of texts is meant, and not what is meant.
    assert isinstance(raised.value, TypeError) is not isinstance(labels, (str, bytes))


def test_half_a_character_is_no_label() -> None:
    with pytest.raises(LabelError, match=r"'\\ud800' can't be encoded as UTF-8"):
        check_labels(["a", "\ud800"])
    assert ["a\0b", "é"] == check_labels(["a\0b", "é"])


def test_labels_may_be_any_iterable_of_texts() -> None:
    assert ["a", "b"] == check_labels(label for label in ("a", "b"))
    assert ["a"] == check_labels(np.array(["a"]))
    assert [] == check_labels(())


@pytest.mark.parametrize("code", [3, 10**15])
def test_codes_may_be_as_large_as_they_like(code: int) -> None:
    table = LabelSets({0: frozenset(), code: frozenset({"a"})})
    grown, codes = table.add(np.array([[code, 0], [0, code]]), ["b"])
    assert [[code + 2, code + 1], [code + 1, code + 2]] == codes.tolist()
    assert [{"a", "b"}, {"b"}] == sets_of(grown, codes[0])


@pytest.mark.parametrize("code", [-1, 5, 10**15])
def test_a_code_without_a_set_is_refused_whatever_its_size(code: int) -> None:
    with pytest.raises(CorruptNetworkError, match=f"code {code} "):
        LabelSets().add(np.array([0] * 20 + [code]), ["a"])


@pytest.mark.parametrize("code", [2**63, 2**70, -(2**63), -(2**70)])
def test_a_code_that_no_array_can_hold_is_refused(code: int) -> None:
    with pytest.raises(CorruptNetworkError, match=f"a label code is {code}; it must"):
        LabelSets.from_lists({"1": ["a"], str(code): ["b"]})


def test_label_sets_that_no_code_is_left_for_are_refused() -> None:
    table = LabelSets.from_lists({str(2**63 - 2): ["a"]})
    table, codes = table.add(np.zeros(2, dtype=np.int64), ["b"])
    assert [2**63 - 1] * 2 == codes.tolist()
    assert codes is table.add(codes, ["b"])[1]
    with pytest.raises(CorruptNetworkError, match="for 1 more label sets"):
        table.add(codes, ["c"])
