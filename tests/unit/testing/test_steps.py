"""Actions that are stopped at each step."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from bsb_hdf5.testing import steps as module
from bsb_hdf5.testing.processes import OtherProcess
from bsb_hdf5.testing.steps import Steps


@pytest.fixture
def steps() -> Iterator[Steps]:
    made = Steps()
    yield made
    made.close()


def test_an_action_stops_after_each_call_until_somebody_has_looked(
    steps: Steps, tmp_path: os.PathLike[str]
) -> None:
    def act() -> None:
        for name in ("1", "2", "3"):
            os.mkdir(os.path.join(tmp_path, name))

    with OtherProcess(lambda: steps.take(act)) as other:
        other.begin()
        seen = [len(os.listdir(tmp_path)) for _ in steps.until_the_end()]
        other.result()
    assert [0, 1, 2, 3] == sorted(set(seen))


def test_an_action_that_fails_has_no_more_steps(steps: Steps) -> None:
    with OtherProcess(lambda: steps.take(lambda: os.stat("no such file"))) as other:
        other.begin()
        assert [] == list(steps.until_the_end())
        with pytest.raises(AssertionError, match="FileNotFoundError"):
            other.result()


def test_an_action_goes_on_if_nobody_looks(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONGEST_STOP", 0.01)
    steps.take(lambda: [os.getpid() for _ in range(100)])
    assert os.read(steps._listen, 10) == b".!"
