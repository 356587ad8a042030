"""The storage node of a configuration: what it refuses, and what it looks at when BSB boots it."""

from __future__ import annotations

import pickle
import re
import traceback
import warnings
from pathlib import Path
from typing import Any

import bsb
import pytest

from bsb_hdf5.config import (
    MemoryStorageNode,
    NetworkRoot,
    RootAttribute,
    StorageNode,
    ZarrStorageNode,
    as_lock_limit,
    as_service_options,
    plain_root,
)
from bsb_hdf5.engines.hdf5 import HDF5Engine
from bsb_hdf5.errors import DtypeError, InputError
from bsb_hdf5.exceptions import LayoutKeptWarning
from bsb_hdf5.ports.services import ServiceOptions

ENGINES = ("hdf5", "memory", "zarr")
SECRET = "a-secret"
KEYS = {"access_key_id": "an-id", "secret_access_key": SECRET}


def configuration(root: Path | str, engine: str = "hdf5", **storage: Any) -> bsb.Configuration:
    return bsb.Configuration(
        {
            "name": "A network",
            "storage": {"engine": engine, "root": str(root), **storage},
            "network": {"x": 100, "y": 100, "z": 100, "chunk_size": 100},
            "partitions": {},
            "cell_types": {"granule": {"spatial": {"radius": 2, "count": 3}}},
            "placement": {},
            "connectivity": {},
        }
    )


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [("layout", "colunmar", "columnar"), ("durability", "powr", "power"), ("layout", 5, None)],
)
def test_a_misspelt_setting_names_the_choices_and_the_nearest(
    key: str, value: object, meant: str | None, tmp_path: Path
) -> None:
    with pytest.raises(bsb.CastError) as caught:
        configuration(tmp_path / "network.hdf5", **{key: value})  # type: ignore[arg-type]
    message = str(caught.value)
    assert f"{value!r} is not one of" in message
    assert (f"did you mean '{meant}'?" in message) == (meant is not None)


@pytest.mark.parametrize("engine", ["hdf5", "memory", "zarr"])
@pytest.mark.parametrize(
    ("key", "meant"), [("lock_limt", "lock_limit"), ("rot", "root"), ("surprise", None)]
)
def test_an_unknown_key_names_the_nearest(engine: str, key: str, meant: str | None) -> None:
    with pytest.raises(bsb.CastError) as caught:
        configuration("x", engine, **{key: "y"})
    message = str(caught.value)
    assert f"Unknown attribute: '{key}'" in message
    assert (f"; did you mean '{meant}'?" in message) == (meant is not None)


def test_other_attributes_of_a_storage_may_be_set(tmp_path: Path) -> None:
    node = configuration(tmp_path / "network.hdf5").storage
    node.surprise = 1
    assert 1 == node.surprise
    assert "surprise" not in node.__tree__()


@pytest.mark.parametrize(
    ("engine", "foreign"), [("hdf5", "a file of text"), ("zarr", "a folder with a file")]
)
def test_a_foreign_file_is_refused_before_cell_types_are_booted(
    engine: str, foreign: str, tmp_path: Path
) -> None:
    root = tmp_path / foreign
    if engine == "hdf5":
        root.write_text("hello")
    else:
        root.mkdir()
        (root / "notes.txt").write_text("hello")
    with pytest.raises(bsb.BootError, match=r"StorageNode.*a (file|folder)"):
        bsb.Scaffold(configuration(root, engine))
    assert "hello" in (root if root.is_file() else root / "notes.txt").read_text()


def test_a_layout_that_the_file_does_not_have_is_reported_with_the_call_that_converts_it(
    tmp_path: Path,
) -> None:
    root = tmp_path / "network.hdf5"
    bsb.Scaffold(configuration(root, layout="classic"))
    with pytest.warns(LayoutKeptWarning, match=r"stays in the classic layout.*convert\("):
        bsb.Scaffold(configuration(root, layout="columnar"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bsb.Scaffold(configuration(root, layout="classic"))
        bsb.Scaffold(configuration(root))


def test_a_compile_reports_once_that_a_file_keeps_its_layout(tmp_path: Path) -> None:
    root = tmp_path / "network.hdf5"
    bsb.Scaffold(configuration(root, layout="classic"))
    with pytest.warns(LayoutKeptWarning) as found:
        network = bsb.Scaffold(configuration(root, layout="columnar"))
        network.sync_config()
    assert 1 == len(found)


def test_an_engine_prints_what_it_is(tmp_path: Path) -> None:
    storage = bsb.Storage("hdf5", tmp_path / "network.hdf5")
    assert isinstance(storage._engine, HDF5Engine)
    assert repr(storage._engine) == f"<HDF5Engine '{tmp_path / 'network.hdf5'}'>"


def test_a_root_is_a_text_or_a_path() -> None:
    for root in ("a/b", Path("a/b"), b"a/b", NetworkRoot("a/b", layout="classic")):
        found = plain_root(root)
        assert (str, "a/b") == (type(found), found)
    for wrong in (5, None, ["a"]):
        with pytest.raises(DtypeError, match="must be a str or a path") as caught:
            plain_root(wrong)
        assert wrong == caught.value.fields["asked"]
    with pytest.raises(DtypeError, match="not dict") as caught:
        plain_root({"root": "s3://lab/net", "storage_options": KEYS})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "seconds"), [(1, 1.0), (0.5, 0.5), ("2.5", 2.5), (float("inf"), float("inf"))]
)
def test_a_limit_is_seconds(given: Any, seconds: float) -> None:
    found = as_lock_limit(given)
    assert (float, seconds) == (type(found), found)


@pytest.mark.parametrize("given", [0, -1, -0.0, float("nan"), True, None, "soon", [], 10**400])
def test_other_limits_are_refused(given: Any) -> None:
    with pytest.raises(InputError, match="must be seconds above 0") as caught:
        as_lock_limit(given)
    assert given is caught.value.fields["asked"]


def test_options_of_a_service_are_texts_and_known() -> None:
    options = ServiceOptions(endpoint="http://here", anonymous=True)
    assert options is as_service_options(options)
    assert options == as_service_options({"endpoint": "http://here", "anonymous": True})
    assert ServiceOptions() == as_service_options({})
    for wrong, message in (
        (5, "must be an object, not int"),
        ({"endpont": "x"}, "no option 'endpont'; did you mean 'endpoint'"),
        ({"zzz": "x"}, "no option 'zzz'; it has endpoint, region, anonymous"),
        ({"endpoint": True}, "'endpoint' must be a str, not bool"),
        ({"anonymous": "x"}, "'anonymous' must be a bool, not str"),
        ({"anonymous": 1}, "'anonymous' must be a bool, not int"),
        ({"max_age": -1.0}, "'max_age' must be seconds, 0 or more, not -1.0"),
        ({"max_age": float("nan")}, "'max_age' must be seconds, 0 or more, not nan"),
        ({"max_age": True}, "'max_age' must be seconds, 0 or more, not True"),
        ({"max_age": "5"}, "'max_age' must be seconds, 0 or more, not '5'"),
    ):
        with pytest.raises(InputError, match=message):
            as_service_options(wrong)


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ({"storage_options": {**KEYS, "regoin": "x"}}, "no option 'regoin'; did you mean 'region'"),
        ({"storage_options": {**KEYS, "anonymous": True}}, "can't be given with 'anonymous'"),
        ({"storage_options": {"secret_access_key": SECRET}}, "needs 'access_key_id', too"),
        ({"storage_options": {**KEYS, "max_age": "x"}}, "'max_age' must be seconds"),
        ({"storage_options": {"endpoint": f"http://me:{SECRET}@here"}}, "contains credentials"),
        ({"storage_options": [SECRET]}, "must be an object, not list"),
        ({"storage_options": SECRET}, "must be an object, not str"),
        ({"storage_options": KEYS, "lock_limt": 5}, "'lock_limt'; did you mean 'lock_limit'"),
        ({"storage_options": KEYS, "engine": "hdf5"}, "Unknown attribute: 'storage_options'"),
        ({"storage_options": KEYS, "engine": "memory"}, "Unknown attribute: 'storage_options'"),
    ],
)
def test_what_is_wrong_with_a_storage_is_said_without_its_secrets(
    storage: dict[str, Any], message: str
) -> None:
    with pytest.raises(bsb.CastError, match=message) as caught:
        configuration("s3://lab/net", **{"engine": "zarr", **storage})
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_only_what_is_no_secret_is_shown() -> None:
    secrets = ("access_key_id", "secret_access_key", "session_token", "account_key")
    shown: dict[str, Any] = {
        "endpoint": "http://here",
        "region": "eu",
        "account": "mine",
        "service_account": "a file",
        "max_age": 0.0,
    }
    hidden: dict[str, Any] = {name: f"secret {name}" for name in secrets}
    options = ServiceOptions(**shown, **hidden)
    assert shown == options.public
    assert {"anonymous": True} == ServiceOptions(anonymous=True).public
    assert "secret" not in repr(options).replace("secret_access_key", "")
    for value in shown.values():
        assert repr(value) in repr(options)


def test_a_root_keeps_its_settings_on_its_way_to_another_process() -> None:
    options = ServiceOptions(region="eu")
    made = NetworkRoot("a", "classic", "power", 5.0, "first", {"region": "eu"})
    for root in (made, pickle.loads(pickle.dumps(made))):
        assert "a" == root == str(root)
        assert (str, "a") == (type(str(root)), str(root))
        assert ("classic", "power", 5.0, "first", options) == (
            root.layout,
            root.durability,
            root.lock_limit,
            root.version,
            root.storage_options,
        )
    bare = NetworkRoot("a")
    assert [None] * 5 == [
        bare.layout,
        bare.durability,
        bare.lock_limit,
        bare.version,
        bare.storage_options,
    ]


def test_the_settings_of_a_configuration_come_with_its_root(tmp_path: Path) -> None:
    path = str(tmp_path / "network.hdf5")
    plain = configuration(path).storage.root
    assert path == plain and not isinstance(plain, NetworkRoot)
    root = configuration(path, layout="columnar", durability="power", lock_limit=5).storage.root
    assert isinstance(root, NetworkRoot)
    assert (path, "columnar", "power", 5.0) == (root, root.layout, root.durability, root.lock_limit)
    lock = configuration("a name", "memory", lock_limit=float("inf")).storage
    assert float("inf") == lock.root.lock_limit
    remote = configuration("s3://lab/net", "zarr", storage_options={"region": "eu"}).storage
    assert ServiceOptions(region="eu") == remote.root.storage_options


def test_a_root_brings_its_settings_into_a_configuration(tmp_path: Path) -> None:
    options = {"region": "eu", **KEYS}
    path = str(tmp_path / "network.hdf5")
    local = NetworkRoot(path, "columnar", "power", 5.0)
    remote = NetworkRoot("s3://lab/net", lock_limit=5.0, storage_options=options)
    public = {"region": "eu"}
    for root, engine, stored in (
        (local, "hdf5", {"layout": "columnar", "durability": "power", "lock_limit": 5.0}),
        (remote, "zarr", {"lock_limit": 5.0, "storage_options": public}),
        (NetworkRoot("a name", lock_limit=5.0), "memory", {"lock_limit": 5.0}),
    ):
        made = bsb.Configuration.default(storage={"engine": engine, "root": root})
        given = bsb.Configuration.default(storage={"engine": engine, "root": "before"})
        given.storage.lock_limit = 9.0
        given.storage.root = root
        for each in (made, given):
            found = each.storage.root
            assert root == found and vars(root) == vars(found)
            tree = each.storage.__tree__()
            assert {"engine": engine, "root": str(root), **stored} == tree
            assert str is type(tree["root"])
            # What is said later holds.
            each.storage.lock_limit = 7.0
            assert 7.0 == each.storage.root.lock_limit == each.storage.__tree__()["lock_limit"]
            each.storage.root = "elsewhere"
            tree = each.storage.__tree__()
            assert {"engine": engine, "root": "elsewhere", "lock_limit": 7.0} == tree


@pytest.mark.parametrize(
    ("engine", "settings", "message"),
    [
        ("zarr", {"version": "first"}, r"open an earlier one with bsb_hdf5\.open_storage"),
        ("zarr", {"layout": "columnar"}, "'layout', which its engine does not have"),
        ("memory", {"durability": "power"}, "'durability', which its engine does not have"),
        ("hdf5", {"storage_options": KEYS}, "'storage_options', which its engine does not have"),
    ],
)
def test_settings_of_a_root_that_a_configuration_has_not_are_refused(
    engine: str, settings: dict[str, Any], message: str
) -> None:
    root = NetworkRoot("s3://lab/net", **settings)
    node = configuration("before", engine).storage
    with pytest.raises(bsb.CastError, match=message) as caught:
        node.root = root
    assert "before" == node.root
    with pytest.raises(bsb.CastError, match=message) as made:
        bsb.Configuration.default(storage={"engine": engine, "root": root})
    assert SECRET not in f"{caught.value} {made.value}"


def test_a_root_of_a_configuration_has_no_credentials() -> None:
    for engine in ENGINES:
        for url in (f"s3://me:{SECRET}@lab/net", f"s3://me:x/{SECRET}@lab/net"):
            for root in (url, NetworkRoot(url, lock_limit=5.0)):
                with pytest.raises(bsb.CastError, match="contains credentials") as caught:
                    bsb.Configuration.default(storage={"engine": engine, "root": root})
                assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("engine", "pattern"),
    [
        ("hdf5", r"/.*/scaffold_network_\d{4}_\d\d_\d\d_[0-9a-f]{32}\.hdf5"),
        ("memory", r"scaffold_network_[0-9a-f]{32}"),
        ("zarr", r"/.*/scaffold_network_\d{4}_\d\d_\d\d_[0-9a-f]{32}\.zarr"),
    ],
)
def test_a_network_without_a_root_gets_one_of_its_own(engine: str, pattern: str) -> None:
    storage: dict[str, Any] = {"engine": engine}
    roots = set()
    for _ in range(2):
        made = bsb.Configuration(
            storage=storage,
            network={"x": 1, "y": 1, "z": 1},
            partitions={},
            cell_types={},
            placement={},
            connectivity={},
        )
        roots.add(str(made.storage.root))
    assert 2 == len(roots)
    assert all(re.fullmatch(pattern, root) for root in roots), roots


@pytest.mark.parametrize("node", [StorageNode, MemoryStorageNode, ZarrStorageNode])
def test_the_root_of_a_class_of_nodes_is_its_attribute(node: Any) -> None:
    assert isinstance(node.root, RootAttribute)
    assert "root" == node.root.attr_name
