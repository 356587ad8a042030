"""Calls of the repository of morphologies and of the store of files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from bsb import NameSelector

from tests.compat.walk import arguments as a
from tests.compat.walk.calls import Call, Method, Receiver
from tests.compat.walk.world import World, configuration, stub, twig

MORPHOLOGIES: dict[str, Receiver] = {"the repository": lambda w: w.morphologies}
FILES: dict[str, Receiver] = {"the store": lambda w: w.files}

ONE_META = a.values(
    one={"name": "stub", "note": "given"}, none={}, None_=None, text="meta"
).or_left_out()


def repository(name: str, /, *, writes: bool = False, **parameters: a.Kind) -> Method:
    return Method(f"MorphologyRepository.{name}", MORPHOLOGIES, parameters, writes)


def store(name: str, /, *, writes: bool = False, **parameters: a.Kind) -> Method:
    return Method(f"FileStore.{name}", FILES, parameters, writes, handled=False)


METHODS = (
    repository("all"),
    repository("get_all_meta"),
    repository("get_meta", name=a.MORPHOLOGY_NAME),
    repository("has", name=a.MORPHOLOGY_NAME),
    repository("load", name=a.MORPHOLOGY_NAME, preloaded_meta=ONE_META),
    repository("preload", name=a.MORPHOLOGY_NAME, meta=ONE_META),
    repository("remove", writes=True, name=a.MORPHOLOGY_NAME),
    repository(
        "save",
        writes=True,
        name=a.NEW_NAME,
        morphology=a.MORPHOLOGY,
        overwrite=a.FLAG.or_left_out(),
        update_meta=a.FLAG.or_left_out(),
    ),
    repository("set_all_meta", writes=True, all_meta=a.META),
    repository("update_all_meta", writes=True, meta=a.META),
    Method("MorphologyRepository.list", MORPHOLOGIES, handled=False),
    Method(
        "MorphologyRepository.__contains__",
        MORPHOLOGIES,
        {"item": a.MORPHOLOGY_NAME},
        handled=False,
    ),
    store("all"),
    store("load", id=a.FILE_ID),
    store("remove", writes=True, id=a.FILE_ID),
    store(
        "store",
        writes=True,
        content=a.CONTENT,
        meta=a.FILE_META.or_left_out(),
        id=a.NEW_FILE_ID.or_left_out(),
        encoding=a.ENCODING.or_left_out(),
        overwrite=a.FLAG.or_left_out(),
    ),
    store("has", id=a.FILE_ID),
    store("get_meta", id=a.FILE_ID),
    Method(
        "FileStore.get_mtime",
        FILES,
        {"id": a.FILE_ID},
        handled=False,
        after=lambda files, result: type(result).__name__,
    ),
    store("get_encoding", id=a.FILE_ID),
    store("load_active_config"),
    store("get", id=a.FILE_ID),
    store("find_id", id=a.FILE_ID),
    store("__bool__"),
)


def selected(*patterns: str) -> Any:
    def run(w: World) -> Any:
        return w.morphologies.select(*[NameSelector(names=[pattern]) for pattern in patterns])

    return run


def kept(w: World) -> Any:
    """What a morphology is after it was saved, and what was given back."""
    morphology = twig()
    saved = w.morphologies.save("new", morphology)
    return saved.load(), morphology.meta, w.morphologies.load("new") == saved.load()


def extra() -> Iterator[Call]:
    yield Call("MorphologyRepository.select", "none", selected(), False)
    yield Call("MorphologyRepository.select", "by name", selected("stub"), False)
    yield Call("MorphologyRepository.select", "by two", selected("stub", "*"), False)
    yield Call("MorphologyRepository.select", "by no match", selected("unknown"), False)
    yield Call(
        "MorphologyRepository.select", "a text", lambda w: w.morphologies.select("stub"), False
    )
    yield Call("MorphologyRepository.save", "what is kept", kept, True)
    yield Call("MorphologyRepository.save", "twice", _saved_twice, True)
    yield Call("MorphologyRepository.save", "over another", _saved_over, True)
    yield Call("MorphologyRepository.load", "where metadata is missing", _without_meta, True)
    yield Call("MorphologyRepository", "of an engine", _repository_of, False)
    yield Call("FileStore", "of an engine", lambda w: w.FileStore(w.engine).all(), False)
    yield from _files()
    yield from _metadata()


def _saved_twice(w: World) -> Any:
    w.morphologies.save("new", stub())
    return w.morphologies.save("new", stub())


def _saved_over(w: World) -> Any:
    return w.morphologies.save("stub", twig(), overwrite=True)


def _without_meta(w: World) -> Any:
    w.morphologies.set_all_meta({})
    return w.morphologies.load("stub", preloaded_meta={})


def _repository_of(w: World) -> Any:
    return w.MorphologyRepository(w.engine).all()


def _files() -> Iterator[Call]:
    def found(method: str, *arguments: Any) -> Any:
        return lambda w: _stored(getattr(w.files, method)(*arguments))

    text = {"kind": "text"}
    for held, predicate in {
        "one": lambda name, meta: meta.get("kind") == "text",
        "none": lambda name, meta: False,
    }.items():
        yield Call("FileStore.find_files", held, found("find_files", predicate), False)
        yield Call("FileStore.find_file", held, found("find_file", predicate), False)
    yield Call("FileStore.find_meta", "held", found("find_meta", "kind", "text"), False)
    yield Call("FileStore.find_meta", "not held", found("find_meta", "kind", "other"), False)
    yield Call("FileStore.store", "meta is not changed", _meta_given, True)
    yield Call("FileStore.store", "twice over", _stored_twice, True)
    yield Call("FileStore.store", "meta by position", lambda w: w.files.store("t", text), True)
    yield Call("FileStore.store", "id by position", lambda w: w.files.store("t", "new"), True)
    yield Call("FileStore.store", "id after meta", _in_order(text, "new"), True)
    yield Call("FileStore.store", "meta after id", _in_order("new", text), True)
    yield Call("FileStore.store_active_config", "a configuration", _configured, True)
    yield Call("FileStore.store_active_config", "twice", _configured_twice, True)
    others: dict[str, Any] = {"None": None, "a dictionary": {}, "a text": "config"}
    for name, value in others.items():
        yield Call("FileStore.store_active_config", name, _configured_with(value), True)


def _stored(value: Any) -> Any:
    """What BSB hands out for a file, by id."""
    if value is None or isinstance(value, (str, dict)):
        return value
    if hasattr(value, "id"):
        return value.id, value.meta, value.load()[0]
    return sorted(each.id for each in value)


def _meta_given(w: World) -> Any:
    meta = {"note": "given"}
    w.files.store("text", id="new", meta=meta)
    return sorted(meta)


def _stored_twice(w: World) -> Any:
    w.files.store("text", id="new", meta={"a": 1})
    return w.files.store("other", id="new", overwrite=True)


def _in_order(*arguments: Any) -> Any:
    return lambda w: w.files.store("text", *arguments)


def _configured(w: World) -> Any:
    w.files.store_active_config(configuration(w))
    return sorted(w.files.load_active_config().cell_types)


def _configured_twice(w: World) -> Any:
    w.files.store_active_config(configuration(w))
    w.files.store_active_config(configuration(w))
    return len(w.files.all())


def _configured_with(value: Any) -> Any:
    return lambda w: w.files.store_active_config(value) and None


def _metadata() -> Iterator[Call]:
    def encoded(value: Any, **options: Any) -> Any:
        def run(w: World) -> Any:
            from bsb_hdf5.morphology_repository import MetaEncoder

            return json.dumps(value, cls=MetaEncoder, **options)

        return run

    def hooked(value: Any) -> Any:
        def run(w: World) -> Any:
            from bsb_hdf5.morphology_repository import meta_object_hook

            return meta_object_hook(value)

        return run

    metadata: dict[str, Any] = {
        "array": {"a": np.array([1.0, 2.0])},
        "array without rows": {"a": np.empty(0)},
        "table": {"a": np.ones((2, 2))},
        "number": {"a": 5},
        "number of numpy": {"a": np.float64(0.5)},
        "set": {"a": {1}},
        "scalar array": {"a": np.array(5.0)},
    }
    for name, value in metadata.items():
        yield Call("MetaEncoder", name, encoded(value), False)
        yield Call("MetaEncoder.default", name, _default(value["a"]), False)
    yield Call("MetaEncoder", "sorted", encoded({"b": 1, "a": 2}, sort_keys=True), False)
    for name, value in {
        "array": {"a": [1.0, 2.0, "__ndarray__"]},
        "list": {"a": [1, 2]},
        "empty list": {"a": []},
        "nothing": {},
        "a list itself": [1],
        "None": None,
    }.items():
        yield Call("meta_object_hook", name, hooked(value), False)


def _default(value: Any) -> Any:
    def run(w: World) -> Any:
        from bsb_hdf5.morphology_repository import MetaEncoder

        return MetaEncoder().default(value)

    return run


def calls() -> Iterator[Call]:
    for method in METHODS:
        yield from method.calls()
    yield from extra()
