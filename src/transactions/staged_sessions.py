"""The methods of a store's sessions that log calls, and have them carried out."""

from __future__ import annotations

from contextlib import AbstractContextManager

from ..core.layouts.columnar.staged import StagedCall
from ..core.layouts.protocols import NetworkReader
from ..errors import HandleError, ReadOnlyError
from ..ports.call_log import Position
from ..ports.store import LimitsWaits, ReadSession, Store, WriteSession
from .interrupts import without_interrupts
from .session import Session, active_session
from .staging import Folding
from .transaction import OnPending, ReadTransaction, TransactionContext, WriteTransaction

# Seconds for which a process that ends waits for the others.
_LONGEST_END = 2.0


class StagedSessions:
    """
    Logs the calls of one store; see :mod:`.staging`.

    :param context: what it takes to open a session.
    """

    _context: TransactionContext

    @property
    def store(self) -> Store:
        """The store of the network."""
        return self._context.store

    @property
    def in_scope(self) -> bool:
        """Whether this context has a session of the store open."""
        return active_session(self.store.identity) is not None

    @property
    def shares(self) -> bool:
        """Whether calls may be logged at all."""
        staging = self._context.staging
        return staging is not None and staging.shares

    @property
    def stages(self) -> bool:
        """Whether a call made now may be logged, to be carried out later."""
        staging = self._context.staging
        if staging is None or not staging.shares:
            return False
        return not self._context.settings.read_only and not self.in_scope

    @without_interrupts
    def stage(self, call: StagedCall, planned: Position | None = None) -> bool:
        """
        Log a call, where :attr:`stages`.

        :param planned: what it was planned with (:meth:`position`); None if it needs no plan.
        :returns: whether that is done; otherwise it has to be made in the usual way.
        """
        staging = self._context.staging
        return staging is not None and staging.stage(call, self, planned)

    def position(self, session: Session) -> Position | None:
        """The position that a call is planned at in a session; None if it can't be logged."""
        staging = self._context.staging
        return None if staging is None else staging.position(session.network)

    def as_stored(self) -> AbstractContextManager[Session]:
        """A session that reads what is stored, without the calls that are logged."""
        return ReadTransaction(self._context, self.store.identity, OnPending.IGNORE)

    def fold(self, folding: Folding) -> None:
        """Carry out what is logged."""
        with WriteTransaction(self._context, self.store.identity, folding):
            """All is done by its begin and its commit."""

    def settle(self) -> None:
        """
        Carry out what is logged, and leave nothing beside the store.

        :raises ReadOnlyError: in read-only mode, if there is anything to do.
        :raises CorruptNetworkError: the rows that are logged are lost.
        """
        if self._context.staging is None or self.in_scope or not self.store.exists():
            return
        with self.as_stored() as session:
            is_marked = session.network.mark is not None
        if is_marked:
            self._check_writable()
            self.fold(Folding.END)

    @without_interrupts
    def end_staging(self) -> None:
        """As :meth:`settle`, at the end of the process, with a short wait for others."""
        settings = self._context.settings
        if settings.read_only:
            return
        settings.limit = min(settings.limit, _LONGEST_END)
        if isinstance(self.store, LimitsWaits):
            self.store.hurry(_LONGEST_END)
        self.settle()

    def lost_calls(self, session: Session) -> str | None:
        """A sentence about logged rows that are lost; None if there are none."""
        staging = self._context.staging
        return None if staging is None else staging.lost(session.network)

    def _check_writable(self) -> None:
        if self._context.settings.read_only:
            raise ReadOnlyError(
                f"'{self.store.location}' is in read-only mode; this operation writes"
            )

    def _check_adopted(
        self, raw: ReadSession | WriteSession, network: NetworkReader, *, write: bool
    ) -> None:
        """Check that an open file of a caller lacks no rows."""
        staging = self._context.staging
        if staging is None:
            return
        if write and network.mark is not None:
            raise HandleError(
                f"other programs or ranks have added rows to '{self.store.location}' that may not"
                " be in the file yet; use write_scope(), which stores them, and no open file"
            )
        targets = staging.pending(raw, network, self.store.location)
        if targets:
            staging.tell_hidden(self.store.location, targets)
