"""Trees of the first version of the format, which are read with the same care."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr.first_version import read_tree
from bsb_hdf5.adapters.zarr.values import pack
from bsb_hdf5.errors import DtypeError

ROWS = np.arange(6.0).reshape(2, 3)


def tree() -> dict[str, Any]:
    rows = {"kind": "array", "attributes": {}, "dtype": "<f8", "shape": [2, 3]}
    text = {"kind": "document", "attributes": {}, "dtype": "|u1", "shape": [5]}
    return {
        "kind": "group",
        "attributes": {"a": {"dtype": "<i4", "shape": [], "data": pack(b"\5\0\0\0")}, "t": "text"},
        "members": {
            "few": {**rows, "content": pack(ROWS.tobytes())},
            "many": {**rows, "path": "arrays/x", "shape": [9999, 3]},
            "text": {**text, "content": pack(b"hello")},
            "group": {"kind": "group", "attributes": {}, "members": {}},
        },
    }


def test_a_tree_is_read_with_its_values_in_the_present_form() -> None:
    found = read_tree(tree())
    assert ["few", "many", "text", "group"] == [*found["members"]]
    assert {"a", "t"} == found["attributes"].keys()
    assert "text" == found["attributes"]["t"]
    few, many, text = (found["members"][name] for name in ("few", "many", "text"))
    assert ROWS.tolist() == few["tail"][0].tolist()
    assert ("<f8", [2, 3]) == (few["dtype"], few["shape"])
    assert ("arrays/x", [9999, 3]) == (many["path"], many["shape"])
    assert "tail" not in many
    assert few["base"] == text["base"] == 0
    assert b"hello" == text["tail"][0].tobytes()
    assert {"kind": "group", "attributes": {}, "members": {}} == found["members"]["group"]


def _of(name: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda made: made["members"][name].update(changes)


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another root": (lambda made: made.update(kind="array"), "the root is not a group"),
    "another kind": (_of("few", kind="table"), "has the kind 'table'"),
    "a text of numbers": (_of("text", dtype="<f8"), "a document has dtype"),
    "a text of rows": (_of("text", shape=[5, 1]), "a document has dtype"),
    "no shape": (_of("few", shape=[]), "has the shape"),
    "fewer rows": (_of("few", shape=[-2, 3]), "has the shape"),
    "a path that leads out": (_of("many", path="../x"), "has the path"),
    "rows that are too many": (_of("few", shape=[171, 3]), "too large for a manifest"),
    "other rows": (_of("few", shape=[3, 3]), "does not have"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_tree_that_contradicts_itself_is_refused(name: str) -> None:
    change, message = BROKEN[name]
    made = tree()
    change(made)
    with pytest.raises(ValueError, match=message):
        read_tree(made)


def test_objects_are_refused() -> None:
    made = tree()
    made["members"]["few"]["dtype"] = "|O"
    with pytest.raises(DtypeError):
        read_tree(made)


def test_rows_of_4_kilobytes_were_in_the_manifest() -> None:
    rows = np.zeros(512)
    made = tree()
    made["members"]["few"].update(shape=[512], content=pack(rows.tobytes()))
    assert 512 == len(read_tree(made)["members"]["few"]["tail"][0])
    made["members"]["few"].update(shape=[513])
    with pytest.raises(ValueError, match="too large"):
        read_tree(made)
