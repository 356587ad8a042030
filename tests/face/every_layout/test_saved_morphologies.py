"""A morphology that is loaded equals the one that was saved."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from bsb import Branch, Morphology

from bsb_hdf5 import verify
from tests.compat.walk.world import World

Labels = Sequence[tuple[list[str], list[bool]]]
T, F = True, False


def branch(points: int, labels: Labels = (), **properties: Any) -> Branch:
    steps = np.arange(3.0 * points).reshape(points, 3)
    made = Branch(steps, np.arange(1.0, points + 1), properties=properties)
    for names, mask in labels:
        made.label(names, np.array(mask))
    return made


def tree(root: Branch, *children: Branch) -> Branch:
    for child in children:
        root.attach_child(child)
    return root


MADE: dict[str, Any] = {
    "a labelled child": lambda: [tree(branch(2), branch(3, [(["axon"], [T, T, T])]))],
    "children with labels of their own": lambda: [
        tree(
            branch(2, [(["soma"], [T, T])]),
            branch(3, [(["axon"], [T, F, T])]),
            branch(3, [(["dendrites"], [T, F, T])]),
        )
    ],
    "overlapping sets": lambda: [
        tree(
            branch(2, [(["x", "y"], [T, T]), (["z"], [F, T])]),
            branch(3, [(["z"], [T, F, T]), (["x"], [T, T, F])]),
        )
    ],
    "properties": lambda: [tree(branch(2, p=np.arange(2.0)), branch(3, q=np.arange(3.0)))],
    "an empty branch": lambda: [tree(branch(2, [(["soma"], [T, F])]), branch(0))],
    "nothing but an empty branch": lambda: [branch(0)],
    "several roots": lambda: [branch(2), branch(3, [(["tip"], [T, T, F])])],
    "children of children": lambda: [
        tree(
            branch(2),
            branch(1, [(["a"], [T])]),
            tree(branch(2), branch(4, [(["b"], [T, F, F, T])]), branch(1, [(["a", "b"], [T])])),
            branch(3, [(["b"], [F, F, T])]),
        )
    ],
}


@pytest.mark.parametrize("how", MADE)
def test_what_is_loaded_equals_what_was_saved(world: World, how: str) -> None:
    saved = Morphology(MADE[how]())
    stored = world.morphologies.save("new", saved)
    loaded = world.again().morphologies.load("new")
    for one, other in [(loaded, saved), (loaded, stored.load()), (loaded, loaded.copy())]:
        assert one == other
        assert other == one
    for name in sorted(set().union(*saved.labelsets.values())) if saved.labelsets else ():
        assert saved.get_label_mask([name]).tolist() == loaded.get_label_mask([name]).tolist()
    assert _shape(saved) == _shape(loaded)


def _shape(morphology: Morphology) -> list[tuple[int, int]]:
    index = {id(each): i for i, each in enumerate(morphology.branches)}
    return [(len(each.points), index.get(id(each.parent), -1)) for each in morphology.branches]


@pytest.mark.parametrize("label", ["axon", "soma"])
def test_what_is_loaded_differs_from_what_is_labelled_otherwise(world: World, label: str) -> None:
    saved, other = (Morphology(MADE["children with labels of their own"]()) for _ in range(2))
    world.morphologies.save("new", saved)
    loaded = world.morphologies.load("new")
    other.branches[2].label([label], np.array([F, F, T]))
    assert loaded != other
    assert other != loaded
    loaded.branches[1].label(["more"], np.array([F, T, F]))
    assert loaded != saved


def test_labels_of_another_length_are_compared_as_arrays(world: World) -> None:
    world.morphologies.save("new", Morphology(MADE["several roots"]()))
    labels = world.morphologies.load("new").branches[1].labels
    assert [True, True, False] == (labels == 1).tolist()
    assert labels == copy.copy(labels)
    assert [1, 1, 0] == pickle.loads(pickle.dumps(labels)).tolist()


@pytest.mark.parametrize("points", [1, 3])
def test_what_is_changed_in_place_afterwards_is_not_stored(world: World, points: int) -> None:
    made = branch(points, weight=np.full(points, 4.0))
    with world.storage.write_scope():
        stored = world.morphologies.save("new", Morphology([made]))
        changed = stored.load().branches[0]
        for each in (changed.points, changed.radii, changed._properties["weight"], made.points):
            each[:] = 77
        assert [4.0] * points == stored.load().branches[0]._properties["weight"].tolist()
    found = world.again().morphologies.load("new").branches[0]
    assert [4.0] * points == found._properties["weight"].tolist()
    assert branch(points).points.tolist() == found.points.tolist()
    assert not list(verify(world.storage).findings)
