"""Run the scripts of the suite with either engine, and compare what they read."""

import atexit
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import attrs

FOLDER = Path(__file__).parent
NETWORK = FOLDER / "network.py"
DUMP = FOLDER / "dump.py"
PREPARED = FOLDER / "prepared.py"
TIME_LIMIT = 100
"""Seconds for a script."""
OUR_PYTHON_VARIABLE = "BSB_HDF5_COMPAT_PYTHON"
"""Names another interpreter to stand on our side, to try the suite itself."""

Dump = dict[str, Any]

LEAKING_VARIABLES = ("PYTHON", "PYTEST", "COV_", "COVERAGE")
"""How the names of variables begin that would change what another interpreter does."""


@attrs.frozen
class Interpreter:
    """A Python with one of the two engines installed."""

    name: str
    python: Path

    def create(self, file: Path) -> Path:
        self.run(NETWORK, "create", file.name, folder=file.parent)
        return file

    def extend(self, file: Path) -> Path:
        self.run(NETWORK, "extend", file.name, folder=file.parent)
        return file

    def dump(self, file: Path) -> Dump:
        out = file.with_name(f"{file.name}.{self.name}.json")
        self.run(DUMP, file.name, out.name, folder=file.parent)
        return parse_dump(out.read_text(encoding="utf-8"))

    def run(self, script: Path, *arguments: str, folder: Path) -> None:
        """Run a script with this engine, in a folder and a process of its own."""
        errors = folder / f"{script.stem}.{self.name}.errors"
        task = {
            "script": str(script),
            "arguments": arguments,
            "folder": str(folder),
            "environment": _environment(),
            "errors": str(errors),
            "seconds": TIME_LIMIT,
        }
        status = _prepared(self.python).run(task)
        assert status == 0, (
            f"{self.name}: {script.name} {' '.join(arguments)} ended with status "
            f"{status}:\n{errors.read_text(encoding='utf-8')[-4000:]}"
        )


class Prepared:
    """An interpreter that has imported BSB, from which a process is forked for each script."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [str(python), str(PREPARED)],
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self.close)

    def run(self, task: dict[str, Any]) -> int:
        """The exit status of a script; below 0 it is the number of a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(task), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@cache
def _prepared(python: Path) -> Prepared:
    return Prepared(python)


def _environment() -> dict[str, str]:
    return {
        key: value for key, value in os.environ.items() if not key.startswith(LEAKING_VARIABLES)
    }


def our_interpreter() -> Interpreter:
    return Interpreter("ours", Path(os.environ.get(OUR_PYTHON_VARIABLE) or sys.executable))


def parse_dump(text: str) -> Dump:
    """A dump whose floats stay the exact texts that were written, so -0.0 and nan compare too."""
    document: Dump = json.loads(text, parse_float=str, parse_constant=str)
    return document


def read_compressed_dump(file: Path) -> Dump:
    return parse_dump(gzip.decompress(file.read_bytes()).decode("utf-8"))


def network_of(dump: Dump) -> Dump:
    """The dump without what differs from one build of the network to the next."""
    return {section: content for section, content in dump.items() if section != "volatile"}


def differences(expected: Any, actual: Any, limit: int = 20) -> list[str]:
    """Where two dumps differ, the first places only: the documents are long."""
    return list(islice(_differences(expected, actual, "dump"), limit))


def _differences(expected: Any, actual: Any, where: str) -> Iterator[str]:
    if type(expected) is not type(actual):
        yield f"{where}: expected {expected!r:.200}, got {actual!r:.200}"
    elif isinstance(expected, dict):
        for key in sorted(expected.keys() | actual.keys()):
            if key not in actual:
                yield f"{where}[{key!r}] is missing"
            elif key not in expected:
                yield f"{where}[{key!r}] is not expected: {actual[key]!r:.200}"
            else:
                yield from _differences(expected[key], actual[key], f"{where}[{key!r}]")
    elif isinstance(expected, list):
        if len(expected) != len(actual):
            yield f"{where}: expected {len(expected)} items, got {len(actual)}"
        for index, (left, right) in enumerate(zip(expected, actual, strict=False)):
            yield from _differences(left, right, f"{where}[{index}]")
    elif expected != actual:
        yield f"{where}: expected {expected!r:.200}, got {actual!r:.200}"
