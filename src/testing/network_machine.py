"""
Random histories of a network, on a storage and on a model.

A Hypothesis state machine that drives a storage engine through BSB's interfaces. After each
step, the whole network is compared with plain dictionaries: what changed in every way in which
it can be loaded.
"""

from __future__ import annotations

import copy
import os
import unittest
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from ..config import Root
from . import waits
from .network_choices import chunks, types
from .network_comparison import check_storage
from .network_mistakes import MISTAKES
from .network_samples import TAGS, TYPES
from .rules_connectivity import ConnectivityRules
from .rules_files import FileRules
from .rules_morphologies import MorphologyRules
from .rules_placement import PlacementRules
from .rules_scopes import ScopeRules
from .rules_storage import StorageRules

EXAMPLES_VARIABLE = waits.EXAMPLES_VARIABLE


def machine_settings(examples: int = 15, steps: int = 25) -> settings:
    """
    The number and length of the histories of a machine.

    :param examples: number of histories. The environment variable ``BSB_HDF5_TESTING_EXAMPLES``
        overrides it, and then the histories differ from run to run.
    :param steps: greatest number of steps of a history.
    """
    asked = os.environ.get(EXAMPLES_VARIABLE)
    return settings(
        max_examples=int(asked) if asked else examples,
        stateful_step_count=steps,
        derandomize=not asked,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def histories_on(
    engine: str, *, root: Callable[[str], Root] = str, examples: int = 15, steps: int = 25
) -> type[unittest.TestCase]:
    """
    A test of random histories on an engine.

    :param root: turns a free path into the root of a storage; by default, the path itself.
    :param examples: see :func:`machine_settings`; ``steps`` likewise.
    """

    def make_root(machine: NetworkMachine) -> Root:
        return root(str(NetworkMachine.make_root(machine)))

    members = {"engine": engine, "make_root": make_root}
    machine: Any = type(f"{engine} machine", (NetworkMachine,), members)
    case: type[unittest.TestCase] = machine.TestCase
    machine.TestCase.settings = machine_settings(examples, steps)
    return case


class NetworkMachine(
    PlacementRules,
    ConnectivityRules,
    MorphologyRules,
    FileRules,
    ScopeRules,
    StorageRules,
):
    """
    Random histories of one storage.

    A subclass sets ``engine``, or overrides ``make_storage``. Its ``TestCase`` is
    what pytest and unittest run.
    """

    @invariant()
    def the_storage_is_as_the_model(self) -> None:
        """
        Compare all of it: call by call, and in one session, in turn.

        What was not changed since is loaded in every way at each third comparison.
        """
        self.turn += 1
        state, before = self.model.state_of_sets(), self.compared if self.turn % 3 else {}
        unchanged = [name for name in state if state[name] == before.get(name)]
        with self.storage.read_scope() if self.turn % 2 else nullcontext():
            check_storage(self.storage, self.model, self.turn // 2, unchanged)
        self.compared = state

    @initialize(filled=st.sampled_from([True, True, False]))
    def begin(self, filled: bool) -> None:
        """Begin most histories with data of every kind, for later steps to change."""
        if not filled:
            return
        self.save_morphology("a", "labelled", 1, True)
        self.save_morphology("b b", "two branches", 2, True)
        for name in TYPES:
            self.append_cells(name, 0, 3, True, [0, 1], {"weight"})
            self.append_cells(name, 1, 4, False, [], set())
            self.append_entities(name, 1, 2, {"pair"})
            self.append_entities(name, 3, 1, set())
            self.change_labels(name, None, None, ["active", "dead"], [0, 3, 8], False, False)
            self.change_labels(name, [1], None, ["é"], [1, 2], True, False)
        crossing = [(i, (-1, -1), 7 * i, (i, 2 * i)) for i in range(20)]
        for tag in TAGS:
            self.connect(tag, None, None, None, crossing, 1)
            self.chunk_connect(tag, 2, 0, [(300, (0, 0), 1, (-1, -1))])
        self.store_file("a", "text", 1)

    @rule(name=types, chunk=chunks)
    def fail_within_a_scope_of_its_own(self, name: str, chunk: int) -> None:
        if self._writing:
            return
        before = copy.deepcopy(self.model)
        with suppress(ZeroDivisionError), self.storage.write_scope():
            self.append_entities(name, chunk, 3, {"weight"})
            self.connect("between golgi", None, None, None, [(0, (-1, -1), 1, (0, 0))], 2)
            self.change_labels(name, None, None, ["active"], [0, 1], False, False)
            self.save_morphology("a", "labelled", 1, True)
            check_storage(self.storage, self.model, 0)
            raise ZeroDivisionError
        self.model = before

    @rule(title=st.sampled_from(sorted(MISTAKES)))
    def make_a_mistake(self, title: str) -> None:
        mistake = MISTAKES[title]
        if mistake.needs(self.model):
            before = self.storage._engine.metadata
            mistake.make(self.storage, title)
            assert before == self.storage._engine.metadata, f"{title}: something was stored"
