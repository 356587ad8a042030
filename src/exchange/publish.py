"""Publishing networks at a URL."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import bsb

from ..config import NetworkRoot, Root, check_new_root
from ..engine import StorageEngine
from ..errors import InputError
from ..exceptions import bsb_errors
from ..ports.services import OBJECT_STORES, ServiceOptions, without_credentials
from ..ports.store import Publishing
from ..storages import engine_of, make_engine, open_storage
from ..transactions.interrupts import without_interrupts
from .convert import check_free, write_copy
from .unknown import CopyOptions, check_foreign


@without_interrupts
def publish(
    source: bsb.Storage | Root,
    url: str,
    *,
    storage_options: Mapping[str, object] | ServiceOptions | None = None,
    drop_unknown: bool = False,
    keep_damaged: bool = False,
) -> bsb.Storage:
    """
    :guilabel:`collective` Publish a network at a URL, as a read-only plain zarr group.

    It can be opened with ``bsb_hdf5.open_storage(url)``, and any program that supports zarr can
    read its arrays. A published network can't be changed: change and publish a copy instead.

    :param source: ``bsb.Storage``, or its root.
    :param url: an unused URL, such as ``s3://bucket/network.zarr``. Credentials and endpoint come
        from the environment, or from ``storage_options``.
    :param storage_options: options of the service
        (:class:`~bsb_hdf5.ports.services.ServiceOptions`).
    :param drop_unknown: as for :func:`convert`; also leave out what other programs made in the
        folder of a zarr network, which is never published.
    :param keep_damaged: as for :func:`convert`.
    :returns: the published network.
    :raises InputError: it is a path, or a URL at which no network can be stored, such as that of a
        web server or one within the source.
    :raises StoreExistsError: something lies at the URL.
    :raises StoreError: obstore is not installed: ``pip install 'bsb-hdf5[cloud]'``.
    :raises StoreAccessError: the service denies write access.
    :raises CorruptNetworkError: as for :func:`convert`; a zarr network is published as it is, and
        not checked.
    :raises UnknownContentError: as for :func:`convert`.
    """
    check_new_root(url)
    root = NetworkRoot.of(url)
    _check_url(str(root))
    storage = source if isinstance(source, bsb.Storage) else open_storage(source)
    engine = engine_of(storage)
    given = root.storage_options if storage_options is None else storage_options
    # Options for a source in a service are those for that service.
    target = NetworkRoot(url, storage_options=engine._options if given is None else given)
    made = make_engine("zarr", target, storage._comm)
    engine.ranks.on_main(lambda: _check(engine, made))
    options = CopyOptions(drop_unknown=drop_unknown, keep_damaged=keep_damaged)
    with _plain(storage, options) as plain:
        engine.ranks.on_main(lambda: _publish(plain, target, options))
    return bsb.Storage("zarr", target, storage._comm.get_communicator(), missing_ok=False)


def _check_url(url: str) -> None:
    scheme, separator, _ = url.partition("://")
    if not separator or scheme.lower() not in OBJECT_STORES:
        raise InputError(
            f"a network can't be published at '{without_credentials(url)}'; pass a URL that begins"
            " with s3://, gs:// or az://, or copy the network into a folder with bsb_hdf5.convert",
            asked=without_credentials(url),
        )


def _check(source: StorageEngine, target: StorageEngine) -> None:
    with bsb_errors():
        check_free(source, target)


@contextmanager
def _plain(storage: bsb.Storage, options: CopyOptions) -> Iterator[StorageEngine]:
    """
    :guilabel:`collective` A network that can be published: itself, or a copy in a temporary folder.
    """
    engine = engine_of(storage)
    if engine.ranks.on_main(lambda: _is_plain(engine, options)):
        yield engine
        return
    folder = engine.ranks.on_main(lambda: tempfile.mkdtemp(prefix="bsb-hdf5-"))
    try:
        copy = make_engine("zarr", os.path.join(folder, "network.zarr"), storage._comm)
        engine.ranks.on_main(lambda: write_copy(engine, copy, None, options))
        yield copy
    finally:
        if engine.ranks.rank == 0:
            shutil.rmtree(folder, ignore_errors=True)


def _is_plain(engine: StorageEngine, options: CopyOptions) -> bool:
    """Whether a network can be published as it is, with all that is in it."""
    if not isinstance(engine.sessions.store, Publishing):
        return False
    with engine.read_scope() as session:
        return not (options.drop_unknown and any(session.network.unknown()))


def _publish(engine: StorageEngine, target: NetworkRoot, options: CopyOptions) -> None:
    store = engine.sessions.store
    assert isinstance(store, Publishing)
    with bsb_errors():
        if not options.drop_unknown:
            check_foreign(store)
        store.publish(str(target), target.storage_options)
