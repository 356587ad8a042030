"""Keys and values, byte by byte: a store that was written stays readable."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.by_key import encoding
from bsb_hdf5.adapters.by_key.encoding import ArrayForm
from bsb_hdf5.adapters.by_key.session import Header
from bsb_hdf5.errors import CorruptNetworkError, DtypeError, NotANetworkError

SEVEN = b"\0\0\0\0\0\0\0\7"
LONG = "n" * 201


def test_keys_begin_with_their_kind_and_their_node() -> None:
    assert b"bsb-hdf5" == encoding.HEADER
    assert b"m" + SEVEN == encoding.members(7)
    assert b"m" + SEVEN + b"\0name" == encoding.member(7, "name")
    assert b"a" + SEVEN == encoding.attributes(7)
    assert b"a" + SEVEN + b"\0\xc3\xa9" == encoding.attribute(7, "é")
    assert b"h" + SEVEN == encoding.array(7)
    assert b"p" + SEVEN == encoding.pages(7)
    assert b"p" + SEVEN + b"\0\0\0\0\0\0\1\0" == encoding.page(7, 256)
    assert 7 == encoding.group_of(encoding.member(7, "name"))


def test_a_long_name_is_in_its_value_only() -> None:
    for name in ("", "x", "é", "n" * 200):
        assert name == encoding.name_in(encoding.member(1, name))
    digest = hashlib.sha256(LONG.encode()).digest()
    assert b"m" + b"\0" * 7 + b"\1\1" + digest == encoding.member(1, LONG)
    assert encoding.name_in(encoding.member(1, LONG)) is None
    for name in ("", "é", LONG):
        value = encoding.named(name, b"content")
        assert len(name.encode()).to_bytes(4, "big") + name.encode() + b"content" == value
        assert (name, b"content") == encoding.split(value)


@pytest.mark.parametrize("value", [b"", b"\0\0\0", b"\0\0\0\2\xff\xfe"])
def test_a_value_without_a_name_is_reported(value: bytes) -> None:
    with pytest.raises(CorruptNetworkError, match="a name can't be read"):
        encoding.split(value)


def test_a_key_without_a_name_is_reported() -> None:
    with pytest.raises(CorruptNetworkError, match="a name can't be read"):
        encoding.name_in(encoding.members(7) + b"\0\xff")


@pytest.mark.parametrize("root", ["-1", "1", "1e400", "99999999999999999999", "null"])
def test_a_header_that_names_no_node_is_reported(root: str) -> None:
    stored = Header(0, 1, "state").dump()
    assert Header(0, 1, "state") == Header.load(stored, "here")
    wrong = stored.replace(b'"root": 0', b'"root": %s' % root.encode())
    with pytest.raises(NotANetworkError, match="'here' holds no network of a known version"):
        Header.load(wrong, "here")


@pytest.mark.parametrize(
    ("dtype", "width", "row_bytes", "page_rows"),
    [
        ("<f8", (), 8, 8192),
        ("<f8", (3,), 24, 2730),
        ("|u1", (0,), 0, 65_536),
        ("<i4", (2, 3), 24, 2730),
        ("|u1", (65_536,), 65_536, 1),
        ("|u1", (65_537,), 65_537, 1),
        ("|u1", (32_769,), 32_769, 1),
    ],
)
def test_pages_have_64_kilobytes_of_rows(
    dtype: str, width: tuple[int, ...], row_bytes: int, page_rows: int
) -> None:
    form = ArrayForm(np.dtype(dtype), width, 5)
    assert (row_bytes, page_rows) == (form.row_bytes, form.page_rows)
    assert form == ArrayForm.load(form.dump())


def test_the_form_of_an_array_is_json() -> None:
    assert b'["<f8", [3], 5]' == ArrayForm(np.dtype("f8"), (3,), 5).dump()
    assert ArrayForm(np.dtype("f8"), (0,), 0) == ArrayForm.load(b'["<f8", [0], 0]')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"5",
        b'["<f8", [3]]',
        b'["no dtype", [3], 5]',
        b'["<f8", 3, 5]',
        b'["<f8", [-1], 5]',
        b'["<f8", [3], -1]',
        b'["<f8", [true], 5]',
        b'["<f8", [3], 5.0]',
        b'["V0", [3], 5]',
        b'["(2,3)f8", [3], 5]',
        b'["f8, (", [3], 5]',
        b'["<f8", [3], 9223372036854775807]',
        b'["<f8", [9223372036854775807], 0]',
        b'["|u1", [0], 9223372036854775808]',
        b"[" * 100_000,
    ],
    ids=lambda data: data[:20],
)
def test_another_form_is_reported(data: bytes) -> None:
    with pytest.raises(CorruptNetworkError, match="the form of an array"):
        ArrayForm.load(data)


VALUES: list[tuple[Any, bytes]] = [
    ("a text é", b"ta text \xc3\xa9"),
    ("", b"t"),
    (["a", "b"], b'l["a", "b"]'),
    ([], b"l[]"),
    (np.int64(5), b'n["<i8", []]\0\5\0\0\0\0\0\0\0'),
    (np.array([1, 2], "u1"), b'n["|u1", [2]]\0\1\2'),
    (np.zeros((2, 0)), b'n["<f8", [2, 0]]\0'),
    (np.array([b"\0\1"]), b'n["|S2", [1]]\0\0\1'),
    (np.True_, b'n["|b1", []]\0\1'),
]


@pytest.mark.parametrize(("value", "stored"), VALUES, ids=repr)
def test_an_attribute_comes_back(value: Any, stored: bytes) -> None:
    assert stored == encoding.dump_value(value)
    found: Any = encoding.load_value(stored)
    assert type(value) is type(found)
    if isinstance(value, np.ndarray | np.generic):
        assert (value.dtype, value.shape) == (found.dtype, found.shape)
        assert value.tobytes() == found.tobytes()
    else:
        assert value == found
    if isinstance(found, np.ndarray):
        assert found.flags.writeable


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"t\xff",
        b"l5",
        b"l[",
        b"n",
        b'n["<i8", []]\0\5',
        b'n["<i8", [2]]\0' + bytes(8),
        b"n5\0",
        b'n["nothing", []]\0',
        b'n["f8, (", []]\0',
    ],
)
def test_what_is_no_attribute_is_reported(data: bytes) -> None:
    with pytest.raises(CorruptNetworkError, match="an attribute can't be read"):
        encoding.load_value(data)


def test_objects_are_neither_attributes_nor_rows() -> None:
    for read in (encoding.load_value, ArrayForm.load):
        prefix = b"n" if read == encoding.load_value else b""
        with pytest.raises((CorruptNetworkError, DtypeError)):
            read(prefix + b'["|O", [1], 1]\0' + bytes(8))
