"""The state machine notices broken engines: each mutant fails within some histories."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bsb_hdf5.adapters.memory import arrays, store
from bsb_hdf5.connectivity_set import ConnectivitySet
from bsb_hdf5.core import columns
from bsb_hdf5.core.cell_ids import SelectedCells
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.engine import StorageEngine
from bsb_hdf5.errors import LengthError
from bsb_hdf5.morphology_repository import MorphologyRepository
from bsb_hdf5.placement_set import PlacementSet
from bsb_hdf5.testing.network_machine import NetworkMachine
from bsb_hdf5.transactions.session import Session
from tests.mutants import NOTICED, check_is_called_alike

Mutant = tuple[Any, str, Callable[..., Any]]

# Which histories come follows from the source of the machine. The mutant that hides best is
# missed by some sets of 30.
HISTORIES = 200

matching, align, network = LabelSets.matching, columns.align, store.MemoryStore._network
change_labels, append = PlacementSet._change_labels, PlacementSet.append_data
clear_cells, clear = PlacementSet.clear, ConnectivitySet.clear
load_block, load_local = (
    ConnectivitySet.load_block_connections,
    ConnectivitySet.load_local_connections,
)
stats, remove = StorageEngine.get_chunk_stats, MorphologyRepository.remove


def append_what_fits(self: Any, *given: Any, **data: Any) -> None:
    """Cells that are refused are left out without a word."""
    with suppress(LengthError):
        append(self, *given, **data)


def remove_but_keep_meta(self: Any, name: str, handle: Any = None) -> None:
    """The morphology is gone, and described still."""
    everything = self.get_all_meta(handle=handle)
    remove(self, name, handle=handle)
    self.set_all_meta(everything, handle=handle)


MUTANTS: dict[str, Mutant] = {
    "no labels match every cell": (
        LabelSets,
        "matching",
        lambda s, labels: matching(s, labels) if list(labels) else np.array(list(s.table)),
    ),
    "labels that are removed stay": (
        PlacementSet,
        "_change_labels",
        lambda s, *given, remove, **more: (
            None if remove else change_labels(s, *given, remove=False, **more)
        ),
    ),
    "all cells of a set are cleared": (
        PlacementSet,
        "clear",
        lambda s, chunks=None, handle=None: clear_cells(s, handle=handle),
    ),
    "cells of a part are numbered from zero": (
        SelectedCells,
        "global_ids",
        lambda s, whole: np.arange(len(s)),
    ),
    "cells without a column have zeros": (
        columns,
        "align",
        lambda column, *rest: np.nan_to_num(align(column, *rest)),
    ),
    "cells that do not fit are left out": (PlacementSet, "append_data", append_what_fits),
    "connections stay in the order given": (Blocks, "by_cell", lambda s: s),
    "incoming blocks are seen from the other side": (
        ConnectivitySet,
        "load_block_connections",
        lambda s, direction, *chunks: load_block(s, direction, *chunks)[
            :: -1 if direction == "inc" else 1
        ],
    ),
    "connections of a chunk come in reverse": (
        ConnectivitySet,
        "load_local_connections",
        lambda s, *given: tuple(part[::-1] for part in load_local(s, *given)),
    ),
    "all connections are cleared": (
        ConnectivitySet,
        "clear",
        lambda s, chunks=None, handle=None: clear(s, handle=handle),
    ),
    "one chunk is not counted": (
        StorageEngine,
        "get_chunk_stats",
        lambda s: dict(list(stats(s).items())[1:]),
    ),
    "removed morphologies keep their metadata": (
        MorphologyRepository,
        "remove",
        remove_but_keep_meta,
    ),
    "a copy shares what it holds": (
        store.MemoryStore,
        "copy",
        lambda s, target: s._put(str(target), network(s)),
    ),
    "a scope that fails is stored": (
        store.MemoryWriteSession,
        "rollback",
        store.MemoryWriteSession.commit,
    ),
    "a failure that is caught is stored": (Session, "note_failure", lambda self, *_: None),
    "attributes are not restored": (arrays, "_restore", lambda table, name: (lambda: None,)),
}


def run(histories: int) -> None:
    """Some histories; the first that fails ends it."""
    run_state_machine_as_test(
        NetworkMachine,
        settings=settings(
            max_examples=histories,
            stateful_step_count=40,
            phases=[Phase.generate],
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("title", MUTANTS)
def test_the_machine_notices_that(title: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, replacement = MUTANTS[title]
    check_is_called_alike(owner, name, replacement)
    monkeypatch.setattr(owner, name, replacement)
    with pytest.raises(NOTICED):
        run(HISTORIES)
