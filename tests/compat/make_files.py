"""
Remake the committed files of bsb-hdf5 8.0.2, and what it reads from them.

    .upstream-venv/<digest>/bin/python tests/compat/make_files.py

It runs in the environment of 8.0.2 (``upstream.py`` makes it) and writes to ``files``. The files
get new ids and times; everything else in them stays, so the dumps must not change otherwise.
Nothing of the machine gets into them: the host is made up, paths are relative.
"""

import functools
import gzip
import importlib.metadata
import json
import os
import runpy
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import bsb.storage.provenance
import h5py

HERE = Path(__file__).parent
FILES = HERE / "files"
SIZE_LIMIT = 300_000
"""Bytes that a committed file may take."""

SET_ATTRIBUTES_OF_BSB_8 = ("cell_type", "created_at", "morphology_hashes", "revision", "tag")

Dump = dict[str, Any]


def nowhere_in_particular() -> dict[str, str]:
    """The part of the provenance that would tell about the machine."""
    return {
        "platform": "Linux",
        "python_version": "3.11",
        "hostname": "localhost",
        "user": "user",
        "cwd": ".",
    }


@contextmanager
def structures_of_hdf5_1_8() -> Iterator[None]:
    """h5py writes nothing older than HDF5 1.8, where its own default is the oldest that does."""
    original = h5py.File
    h5py.File = functools.partial(original, libver=("v108", "latest"))
    try:
        yield
    finally:
        h5py.File = original


def remove_what_bsb_8_added(file: Path) -> None:
    with h5py.File(file, "r+") as handle:
        del handle.attrs["bsb_provenance"]
        for group in (*handle["placement"].values(), *handle["connectivity"].values()):
            for name in SET_ATTRIBUTES_OF_BSB_8:
                if name in group.attrs:
                    del group.attrs[name]


def make_networks(folder: Path) -> None:
    """Write the four files to the folder, each while it is the current one."""
    network = runpy.run_path(str(HERE / "network.py"))
    with chdir(folder):
        network["create"]("created-default.hdf5")
        with structures_of_hdf5_1_8():
            network["create"]("created-newer.hdf5")
        shutil.copy("created-default.hdf5", "created-legacy.hdf5")
        remove_what_bsb_8_added(folder / "created-legacy.hdf5")
        shutil.copy("created-default.hdf5", "extended-default.hdf5")
        network["extend"]("extended-default.hdf5")


def read_networks(folder: Path) -> dict[str, Dump]:
    """What is read from each file; of copies, because 8.0.2 rewrites a legacy file it opens."""
    dump = runpy.run_path(str(HERE / "dump.py"))["dump"]
    with tempfile.TemporaryDirectory() as scratch, chdir(scratch):
        dumps = {}
        for file in sorted(folder.glob("*.hdf5")):
            shutil.copy(file, "network.hdf5")
            dumps[file.stem] = dump("network.hdf5")
            dumps[file.stem]["volatile"] = {}
            Path("network.hdf5").unlink()
        return dumps


def check_that_created_files_hold_the_same(dumps: dict[str, Dump]) -> None:
    texts = {name: as_text(dump) for name, dump in dumps.items() if name.startswith("created-")}
    if len(set(texts.values())) != 1:
        raise SystemExit(f"different networks were read from {', '.join(texts)}")


def as_text(dump: Dump) -> str:
    return json.dumps(dump, sort_keys=True, indent=1, ensure_ascii=False)


def write_compressed(name: str, content: bytes) -> None:
    """Compressed without a time, so equal contents are equal files."""
    compressed = gzip.compress(content, mtime=0)
    if len(compressed) > SIZE_LIMIT:
        raise SystemExit(f"{name} takes {len(compressed)} bytes, more than {SIZE_LIMIT}")
    (FILES / name).write_bytes(compressed)
    print(f"{name}: {len(compressed)} bytes, {len(content)} unpacked")


def main() -> None:
    version = importlib.metadata.version("bsb-hdf5")
    if version != "8.0.2":
        raise SystemExit(f"these are the files of bsb-hdf5 8.0.2, but {version} is installed")
    bsb.storage.provenance.collect_host_info = nowhere_in_particular
    os.umask(0o022)
    FILES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_networks(folder)
        dumps = read_networks(folder)
        check_that_created_files_hold_the_same(dumps)
        for name in dumps:
            write_compressed(f"{name}.hdf5.gz", (folder / f"{name}.hdf5").read_bytes())
    for name in ("created", "extended"):
        write_compressed(f"{name}.json.gz", as_text(dumps[f"{name}-default"]).encode())


if __name__ == "__main__":
    main()
