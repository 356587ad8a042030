"""The report on an engine, and how the process of its tests ends."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.kit.check import _verdict, report
from bsb_hdf5.kit.outcomes import Recorder, Tally
from bsb_hdf5.kit.suite_process import SuiteProcess
from tests.unit.kit.registration import Install

pytest_plugins = ["pytester"]

BEGIN = {"begins": "test_x.py::TestContract::test_a_b", "at": 0.0}


def outcome(name: str, **known: str) -> dict[str, Any]:
    test = {"test": f"test_engine.py::TestContract::test_{name}", "outcome": "failed"}
    return {**test, "error": "E: of it", "where": "store.py:3: E", **known}


def tally_of(*events: dict[str, Any]) -> Tally:
    tally = Tally()
    for event in events:
        tally.add(event)
    return tally


def reported(tally: Tally, engine: str = "memory") -> list[str]:
    said: list[str] = []
    report(engine, tally, said.append)
    return said


def recorded(pytester: pytest.Pytester, code: str, package: str) -> list[dict[str, Any]]:
    """The events of a run of a test module."""
    file = io.StringIO()
    pytester.makepyfile(code)
    recorder = Recorder(file, package)
    pytester.inline_run("-p", "no:cacheprovider", plugins=[recorder])
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_a_recorder_is_a_plugin_of_earlier_versions_of_pytest_too() -> None:
    # They look plugins up in a set.
    assert 2 == len({Recorder(io.StringIO(), "a"), Recorder(io.StringIO(), "a")})


def test_outcomes_are_counted_by_part() -> None:
    passed = {"outcome": "passed"}
    tally = tally_of(
        {"test": "t.py::TestContract::test_a", **passed},
        {"test": "t.py::TestContract::test_b", **passed},
        {"test": "t.py::Other::test_a", **passed},
        {"test": "t.py::Another::test_a", **passed},
    )
    said = reported(tally)
    assert "  contract of the store: 2 passed" in said
    assert "  BSB's suite for engines: 2 passed" in said


def test_failures_of_one_cause_are_reported_once() -> None:
    tally = tally_of(
        *(outcome(each, error=f"E: '/tmp/{each}' is full") for each in ("a", "b_c", "d")),
        outcome("e", where="store.py:9: E"),
    )
    lines = [line for line in reported(tally) if line.startswith(("  BROKEN", "      "))]
    assert lines == [
        "  BROKEN TestContract::test a, and 2 more tests",
        "      E: '/tmp/a' is full",
        "      store.py:3: E",
        "  BROKEN TestContract::test e",
        "      E: of it",
        "      store.py:9: E",
    ]


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        ([{"outcome": "passed"}], "passes"),
        ([{"outcome": "passed"}, {"left_out": 7}], "passes what was chosen; not run: 7 tests"),
        ([{"outcome": "passed"}, {"outcome": "failed", "error": "E", "where": ""}], "does not"),
        ([{"left_out": 7}], "was not tested: no test was chosen"),
    ],
)
def test_an_engine_passes_what_was_chosen(events: list[dict[str, Any]], verdict: str) -> None:
    known = {"test": "t.py::TestContract::test_a"}
    tally = tally_of(*({**known, **each} if "outcome" in each else each for each in events))
    assert _verdict(tally).startswith(verdict)


def test_a_store_that_can_not_be_made_is_reported(install: Install) -> None:
    install(missing="tests.unit.kit.sample_engines:missing")
    said = "\n".join(reported(Tally(), "missing"))
    assert "the store can't be made: ModuleNotFoundError: No module named" in said


@pytest.mark.parametrize(
    ("code", "limit", "error"),
    [
        (
            "import os; os.kill(os.getpid(), 9)",
            60,
            "its process was ended by the signal 9 (SIGKILL",
        ),
        ("import os; os._exit(3)", 60, "its process ended with the status 3"),
        ("import time; time.sleep(60)", 0.05, "it did not end within 0.05 seconds (--limit)"),
    ],
)
def test_a_test_in_which_the_process_ends_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, limit: float, error: str
) -> None:
    monkeypatch.setattr("bsb_hdf5.kit.suite_process._LONGER", 0.0)
    log = tmp_path / "log"
    later = {"begins": "t.py::TestContract::test_a_b", "at": 1e12}
    log.write_text("\n".join(map(json.dumps, ({"chosen": 3}, later, ""))).replace('""', ""))
    with subprocess.Popen([sys.executable, "-S", "-c", code]) as process:
        suite, tally = SuiteProcess(process, limit), Tally()
        for event in suite.events(str(log)):
            tally.add(event)
        suite.tell_end(tally)
    (failure,) = tally.failures
    assert ["TestContract::test a b"] == failure.tests
    assert failure.error.startswith(error)
    assert "  not run: 2 tests" in reported(tally)


def test_a_test_that_is_ended_by_its_limit_is_named(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(1)"]) as process:
        process.wait()
        suite, tally = SuiteProcess(process, 300.0), tally_of(BEGIN)
        suite.tell_end(tally)
    assert "it did not end within 300 seconds (--limit)" == tally.failures[0].error


def test_the_place_of_an_error_is_the_last_one_in_the_package_of_the_backend(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        own_store="import json\n\n\ndef get():\n    return json.loads('[')\n",
        kit_like=(
            "import own_store\n\n\ndef call():\n    try:\n        own_store.get()\n"
            "    except ValueError as error:\n        raise OSError('translated') from error\n"
        ),
    )
    code = "import kit_like\n\nclass TestIt:\n    def test_it(self):\n        kit_like.call()\n"
    (found,) = [each for each in recorded(pytester, code, "own_store") if "error" in each]
    assert "OSError: translated" == found["error"]
    assert found["where"].endswith("own_store.py:5: JSONDecodeError")


def test_what_is_not_collected_is_reported(pytester: pytest.Pytester) -> None:
    events = recorded(pytester, "import no_such_module_at_all\n", "own")
    (failure,) = tally_of(*events).failures
    assert "ModuleNotFoundError: No module named 'no_such_module_at_all'" in failure.error


@pytest.mark.parametrize("setting", ["CI", "NO_CI"])
def test_a_comparison_is_reported_with_what_differs(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    # Where one of these is set, pytest adds the whole of both values.
    for each in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(setting, "true")
    code = "class TestIt:\n    def test_it(self):\n        assert [1] == [1, 2]\n"
    (found,) = [each for each in recorded(pytester, code, "own") if "error" in each]
    first, *_, last = found["error"].split("\n")
    assert ("assert [1] == [1, 2]", "  Right contains one more item: 2") == (first, last)


def test_the_report_says_why_a_store_waits_for_itself(pytester: pytest.Pytester) -> None:
    code = """
        class TestIt:
            def test_it(self):
                raise OSError("'a' is locked by a file, which would wait for itself; close it")
    """
    (found,) = [each for each in recorded(pytester, code, "own") if "error" in each]
    assert "did not release its lock in 'close'" in found["error"].split("\n")[-1]


def test_an_error_of_a_forked_process_is_reported_with_its_place(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(own_store="def get():\n    raise OSError('gone')\n")
    code = """
        import own_store
        from bsb_hdf5.testing.processes import OtherProcess

        class TestIt:
            def test_it(self):
                with OtherProcess(own_store.get) as other:
                    other.result()
    """
    (found,) = [each for each in recorded(pytester, code, "own_store") if "error" in each]
    assert "FailedElsewhereError: in a forked process: OSError: gone" == found["error"]
    assert found["where"].endswith("own_store.py:2: OSError")
