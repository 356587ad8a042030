"""Commands work on names of any script, also where the locale knows ASCII alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bsb_hdf5 import open_storage
from bsb_hdf5.testing.network_samples import cell_type, morphology_of
from tests.unit.queries.networks import new_storage

COMMANDS = """
import sys
from bsb_hdf5.cli.running import main

for line in sys.argv[1:]:
    code = main(line.split())
    assert code == 0, (line, code)
for line in ("info K\\xf6rner.hdf5", "copy network.hdf5 K\\xf6rner.hdf5"):
    assert main(line.split()) == 2
"""
LINES = (
    "copy Körner.hdf5 network.hdf5",
    "copy Körner.hdf5 Kopie-ö.hdf5",
    "convert Körner.hdf5 粒.zarr",
    "copy 粒.zarr Kopie-ü.zarr",
    "diff Kopie-ö.hdf5 Kopie-ü.zarr",
    "info Kopie-ü.zarr --sets",
    "stats Körner.hdf5 --set Körner→粒",
    "export Körner.hdf5 Körner --to sonata",
    "import Körner Zurück.hdf5",
    "export Zurück.hdf5 Körner --to sonata --overwrite",
    "export Zurück.hdf5 Tabellen-ä",
)


@pytest.mark.skipif(os.name == "nt", reason="names of files are texts there, in any locale")
def test_names_beyond_the_locale_are_files_in_utf8_and_escapes_on_the_screen(
    tmp_path: Path,
) -> None:
    storage = new_storage("classic", tmp_path)
    grains = cell_type("Körner")
    storage.require_placement_set(grains).label(["粒"], [])
    storage.require_connectivity_set(grains, grains, "Körner→粒")
    storage.morphologies.save("粒/細胞", morphology_of("one branch"))
    storage.copy(str(tmp_path / "Körner.hdf5"))
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *LINES],
        cwd=tmp_path,
        env={**os.environ, **locale},
        capture_output=True,
        timeout=120,
        check=False,
    )
    said = done.stderr.decode("ascii")
    assert 0 == done.returncode, said
    assert 2 == len(said.splitlines())
    assert "there is no storage at 'K\\xf6rner.hdf5'" in said
    assert "'K\\xf6rner.hdf5' can't be encoded in ascii" in said
    assert "K\\xf6rner " in done.stdout.decode("ascii")
    assert {"Kopie-ö.hdf5", "粒.zarr", "Kopie-ü.zarr"} <= {*os.listdir(tmp_path)}
    assert ["粒%2F細胞.swc"] == os.listdir(tmp_path / "Körner" / "morphologies")
    assert ["粒/細胞"] == [
        e.name for e in open_storage(tmp_path / "Zurück.hdf5").morphologies.all()
    ]
