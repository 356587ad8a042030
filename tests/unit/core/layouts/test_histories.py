"""Random histories in both layouts: they give the same answers."""

from __future__ import annotations

from hypothesis import given, settings

from tests.unit.core.layouts.histories import Side, Step, steps


@given(steps)
@settings(max_examples=150, deadline=None)
def test_both_layouts_give_the_same_answers_whatever_happened(history: list[Step]) -> None:
    sides = [Side.of("classic"), Side.of("columnar")]
    for number, step in enumerate(history):
        answers = [side.run(step, number) for side in sides]
        assert answers[0] == answers[1]
        for author in range(3):
            classic, columnar = (side.look(author) for side in sides)
            assert classic == columnar
