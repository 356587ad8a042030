"""
Small networks of each format, as they are committed, and all that they hold.

``python -m tests.formats.networks`` writes those that are missing. A file that is there stays as it
is: every later version has to read it. A new version of a format gets a file of its own.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from bsb import Storage
from numpy.typing import NDArray

from bsb_hdf5.adapters.hdf5.atomic.journal import Journal
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.testing.contents import make, writing
from tests.face.samples import SmallNetwork, connections

FILES = Path(__file__).parent / "files"
WRITTEN = ("hdf5-classic-labels", "hdf5-columnar-1.1", "zarr-3")
FORMATS = (*WRITTEN, "hdf5-classic", "hdf5-columnar", "zarr", "zarr-2")
JOURNAL = FILES / "journal.bin"
DTYPES = tuple(FILES / f"{name}.tar.gz" for name in ("zarr-dtypes", "zarr-2-dtypes"))
# As arrays of a group may have them; the last of them, zarr stores as bytes.
ALL_DTYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", ">f8", ">i4", "c16")
AS_BYTES = ("S5", "U3", "M8[s]", "f2")
# In the manifest and in an array of its own, as the first version of the zarr format has them.
FEW, MANY = 3, 700
# Small, and up to the end of the file.
PIECES: list[tuple[int, bytes]] = [(3, b"abc"), (40, bytes(range(50)))]
CONTENT = bytes(100)


def new_network(name: str, folder: Path) -> Storage:
    """The network, made by this version."""
    engine, layout, *_ = *name.split("-"), ""
    root = folder / f"network.{engine}"
    storage = Storage(engine, NetworkRoot(root, layout) if engine == "hdf5" else str(root))
    SmallNetwork.build(storage)
    return storage


def committed_network(name: str, folder: Path) -> Storage:
    """The network, as it was committed."""
    engine = name.split("-", maxsplit=1)[0]
    with tarfile.open(FILES / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return Storage(engine, str(folder / f"network.{engine}"))


def values_of(storage: Storage) -> dict[str, Any]:
    """Everything that is stored, as JSON has it."""
    network = SmallNetwork.of(storage)
    morphology = storage.morphologies.load("stub")
    found: dict[str, Any] = {
        "chunks": storage._engine.get_chunk_stats(),
        "out": connections(network.ab, "out"),
        "inc": connections(network.ab, "inc"),
        "files": {id_: storage.files.load(id_)[0] for id_ in storage.files.all()},
        "points": morphology.flatten().tolist(),
        "radii": morphology.flatten_radii().tolist(),
    }
    for cells in (network.a, network.b):
        name = cells.cell_type.name
        found[name] = {
            "positions": cells.load_positions().tolist(),
            "ids": cells.load_ids().tolist(),
            "core": cells.get_label_mask(["core"]).tolist(),
            "additional": {
                key: np.asarray(v).tolist() for key, v in cells.load_additional().items()
            },
        }
    rotations, morphologies = network.a.load_rotations(), network.a.load_morphologies()
    found["a"]["rotations"] = [each.as_euler("xyz").tolist() for each in rotations]
    found["a"]["morphologies"] = [morphologies.names, morphologies.get_indices().tolist()]
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return plain


def structure_of(storage: Storage) -> Any:
    """How the network lies in its store: names, shapes and kinds, without the values."""
    root = Path(storage.root)
    if root.is_file():
        found: list[Any] = []
        with h5py.File(root, "r") as file:
            file.visititems(lambda name, node: found.append([name, *_kinds(node)]))
            return json.loads(json.dumps([["/", *_kinds(file)], *found]))
    return _keys(json.loads((root / "zarr.json").read_text()))


def _kinds(node: Any) -> list[Any]:
    attributes = sorted((name, str(np.asarray(v).dtype.kind)) for name, v in node.attrs.items())
    if isinstance(node, h5py.Dataset):
        return [str(node.dtype), list(node.shape), attributes]
    return ["group", attributes]


def _keys(value: Any) -> Any:
    """A document with the kinds of its values."""
    if isinstance(value, dict):
        return {key: _keys(each) for key, each in value.items()}
    return type(value).__name__


def rows_of(dtype: str, count: int) -> NDArray[Any]:
    """Rows of a dtype, the same at every time."""
    numbers = (np.arange(count * 2).reshape(count, 2) * 37) % 101
    return numbers.astype("i8" if dtype.startswith("M") else dtype).astype(dtype)


def write_dtypes(root: Path) -> None:
    """A zarr store with an array of each dtype, few and many rows."""
    with writing(make(ZarrStore(root))) as group:
        for dtype in (*ALL_DTYPES, *AS_BYTES):
            for count in (FEW, MANY):
                group.create_array(f"{dtype} {count}", rows_of(dtype, count))


def packed(path: Path) -> bytes:
    """An archive of a file or folder."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.add(path, arcname=path.name)
    return gzip.compress(content.getvalue(), mtime=0)


def journal_bytes() -> bytes:
    """A file that ends in a journal."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(CONTENT)
        Journal(len(CONTENT), 90, PIECES).write(file.fileno())
        file.seek(0)
        return file.read()


def main() -> None:
    FILES.mkdir(exist_ok=True)
    for name in FORMATS:
        target = FILES / f"{name}.tar.gz"
        if target.exists():
            continue
        with tempfile.TemporaryDirectory() as folder:
            storage = new_network(name, Path(folder))
            values = json.dumps(values_of(storage), indent=1, sort_keys=True)
            (FILES / f"{name}.json").write_text(values + "\n")
            target.write_bytes(packed(Path(storage.root)))
    if not JOURNAL.exists():
        JOURNAL.write_bytes(journal_bytes())
    if not DTYPES[-1].exists():
        with tempfile.TemporaryDirectory() as folder:
            write_dtypes(Path(folder, "network.zarr"))
            DTYPES[-1].write_bytes(packed(Path(folder, "network.zarr")))


if __name__ == "__main__":
    main()
