"""Documents in the classic layout that contradict themselves."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5.core.layouts.classic.network import ClassicNetwork
from bsb_hdf5.errors import (
    CorruptNetworkError,
)
from tests.unit.core.layouts.classic.networks import connected

LABELS_OF = ("placement", "cell", "labelsets")

COUNTS_OF = ("placement", "cell", "chunks")

CONNECTIONS_OF = ("connectivity", "a_to_b", "chunks")

TOTALS = (None, None, "chunks")


@pytest.mark.parametrize("text", ["", "{", "[1]", "5", '{"x": {}}', '{"1": 5}', '{"1": null}'])
@pytest.mark.parametrize(
    "where",
    [LABELS_OF, CONNECTIONS_OF, COUNTS_OF, TOTALS],
    ids=["labels", "connections", "cells", "totals"],
)
def test_documents_that_are_not_what_they_should_be_are_corrupt(where: Any, text: str) -> None:
    if where == COUNTS_OF and text == '{"1": 5}':
        return
    network = connected((0, 1))
    network.create_placement("cell", created_at="now")
    part, name, attribute = where
    group = network._root if part is None else network._root.group(part).group(name)
    group.attributes.set(attribute, text)
    again = ClassicNetwork(network._root)
    with pytest.raises(CorruptNetworkError):
        if where == LABELS_OF:
            again.placement("cell").label_sets()
        elif where == COUNTS_OF:
            again.placement("cell").counts()
        elif where == CONNECTIONS_OF:
            again.connectivity("a_to_b").chunk_totals()
        else:
            again.totals.as_document()
