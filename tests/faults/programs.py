"""Programs that run in a process of their own, as they fork, are interrupted, or run full."""

from __future__ import annotations

import os
from pathlib import Path

from tests.face.samples import run_python

ROOT = Path(__file__).parents[2]


def run_program(code: str, *arguments: str, seconds: float = 60) -> list[str]:
    """The lines that a program prints; it has to end well."""
    process = run_python(code, *arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        output, _ = process.communicate(timeout=seconds)
    finally:
        process.kill()
        process.wait()
    assert 0 == process.returncode, output
    return output.splitlines()
