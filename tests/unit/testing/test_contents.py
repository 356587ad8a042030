"""Where the contents of two stores differ."""

from __future__ import annotations

import copy

import numpy as np

from bsb_hdf5.testing.contents import differing, value_of

CONTENT = {
    "attributes": {"a": value_of(1), "nan": value_of(np.array([np.nan, 1.0]))},
    "members": {"x": {"attributes": {}, "rows": value_of(np.zeros((3, 2)))}},
}


def test_equal_contents_differ_nowhere_nor_do_those_with_nan() -> None:
    assert differing(CONTENT, copy.deepcopy(CONTENT)) == []


def test_what_differs_is_named_by_its_path() -> None:
    other = copy.deepcopy(CONTENT)
    other["members"]["x"]["rows"] = value_of(np.zeros((3, 2), dtype=np.float32))
    other["attributes"]["a"] = value_of(True)
    assert differing(CONTENT, other) == ["attributes/a", "members/x/rows"]


def test_what_one_of_them_lacks_is_named_whichever_it_is() -> None:
    other = copy.deepcopy(CONTENT)
    del other["members"]["x"]
    other["members"]["y"] = {"attributes": {}}
    assert differing(CONTENT, other) == ["members/x", "members/y"]
    assert differing(other, CONTENT) == ["members/x", "members/y"]
