"""What every test has in common: marks by folder and reproducible examples."""

from __future__ import annotations

import gc
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.scratch import fast_folder

TESTS = Path(__file__).parent
MARK_OF_FOLDER = {"parallel": "mpi", "compat": "compat", "simulators": "compat"}
# Of the tests on ranks, those that start none.
WITHOUT_RANKS = {"test_contention.py", "test_staged_calls.py"}
# Tests that share what takes long to make: side by side with others, but in one process.
WIDE = "tests/face/test_limits.py"
TOGETHER = {
    each: each
    for each in (
        "tests/compat/",
        "tests/engines/test_equal_networks.py",
        "tests/face/test_hostile.py",
        WIDE,
        "tests/remote/",
        "tests/parallel/",
        "tests/simulators/",
    )
} | {
    "tests/face/test_upstream_defects.py::test_more_global_chunks": WIDE,
}
# Where single tests take long: each goes to a process by itself, and first with those above.
APART = (
    "tests/backends/",
    "tests/docs/",
    "tests/face/test_flipped_bits.py",
    "tests/face/test_integrity.py",
    "tests/face/test_read_only_cost.py",
    "tests/face/test_sizes.py",
    "tests/faults/",
    "tests/unit/queries/test_pictures.py",
    "tests/unit/test_platform.py",
    "tests/unit/testing/",
)

# What takes long for what it holds beside the rest: left to ``make long``.
LONG = (
    "tests/backends/test_lmdb.py",
    "tests/backends/test_parquet.py",
    "tests/backends/test_sqlite.py::TestHistories",
    "tests/compat/test_alternating.py::test_a_file_that_engines_take_turns_with_is_as_of_one[many",
    "tests/compat/test_walk.py::test_8_0_2_answers_as_it_is_recorded",
    "tests/compat/test_walk.py::test_zarr_differs",
    "tests/contract/test_fault_mutants.py",
    "tests/contract/test_mutants.py",
    "tests/face/test_hostile.py",
    "tests/faults/test_end_of_process.py::test_processes_end_quietly_and_leave_networks_that_are_whole[memory",
    "tests/faults/test_end_of_process.py::test_processes_end_quietly_and_leave_networks_that_are_whole[columnar-",
    "tests/faults/test_end_of_process.py::test_processes_end_quietly_and_leave_networks_that_are_whole[zarr-r",
    "tests/faults/test_interrupts.py::test_interrupts_at_any_time_neither_kill_the_program_nor_harm_the_file[columnar",
    "tests/parallel/test_mpi.py::test_the_suite_of_bsb_passes_on_every_rank[hdf5 classic",
    "tests/parallel/test_mpi.py::test_the_suite_of_bsb_passes_on_every_rank[zarr",
    "tests/remote/test_faulty_service.py::test_each",
    "tests/remote/test_faulty_service.py::test_two_writers",
    "tests/simulators/",
    "tests/unit/cli/test_running.py::test_an_answer_that_can_not_be_stored_is_a_failure[--json",
    "tests/unit/cli/test_running.py::test_an_answer_without_stdout_is_a_failure[-",
    "tests/unit/cli/test_running.py::test_the_answer_does_not_depend_on_stderr[stats",
    "tests/unit/kit/test_new.py",
    "tests/unit/testing/test_machine_mutants.py",
)

# Nothing of what collecting makes is garbage, and there is much of it to look through.
gc.disable()

os.environ["TMPDIR"] = tempfile.tempdir = fast_folder()

# The same examples in every run: a failure in CI can be repeated anywhere.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests in several processes: each module goes to the next that is free, in their order."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _scope(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def _scope(nodeid: str) -> str:
    """What goes to one process: tests that share something, those of a module, or a test."""
    module = nodeid.partition("::")[0]
    own = nodeid if nodeid.startswith(APART) else module
    return next((scope for each, scope in TOGETHER.items() if nodeid.startswith(each)), own)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what a folder has in common, so that ``-m`` can leave it out."""
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        folder = item.path.relative_to(TESTS).parts[0]
        if (mark := MARK_OF_FOLDER.get(folder)) and item.path.name not in WITHOUT_RANKS:
            item.add_marker(mark)
        if item.nodeid.startswith(LONG) or _is_another(item.nodeid):
            item.add_marker("long")
    if hasattr(config, "workerinput"):
        # What takes longest begins first, so that no process waits for another at the end.
        items.sort(key=lambda item: not item.nodeid.startswith((*TOGETHER, *APART)))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let no garbage collection look through the thousands of tests again and again."""
    gc.enable()
    gc.collect()
    gc.freeze()


def _is_another(nodeid: str) -> bool:
    """Whether it is another test again, on another engine or at another instant."""
    if "test_mixed.py" in nodeid:
        return not nodeid.endswith("[0]")
    if "test_crashes.py::test_wherever_a_process_dies" in nodeid:
        return "[classic-" in nodeid
    if "test_interrupted_operations.py::test_a_signal_in_any" in nodeid:
        return not nodeid.endswith("[classic]")
    if "every_layout/" in nodeid:
        # The memory engine has the same layout, and takes a fraction of the time.
        return "[zarr" in nodeid
    if "test_leaving.py::test_ranks_that_end" in nodeid:
        return "[1" in nodeid
    # The second of two random networks.
    return nodeid.startswith("tests/unit/queries/") and ("zarr" in nodeid or "[2-" in nodeid)
