"""A command that is interrupted, or whose help can't be written, ends in a line and says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from bsb.cli import handle_command

from bsb_hdf5.cli import running
from bsb_hdf5.cli.starting import ending_at_interrupts

INTERRUPTING = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt as error:
    raise ImportError("as modules that are not of Python do") from error
"""


def started(arguments: list[str]) -> None:
    """Begin a command as either program does."""
    program, *rest = arguments
    if program == "bsb":
        handle_command(rest, exit=True)
    else:
        raise SystemExit(running.main(rest))


@pytest.mark.skipif(os.name != "posix", reason="Programs can't send themselves Ctrl-C.")
def test_an_interrupt_of_an_import_ends_the_program_at_once(tmp_path: Path) -> None:
    (tmp_path / "attrs.py").write_text(INTERRUPTING)
    done = subprocess.run(
        [sys.executable, "-m", "bsb_hdf5", "info", "network"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (130, b"", b"") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("program", ["bsb storage", "module"])
def test_an_interrupt_of_a_command_ends_it_with_130(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(command: Any) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(running, "_handler", interrupt)
    monkeypatch.setattr(sys, "argv", ["bsb"])
    with pytest.raises(SystemExit) as ended:
        started([*program.split(), "info", "network"])
    assert 130 == ended.value.code


def test_an_interrupt_outside_of_imports_is_what_it_was_before() -> None:
    def ours(number: int, frame: object) -> None:
        """Handle it otherwise."""

    for handler in (signal.default_int_handler, ours, signal.SIG_IGN):
        before = signal.signal(signal.SIGINT, handler)
        try:
            with ending_at_interrupts():
                inside = signal.getsignal(signal.SIGINT)
            assert handler is signal.getsignal(signal.SIGINT)
            assert (inside is handler) == (handler is not signal.default_int_handler)
        finally:
            signal.signal(signal.SIGINT, before)


def test_a_command_runs_in_any_thread() -> None:
    def entered() -> bool:
        with ending_at_interrupts():
            return signal.getsignal(signal.SIGINT) is signal.default_int_handler

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(entered).result()
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="No device is always full.")
@pytest.mark.parametrize(
    "line", ["bsb storage --help", "bsb storage info -h", "module --help", "module convert -h"]
)
def test_help_that_can_not_be_written_is_a_failure(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bsb"])
    with open("/dev/full", "w", encoding="utf-8") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            started(line.split())
    assert 2 == ended.value.code
    said = capsys.readouterr().err
    assert said.endswith("the help can't be written to stdout: No space left on device\n")
    assert 1 == len(said.splitlines())
