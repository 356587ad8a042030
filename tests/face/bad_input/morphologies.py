"""Bad input to the morphology repository and the file store."""

from __future__ import annotations

from functools import partial
from typing import Any

import bsb
import numpy as np
from bsb import Branch, Morphology

from bsb_hdf5 import errors as e
from tests.face.bad_input.calls import Bad
from tests.face.bad_input.names import ask_for_other
from tests.face.samples import (
    morphology,
    positions,
)


def _with_property(values: Any) -> Morphology:
    branch = Branch(positions(4), np.ones(4))
    branch._properties["width"] = values
    return Morphology([branch])


REPOSITORY = [
    Bad(
        "a morphology that exists",
        lambda n: n.storage.morphologies.save("stub", morphology()),
        e.MorphologyExistsError,
        (r"'stub' exists",),
        bsb.MorphologyRepositoryError,
    ),
    *(
        Bad(
            f"an unknown morphology to {method}",
            partial(ask_for_other, method),
            e.MorphologyNotFoundError,
            (r"'other'",),
            bsb.MissingMorphologyError,
        )
        for method in ("load", "preload", "remove", "get_meta")
    ),
    Bad(
        "a property of another length",
        lambda n: n.storage.morphologies.save("new", _with_property(np.zeros(3))),
        e.InputError,
        (r"'width'", r"\(3,\)", r"4 points"),
    ),
    Bad(
        "a property of texts",
        lambda n: n.storage.morphologies.save("new", _with_property(np.array(["a"] * 4))),
        e.DtypeError,
        (r"'width'", r"numbers"),
    ),
    Bad(
        "metadata that are no JSON",
        lambda n: n.storage.morphologies.update_all_meta({"stub": {"x": object()}}),
        e.InputError,
        (r"metadata", r"JSON"),
    ),
    Bad(
        "metadata that are no JSON for all",
        lambda n: n.storage.morphologies.set_all_meta({"stub": {"x": {1, 2}}}),
        e.InputError,
        (r"metadata", r"JSON"),
    ),
    Bad(
        "a file that exists",
        lambda n: n.storage.files.store("text", "note"),
        e.FileStoredError,
        (r"'note' exists",),
        FileExistsError,
    ),
    Bad(
        "a number as content",
        lambda n: n.storage.files.store(5, "five"),
        e.DtypeError,
        (r"int", r"str or bytes"),
    ),
    Bad(
        "an unknown encoding",
        lambda n: n.storage.files.store("text", "new", encoding="martian"),
        e.InputError,
        (r"'martian'",),
    ),
    Bad(
        "a text beyond its encoding",
        lambda n: n.storage.files.store("ä", "new", encoding="ascii"),
        e.InputError,
        (r"'ascii'",),
    ),
    Bad(
        "a meta that is no JSON",
        lambda n: n.storage.files.store("text", id="new", meta={"x": object()}),
        e.DtypeError,
        (r"meta", r"JSON"),
    ),
]
