"""Objects of one version are read once, and kept up to so many bytes."""

from __future__ import annotations

from typing import Any

import pytest
from zarr.core.buffer import default_buffer_prototype

from bsb_hdf5.adapters.zarr import states
from bsb_hdf5.adapters.zarr.states import State


class Served:
    """A zarr store that notes which objects it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def get(self, key: str, prototype: Any) -> Any:
        self.asked.append(key)
        if "missing" in key:
            return None
        return prototype.buffer.from_bytes(f"{key} ".encode() * 2)

    def close(self) -> None:
        """It holds nothing."""


class Some(State):
    """A state of which it is known what was asked for."""

    def __init__(self, manifest: bytes | None = None) -> None:
        self.served: Any = Served()
        super().__init__("here", "a tag", lambda: self.served, manifest)


@pytest.fixture
def objects(monkeypatch: pytest.MonkeyPatch) -> Some:
    monkeypatch.setattr(states, "_MOST_KEPT", 18)
    assert default_buffer_prototype()
    return Some()


def test_an_object_is_read_once(objects: Some) -> None:
    assert [b"a a "] * 2 == [objects.get("a"), objects.get("a")]
    assert [None] * 2 == [objects.get("missing"), objects.get("missing")]
    assert ["a", "missing", "missing"] == objects.served.asked


def test_the_first_go_where_there_are_too_many(objects: Some) -> None:
    # Each takes 4 bytes, so that there is room for four.
    for key in "abcd":
        objects.get(key)
    assert [b"a a ", b"d d "] == [objects.get("a"), objects.get("d")]
    objects.get("e")
    assert list("abcde") == objects.served.asked
    for key in "bcde":
        objects.get(key)
    assert 5 == len(objects.served.asked)
    # 6 bytes more take the place of one, and all room.
    objects.get("ff")
    for key in ("c", "d", "e", "ff"):
        objects.get(key)
    assert [*"abcde", "ff"] == objects.served.asked
    objects.get("b")
    assert "b" == objects.served.asked[-1]


def test_what_is_larger_than_all_room_is_read_all_the_same(objects: Some) -> None:
    objects.get("a")
    assert b"x" * 9 + b" " + b"x" * 9 + b" " == objects.get("x" * 9)
    objects.get("x" * 9)
    assert ["a", "x" * 9] == objects.served.asked
    objects.get("a")
    assert ["a", "x" * 9, "a"] == objects.served.asked


def test_several_are_read_ahead_and_one_when_it_is_needed(objects: Some) -> None:
    objects.prefetch(["a"])
    objects.prefetch([])
    assert [] == objects.served.asked
    objects.get("a")
    objects.prefetch(["a", "b"])
    assert ["a"] == objects.served.asked
    objects.prefetch(["a", "b", "missing", "c"])
    assert ["a", "b", "missing", "c"] == objects.served.asked
    assert [b"b b ", b"c c ", None] == [objects.get(key) for key in ("b", "c", "missing")]
    assert ["a", "b", "missing", "c", "missing"] == objects.served.asked


def test_a_manifest_that_was_read_already_is_not_asked_for() -> None:
    known = Some(b"manifest")
    assert b"manifest" == known.get("zarr.json")
    assert not known.is_empty
    assert [] == known.served.asked


def test_objects_are_read_whole_where_parts_are_asked_for(objects: Some) -> None:
    parts = objects.open("ab")
    assert parts is not None
    assert (6, b"b ") == (parts.size, parts.read(1, 3))
    assert objects.open("missing") is None
