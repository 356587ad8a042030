"""Bytecode of the packages that benchmarks compare.

A package that is used from its sources may have none, for instance where the environment forbids
Python to write it. Each process would then compile the modules again, those that are imported late
within the times that are measured.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

_COMPILE = """
import compileall, importlib.util, sys
package = importlib.util.find_spec("bsb_hdf5").submodule_search_locations[0]
sys.exit(not compileall.compile_dir(package, quiet=1))
"""


def compile_packages(*pythons: Path) -> None:
    """
    Compile the package ``bsb_hdf5`` of some environments, as far as that is not done.

    :param pythons: the interpreters of the environments.
    """
    for python in pythons:
        subprocess.run([str(python), "-c", _COMPILE], check=True)
