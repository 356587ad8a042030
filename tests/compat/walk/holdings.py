"""What a network holds, as flat entries: to say what a call changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from tests.compat.walk.records import record, record_error
from tests.compat.walk.world import OWN_PATHS, World, cell_type

Json = Any
Entry = tuple[str, Json]

CELL_TYPES = ("a", "b", "entities", "silent", "new", "newentity", "some/type", "unknown")


@cache
def _type(name: str) -> Any:
    """A type of cell that no call changes, made once: it takes longer than a read."""
    return cell_type(name)


def holdings(world: World, parts: set[str] | None = None) -> dict[str, Json]:
    """
    Each part of the network by name; a part that can't be read is its error.

    :param parts: only those among them that the classic layout has in these groups.
    """
    if not world.engine.exists():
        return {"network": "none"}
    with world.engine.read_scope():
        return dict(_entries(world, parts))


def part_of(entry: str) -> str:
    """The group of the classic layout that an entry is read from."""
    return entry.partition(": ")[0]


def _read(read: Callable[[], Any]) -> Json:
    try:
        return record(read())
    except Exception as error:
        return {"raised": record_error(error)["raised"]}


def _entries(w: World, parts: set[str] | None) -> Iterator[Entry]:
    def concerns(*among: str) -> bool:
        return parts is None or not parts.isdisjoint(among)

    for name in CELL_TYPES:
        if concerns(f"placement/{name.partition('/')[0]}"):
            yield from _cells(w, name)
    for tag in filter(lambda tag: concerns(f"connectivity/{tag.partition('/')[0]}"), _tags(w)):
        yield from _connections(w, tag)
    if concerns("morphologies", "morphology_meta"):
        yield from _morphologies(w)
    if concerns("files"):
        yield "files: all", _read(lambda: sorted(_file(w, name) for name in w.files.all()))
    if concerns("/"):
        yield "/: statistics", _read(lambda: _sorted(w.engine.get_chunk_stats()))
    yield from (_own(w, path) for path in OWN_PATHS if concerns(path.split("/")[1]))


def _morphologies(w: World) -> Iterator[Entry]:
    yield (
        "morphologies: all",
        _read(lambda: {each.name: each.load() for each in w.morphologies.all()}),
    )
    yield "morphologies: metadata", _read(w.morphologies.get_all_meta)


def _tags(w: World) -> list[str]:
    return list(w.ConnectivitySet.get_tags(w.engine))


def _own(w: World, path: str) -> Entry:
    return f"{path.split('/')[1]}: at {path}", _read(lambda: _at(w, path))


def _sorted(stats: dict[str, Any]) -> Any:
    return {key: stats[key] for key in sorted(stats)}


def _cells(w: World, name: str) -> Iterator[Entry]:
    if not w.PlacementSet.exists(w.engine, _type(name)):
        return
    ps = w.storage.get_placement_set(_type(name))
    yield (
        f"placement/{name}: chunks",
        _read(lambda: [chunk.tolist() for chunk in ps.get_all_chunks()]),
    )
    yield f"placement/{name}: cells", _read(lambda: len(ps))
    yield f"placement/{name}: positions", _read(ps.load_positions)
    yield f"placement/{name}: rotations", _read(ps.load_rotations)
    yield f"placement/{name}: morphologies", _read(lambda: _names(ps))
    yield f"placement/{name}: additional", _read(lambda: _nonempty(ps.load_additional()))
    yield f"placement/{name}: labels", _read(lambda: _labels(ps))


def _nonempty(additional: dict[str, Any]) -> Any:
    """A key without rows is as good as no key; keys have no order."""
    return {key: additional[key] for key in sorted(additional) if np.size(additional[key])}


def _names(ps: Any) -> Any:
    found = ps.load_morphologies()
    names = [loader.name for loader in found._loaders]
    return [names[index] for index in found.get_indices()]


def _labels(ps: Any) -> Any:
    names = sorted(set().union(*ps.get_unique_labels()))
    return {name: np.flatnonzero(ps.get_label_mask([name])).tolist() for name in names}


def _connections(w: World, tag: str) -> Iterator[Entry]:
    cs = w.connections(tag)
    yield f"connectivity/{tag}: types", _read(lambda: (cs.pre_type_name, cs.post_type_name))
    yield f"connectivity/{tag}: connections", _read(lambda: sorted(_rows(cs)))
    yield f"connectivity/{tag}: statistics", _read(lambda: _sorted(cs.get_chunk_stats()))


def _rows(cs: Any) -> Iterator[Any]:
    for direction, local, far, (left, right) in cs.flat_iter_connections():
        for here, there in zip(left.tolist(), right.tolist(), strict=True):
            yield f"{direction} {local.tolist()} {far.tolist()} {here} {there}"


def _file(w: World, name: str) -> Any:
    content, meta = w.files.load(name)
    shown = (
        "configuration"
        if meta.get("active_config")
        else repr(content if isinstance(content, str) else bytes(content))
    )
    kept = {key: "" if key == "mtime" else meta[key] for key in sorted(meta)}
    kept = {key: "" if key in ("producer", "content_sha256") else kept[key] for key in kept}
    return str(record(f"{name}: {w.files.get_encoding(name)} {shown} {kept}"))


def _at(w: World, path: str) -> Any:
    resource = w.resource(path)
    if not resource.exists():
        return None
    keys = resource.keys()
    return resource.get_dataset() if keys is None else sorted(keys)
