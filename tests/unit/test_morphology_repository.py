"""Morphologies as flat tables, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Branch, Morphology, Storage

from bsb_hdf5.errors import DtypeError, InputError, InvalidNameError
from bsb_hdf5.morphology_repository import _to_morphology, _to_table
from tests.unit.queries.networks import ENGINES, new_storage


def branch(points: int, first: float, labels: dict[str, list[int]] | None = None) -> Branch:
    made = Branch(first + np.arange(3.0 * points).reshape(-1, 3), first + np.arange(points) / 8)
    for label, places in (labels or {}).items():
        made.label([label], places)
    return made


def tree() -> Morphology:
    """Two roots; of the first spring two branches, one of them without points."""
    root, child, empty, other = (
        branch(3, 0.0, {"soma": [0], "both": [0, 1]}),
        branch(2, 100.0, {"both": [1]}),
        branch(0, 0.0),
        branch(4, 200.0, {"dendrites": [3]}),
    )
    root.attach_child(child)
    root.attach_child(empty)
    root._properties.update(size=np.array([1.0, 2.0, 3.0]), number=5)
    other._properties["number"] = np.arange(4)
    return Morphology([root, other], {"made": "here"})


def test_branches_follow_each_other_in_one_table() -> None:
    table = _to_table(tree())
    assert [3, 5, 5, 9] == table.graph[:, 0].tolist()
    assert [-1, 0, 0, -1] == table.graph[:, 1].tolist()
    assert ("size", "number") == table.properties
    assert (9, 7) == table.data.shape
    assert [[0.0, 1.0, 2.0], [100.0, 101.0, 102.0]] == table.data[[0, 3], :3].tolist()
    assert [0.0, 0.125, 0.25, 100.0, 100.125, 200.0] == table.data[:6, 3].tolist()
    nan = np.nan
    for column, values in (
        (5, [1.0, 2, 3, nan, nan, nan, nan, nan, nan]),
        (6, [5.0, 5, 5, nan, nan, 0, 1, 2, 3]),
    ):
        assert np.array_equal(values, table.data[:, column], equal_nan=True)
    carried = [sorted(each) for each in table.labels.of(table.data[:, 4].astype(np.int64))]
    both, none = ["both"], list[str]()
    expected = [["both", "soma"], both, none, none, both, none, none, none, ["dendrites"]]
    assert expected == carried


def test_a_table_is_the_morphology_again() -> None:
    before, after = tree(), _to_morphology(_to_table(tree()), {"made": "here"})
    assert {"made": "here"} == after.meta
    assert [3, 2, 0, 4] == [len(each.points) for each in after.branches]
    assert [0, 3] == [after.branches.index(root) for root in after.roots]
    for one, other in zip(before.branches, after.branches, strict=True):
        assert one.points.tolist() == other.points.tolist()
        assert one.radii.tolist() == other.radii.tolist()
        assert [sorted(each) for each in one.labels.walk()] == [
            sorted(each) for each in other.labels.walk()
        ]
        assert (one.parent is None) == (other.parent is None)
        assert one.parent is None or before.branches.index(one.parent) == after.branches.index(
            other.parent
        )
    held = [each._properties for each in after.branches]
    assert [1.0, 2.0, 3.0] == held[0]["size"].tolist()
    assert [0.0, 1.0, 2.0, 3.0] == held[3]["number"].tolist()
    assert np.isnan(held[1]["size"]).all()
    # The branches share what the morphology holds.
    after.branches[3].points[0] = 7.0
    assert [7.0] * 3 == after.points[5].tolist()


def test_a_morphology_without_branches_is_an_empty_table() -> None:
    table = _to_table(Morphology([]))
    assert ((0, 5), (0, 2), ()) == (table.data.shape, table.graph.shape, table.properties)
    assert [] == _to_morphology(table, {}).branches


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.array(["a", "b"]), DtypeError, "'x' is of dtype '<U1', not numbers"),
        (np.array([1j, 2j]), DtypeError, "not numbers"),
        (np.arange(3.0), InputError, r"'x' has shape \(3,\) for 2 points"),
        (np.ones((2, 1)), InputError, r"'x' has shape \(2, 1\) for 2 points"),
    ],
)
def test_properties_are_a_number_for_each_point(
    value: Any, error: type[Exception], message: str
) -> None:
    made = branch(2, 0.0)
    made._properties["x"] = value
    with pytest.raises(error, match=message):
        _to_table(Morphology([made]))
    for right in (np.array([True, False]), np.array([1, 2], np.uint8), 7):
        made._properties["x"] = right
        assert (
            np.broadcast_to(right, 2).tolist() == _to_table(Morphology([made])).data[:, 5].tolist()
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_property_whose_name_no_backend_can_store_is_refused(engine: str, tmp_path: Path) -> None:
    morphologies = new_storage(engine, tmp_path).morphologies
    for name in ("a\0b", "\ud800"):
        made = branch(2, 0.0)
        made._properties[name] = 1
        with pytest.raises(InvalidNameError, match="can't name a property of a morphology"):
            morphologies.save("made", Morphology([made]))
        assert [] == morphologies.all()
    made._properties = {"": 1, "größe/2": 2}
    morphologies.save("made", Morphology([made]))
    assert {"", "größe/2"} == {*morphologies.load("made").branches[0]._properties}


def test_what_is_no_morphology_is_refused() -> None:
    with pytest.raises(DtypeError, match=r"must be a bsb.Morphology, not 'a'") as caught:
        _to_table("a")
    assert "a" == caught.value.fields["asked"]


@pytest.mark.parametrize("update_meta", [False, True])
def test_what_is_saved_can_be_loaded_from_wherever_it_comes(
    tmp_path: Path, update_meta: bool
) -> None:
    morphologies = Storage("memory", str(tmp_path / "network")).morphologies
    saved = morphologies.save("tree", tree(), update_meta=update_meta)
    kept = {"made": "here", "name": "tree", "ldc": [0.0, 1.0, 2.0], "mdc": [209.0, 210.0, 211.0]}
    of_others = kept if update_meta else {}
    found = [saved, morphologies.preload("tree"), *morphologies.all()]
    expected = [kept, of_others, *([of_others] if update_meta else [])]
    assert len(expected) == len(found)
    for stored, meta in zip(found, expected, strict=True):
        loaded = stored.load()
        assert "tree" == stored.name
        assert plain(meta) == plain(stored.get_meta()) == plain(loaded.meta)
        assert [3, 2, 0, 4] == [len(each.points) for each in loaded.branches]
        # What is changed is no other's.
        loaded.meta["mine"] = 1
        loaded.branches[0].points[:] = 7
        assert "mine" not in stored.get_meta()
        assert 0.0 == stored.load().branches[0].points[0, 0]
    assert 0.0 == morphologies.load("tree").branches[0].points[0, 0]
    assert {"a": 1} == morphologies.load("tree", preloaded_meta={"a": 1}).meta
    assert {"a": 1} == morphologies.preload("tree", meta={"a": 1}).load().meta


def plain(meta: Any) -> dict[str, Any]:
    return {key: np.asarray(value).tolist() for key, value in meta.items()}
