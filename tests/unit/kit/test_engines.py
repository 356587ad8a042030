"""An engine is defined in one line, and does what BSB and its users expect."""

from __future__ import annotations

import uuid
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bsb
import pytest

import bsb_hdf5
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.errors import InputError, SingleProcessError
from bsb_hdf5.kit import define_engine
from bsb_hdf5.kit.engines import _distribution_of
from tests.unit.kit import sample_engines
from tests.unit.kit.registration import Install

PLACE = "tests.unit.kit.sample_engines"


class Granule:
    name = "granule"


class Ranks:
    """A communicator of two ranks."""

    def barrier(self) -> None:
        pass

    def bcast(self, value: Any, root: int = 0) -> Any:
        return value

    def get_size(self) -> int:
        return 2

    def get_rank(self) -> int:
        return 0


@pytest.fixture
def sample(install: Install) -> str:
    install(sample=f"{PLACE}:sample")
    return "sample"


def test_a_network_is_made_and_found_by_its_root(sample: str) -> None:
    root = uuid.uuid4().hex
    storage = bsb.Storage(sample, root)
    storage.require_placement_set(Granule())
    assert "sample" == bsb.open_storage(root).format == bsb_hdf5.open_storage(root).format


def test_networks_are_columnar_unless_the_root_says_otherwise(sample: str) -> None:
    made = bsb.Storage(sample, uuid.uuid4().hex)
    classic = bsb.Storage(sample, NetworkRoot(uuid.uuid4().hex, layout="classic"))
    assert ["columnar", "classic"] == [each._engine.layout for each in (made, classic)]


def test_the_store_is_given_a_plain_root_and_the_limit(sample: str) -> None:
    sample_engines.OPENED.clear()
    bsb.Storage(sample, NetworkRoot(uuid.uuid4().hex, lock_limit=3.5))
    for root, options in sample_engines.OPENED:
        assert str is type(root)
        assert 3.5 == options["lock_limit"]
        assert {"lock_limit", "on_slow"} == set(options)


def test_a_configuration_needs_no_root(install: Install) -> None:
    install(sample=f"{PLACE}:sample", silent=f"{PLACE}:silent")
    nodes = [bsb.get_engine_node("sample")(engine="sample") for _ in range(2)]
    assert nodes[0].root != nodes[1].root
    assert nodes[0].root.endswith(".sample")
    assert Path.cwd() == Path(nodes[0].root).parent
    assert "quiet" == bsb.get_engine_node("silent")(engine="silent").root


def test_a_configuration_sets_limit_and_layout(sample: str) -> None:
    node = bsb.get_engine_node(sample)(engine=sample, root="a", lock_limit=2, layout="classic")
    assert (2.0, "classic") == (node.root.lock_limit, node.root.layout)


def test_provenance_names_the_distribution_of_the_backend(install: Install) -> None:
    install(numbered=f"{PLACE}:numbered")
    storage = bsb.Storage("numbered", uuid.uuid4().hex)
    assert "numpy" == storage._engine.versions["engine"]
    assert version("numpy") == storage._engine.versions["version"]
    assert version("numpy") == storage._engine.metadata["engine_version"]
    assert "numbered" == storage._engine.metadata["engine_name"]


def test_the_distribution_is_found_by_the_module_of_the_store() -> None:
    assert ("h5py", version("h5py")) == _distribution_of(None, "h5py._hl.files")
    assert ("no_such_package", "0") == _distribution_of(None, "no_such_package.store")


def test_a_store_that_claims_no_ranks_refuses_several_of_them() -> None:
    with pytest.raises(SingleProcessError, match="2 ranks: A network belongs to one process"):
        sample_engines.silent.Engine("a", Ranks())


@pytest.mark.parametrize("engine", ["broken", "missing"])
def test_an_engine_that_fails_is_passed_over(install: Install, tmp_path: Path, engine: str) -> None:
    install(**{engine: f"{PLACE}:{engine}"})
    root = str(tmp_path / "network.hdf5")
    bsb.Storage("hdf5", root)
    with pytest.warns(UserWarning, match=f"'{engine}' failed to look at '.*', and was skipped"):
        assert "hdf5" == bsb_hdf5.open_storage(root).format
    with pytest.warns(UserWarning, match=f"'{engine}' failed"):
        assert () == bsb_hdf5.verify(root).findings


def test_an_engine_of_another_kind_that_fails_is_passed_over(
    sample: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(root: object) -> bool:
        raise OSError("the library failed")

    root = str(tmp_path / "network.hdf5")
    bsb.Storage("hdf5", root)
    monkeypatch.setattr(sample_engines.sample.Engine, "peek_exists", fail)
    with pytest.warns(UserWarning, match="'sample' failed"):
        assert "hdf5" == bsb_hdf5.open_storage(root).format


def test_a_store_that_is_named_is_imported_when_it_is_used(install: Install) -> None:
    install(late=f"{PLACE}:late", missing=f"{PLACE}:missing")
    root = uuid.uuid4().hex
    bsb.Storage("late", root)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        bsb.Storage("missing", root)


@pytest.mark.parametrize("root", [5, None, object()], ids=type)
def test_no_root_of_any_kind_makes_it_raise(root: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not sample_engines.sample.Engine.recognizes(root, None)
        assert not sample_engines.sample.Engine.peek_exists(root)


@pytest.mark.parametrize("store", ["module", "module:", ":Class", 5])
def test_a_store_that_can_not_be_one_is_refused(store: Any) -> None:
    with pytest.raises(InputError, match="'module:Class'"):
        define_engine("x", store)
