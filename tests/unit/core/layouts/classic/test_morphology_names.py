"""The names that a chunk lists are those that bsb-hdf5 8.0.2 lists, and relies on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.classic.network import ClassicNetwork
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.core.placement_rows import PlacementRows
from tests.unit.memory import new_network


def table() -> MorphologyTable:
    return MorphologyTable(np.zeros((2, 5)), np.array([[2, -1]]), LabelSets(), ())


@pytest.fixture
def network() -> ClassicNetwork:
    made = new_network()
    made.create_placement("c", created_at="now")
    for name in "mnopq":
        made.morphologies.save(name, table())
    return made


def append(network: ClassicNetwork, names: str, codes: list[int], chunk: int = 0) -> None:
    rows = PlacementRows.of_cells(np.zeros((len(codes), 3)), (list(names), codes), None, None)
    network.placement("c").append(chunk, rows)


def listed(network: ClassicNetwork, chunk: int = 0) -> str:
    return "".join(network.placement("c").morphology_names(chunk))


def had(network: ClassicNetwork) -> str:
    data = network.placement("c")
    rows = data.read_morphologies(data.chunks())
    return "".join(rows.names[code] for code in rows.indices)


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        pytest.param(("mno", [1]), ("mno", [2, 0]), "mno", id="the same"),
        pytest.param(("mno", [0]), ("p", [0]), "mnop", id="others"),
        pytest.param(("m", [0]), ("opq", [1]), "mopq", id="others, not all used"),
        pytest.param(("mn", [0]), ("nmpoq", [3, 0, 2]), "mnop", id="some in another place"),
        pytest.param(("m", [0]), ("mno", [0, 2]), "mno", id="more, where 8.0.2 fails"),
        pytest.param(("mn", []), ("mn", [1]), "mn", id="offered to no cells"),
        pytest.param(("m", [0]), ("xmn", [1, 2]), "mn", id="one that is not stored"),
        pytest.param(("mx", [0]), ("m", [0]), "m", id="one that is not stored at first"),
        pytest.param(("mm", [0, 1]), ("mnn", [2]), "mn", id="twice the same"),
    ],
)
def test_what_is_offered_is_listed(
    network: ClassicNetwork, first: Any, second: Any, names: str
) -> None:
    for each in (first, second):
        append(network, *each)
    assert names == listed(network)
    expected = "".join(offered[code] for offered, codes in (first, second) for code in codes)
    assert expected == had(network)


def test_names_that_are_known_are_not_written_again(
    network: ClassicNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(network, "mno", [0])
    group = network.placement("c")._group.group("0")
    monkeypatch.setattr(type(group.attributes), "set", None)
    for offered in ("mno", "mn", "om"):
        append(network, offered, [1])
    assert "mnnm" == had(network)


def test_a_name_that_no_cell_has_is_not_listed_once_its_morphology_is_removed(
    network: ClassicNetwork,
) -> None:
    """8.0.2 looks for all that is listed when it loads the morphologies of cells."""
    append(network, "mno", [2, 0, 2], chunk=0)
    append(network, "no", [0], chunk=1)
    append(network, "m", [], chunk=2)
    append(network, "o", [0], chunk=3)
    before = had(network)
    network.morphologies.remove("m")
    assert ["mno", "no", "", "o"] == [listed(network, chunk) for chunk in range(4)]
    network.morphologies.save("m", table())
    network.morphologies.remove("n")
    assert ["mo", "no", "", "o"] == [listed(network, chunk) for chunk in range(4)]
    assert before == had(network)


def test_a_morphology_that_is_replaced_stays_listed(network: ClassicNetwork) -> None:
    append(network, "mn", [0])
    network.morphologies.save("n", table())
    assert "mn" == listed(network)
