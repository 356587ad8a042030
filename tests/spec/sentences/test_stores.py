"""What the specification and BSB say of morphologies and files."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from bsb import (
    MissingActiveConfigError,
    MissingMorphologyError,
    MorphologyRepositoryError,
    NameSelector,
    StoredMorphology,
)

from bsb_hdf5.morphology_repository import MetaEncoder, meta_object_hook
from tests.compat.walk.world import World, configuration, stub, twig
from tests.spec.holds import holds

MODULE = "bsb_hdf5.morphology_repository"
REPOSITORY = f"{MODULE}.MorphologyRepository"
STORED = "bsb.storage.interfaces.StoredMorphology"
FILES = "bsb_hdf5.FileStore"
FILE = "bsb.storage.interfaces.StoredFile"


@holds(REPOSITORY, f"{REPOSITORY}.all", f"{REPOSITORY}.list", f"{REPOSITORY}.has")
def test_stored_morphologies_are_listed_by_name(world: World) -> None:
    repository = world.MorphologyRepository(world.engine)
    assert ["stub", "twig"] == sorted(each.name for each in repository.all())
    assert ["stub", "twig"] == sorted(repository.list())
    assert repository.has("stub")
    assert not repository.has("unknown")


@holds(f"{REPOSITORY}.save", f"{REPOSITORY}.load", f"{STORED}.load")
def test_what_is_saved_is_loaded(world: World) -> None:
    saved = world.morphologies.save("new", twig())
    assert isinstance(saved, StoredMorphology)
    for loaded in (world.morphologies.load("new"), saved.load()):
        assert twig().points.tolist() == loaded.points.tolist()
        assert [["soma"], ["dendrites"]] == [
            sorted(branch.labelsets[code])
            for branch in loaded.branches
            for code in np.unique(branch.labels)
        ]
    with pytest.raises(MissingMorphologyError):
        world.morphologies.load("unknown")


@holds(f"{REPOSITORY}.save")
def test_a_name_is_saved_once_unless_it_is_overwritten(world: World) -> None:
    with pytest.raises(MorphologyRepositoryError):
        world.morphologies.save("stub", twig())
    world.morphologies.save("stub", twig(), overwrite=True)
    assert len(twig().points) == len(world.morphologies.load("stub").points)


@holds(f"{REPOSITORY}.preload", f"{STORED}.get_meta", f"{STORED}.cached_load")
def test_a_loader_has_the_metadata_and_loads_when_it_is_asked(world: World) -> None:
    loader = world.morphologies.preload("twig")
    assert "mouse" == loader.get_meta()["species"]
    assert loader.cached_load() is loader.cached_load()
    assert {"given": 1} == world.morphologies.preload("twig", meta={"given": 1}).get_meta()


@holds(f"{REPOSITORY}.remove")
def test_a_morphology_is_removed(world: World) -> None:
    world.cells("a").clear()
    world.morphologies.remove("stub")
    assert not world.morphologies.has("stub")
    with pytest.raises(MorphologyRepositoryError):
        world.morphologies.remove("stub")


@holds(f"{REPOSITORY}.select")
def test_selectors_select_the_morphologies_that_match_any(world: World) -> None:
    assert [] == world.morphologies.select()
    found = world.morphologies.select(NameSelector(names=["tw*"]))
    assert ["twig"] == [each.name for each in found]


@holds(f"{REPOSITORY}.get_meta", f"{REPOSITORY}.get_all_meta")
def test_metadata_is_read_by_name_or_of_all(world: World) -> None:
    assert 21 == world.morphologies.get_meta("twig")["age"]
    assert {"stub", "twig"} == set(world.morphologies.get_all_meta())
    with pytest.raises(MissingMorphologyError):
        world.morphologies.get_meta("unknown")


@holds(f"{REPOSITORY}.set_all_meta", f"{REPOSITORY}.update_all_meta")
def test_metadata_is_updated_and_replaced(world: World) -> None:
    world.morphologies.update_all_meta({"stub": {"name": "stub", "note": 1}})
    assert 1 == world.morphologies.get_meta("stub")["note"]
    assert 21 == world.morphologies.get_meta("twig")["age"]
    world.morphologies.set_all_meta({"stub": {"name": "stub"}, "twig": {"name": "twig"}})
    assert {"name": "twig"} == world.morphologies.get_meta("twig")


@holds(f"{MODULE}.MetaEncoder", f"{MODULE}.MetaEncoder.default", f"{MODULE}.meta_object_hook")
def test_arrays_in_metadata_survive_json() -> None:
    text = json.dumps({"ldc": np.array([0.5, 1.5]), "n": 1}, cls=MetaEncoder)
    found = json.loads(text, object_hook=meta_object_hook)
    assert isinstance(found["ldc"], np.ndarray)
    assert [0.5, 1.5] == found["ldc"].tolist()
    with pytest.raises(TypeError):
        json.dumps({"a": {1, 2}}, cls=MetaEncoder)
    assert [1.0, "__ndarray__"] == MetaEncoder().default(np.array([1.0]))


# --- files --------------------------------------------------------------------------------


@holds(FILES, f"{FILES}.all", f"{FILES}.has")
def test_all_files_are_listed_with_their_metadata(world: World) -> None:
    files = world.FileStore(world.engine)
    assert {"note", "blob"} == set(files.all())
    assert "text" == files.all()["note"]["kind"]
    assert files.has("note")
    assert not files.has("unknown")


@holds(f"{FILES}.store", f"{FILES}.load")
def test_content_is_stored_under_an_id_that_is_returned(world: World) -> None:
    chosen = world.files.store("content")
    assert ("content", "new") == (
        world.files.load(chosen)[0],
        world.files.store(b"bytes", id="new", meta={"a": 1}),
    )
    content, meta = world.files.load("new")
    assert (b"bytes", 1) == (bytes(content), meta["a"])
    with pytest.raises(FileNotFoundError):
        world.files.load("unknown")


@holds(f"{FILES}.store")
def test_a_file_is_replaced_only_where_that_is_asked_for(world: World) -> None:
    with pytest.raises(Exception, match="note"):
        world.files.store("other", id="note")
    assert "note" == world.files.store("other", id="note", overwrite=True)
    assert "other" == world.files.load("note")[0]


@holds(f"{FILES}.get_encoding", f"{FILES}.get_meta", f"{FILES}.get_mtime")
def test_encoding_metadata_and_time_of_a_file(world: World) -> None:
    world.files.store("µ", id="latin", encoding="latin-1")
    assert ("latin-1", "utf-8", None) == tuple(
        world.files.get_encoding(name) for name in ("latin", "note", "blob")
    )
    assert "µ" == world.files.load("latin")[0]
    assert world.files.get_mtime("note") == world.files.get_meta("note")["mtime"]


@holds(f"{FILES}.remove")
def test_a_file_is_removed(world: World) -> None:
    world.files.remove("note")
    assert not world.files.has("note")
    with pytest.raises(FileNotFoundError):
        world.files.remove("note")


@holds(f"{FILES}.store_active_config", f"{FILES}.load_active_config")
def test_the_active_configuration_is_the_one_stored_last(world: World) -> None:
    with pytest.raises(MissingActiveConfigError):
        world.files.load_active_config()
    for _ in range(2):
        world.files.store_active_config(configuration(world))
    assert ["a"] == list(world.files.load_active_config().cell_types)
    assert 3 == len(world.files.all())


@holds(
    *(f"{FILES}.{name}" for name in ("get", "find_files", "find_file", "find_id", "find_meta")),
    *(f"{FILE}.{name}" for name in ("meta", "mtime", "load")),
)
def test_files_are_found_by_id_metadata_or_a_predicate(world: World) -> None:
    def is_text(id_: str, meta: Any) -> bool:
        return bool(meta.get("kind") == "text")

    found = [
        world.files.get("note"),
        world.files.find_id("note"),
        world.files.find_meta("kind", "text"),
        world.files.find_file(is_text),
        *world.files.find_files(is_text),
    ]
    assert ["note"] * 5 == [file.id for file in found]
    assert {"a text"} == {file.load()[0] for file in found}
    assert {world.files.get_mtime("note")} == {file.mtime for file in found}
    assert world.files.find_id("unknown") is None


@holds(f"{REPOSITORY}.load")
def test_a_morphology_is_loaded_with_given_metadata(world: World) -> None:
    assert {"given": 1} == world.morphologies.load("stub", preloaded_meta={"given": 1}).meta
    assert stub().points.tolist() == world.morphologies.load("stub").points.tolist()
