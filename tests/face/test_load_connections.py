"""``load_connections`` gives what bsb-core's iterator gives, where that is right, by any way."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from bsb import Chunk, DatasetNotFoundError, Storage
from bsb.storage import interfaces

from bsb_hdf5 import ConnectivitySet, connection_blocks
from bsb_hdf5.connectivity_iterator import ConnectivityIterator
from bsb_hdf5.core.layouts.classic.connectivity import ClassicConnectivity
from bsb_hdf5.core.layouts.columnar.arrays import LongArray
from bsb_hdf5.errors import InputError
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, on_soma, positions

# Ids do not ascend with coordinates, and chunk 7 has cells without connections.
PLACED = [chunk(*each) for each in ((0, 0, 0), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (2, 0, 1))]
LONELY = chunk(7)
ABSENT = chunk(9, 9, 9)
MOST_CELLS = 6

Row = tuple[int, ...]


@attrs.define
class Model:
    """A network in plain Python: cells by type and chunk, and connections in the order stored."""

    cells: dict[str, dict[int, int]]
    blocks: dict[tuple[int, int], list[tuple[Row, Row]]]

    def offsets(self, name: str, chosen: list[Chunk] | None) -> dict[int, int]:
        """The number of the first cell of each chunk."""
        ids = None if chosen is None else {int(each.id) for each in chosen}
        first, found = 0, {}
        for id_, count in sorted(self.cells[name].items()):
            if ids is None or id_ in ids:
                found[id_] = first
                first += count
        return found

    def rows(self, asked: Asked) -> list[tuple[Row, Row]]:
        side = 1 if asked.direction == "inc" else 0
        chosen = asked.from_ if asked.scoped else None, asked.to if asked.scoped else None
        offsets = [self.offsets(name, each) for name, each in zip(("a", "b"), chosen, strict=True)]
        found = []
        for pair in sorted(self.blocks, key=lambda pair: (pair[side], pair[1 - side])):
            if all(
                each is None or id_ in {int(one.id) for one in each}
                for id_, each in zip(pair, (asked.from_, asked.to), strict=True)
            ):
                for ends in self.blocks[pair]:
                    pre, post = (
                        (row[0] + first[id_], *row[1:])
                        for row, first, id_ in zip(ends, offsets, pair, strict=True)
                    )
                    found.append((pre, post))
        return found


@attrs.define
class Asked:
    """What a chain of verbs asks for in the end."""

    direction: str = "out"
    from_: list[Chunk] | None = None
    to: list[Chunk] | None = None
    scoped: bool = True

    def upstream(self, cs: Any) -> Any:
        """bsb-core's iterator in that state, without the verbs that make it forget."""
        ends = [None if each is None else list(each) for each in (self.from_, self.to)]
        if self.direction == "inc":
            ends.reverse()
        return interfaces.ConnectivityIterator(cs, self.direction, *ends, self.scoped)


class OwnedType:
    """A cell type as a scaffold has it, for bsb-core's iterator."""

    def __init__(self, storage: Storage, name: str) -> None:
        self.name = name
        self._storage = storage

    def get_placement_set(self) -> Any:
        return self._storage.get_placement_set(cell_type(self.name))


def fill(storage: Storage, seed: int) -> tuple[Any, Model]:
    """A random network: ``a`` and ``b`` in some chunks each, with connections in some pairs."""
    rng = np.random.default_rng(seed)
    model = Model({"a": {}, "b": {}}, {})
    for name, cells in model.cells.items():
        placed = storage.require_placement_set(cell_type(name))
        for each in [*PLACED, LONELY]:
            if each is LONELY or rng.random() < 0.8:
                count = cells[int(each.id)] = int(rng.integers(1, MOST_CELLS))
                placed.append_data(each, positions(count))
    cs = storage.require_connectivity_set(cell_type("a"), cell_type("b"), "a_to_b")
    chunks = {int(each.id): each for each in PLACED}
    with storage.write_scope():
        for _ in range(30):
            ends, pair = [], []
            size = int(rng.integers(1, 5))
            for cells in model.cells.values():
                id_ = int(rng.choice([each for each in cells if each in chunks]))
                rows = on_soma(*rng.integers(0, cells[id_], size).tolist())
                if rng.random() < 0.5:
                    rows[:, 1:] = rng.integers(0, 4, (size, 2))
                pair.append(id_)
                ends.append(rows)
            cs.chunk_connect(chunks[pair[0]], chunks[pair[1]], *ends)
            stored = model.blocks.setdefault((pair[0], pair[1]), [])
            stored += zip(*(map(tuple, rows.tolist()) for rows in ends), strict=True)
    return cs, model


def owned(storage: Storage, cs: Any) -> Any:
    """The same set, with cell types that bsb-core's iterator can ask."""
    other = copy.copy(cs)
    other.pre_type, other.post_type = OwnedType(storage, "a"), OwnedType(storage, "b")
    return other


@pytest.fixture(params=["classic", "columnar", "memory", "zarr"])
def any_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    root = tmp_path / "network"
    if request.param in ("memory", "zarr"):
        storage = Storage(request.param, str(root))
    else:
        storage = new_storage(root, request.param)
    yield storage
    storage.remove()


def chains(seed: int, count: int) -> Iterator[tuple[list[str], Callable[[Any], Any], Asked]]:
    """Names of the verbs, what applies them, and what they ask for."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        asked = Asked()
        steps: list[tuple[str, Any]] = []
        for verb in rng.choice(
            ["as_globals", "as_scoped", "incoming", "outgoing", "from_", "to"],
            rng.integers(0, 6),
        ).tolist():
            given: Any = ()
            if verb in ("from_", "to"):
                every = [*PLACED, LONELY, ABSENT]
                some = rng.permutation(len(every))[: rng.integers(0, 5)]
                chosen = [every[at] for at in some]
                setattr(asked, verb, chosen)
                given = (chosen[0] if len(chosen) == 1 and rng.random() < 0.5 else chosen,)
            elif verb.startswith("as_"):
                asked.scoped = verb == "as_scoped"
            else:
                asked.direction = verb[:3] if verb == "outgoing" else "inc"
            steps.append((verb, given))
        yield [verb for verb, _ in steps], _applied(steps), asked


def _applied(steps: list[tuple[str, Any]]) -> Callable[[Any], Any]:
    def apply(found: Any) -> Any:
        for verb, given in steps:
            found = getattr(found, verb)(*given)
        return found

    return apply


def rows_of(pre: Any, post: Any) -> list[tuple[Row, Row]]:
    return list(zip(map(tuple, pre.tolist()), map(tuple, post.tolist()), strict=True))


def blocks_of(found: Any) -> list[Any]:
    return [
        (int(pre.id), str(pre._size), here.tolist(), int(post.id), there.tolist())
        for pre, here, post, there in found.chunk_iter()
    ]


@pytest.mark.parametrize("seed", range(3))
def test_any_chain_of_verbs_gives_what_the_model_and_bsb_core_give(
    any_storage: Storage, seed: int
) -> None:
    cs, model = fill(any_storage, seed)
    theirs = owned(any_storage, cs)
    for verbs, apply, asked in chains(seed, 25):
        found, upstream = apply(cs.load_connections()), asked.upstream(theirs)
        expected = model.rows(asked)
        pre, post = found.all()
        assert expected == rows_of(pre, post), verbs
        assert (np.int64, np.int64) == (pre.dtype, post.dtype)
        assert len(expected) == len(found), verbs
        rows = [(tuple(one.tolist()), tuple(other.tolist())) for one, other in found]
        assert expected == rows, verbs
        for ours, other in zip(found.all(), upstream.all(), strict=True):
            assert other.tolist() == ours.tolist(), verbs
        assert blocks_of(upstream) == blocks_of(found), verbs


@pytest.mark.parametrize("most", [1, 3, 10])
def test_iteration_in_batches_of_any_size_gives_the_same(
    any_storage: Storage, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cs, model = fill(any_storage, 5)
    monkeypatch.setattr(connection_blocks, "_ROWS_AT_ONCE", most)
    for verbs, apply, asked in chains(5, 10):
        found = apply(cs.load_connections())
        rows = [(tuple(one.tolist()), tuple(other.tolist())) for one, other in found]
        assert model.rows(asked) == rows, verbs
        there = [len(here) for _, here, _, _ in found.chunk_iter()]
        assert len(rows) == sum(there), verbs


def test_an_iteration_holds_a_batch_at_a_time(
    any_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    cs, model = fill(any_storage, 5)
    most = max(map(len, model.blocks.values()))
    monkeypatch.setattr(connection_blocks, "_ROWS_AT_ONCE", most)
    read, sizes = ConnectivitySet._read, list[int]()

    def note(self: Any, task: Any) -> Any:
        parts = list(read(self, task))
        sizes.append(sum(len(part.local_locations) for part in parts))
        return iter(parts)

    monkeypatch.setattr(ConnectivitySet, "_read", note)
    rows = iter(cs.load_connections())
    batches = [len(sizes) for _ in rows]
    # The first row takes one batch, and each later batch is read when the one before is over.
    assert (1, sum(sizes)) == (batches[0], len(cs))
    assert list(range(1, len(sizes) + 1)) == sorted(set(batches))
    assert most >= max(sizes)
    assert len(sizes) > 3


def test_a_copy_keeps_what_was_asked_for(any_storage: Storage) -> None:
    cs, _ = fill(any_storage, 1)
    some = [*PLACED[:1], *PLACED[3:]]
    first, last = (
        np.concatenate(found.all())
        for found in (
            cs.load_connections().as_globals().from_(some),
            cs.load_connections().from_(some).as_globals(),
        )
    )
    assert first.tolist() == last.tolist()
    assert first.tolist() != np.concatenate(cs.load_connections().from_(some).all()).tolist()
    found = cs.load_connections().as_globals().from_(some).incoming()
    for each in (copy.copy(found), found.incoming()):
        assert isinstance(each, ConnectivityIterator)
        assert rows_of(*found.all()) == rows_of(*each.all())


def test_length_is_known_without_a_read_of_connections(
    any_storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    cs, model = fill(any_storage, 2)

    def refuse(*_: Any) -> None:
        raise AssertionError("connections are read")

    monkeypatch.setattr(LongArray, "read_ranges", refuse)
    monkeypatch.setattr(ClassicConnectivity, "read_blocks", refuse)
    for verbs, apply, asked in chains(2, 25):
        assert len(model.rows(asked)) == len(apply(cs.load_connections())), verbs


def test_verbs_leave_what_they_are_called_on_as_it_is(any_storage: Storage) -> None:
    cs, model = fill(any_storage, 1)
    every = cs.load_connections()
    given = [PLACED[0]]
    restricted = every.from_(given)
    given.append(PLACED[1])
    every.to(PLACED[0]), every.as_globals(), every.incoming()
    assert model.rows(Asked()) == rows_of(*every.all())
    assert model.rows(Asked(from_=PLACED[:1])) == rows_of(*restricted.all())
    assert model.rows(Asked()) == rows_of(*restricted.from_(None).all())


def test_results_are_the_callers_own(any_storage: Storage) -> None:
    cs, model = fill(any_storage, 1)
    for found in cs.load_connections().all():
        found[:] = 0
    for _, here, _, there in cs.load_connections().chunk_iter():
        here[:], there[:] = 0, 0
    assert model.rows(Asked()) == rows_of(*cs.load_connections().all())


def test_what_is_no_chunk_is_refused_when_it_is_given(any_storage: Storage) -> None:
    cs, _ = fill(any_storage, 1)
    for verb in (cs.load_connections().from_, cs.load_connections().to):
        for wrong in (5, [5], "text", [(0.5, 0, 0)]):
            with pytest.raises(InputError):
                verb(wrong)


def test_a_set_without_connections_needs_no_cells(any_storage: Storage) -> None:
    void = any_storage.require_connectivity_set(cell_type("x"), cell_type("y"), "void")
    found = void.load_connections().as_globals()
    assert ([], []) == tuple(each.tolist() for each in found.all())
    assert (0, [], []) == (len(found), list(found), list(found.chunk_iter()))
    void.chunk_connect(PLACED[0], PLACED[1], on_soma(1), on_soma(1))
    assert 1 == len(found)
    with pytest.raises(DatasetNotFoundError):
        found.all()
