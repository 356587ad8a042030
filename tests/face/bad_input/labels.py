"""Bad input to labels of cells."""

from __future__ import annotations

from typing import Any, cast

import bsb
import numpy as np

from bsb_hdf5 import errors as e
from tests.face.bad_input.calls import HUGE, NAN, Bad

LABELS = [
    Bad(
        "a bare text as labels",
        lambda n: n.b.label("core", [0]),
        e.LabelError,
        (r"'core'", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "a bare text as label filter",
        lambda n: n.b.set_label_filter("core"),
        e.LabelError,
        (r"'core'", r"list of texts"),
        ValueError,
    ),
    Bad(
        "a bare text as labels of a mask",
        lambda n: n.b.label_by_mask("core", np.ones(7, dtype=bool)),
        e.LabelError,
        (r"'core'", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "a bare text as labels to look for",
        lambda n: n.b.get_labelled("core"),
        e.LabelError,
        (r"'core'", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "a bare text as labels to get the mask of",
        lambda n: n.b.get_label_mask("core"),
        e.LabelError,
        (r"'core'", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "numbers as labels",
        lambda n: n.b.label(cast("Any", [1]), [0]),
        e.LabelError,
        (r"a label must be a str", r"int \(1\)"),
        bsb.LabellingError,
    ),
    Bad(
        "None as labels",
        lambda n: n.b.label(cast("Any", None), [0]),
        e.LabelError,
        (r"None", r"list of texts"),
        bsb.LabellingError,
    ),
    Bad(
        "cells beyond the set to label",
        lambda n: n.b.label(["core"], [0, 7]),
        e.LabelError,
        (r"'b'", r"7", r"7 cells"),
        bsb.LabellingError,
    ),
    Bad(
        "negative cells to label",
        lambda n: n.b.label(["core"], [-1]),
        e.LabelError,
        (r"'b'", r"-1", r"7 cells"),
        bsb.LabellingError,
    ),
    Bad(
        "NaN cells to label",
        lambda n: n.b.label(["core"], [0.0, NAN]),
        e.LabelError,
        (r"nan", r"whole numbers"),
        bsb.LabellingError,
    ),
    Bad(
        "fractions of cells to label",
        lambda n: n.b.label(["core"], [0.5]),
        e.LabelError,
        (r"0\.5", r"whole numbers"),
        bsb.LabellingError,
    ),
    Bad(
        "huge numbers of cells to label",
        lambda n: n.b.label(["core"], [HUGE]),
        e.LabelError,
        (r"'b'",),
        bsb.LabellingError,
    ),
    Bad(
        "a matrix of cells to label",
        lambda n: n.b.label(["core"], [[0, 1]]),
        e.LabelError,
        (r"\(1, 2\)", r"\(n,\)"),
        bsb.LabellingError,
    ),
    Bad(
        "ragged cells to label",
        lambda n: n.b.label(["core"], [[0, 1], [2]]),
        e.LabelError,
        (r"ragged|shape",),
        bsb.LabellingError,
    ),
    Bad(
        "texts as cells to label",
        lambda n: n.b.label(["core"], ["0"]),
        e.LabelError,
        (r"must be",),
        bsb.LabellingError,
    ),
    Bad(
        "a mask of another length",
        lambda n: n.b.label_by_mask(["core"], np.ones(6, dtype=bool)),
        e.LabelError,
        (r"\(6,\)", r"\(7,\)"),
        bsb.LabellingError,
    ),
    Bad(
        "a mask of another length to label by",
        lambda n: n.b.label(["core"], np.ones(8, dtype=bool)),
        e.LabelError,
        (r"\(8,\)", r"\(7,\)"),
        bsb.LabellingError,
    ),
    Bad(
        "numbers as mask",
        lambda n: n.b.remove_labels_by_mask(["core"], np.ones(7)),
        e.LabelError,
        (r"float64", r"booleans"),
        bsb.LabellingError,
    ),
    Bad(
        "cells beyond the set to take labels from",
        lambda n: n.b.remove_labels(["core"], [99]),
        e.LabelError,
        (r"99", r"7 cells"),
        bsb.LabellingError,
    ),
]
