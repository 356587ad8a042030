"""What a layout does not know goes where it belongs, every row of it, or is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.layouts.detection import create_network
from bsb_hdf5.core.layouts.protocols import NetworkReader, NetworkWriter
from bsb_hdf5.errors import UnknownContentError
from bsb_hdf5.exchange import unknown
from bsb_hdf5.exchange.unknown import (
    CopyOptions,
    NetworkSource,
    NetworkTarget,
    check_foreign,
    copy_whole,
)
from bsb_hdf5.ports.arrays import GroupWriter
from bsb_hdf5.testing.contents import contents_of
from tests.unit.exchange.networks import NEAR, cells, network
from tests.unit.memory import new_root, new_store

LAYOUTS = pytest.mark.parametrize("layout", ["classic", "columnar"])
OTHER = {"classic": "columnar", "columnar": "classic"}
PLACES = {
    "classic": ("placement", "connectivity"),
    "columnar": ("placement_sets", "connectivity_sets"),
}


def root_of(held: NetworkReader) -> Any:
    return held.__dict__["_root"]


def copied(source: NetworkWriter, layout: str, **options: Any) -> GroupWriter:
    """The root of a copy."""
    source.flush()
    root = new_root()
    made = create_network(root, layout)
    copy_whole(
        NetworkSource(source, root_of(source)), NetworkTarget(made, root), CopyOptions(**options)
    )
    return root


def put(group: Any) -> None:
    """A group with everything in it, and an attribute."""
    group.attributes.set("stranger", 1.5)
    mine = group.require_group("mine")
    mine.attributes.set("unit", "um")
    rows = mine.create_array("rows", np.arange(12.0).reshape(4, 3))
    rows.attributes.set("of", "rows")
    below = mine.require_group("below").require_group("deep")
    below.write_document("text", b"a text").attributes.set("language", "en")
    below.create_array("nothing", np.zeros((0, 2), dtype=np.int16))


@LAYOUTS
@pytest.mark.parametrize("same", [True, False])
def test_all_that_belongs_to_a_network_or_a_set_goes_with_it(layout: str, same: bool) -> None:
    source = network(layout)
    put(root_of(source))
    sets = list(zip(PLACES[layout], ("a", "c"), strict=True))
    for part, name in sets:
        put(root_of(source).group(part).group(name))
    target = layout if same else OTHER[layout]
    root = copied(source, target)
    expected = contents_of(root_of(source).group("mine"))
    groups = [
        root,
        *(
            root.group(part).group(name)
            for part, (_, name) in zip(PLACES[target], sets, strict=True)
        ),
    ]
    for group in groups:
        assert 1.5 == group.attributes.get("stranger")
        assert expected == contents_of(group.group("mine"))
    left = copied(source, target, drop_unknown=True)
    assert "mine" not in left
    assert "stranger" not in left.attributes.names()


def refused(source: NetworkWriter, layout: str) -> UnknownContentError:
    with pytest.raises(UnknownContentError) as raised:
        copied(source, layout)
    return raised.value


START = "the network holds content that its layout does not know and that can't be copied: "
END = (
    ". Save it elsewhere, and pass drop_unknown=True to leave out all that the layout does not know"
)
NO_PLACE = "the layout of the copy has no such place"


def test_what_has_no_place_in_the_copy_is_named() -> None:
    source = network("classic")
    chunk = root_of(source).group("placement").group("a").group(str(NEAR))
    chunk.create_array("mine", np.arange(3))
    chunk.array("position").attributes.set("unit", "um")
    found = [
        f"'/placement/a/{NEAR}/mine'",
        f"the attribute 'unit' of '/placement/a/{NEAR}/position'",
    ]
    error = refused(source, "columnar")
    assert START + "; ".join(f"{each}: {NO_PLACE}" for each in found) + END == str(error)
    assert found == error.fields["found"]
    assert [0, 1, 2] == (
        copied(source, "classic").group("placement").group("a").group(str(NEAR)).array("mine")
    ).read().tolist()


def test_what_the_copy_has_itself_is_named() -> None:
    source = network("classic")
    root_of(source).require_group("stored_files").create_array("x", np.arange(2))
    root_of(source).attributes.set("format", "mine")
    error = refused(source, "columnar")
    assert {"the attribute 'format' of '/'", "'/stored_files'"} == {*error.fields["found"]}
    assert "'/stored_files': the copy already has a member of that name" in str(error)
    assert "of '/': the copy already has an attribute of that name" in str(error)


@pytest.mark.parametrize(
    ("layout", "part", "name", "value"),
    [
        ("classic", None, "staged_calls", [1, 0]),
        ("columnar", "placement_sets/a", "additional_keys", ["mine"]),
    ],
)
def test_what_the_layout_of_the_copy_would_take_for_its_own_is_named(
    layout: str, part: str | None, name: str, value: Any
) -> None:
    source = network(layout, near=cells(3, k=None), far=cells(2, k=None))
    group = root_of(source)
    for each in part.split("/") if part else ():
        group = group.group(each)
    group.attributes.set(name, np.array(value) if layout == "classic" else value)
    found = f"the attribute '{name}' of '/{part or ''}'"
    error = refused(source, OTHER[layout])
    reason = f"the {OTHER[layout]} layout uses this place itself"
    assert f"{START}{found}: {reason}{END}" == str(error)
    assert [found] == error.fields["found"]


@pytest.mark.parametrize(("count", "more"), [(10, ""), (11, "; and 1 more"), (13, "; and 3 more")])
def test_only_so_much_is_named(count: int, more: str) -> None:
    source = network("classic")
    chunk = root_of(source).group("placement").group("a").group(str(NEAR))
    for number in range(10, 10 + count):
        chunk.create_array(f"mine {number}", np.arange(3))
    error = refused(source, "columnar")
    assert count == len(error.fields["found"])
    named = [f"'/placement/a/{NEAR}/mine {10 + i}': {NO_PLACE}" for i in range(10)]
    assert START + "; ".join(named) + more + END == str(error)


@pytest.mark.parametrize(("count", "more"), [(1, ""), (10, ""), (11, " and 1 more")])
def test_files_beside_a_network_are_named(count: int, more: str) -> None:
    class Shared:
        location = "here"

        def foreign(self) -> tuple[str, ...]:
            return tuple(f"file {i}" for i in range(count))

    store: Any = Shared()
    with pytest.raises(UnknownContentError) as raised:
        check_foreign(store)
    named = ", ".join(f"'file {i}'" for i in range(min(count, 10)))
    assert f"would lack: {named}{more}. Move" in str(raised.value)
    assert str(raised.value).startswith("'here' holds files")
    assert [f"file {i}" for i in range(count)] == raised.value.fields["found"]


def test_a_place_with_nothing_else_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    store = new_store()
    check_foreign(store)
    monkeypatch.setattr(type(store), "foreign", lambda _: (), raising=False)
    check_foreign(store)


@pytest.mark.parametrize("rows", range(12))
@pytest.mark.parametrize("width", [(), (2,), (0,)])
def test_all_pieces_of_an_array_are_copied(
    rows: int, width: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown, "_PIECE_BYTES", 48)
    values: Any = np.random.default_rng(rows).random((rows, *width))
    source, target = new_root(), new_root()
    made = unknown._copy_array(source.create_array("x", values), target, "y")
    assert values.tolist() == made.read().tolist() == target.array("y").read().tolist()
    assert values.shape == made.shape
    assert 48 >= max(part.nbytes for part in unknown._pieces(source.array("x")))
