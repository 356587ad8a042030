"""Errors are of the classes that callers of 8.0.2 catch, and of ours."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import bsb
import numpy as np
import pytest

from bsb_hdf5.connectivity_set import LocationOutOfBoundsError
from bsb_hdf5.errors import StorageError
from bsb_hdf5.exceptions import MorphologyInUseError
from tests.compat.walk.holdings import holdings
from tests.compat.walk.world import World, chunk

NOT_NAMES = [None, 5]
NOT_LABELS: list[Any] = [[1], 5, [["core"]]]
NESTED: list[Any] = []
NESTED.append(NESTED)

Call = Callable[[World], Any]
Classes = tuple[type[BaseException], ...]
Case = tuple[str, Call, Classes]


def on(part: Callable[[World], Any], method: str, *given: Any) -> Call:
    """The call of a method of a part of a network."""
    return lambda world: getattr(part(world), method)(*given)


def _cells(world: World) -> Any:
    return world.cells("a")


def _connections(world: World) -> Any:
    return world.connections("a_to_b")


def _of_names() -> list[Case]:
    missing = (bsb.MissingMorphologyError, bsb.MorphologyRepositoryError)
    found: list[Case] = []
    for name in NOT_NAMES:
        for method in ("load", "preload", "get_meta", "remove"):
            call = on(lambda w: w.morphologies, method, name)
            found.append((f"{method} the morphology {name}", call, missing))
        for method in ("load", "remove", "get_meta", "get_mtime", "get_encoding", "has"):
            call = on(lambda w: w.files, method, name)
            found.append((f"{method} the file {name}", call, (KeyError, TypeError)))
        call = on(_cells, "append_additional", name, chunk(0), [1.0])
        found.append((f"additional data {name}", call, (TypeError,)))
    return found


def _of_labels() -> list[Case]:
    classes = (bsb.LabellingError, TypeError)
    found: list[Case] = []
    for labels in NOT_LABELS:
        for method in ("get_labelled", "get_label_mask", "set_label_filter"):
            found.append((f"{method}({labels})", on(_cells, method, labels), classes))
        for method in ("label", "remove_labels"):
            found.append((f"{method}({labels})", on(_cells, method, labels, [0]), classes))
    return found


def _iterated(method: str, direction: Any) -> Call:
    iterated = on(_connections, method, direction)
    return lambda world: list(iterated(world))


def _of_directions() -> list[Case]:
    found: list[Case] = []
    for direction in ("sideways", "", None, 5):
        classes: Classes = (KeyError,) if isinstance(direction, str) else (KeyError, TypeError)
        calls = {
            "local chunks": on(_connections, "get_local_chunks", direction),
            "local connections": on(_connections, "load_local_connections", direction, chunk(0)),
        }
        if direction is not None:
            calls["flat"] = _iterated("flat_iter_connections", direction)
            calls["nested"] = _iterated("nested_iter_connections", direction)
        found += [(f"{name} {direction!r}", call, classes) for name, call in calls.items()]
    return found


OTHERS: list[Case] = [
    (
        "a text as label filter",
        lambda w: w.cells("a").set_label_filter("core"),
        (bsb.LabellingError,),
    ),
    (
        "a text as morphology label filter",
        lambda w: w.cells("a").set_morphology_label_filter("soma"),
        (bsb.LabellingError,),
    ),
    ("a file that is not stored", lambda w: w.files.load("no"), (KeyError, FileNotFoundError)),
    (
        "a file that is not stored to remove",
        lambda w: w.files.remove("no"),
        (KeyError, FileNotFoundError),
    ),
    (
        "no configuration",
        lambda w: w.files.load_active_config(),
        (bsb.MissingActiveConfigError, LookupError),
    ),
    ("a path without anything", lambda w: w.resource("/no").get_dataset(), (KeyError,)),
    ("a deep path", lambda w: w.resource("/no/where").attributes, (KeyError,)),
    (
        "metadata that JSON lacks",
        lambda w: w.morphologies.update_all_meta({"stub": {"a": {1}}}),
        (TypeError, ValueError),
    ),
    (
        "metadata that JSON lacks for all",
        lambda w: w.morphologies.set_all_meta({"stub": {"a": {1}}}),
        (TypeError, ValueError),
    ),
    (
        "metadata without end",
        lambda w: w.morphologies.set_all_meta({"stub": {"a": NESTED}}),
        (ValueError,),
    ),
    (
        "metadata that is not a dictionary",
        lambda w: w.morphologies.update_all_meta({"stub": 5}),
        (TypeError,),
    ),
    (
        "a text as metadata",
        lambda w: w.morphologies.update_all_meta("stub"),
        (TypeError,),
    ),
    (
        "a text that its encoding can't hold",
        lambda w: w.files.store("µ", id="new", encoding="ascii"),
        (UnicodeEncodeError, ValueError),
    ),
    (
        "an unknown encoding",
        lambda w: w.files.store("text", id="new", encoding="no such"),
        (LookupError, ValueError),
    ),
    (
        "an encoding of bytes to bytes",
        lambda w: w.files.store("text", id="new", encoding="hex"),
        (LookupError,),
    ),
    (
        "a number as encoding",
        lambda w: w.files.store("text", id="new", encoding=5),
        (TypeError,),
    ),
    (
        "a morphology that cells have",
        lambda w: w.morphologies.remove("stub"),
        (bsb.MorphologyRepositoryError, MorphologyInUseError),
    ),
    (
        "a text as configuration",
        lambda w: w.files.store_active_config("config"),
        (TypeError,),
    ),
]


CASES = [*_of_names(), *_of_labels(), *_of_directions(), *OTHERS]


@pytest.mark.parametrize(("call", "classes"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_an_error_is_of_all_classes_that_a_caller_may_catch(
    world: World, held: dict[str, Any], call: Call, classes: tuple[type[BaseException], ...]
) -> None:
    for each in classes:
        with pytest.raises(each) as caught:
            call(world)
        assert isinstance(caught.value, StorageError)
        copied = pickle.loads(pickle.dumps(caught.value))
        assert (type(caught.value), str(caught.value)) == (type(copied), str(copied))
    assert held == holdings(world)


def test_what_python_says_of_a_bad_encoding_is_there(world: World) -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        world.files.store("aµ", id="new", encoding="ascii")
    assert ("ascii", "aµ", 1, 2) == (
        caught.value.encoding,
        caught.value.object,
        caught.value.start,
        caught.value.end,
    )


def test_names_that_are_no_texts_are_held_by_no_morphology(world: World) -> None:
    assert [False, False] == [world.morphologies.has(name) for name in NOT_NAMES]
    assert None not in world.morphologies


def test_an_error_about_locations_can_be_made_without_arguments() -> None:
    assert "" == str(LocationOutOfBoundsError())
    with pytest.raises(IndexError):
        raise LocationOutOfBoundsError


def test_an_unused_morphology_can_be_removed(world: World) -> None:
    world.cells("a").clear([chunk(0)])
    world.morphologies.remove("twig")
    with pytest.raises(bsb.MorphologyRepositoryError, match=r"'stub'.*'a'"):
        world.morphologies.remove("stub")
    assert 2 == len(world.cells("a").load_morphologies())
    world.cells("a").clear()
    world.morphologies.remove("stub")
    assert [] == world.morphologies.all()


def test_within_a_scope_cells_that_were_just_placed_count(world: World) -> None:
    with world.storage.write_scope():
        world.morphologies.save("late", world.morphologies.load("stub"))
        world.cells("silent").append_data(
            chunk(0), np.zeros((1, 3)), morphologies=world.morphology_set(["late"], [0])
        )
        with pytest.raises(bsb.MorphologyRepositoryError, match="'silent'"):
            world.morphologies.remove("late")
    assert ["late"] == [each.name for each in world.cells("silent").load_morphologies()._loaders]


@pytest.mark.parametrize("all_meta", [{}, {"twig": {"a": 1}}, {"unknown": {}}])
def test_cells_keep_their_morphologies_without_metadata(
    world: World, all_meta: dict[str, Any]
) -> None:
    world.morphologies.set_all_meta(all_meta)
    found = world.cells("a").load_morphologies()
    assert 5 == len(found)
    assert {"stub", "twig"} == {each.name for each in found._loaders}
    assert {} == world.morphologies.get_meta("stub")
    assert {} == world.morphologies.load("stub").meta
    assert 2 == len(world.morphologies.load("stub").branches[0].points)
