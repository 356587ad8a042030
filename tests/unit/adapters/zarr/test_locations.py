"""What may be made and removed in an object store, by the metadata that lie there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bsb_hdf5.adapters.zarr.commits import Branch
from bsb_hdf5.adapters.zarr.locations import Place
from bsb_hdf5.adapters.zarr.zarr_objects import together
from tests.unit.adapters.zarr.test_folders import ARRAY, GROUP, PLAIN, metadata


class Held:
    """A zarr store in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def get(self, key: str, prototype: Any) -> Any:
        found = self.objects.get(key)
        return None if found is None else prototype.buffer.from_bytes(found)

    async def set(self, key: str, value: Any) -> None:
        self.objects[key] = value.to_bytes()

    async def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    async def delete_dir(self, path: str) -> None:
        for key in [key for key in self.objects if key.startswith(f"{path}/")]:
            del self.objects[key]

    def close(self) -> None:
        """It holds nothing open."""


class InMemory(Branch):
    def __init__(self) -> None:
        Place.__init__(self, "here")
        self.held = Held()

    def _open(self) -> Any:
        return self.held


@pytest.fixture
def objects() -> InMemory:
    return InMemory()


def test_a_place_is_free_for_what_a_session_made_there(objects: InMemory) -> None:
    for path, says, kind in (
        ("a", "a", ARRAY),
        ("g", "g", GROUP),
        ("p", "p", PLAIN),
        ("copy", "a", ARRAY),
        ("moved", "g", GROUP),
    ):
        objects.put(f"{path}/zarr.json", metadata(says, kind))
    for path, array, group in (
        ("missing", True, True),
        ("a", True, False),
        ("g", False, True),
        ("p", False, True),
        ("copy", False, False),
        ("moved", False, False),
    ):
        assert (array, group) == (objects.is_free(path, "array"), objects.is_free(path, "group")), (
            path
        )


def test_only_what_a_session_made_is_removed(objects: InMemory) -> None:
    for path, says, kind in (
        ("a", "a", ARRAY),
        ("g", "g", GROUP),
        ("copy", "a", ARRAY),
        ("moved", "g", GROUP),
    ):
        objects.put_many([(f"{path}/zarr.json", metadata(says, kind)), (f"{path}/c/0", b"rows")])
    before = dict(objects.held.objects)
    for path in ("copy", "moved", "missing"):
        objects.remove_node(path)
    assert before == objects.held.objects
    objects.remove_node("a")
    objects.remove_node("g")
    gone = {"a/zarr.json", "a/c/0", "g/zarr.json"}
    assert before.keys() - gone == objects.held.objects.keys()


def test_objects_are_put_and_read(objects: InMemory) -> None:
    objects.put_again("x", b"text")
    assert (b"text", None) == (objects.get("x"), objects.get("y"))
    parts = objects.open("x")
    assert parts is not None
    assert b"ex" == parts.read(1, 3)


def test_requests_are_made_at_once_and_all_end_before_one_fails(objects: InMemory) -> None:
    done: list[int] = []

    def request(number: int) -> Callable[[], Any]:
        async def answer() -> int:
            if number == 1:
                raise KeyError(number)
            done.append(number)
            return number

        return answer

    assert [2, 3] == objects.sync(together, [request(2), request(3)])
    with pytest.raises(Exception, match="1"):
        objects.sync(together, [request(each) for each in (0, 1, 4)])
    assert [2, 3, 0, 4] == done
