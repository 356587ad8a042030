"""Random morphologies: saved, described and removed."""

from __future__ import annotations

import copy

import bsb
import numpy as np
from hypothesis import strategies as st
from hypothesis.stateful import rule

from .network_choices import names
from .network_history import NetworkHistory
from .network_samples import SHAPES, morphology_of


class MorphologyRules(NetworkHistory):
    """The rules that change morphologies."""

    @rule(
        name=names, shape=st.sampled_from(SHAPES), note=st.integers(0, 9), update_meta=st.booleans()
    )
    def save_morphology(self, name: str, shape: str, note: int, update_meta: bool) -> None:
        morphology = morphology_of(shape)
        morphology.meta["note"] = note
        self.storage.morphologies.save(name, morphology, overwrite=True, update_meta=update_meta)
        self.model.morphologies[name] = shape
        if update_meta:
            rows = np.concatenate([branch.points for branch in morphology.branches])
            bounds = {"ldc": rows.min(axis=0).tolist(), "mdc": rows.max(axis=0).tolist()}
            self.model.meta[name] = {"note": note, "name": name, **bounds}

    def remove_morphology(self, name: str, which: int) -> None:
        """Remove one that no cell has; check that removing one which cells have fails."""
        used = {
            each
            for each in self.model.morphologies
            if any(each in c.stored("morphology", None, None) for c in self.model.cells.values())
        }
        if name in used:
            self._fail_to_remove(name)
        unused = sorted(self.model.morphologies.keys() - used)
        if unused:
            gone = unused[which % len(unused)]
            self.storage.morphologies.remove(gone)
            del self.model.morphologies[gone]
            self.model.meta.pop(gone, None)

    def _fail_to_remove(self, name: str) -> None:
        try:
            self.storage.morphologies.remove(name)
        except bsb.MorphologyRepositoryError:
            return
        raise AssertionError(f"the morphology '{name}' was removed, but cells have it")

    def describe_morphology(self, name: str, note: int, replace: bool) -> None:
        meta = {name: {"note": note, "list": [note, [1.5, None]]}}
        if replace:
            self.storage.morphologies.set_all_meta(meta)
            self.model.meta.clear()
        else:
            self.storage.morphologies.update_all_meta(meta)
        self.model.meta.update(copy.deepcopy(meta))

    @rule(
        what=st.sampled_from(["describe", "describe all", "remove"]),
        name=names,
        note=st.integers(0, 9),
    )
    def change_morphologies(self, what: str, name: str, note: int) -> None:
        if what == "remove":
            self.remove_morphology(name, note)
        else:
            self.describe_morphology(name, note, what == "describe all")
