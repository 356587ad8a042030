"""Arbor, NEST and NEURON make the same spikes of a network, wherever it is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulators.conftest import Engine, Networks

ARBOR = [("arbor", each) for each in ("classic", "columnar", "converted", "of 8.0.2", "zarr")]
OTHERS = [
    pytest.param(simulator, each, marks=pytest.mark.simulators)
    for simulator in ("nest", "neuron")
    for each in ("classic", "columnar", "converted")
]


@pytest.mark.parametrize(("simulator", "file"), [*ARBOR, *OTHERS])
def test_the_same_seed_gives_the_spikes_that_8_0_2_gives(
    ours: Engine, networks: Networks, simulator: str, file: str
) -> None:
    expected = networks.reference(simulator)
    # Only stored connections make these cells spike: nothing else stimulates them.
    assert [each for each in expected if "inhibitory" == each[1]]
    assert expected == ours.spikes(networks.file(file), simulator)


def test_another_seed_gives_other_spikes(ours: Engine, networks: Networks, tmp_path: Path) -> None:
    other = ours.compile(tmp_path / "other.hdf5", "--layout", "columnar", "--seed", "7")
    assert networks.reference("arbor") != ours.spikes(other, "arbor")
