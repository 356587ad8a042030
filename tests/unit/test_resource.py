"""Resources of any content, and the handle that methods of a user's own are given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5.errors import (
    DtypeError,
    HandleError,
    InputError,
    InvalidNameError,
    NodeExistsError,
    NodeNotFoundError,
    ReadOnlyError,
)
from bsb_hdf5.maintenance.integrity import verify
from bsb_hdf5.resource import (
    HANDLED,
    Resource,
    handles_class_handles,
    handles_handles,
    handles_static_handles,
)
from tests.face.layouts import new_storage, place
from tests.face.samples import SmallNetwork, chunk, untouched

RECORDS = np.array([(1, 0.5), (2, 1.5)], dtype=[("a", int), ("b", float)])
VALUES: dict[str, Any] = {
    "texts": np.array(["one", "two"], dtype=object),
    "bytes": np.array([b"one", b"two"]),
    "text": "text",
    "number": 5.0,
    "complex": np.array([1 + 2j, 3]),
    "records": RECORDS,
    "numbers": np.arange(6).reshape(2, 3),
}


@pytest.fixture(params=["classic", "columnar"])
def in_file(request: pytest.FixtureRequest, tmp_path: Path) -> SmallNetwork:
    return SmallNetwork.build(new_storage(tmp_path / "network.hdf5", request.param))


@pytest.fixture(params=["memory", "zarr"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> SmallNetwork:
    return SmallNetwork.build(Storage(request.param, str(tmp_path / "network")))


def at(network: SmallNetwork, path: str) -> Resource:
    return Resource(network.storage._engine, path)


@pytest.mark.parametrize("name", VALUES)
def test_what_an_hdf5_file_holds_is_read(in_file: SmallNetwork, name: str) -> None:
    with h5py.File(in_file.path, "a") as file:
        file["/mine/value"] = VALUES[name]
        expected = file["/mine/value"][()]
        file["/mine/value"].attrs["unit"] = "um"
    found = at(in_file, "/mine/value")
    assert ({"unit": "um"}, None, True) == (found.attributes, found.keys(), found.exists())
    assert np.array_equal(expected, found.get_dataset())
    assert type(expected) is type(found.get_dataset())
    assert np.shape(expected) == found.shape


@pytest.mark.parametrize("name", VALUES)
def test_values_of_any_type_are_made_in_an_hdf5_file(in_file: SmallNetwork, name: str) -> None:
    made = at(in_file, "/mine/value")
    made.create(VALUES[name])
    with h5py.File(in_file.path) as file:
        expected = file["/mine/value"][()]
    assert np.array_equal(expected, made.get_dataset())
    with pytest.raises(NodeExistsError):
        made.create(VALUES[name])


def test_the_options_of_an_array_are_kept_in_an_hdf5_file(in_file: SmallNetwork) -> None:
    made = at(in_file, "/mine/value")
    made.create(np.ones((2, 3)), maxshape=(3, 3), compression="gzip", chunks=(1, 3), dtype="f4")
    made.append(np.zeros((1, 3)))
    with pytest.raises(InputError, match="can't have more than 3"):
        made.append(np.zeros((1, 3)))
    with h5py.File(in_file.path) as file:
        held = file["/mine/value"]
        assert ("gzip", (1, 3), (3, 3)) == (held.compression, held.chunks, held.maxshape)
        assert ("float32", (3, 3)) == (held.dtype, held.shape)
    at(in_file, "/mine/by position").create([1, 2], (2, 1), "i2")
    assert (2, 1) == at(in_file, "/mine/by position").shape


@pytest.mark.parametrize(
    "options",
    [{"maxshape": (None, 3)}, {"compression": "gzip"}, {"chunks": (1, 3)}, {"no such": 1}],
    ids=str,
)
def test_options_that_can_not_be_kept_are_refused(
    elsewhere: SmallNetwork, options: dict[str, Any]
) -> None:
    made = at(elsewhere, "/mine/deep/value")
    with elsewhere.storage.write_scope(), pytest.raises(InputError, match="HDF5"):
        made.create(np.ones((2, 3)), **options)
    assert not at(elsewhere, "/mine").exists()


BAD: list[tuple[Any, dict[str, Any]]] = [
    (None, {}),
    ([object()], {}),
    (np.ones((2, 3)), {"no such": 1}),
    (np.ones((2, 3)), {"shape": (7,)}),
    (np.ones((2, 3)), {"compression": "no such"}),
    (np.ones((2, 3)), {"dtype": "no such"}),
    (["text"], {"dtype": float}),
]


@pytest.mark.parametrize(("data", "options"), BAD)
def test_what_hdf5_can_not_make_is_refused(
    in_file: SmallNetwork, data: Any, options: dict[str, Any]
) -> None:
    with untouched(in_file.path), in_file.storage.write_scope(), pytest.raises(InputError):
        at(in_file, "/mine/deep/value").create(data, **options)


def test_an_option_by_position_and_by_name_is_refused(in_file: SmallNetwork) -> None:
    with pytest.raises(InputError, match="shape is given twice"):
        at(in_file, "/mine/value").create([1, 2], (2, 1), shape=(1, 2))
    assert not at(in_file, "/mine").exists()


@pytest.mark.parametrize("data", ["text", ["a"], 5, [1j], RECORDS], ids=str)
def test_other_engines_hold_rows_of_numbers(elsewhere: SmallNetwork, data: Any) -> None:
    with pytest.raises(InputError, match="rows of numbers"):
        at(elsewhere, "/mine/value").create(data)
    assert not at(elsewhere, "/mine").exists()


def test_stored_files_are_read_by_their_paths(in_file: SmallNetwork) -> None:
    note = at(in_file, place(in_file.layout, "files", "note"))
    assert (b"a text", ()) == (bytes(note.get_dataset()), note.shape)
    assert [*b"a text"] == [*iter(note)]


def test_stored_files_are_read_by_their_paths_elsewhere(elsewhere: SmallNetwork) -> None:
    note = at(elsewhere, f"{elsewhere.storage.files._path}/note")
    assert (b"a text", ()) == (note.get_dataset(), note.shape)


def test_metadata_of_morphologies_are_read_by_their_path(in_file: SmallNetwork) -> None:
    in_file.storage.morphologies.update_all_meta({"stub": {"kind": "test"}})
    assert isinstance(at(in_file, "/morphology_meta").get_dataset(), bytes)


@pytest.mark.parametrize("path", ["/unknown", "/unknown/deep/path"])
def test_what_is_not_there_is_a_missing_key(in_file: SmallNetwork, path: str) -> None:
    gone = at(in_file, path)
    asked: list[Callable[[], Any]] = [
        gone.keys, gone.get_dataset, gone.remove, lambda: gone.shape, lambda: gone.attributes,
    ]  # fmt: skip
    with untouched(in_file.path), in_file.storage.write_scope():
        for ask in asked:
            with pytest.raises(KeyError):
                ask()
            with pytest.raises(NodeNotFoundError):
                ask()


@pytest.mark.parametrize("engine", ["hdf5", "memory", "zarr"])
def test_nothing_is_within_an_array(engine: str, tmp_path: Path) -> None:
    opened = Storage(engine, str(tmp_path / "network"))._engine
    Resource(opened, "/x").create(np.arange(3))
    Resource(opened, "/group/x").create(np.arange(3))
    there = ["/x", "x", "/group", "/group/x", "//group/.//x/", "/"]
    assert [True] * 6 == [Resource(opened, path).exists() for path in there]
    for path in ("/x/x", "/x/y", "/x/y/x", "/x/x/x", "/group/x/x", "/group/x/group/x", "/y/x"):
        inside = Resource(opened, path)
        assert not inside.exists()
        for ask in (inside.keys, inside.get_dataset, inside.remove):
            with pytest.raises(NodeNotFoundError):
                ask()
    for path in ("/y", "/group/y"):
        with pytest.raises(NodeNotFoundError, match=f"there is nothing at '{path}'"):
            _ = Resource(opened, path).attributes
    for path in ("/x/x", "/x/y/x", "/group/x/x"):
        for write in (Resource(opened, path).create, Resource(opened, path).append):
            with pytest.raises(NodeNotFoundError, match="no group 'x'"):
                write(np.arange(2.0))
    assert [0, 1, 2] == Resource(opened, "/x").get_dataset().tolist()


@pytest.mark.parametrize("engine", ["hdf5", "memory", "zarr"])
@pytest.mark.parametrize("path", ["/\ud800", "/a\0b", "/..", "/a/../b", "/a/\udcff/b"])
def test_a_path_whose_names_can_not_be_stored_is_refused(
    engine: str, path: str, tmp_path: Path
) -> None:
    opened = Storage(engine, str(tmp_path / "network"))._engine
    strange = Resource(opened, path)
    assert not strange.exists()
    for write in (strange.create, strange.append):
        with pytest.raises(InvalidNameError):
            write(np.arange(2.0))
    assert not Resource(opened, "/a").exists()


@pytest.mark.parametrize("engine", ["hdf5", "memory", "zarr"])
@pytest.mark.parametrize(
    ("dtype", "data"),
    [("i1", [300]), ("u2", [-1]), ("i2", [1.5]), ("i8", [np.nan]), ("i4", [2**40])],
)
def test_numbers_that_an_array_can_not_hold_are_refused_instead_of_changed(
    engine: str, dtype: str, data: Any, tmp_path: Path
) -> None:
    storage = Storage(engine, str(tmp_path / "network"))
    held, new = (Resource(storage._engine, path) for path in ("/held", "/group/new"))
    held.create(np.zeros(1, dtype=dtype))
    refused: list[Callable[[], object]] = [
        lambda: held.append(data),
        lambda: new.append(data, dtype=dtype),
        lambda: new.create(data, dtype=dtype),
    ]
    if engine == "hdf5":
        refused.append(lambda: new.create(data, dtype=dtype, maxshape=(None,)))
    with storage.write_scope():
        for change in refused:
            with pytest.raises(DtypeError):
                change()
        held.append([1.0])
    assert [0, 1] == held.get_dataset().tolist()
    assert not Resource(storage._engine, "/group").exists()
    new.append([1.0], dtype=dtype)
    assert (np.dtype(dtype), [1]) == (new.get_dataset().dtype, new.get_dataset().tolist())


def test_parts_of_sets_and_morphologies_are_not_removed_by_path(in_file: SmallNetwork) -> None:
    sets = [in_file.a._path, in_file.ab._path]
    parts = [f"{each}/{name}" for each in sets for name in at(in_file, each).keys() or ()]
    if in_file.layout == "classic":
        parts += [
            f"/placement/a/{chunk(0).id}/position",
            f"/placement/a/{chunk(0).id}/additional",
            "/connectivity/a_to_b/inc/0",
            "/morphologies/stub/data",
        ]
    assert {"inc", "out"} <= {each.rsplit("/")[-1] for each in parts} or "classic" != in_file.layout
    for path in parts:
        assert at(in_file, path).exists()
        with untouched(in_file.path), pytest.raises(InputError, match=r"part of|belongs to"):
            at(in_file, path).remove()
    assert () == verify(in_file.storage).findings


def test_data_of_ones_own_within_a_set_are_removed_by_path(tmp_path: Path) -> None:
    """In the classic layout, where it may lie there."""
    small = SmallNetwork.build(new_storage(tmp_path / "network.hdf5", "classic"))
    for path in (f"/placement/a/{chunk(0).id}/mine", "/placement/a/mine", "/connectivity/mine"):
        at(small, path).create([1])
        at(small, path).remove()
        assert not at(small, path).exists()


class Own(Resource):
    """Methods as users write them for an ``h5py.File``."""

    @handles_handles("a")
    def write(self, handle: Any = HANDLED) -> list[str]:
        group = handle.require_group("/mine")
        group.create_dataset("table", data=np.arange(6).reshape(2, 3))
        group.attrs["note"] = "text"
        # Parameters by position too, as h5py has them.
        handle.create_dataset("/mine/other", (2, 3), "i2")
        found = handle.require_dataset("/mine/other", (2, 3), "i2")
        assert ((2, 3), np.int16) == (found.shape, found.dtype)
        handle.attrs["of mine"] = 7
        assert "/mine/table" in handle
        del handle["/mine/other"]
        return sorted(group)

    @handles_handles("r")
    def read(self, handle: Any = HANDLED) -> Any:
        assert "/unknown" not in handle
        assert handle.get("/unknown") is None
        with pytest.raises(KeyError):
            handle["/unknown"]
        assert set(handle) == {*handle.keys()} == {key for key, _ in handle.items()}
        table = handle["/mine/table"]
        return table[1:].tolist(), table.shape, handle["/mine"].attrs["note"], len(table)

    @handles_handles("r")
    def write_with_a_reader(self, handle: Any = HANDLED) -> None:
        handle["/mine"].attrs["note"] = "other"

    @handles_handles("r")
    def make_with_a_reader(self, handle: Any = HANDLED) -> None:
        handle.require_group("/other")

    @handles_handles("a")
    def fail(self, handle: Any = HANDLED) -> None:
        handle["/mine/table"][0] = 9
        raise ValueError("failed on purpose")


def test_a_method_of_ones_own_is_given_what_an_h5py_file_does(in_file: SmallNetwork) -> None:
    own = Own(in_file.storage._engine, "/mine")
    assert ["table"] == own.write()
    assert ([[3, 4, 5]], (2, 3), "text", 2) == own.read()
    with in_file.storage.read_scope() as session:
        assert own.read(handle=session) == own.read()
    with h5py.File(in_file.path) as file:
        assert own.read(handle=file)[1] == (2, 3)
        assert 7 == file.attrs["of mine"]
    assert (5, 7) == (len(in_file.a), len(in_file.b))
    in_file.a.append_data(chunk(0), np.ones((0, 3)))


def test_an_error_in_a_method_of_ones_own_undoes_what_it_did(in_file: SmallNetwork) -> None:
    own = Own(in_file.storage._engine, "/mine")
    own.write()
    with untouched(in_file.path), pytest.raises(ValueError, match="on purpose"):
        own.fail()
    assert [[3, 4, 5]] == own.read()[0]


def test_a_group_has_no_shape(in_file: SmallNetwork) -> None:
    at(in_file, "/mine/rows").create([1.0, 2.0])
    assert ((2,), 2) == (at(in_file, "/mine/rows").shape, len(at(in_file, "/mine/rows")))
    for ask in (lambda group: group.shape, len):
        with pytest.raises(NodeNotFoundError, match="'/mine' is a group, not an array") as raised:
            ask(at(in_file, "/mine"))
        assert "/mine" == raised.value.fields["asked"]


def test_a_reader_writes_nothing(in_file: SmallNetwork) -> None:
    own = Own(in_file.storage._engine, "/mine")
    own.write()
    for change in (own.write_with_a_reader, own.make_with_a_reader):
        with untouched(in_file.path), pytest.raises((ReadOnlyError, OSError, KeyError)):
            change()
    assert "text" == own.read()[2]


WRITES: dict[str, tuple[Any, ...]] = {
    "__delitem__": ("/mine",),
    "__setitem__": ("/rows", [1.0]),
    "create_dataset": ("/rows", (2,), "f8"),
    "create_group": ("/group",),
    "require_dataset": ("/mine/table", (2, 3), "f8"),
    "require_group": ("/mine",),
}


@pytest.mark.parametrize("verb", WRITES)
def test_each_verb_that_writes_asks_for_a_handle_that_writes(
    verb: str, in_file: SmallNetwork
) -> None:
    at(in_file, "/mine/table").create(np.zeros((2, 3)))
    with in_file.storage.read_scope() as session:
        with pytest.raises(ReadOnlyError, match="the handle only reads"):
            getattr(session, verb)(*WRITES[verb])
        assert "/mine/table" in session and "/rows" not in session
    with in_file.storage.write_scope() as session:
        getattr(session, verb)(*WRITES[verb])
        assert (verb == "__delitem__") == ("/mine" not in session)


def test_what_a_method_of_ones_own_changes_is_seen_at_once(in_file: SmallNetwork) -> None:
    rows, own = at(in_file, "/mine/rows"), Own(in_file.storage._engine, "/mine")
    rows.create([1.0, 2.0])
    assert (2,) == rows.shape

    @handles_handles("a")
    def change(resource: Resource, handle: Any = HANDLED) -> None:
        assert (2,) == rows.shape
        handle["/mine/rows"].resize(3, axis=0)
        handle["/mine/rows"].attrs["note"] = 1
        assert [1.0, 2.0, 0.0] == rows.get_dataset(handle=handle).tolist()
        assert {"note": 1} == rows.attributes

    change(own)
    assert ((3,), {"note": 1}) == (rows.shape, rows.attributes)
    rows.append([4.0])
    assert [1.0, 2.0, 0.0, 4.0] == rows.get_dataset().tolist()


def test_functions_of_a_storage_or_class_are_given_the_same(in_file: SmallNetwork) -> None:
    @handles_static_handles("r")
    def static(engine: Any, handle: Any = HANDLED) -> list[str]:
        return sorted(handle.keys())

    @handles_class_handles("r")
    def of_class(cls: Any, engine: Any, handle: Any = HANDLED) -> list[str]:
        return sorted(handle.keys())

    engine = in_file.storage._engine
    assert at(in_file, "/").keys() == static(engine) == of_class(Own, engine)


def test_other_engines_say_that_they_have_no_h5py_objects(elsewhere: SmallNetwork) -> None:
    own = Own(elsewhere.storage._engine, "/mine")
    for use in (own.read, own.write):
        with pytest.raises(HandleError, match="no h5py objects"):
            use()
