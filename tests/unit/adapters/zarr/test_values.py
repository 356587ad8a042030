"""Attributes as JSON: each comes back as it was, and what no session stores is refused."""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr import values
from bsb_hdf5.errors import DtypeError

PLAIN: list[tuple[Any, Any]] = [
    ("a text", "a text"),
    ("", ""),
    (["a", "b"], ["a", "b"]),
    ([], []),
    (np.True_, True),
    (np.int64(-5), -5),
    (np.float64(2.5), 2.5),
    (np.array([True, False]), [True, False]),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array([0.5]), [0.5]),
    (np.arange(1000), list(range(1000))),
]
PACKED = [
    np.arange(1001),
    np.int32(7),
    np.float32(0.1),
    np.array([1.5, np.nan]),
    np.float64(np.inf),
    np.zeros(0),
    np.zeros((2, 0, 3)),
    np.array([b"ab", b"c"]),
    np.datetime64("2020-01-01"),
    np.arange(3, dtype=">i8"),
]


@pytest.mark.parametrize(("value", "stored"), PLAIN, ids=repr)
def test_what_json_keeps_exactly_is_stored_as_it_is(value: Any, stored: Any) -> None:
    assert stored == values.encode(value)
    found = values.decode(json.loads(json.dumps(stored)))
    assert type(value) is type(found)
    assert np.asarray(value).dtype == np.asarray(found).dtype
    assert np.array_equal(value, found)


@pytest.mark.parametrize("value", PACKED, ids=repr)
def test_other_values_are_packed_with_their_dtype_and_shape(value: Any) -> None:
    stored = json.loads(json.dumps(values.encode(value)))
    assert {"dtype": value.dtype.str, "shape": [*value.shape]} == {
        name: stored[name] for name in ("dtype", "shape")
    }
    found: Any = values.decode(stored)
    assert (type(value), value.dtype, value.shape) == (type(found), found.dtype, found.shape)
    assert value.tobytes() == found.tobytes()
    assert not isinstance(found, np.ndarray) or found.flags.writeable


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [1, None],
        [[1], [2, 3]],
        [1, "a"],
        {},
        {"a": 1},
        {"dtype": "<i4"},
        {"dtype": "<i4", "shape": [1], "data": values.pack(bytes(4)), "more": 1},
        2**63,
        2**70,
        {"dtype": "<i4", "shape": [True], "data": values.pack(bytes(4))},
        {"dtype": "<i4", "shape": [1.0], "data": values.pack(bytes(4))},
        {"dtype": "<i4", "shape": [-1, -1], "data": values.pack(bytes(4))},
        {"dtype": "<i4", "shape": [2], "data": values.pack(bytes(4))},
        {"dtype": "<i4", "shape": [1], "data": values.pack(bytes(8))},
        {"dtype": "<i4", "shape": [1], "data": "!" + values.pack(bytes(4))},
    ],
    ids=repr,
)
def test_what_no_session_stores_is_refused(stored: Any) -> None:
    with pytest.raises(ValueError):
        values.decode(stored)


def test_objects_and_records_are_refused() -> None:
    for dtype in ("O", "V4,V4"):
        with pytest.raises(DtypeError):
            values.decode({"dtype": dtype, "shape": [1], "data": values.pack(bytes(8))})


@pytest.mark.parametrize(
    ("name", "other"),
    [("x", "x"), ("x~", "x~"), ("bsb_hdf5", "bsb_hdf5~"), ("bsb_hdf5~", "bsb_hdf5~~"), ("~", "~")],
)
def test_an_attribute_of_any_name_stands_beside_the_mark(name: str, other: str) -> None:
    made = values.attributes_of({name: 5}, {"array": "p"})
    assert {"bsb_hdf5": {"array": "p"}, other: 5} == made
    assert {name: 5} == values.values_of(made)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_000_000])
@pytest.mark.parametrize("byte", [b"\0", b"ab"])
def test_bytes_are_packed_and_unpacked(size: int, byte: bytes) -> None:
    data = (byte * size)[:size]
    text = values.pack(data)
    assert data == values.unpack(text, size)
    # Above 64 kB, they are stored as they are where they would be packed 16 times smaller.
    assert (len(text) > size) is (size > 65_536 or size < 2)
    for wrong in (size + 1, size - 1):
        with pytest.raises(ValueError, match="bytes"):
            values.unpack(text, wrong)


def test_bytes_that_claim_too_much_are_not_unpacked() -> None:
    for size, is_refused in ((65_536, False), (65_537, True)):
        text = base64.b64encode(zlib.compress(bytes(size))).decode()
        if is_refused:
            with pytest.raises(ValueError, match="claim to decompress to 65537"):
                values.unpack(text, size)
        else:
            assert bytes(size) == values.unpack(text, size)
    data = np.random.default_rng(1).bytes(5000)
    packed = zlib.compress(data * 16, 9)
    assert len(data) * 16 <= 16 * len(packed)
    assert data * 16 == values.unpack(base64.b64encode(packed).decode(), len(data) * 16)
    with pytest.raises(ValueError, match="does not have"):
        values.unpack(base64.b64encode(zlib.compress(data)[:-4]).decode(), len(data))


def test_rows_are_unpacked_to_be_changed() -> None:
    rows = np.arange(6, dtype="<i2").reshape(2, 3)
    found = values.unpacked_rows(values.pack(rows.tobytes()), rows.dtype, [2, 3])
    found[0] = 9
    assert [[9, 9, 9], [3, 4, 5]] == found.tolist()
