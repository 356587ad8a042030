"""What a page of the documentation tells its reader to write and to run, done in a folder."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from bsb.cli import handle_command

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.(?:yaml|py))\n")
# Commands that install something, or that belong in a clone: tests of their own run these.
_ELSEWHERE = re.compile(r"(git clone|cd|make|\S*pip install|python3? -m venv|\. \.venv/|source)\b")
_BENCHMARK = re.compile(r"(?:\S*python )(benchmarks/\w+\.py)")


def fences(page: Path) -> Iterator[tuple[str, str]]:
    """Language and content of each fence, in order."""
    yield from _FENCE.findall(page.read_text(encoding="utf-8"))


def perform(page: Path, folder: Path) -> list[str]:
    """Write the files that a page names and run its commands, in order; the commands."""
    done: list[str] = []
    for language, content in fences(page):
        if match := _FILE.match(content):
            (folder / match[1]).write_text(content, encoding="utf-8")
        elif language == "shell":
            done += [_run(line, folder) for line in _commands(content)]
    return done


def _commands(content: str) -> Iterator[str]:
    for line in content.replace("\\\n", " ").splitlines():
        command = line.partition("  #")[0].strip()
        if command and not is_elsewhere(command):
            yield command


def is_elsewhere(command: str) -> bool:
    """Whether a command is not run with the page; what it names in the clone exists."""
    if match := _BENCHMARK.search(command):
        assert (ROOT / match[1]).is_file(), f"there is no {match[1]}"
        return True
    if match := re.match(r"make (\w+)", command):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{match[1]}:", makefile, re.MULTILINE), f"no target {match[1]}"
    return _ELSEWHERE.match(command) is not None or command.startswith(("pytest", "BSB_HDF5_"))


def _run(command: str, folder: Path) -> str:
    words = shlex.split(command)
    if words[0] == "bsb" and not set(command) & set("|&;<>$*`"):
        _run_here(words[1:], folder)
        return command
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == finished.returncode, f"{command}\n{finished.stdout}\n{finished.stderr}"
    return command


def _run_here(arguments: list[str], folder: Path) -> None:
    """A command of BSB in this process: to import BSB takes longer than most of them."""
    with contextlib.chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("default")
        try:
            handle_command(arguments)
        except SystemExit as ended:
            assert not ended.code, f"bsb {shlex.join(arguments)}: exit code {ended.code}"
