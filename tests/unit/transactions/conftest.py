"""The sessions of a new network."""

from __future__ import annotations

import pytest

from bsb_hdf5.core.layouts.detection import create_network
from tests.unit.transactions.recorder import Recorder


@pytest.fixture
def network() -> Recorder:
    recorder = Recorder()
    recorder.sessions.create(create_network)
    return recorder
