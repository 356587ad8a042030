"""What a backend claims to be able to do, and what is said where it claims nothing."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5.ports.call_log import Mark
from bsb_hdf5.ports.store import Capabilities, Capability, common_mode


def test_nothing_is_claimed_that_is_not_said() -> None:
    none = Capabilities()
    assert [*Capability] == [*none.limits]
    for capability in Capability:
        assert capability not in none
        sentence = none.limits[capability]
        assert sentence.endswith(".") and sentence[0].isupper()
    assert len(Capability) == len(set(none.limits.values()))


@pytest.mark.parametrize("capability", Capability)
def test_what_is_claimed_has_no_limit(capability: Capability) -> None:
    claims: dict[str, Any] = {capability.value: True}
    claimed = Capabilities(**claims)
    assert capability in claimed
    assert {*Capability} - {capability} == claimed.limits.keys()
    for other in {*Capability} - {capability}:
        assert other not in claimed


def test_a_note_stands_in_place_of_the_usual_sentence() -> None:
    notes = {Capability.LOCKING: "Not always.", Capability.THREADS: "Never."}
    found = Capabilities(locking=True, notes=notes).limits
    assert ("Not always.", "Never.") == (found[Capability.LOCKING], found[Capability.THREADS])
    assert Capabilities().limits[Capability.WRITABLE] == found[Capability.WRITABLE]
    assert [*Capability] == [*found]


def test_a_mark_is_followed_by_the_next_generation() -> None:
    assert Mark(5, 3) == Mark(5, 2).next()


class Placed:
    """A store that only some users may read."""

    def __init__(self, mode: int | None) -> None:
        self._mode = mode

    def mode(self) -> int | None:
        return self._mode

    def create(self, *, mode: int | None = None) -> Any:
        raise NotImplementedError


def test_all_networks_may_be_read_by_those_who_may_read_what_is_made_of_them() -> None:
    for modes, common in (
        ([], None),
        ([None], None),
        ([0o640], 0o640),
        ([0o640, 0o604], 0o600),
        ([0o666, 0o644, None], 0o644),
    ):
        stores: list[Any] = [*map(Placed, modes), object()]
        assert common == common_mode(*stores), modes
