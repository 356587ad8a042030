"""Networks put at a URL for others to read."""

from __future__ import annotations

import os
import tempfile

import bsb

from ..config import Root
from ..exceptions import bsb_errors
from ..ports.store import Publishing
from ..storages import engine_of, open_storage
from .convert import convert


def publish(source: bsb.Storage | Root, url: str) -> bsb.Storage:
    """
    :guilabel:`collective` Copy a network to a URL as a plain zarr group, which is only read there.

    Whoever may read the URL opens it with ``bsb_hdf5.open_storage(url)``, and every program that
    knows zarr reads its arrays. It stays as it is: to change it, change a copy and publish that.

    :param source: ``bsb.Storage``, or its root.
    :param url: where there is nothing yet, such as ``s3://bucket/network.zarr``. Credentials and
        endpoint come from the environment.
    :returns: the published network.
    :raises StoreExistsError: there is something at the URL.
    :raises StoreError: obstore is not installed: ``pip install 'bsb-hdf5[cloud]'``.
    :raises StoreAccessError: the service does not let you write there.
    """
    storage = source if isinstance(source, bsb.Storage) else open_storage(source)
    engine = engine_of(storage)
    engine.ranks.on_main(lambda: _publish(storage, url))
    return bsb.Storage("zarr", url, storage._comm.get_communicator(), missing_ok=False)


def _publish(storage: bsb.Storage, url: str) -> None:
    store = engine_of(storage).sessions.store
    with bsb_errors():
        if isinstance(store, Publishing):
            store.publish(url)
            return
        with tempfile.TemporaryDirectory(prefix="bsb-hdf5-") as folder:
            copy = convert(storage, os.path.join(folder, "network.zarr"), engine="zarr")
            plain = engine_of(copy).sessions.store
            assert isinstance(plain, Publishing)
            plain.publish(url)
