"""Which tests are tried first, and what is made of processes that end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.mutation.mutations import Mutation
from tests.mutation.trials import Reach, forked, in_order, in_rounds, worth_running


def test_tests_of_units_run_with_some_of_their_parameters_before_others() -> None:
    unit, face = "tests/unit/test_a.py::test_a", "tests/face/test_a.py::test_b"
    first, second, third = in_rounds(
        [*(f"{unit}[{each}]" for each in range(8)), face, f"{face}_too[1]"]
    )
    assert [f"{unit}[0]", f"{unit}[4]"] == first
    assert [face, f"{face}_too[1]"] == second
    assert [f"{unit}[{each}]" for each in (1, 2, 3, 5, 6, 7)] == third


def test_near_quick_and_different_tests_run_first_within_the_limit() -> None:
    mutation = Mutation(Path("src/core/labels.py"), 1, 0, 1, "2")
    near, same, quick, slow, slower = (
        Reach(test, seconds, passes=True, mutations=[0])
        for test, seconds in (
            ("tests/unit/core/test_labels.py::test_a[1]", 2.0),
            ("tests/unit/core/test_labels.py::test_a[2]", 2.0),
            ("tests/face/test_a.py::test_a", 0.1),
            ("tests/face/test_a.py::test_b", 5.0),
            ("tests/face/test_a.py::test_c", 50.0),
        )
    )
    found = in_order([slower, near, same, slow, quick], mutation, 10.0)
    assert [quick, near, slow, same] == found


def test_other_parameters_run_where_the_function_reaches_a_module_or_is_near() -> None:
    known = [
        Reach(f"tests/unit/core/test_a.py::test_{name}[0]", 1.0, True, [], modules=modules)
        for name, modules in (("a", [0, 2]), ("b", [1]), ("c", []))
    ]
    tests = [f"tests/unit/core/test_a.py::test_{name}[1]" for name in "abc"]
    new = "tests/unit/core/test_a.py::test_d[1]"
    assert [tests[0], new] == worth_running([*tests, new], known, {2}, ["/hdf5/"])
    assert [*tests[:2], new] == worth_running([*tests, new], known, {0, 1}, [])
    assert tests == worth_running(tests, known, {7}, ["/core/"])


def test_a_process_says_what_it_does_until_it_ends() -> None:
    def say(tell: Callable[[str], None]) -> None:
        tell("one")
        tell("two")

    assert ["one", "two"] == list(forked(say, 60))


def test_a_process_that_is_silent_is_killed() -> None:
    began = time.monotonic()

    def hang(tell: object) -> None:
        time.sleep(50)

    assert [] == list(forked(hang, 0.05))
    assert 20 > time.monotonic() - began


def test_a_process_that_crashes_has_said_where() -> None:
    def crash(tell: Callable[[str], None]) -> None:
        tell("here")
        os.kill(os.getpid(), signal.SIGKILL)

    assert ["here"] == list(forked(crash, 60))
