"""Transactions that are recorded as OpenTelemetry spans."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from types import TracebackType

from opentelemetry.trace import Span

from ..telemetry import span
from .deadline import waits_begun
from .session import Session


class RecordedTransaction:
    """
    A transaction with a span ``hdf5.file.open``, from when the network is open until it is closed.

    :param transaction: the transaction.
    :param root: root of the network.
    :param mode: ``"r"`` for one that reads, ``"a"`` for one that writes.
    """

    def __init__(self, transaction: AbstractContextManager[Session], root: str, mode: str) -> None:
        self._transaction = transaction
        self._root = root
        self._mode = mode

    def __enter__(self) -> Session:
        before, start = waits_begun(), time.monotonic()
        session = self._transaction.__enter__()
        waited = time.monotonic() - start if waits_begun() > before else 0.0
        try:
            self._span = opening_span(self._root, self._mode, waited)
            self._span.__enter__()
        except BaseException as error:
            # Nobody else would end the transaction, which holds the lock.
            self._transaction.__exit__(type(error), error, error.__traceback__)
            raise
        return session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._transaction.__exit__(kind, error, trace)
        except BaseException as failure:
            self._span.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._span.__exit__(kind, error, trace)


def opening_span(root: str, mode: str, waited: float = 0.0) -> AbstractContextManager[Span]:
    """
    The span of an open network.

    :param mode: as for :class:`RecordedTransaction`; ``"w"`` for one that is created.
    :param waited: seconds that others held the lock.
    """
    wait_ms = int(1000 * waited)
    return span(
        "hdf5.file.open",
        {
            "hdf5.file.path": root,
            "hdf5.file.mode": mode,
            "hdf5.file.wait_ms": wait_ms,
            "hdf5.file.slow_lock": wait_ms > 0,
        },
    )
