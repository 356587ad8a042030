"""
Stage, publish, fold: small calls of many writers, which are logged and carried out later.

A call that adds rows to a set is checked against what is known of the network, and appended to the
log of the network, without a lock on the network. Whoever opens the network to write carries out
first what is logged, in the same session, so that a commit stores all of it, or nothing. Whoever
reads a set for which rows are logged has that done before.
"""

from __future__ import annotations

import atexit
import contextlib
import enum
import secrets
import sys
import threading
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Protocol, cast

import attrs

from ..core.layouts.columnar.network import ColumnarNetwork
from ..core.layouts.columnar.staged import StagedCall, can_stage, replay, target_of
from ..core.layouts.pending import Targets
from ..core.layouts.protocols import NetworkReader
from ..core.provenance import WriterInfo, stamp
from ..errors import CorruptNetworkError, StorageError, StoreAccessError
from ..platform import Forks, after_fork_in_child
from ..ports.call_log import CallLog, HeldLog, Mark, Position, Publication
from ..ports.store import ReadSession, ReadsWithoutLock, WriteSession
from ..telemetry import is_recording, span
from .contention import Contention
from .session import Session
from .versioned_cache import Version

OnHidden = Callable[[str], object]


class Folding(enum.Enum):
    """The log that a writing session leaves, once it has carried out the logged calls."""

    USUAL = enum.auto()
    """The log, if calls are staged here."""
    BEGIN = enum.auto()
    """A log, to stage calls."""
    END = enum.auto()
    """No log."""
    DROP = enum.auto()
    """No log, even if the rows in it are lost."""


# Calls that are larger take longer than what they would save.
_MOST_BYTES = 8 * 1024 * 1024
_MOST_TRIES = 3
_TOKEN_BITS = 62
# Stagings whose log may hold calls as the process ends.
_USED: dict[int, Callable[[], object]] = {}


class CallSessions(Protocol):
    """The sessions of a store, as far as staging needs them."""

    def as_stored(self) -> AbstractContextManager[Session]:
        """A session that reads what is stored, without the calls that are logged."""

    def fold(self, folding: Folding) -> None:
        """Carry out what is logged."""

    def end_staging(self) -> None:
        """Carry out what is logged, as the process ends."""


@attrs.define
class KnownState:
    """
    What is known of a network in one state.

    :param forms: of calls that can be staged.
    """

    position: Position
    forms: set[Hashable] = attrs.field(factory=set)


class Staging:
    """
    The staged calls of one store.

    :param log: where they wait.
    :param on_hidden: called with a sentence if a session can't see some of them.
    """

    def __init__(self, log: CallLog, on_hidden: OnHidden) -> None:
        self._log = log
        self._on_hidden = on_hidden
        self.shares = False
        """Whether calls are staged here; they are carried out in any case."""
        self.contention: Contention | None = None
        """Decides whether they are; None if that is decided once for all."""
        self._is_refused = False
        self._mutex, self._forks = threading.Lock(), Forks.count
        self._known: KnownState | None = None
        # Of which mark calls were seen, up to where, and for which sets.
        self._seen: tuple[Mark | None, int, Targets] = (None, 0, frozenset())

    def pending(
        self, session: ReadSession | WriteSession, network: NetworkReader, location: str
    ) -> Targets:
        """
        The sets that lack rows; none if these are lost.

        :param session: session of the store.
        """
        mark = network.mark
        if mark is None:
            return frozenset()
        try:
            return self._targets(mark)
        except StorageError as error:
            # Without a lock, the network may have changed since; it will be read again.
            if not isinstance(session, ReadsWithoutLock) or session.is_current():
                self._on_hidden(f"'{location}' is read without rows that it lacks: {error}")
            return frozenset()

    def _targets(self, mark: Mark) -> Targets:
        seen, end, targets = self._seen
        if seen != mark:
            end, targets = 0, frozenset()
        titles, end = self._log.titles(mark, end)
        if titles:
            targets = targets.union(map(target_of, titles))
        self._seen = (mark, end, targets)
        return targets

    def lost(self, network: NetworkReader) -> str | None:
        """A sentence about a log that is missing; None if it exists, or none is needed."""
        try:
            if network.mark is not None:
                self._log.titles(network.mark, 0)
        except CorruptNetworkError as error:
            return error.message
        return None

    def tell_hidden(self, location: str, targets: Targets) -> None:
        """Say which sets are read without some of their rows."""
        names = ", ".join(sorted(f"'{name}'" for _, name in targets))
        self._on_hidden(
            f"'{location}' is read without the rows that other programs or ranks have added to"
            f" {names} since the file was written last; open it once where it can be written, to"
            " store them"
        )

    def begin(
        self, session: Session, writer: WriterInfo, version: Version, folding: Folding
    ) -> Fold | None:
        """
        Carry out what is logged, at the begin of a session that writes.

        :param version: version of the store.
        :returns: what is left to do; None if the network has no log and needs none.
        :raises CorruptNetworkError: the log is missing.
        """
        if self.contention is not None:
            self.shares = self.contention.begin(version) and self._keeps_calls(session.network)
        if session.network.mark is None and folding is not Folding.BEGIN:
            return None
        network = cast(ColumnarNetwork, session.network_writer)
        if folding is Folding.DROP and self.lost(network):
            network.set_mark(None)
            return None
        keep = folding is Folding.BEGIN
        if folding is Folding.USUAL:
            keep = self.shares and self._log.is_found_by_all
        fold = Fold(self._log.hold(network.mark), network, keep=keep)
        try:
            fold.carry_out(session, writer)
        except BaseException:
            fold.release()
            raise
        return fold

    def commit(self, version: Version) -> None:
        """A session that writes has stored a version."""
        if self.contention is not None:
            self.contention.commit(version)

    def position(self, network: NetworkReader) -> Position | None:
        """The position that a call planned in a reading session is checked against."""
        mark = network.mark
        return None if mark is None else self._log.position(mark)

    def stage(self, call: StagedCall, sessions: CallSessions, planned: Position | None) -> bool:
        """
        Log a call.

        :param planned: what it was checked against; None if it depends on no cells.
        :returns: whether it is logged; otherwise it has to be made in the usual way.
        """
        for _ in range(_MOST_TRIES):
            known = self._known
            if known is None or call.form not in known.forms:
                known = self._known = self._learn(call, sessions)
            if known is None or planned not in (None, known.position):
                return False
            found = self._publish(known.position, call, sessions)
            if found is not Publication.STALE:
                return found is Publication.DONE
            self._known = None
        return False

    def _learn(self, call: StagedCall, sessions: CallSessions) -> KnownState | None:
        """Check a call against the network as it is stored; None if it can't be staged."""
        for _ in range(_MOST_TRIES):
            with sessions.as_stored() as session:
                network = session.network
                if not self._keeps_calls(network):
                    self.shares = False
                    return None
                if not can_stage(call, cast(ColumnarNetwork, network)):
                    return None
                position = self.position(network)
            if position is not None:
                known = self._known
                forms = known.forms if known is not None and known.position == position else ()
                return KnownState(position, {*forms, call.form})
            try:
                sessions.fold(Folding.BEGIN)
            except StoreAccessError:
                # The file may be writable where no other one can be made.
                self._is_refused, self.shares = True, False
                return None
        return None

    def _keeps_calls(self, network: NetworkReader) -> bool:
        """Whether the layout has a place for the mark of a log, which can be made and found."""
        can_keep = network.layout == ColumnarNetwork.layout and not self._is_refused
        return can_keep and self._log.is_found_by_all

    def _publish(self, position: Position, call: StagedCall, sessions: CallSessions) -> Publication:
        title, rows = call.encode()
        size = sum(map(len, rows))
        if size > _MOST_BYTES:
            return Publication.FULL
        if self._forks != Forks.count:
            # A thread of the parent may have held it.
            self._mutex, self._forks = threading.Lock(), Forks.count
        with self._mutex:
            if not _USED:
                _register_end()
            _USED.setdefault(id(self), sessions.end_staging)
            if not is_recording():
                return self._log.publish(position, title, rows)
            with span("hdf5.publish", {"hdf5.publish.bytes": len(title) + size}) as recorded:
                found = self._log.publish(position, title, rows)
                recorded.set_attribute("hdf5.publish.done", found is Publication.DONE)
                return found


class Fold:
    """
    The log, held by a session that writes.

    :param log: is released in the end.
    :param network: network of the session.
    :param keep: whether calls are staged from now on.
    """

    def __init__(self, log: HeldLog, network: ColumnarNetwork, *, keep: bool) -> None:
        self._log = log
        self._network = network
        self._keep = keep
        self._before, self._next = network.mark, network.mark
        self._state = log.state

    def carry_out(self, session: Session, writer: WriterInfo) -> None:
        """Carry out what is logged, recorded as an OpenTelemetry span ``hdf5.fold``."""
        if not is_recording():
            self._carry_out(session, writer)
            return
        with span("hdf5.fold", {}) as recorded:
            calls = self._carry_out(session, writer)
            recorded.set_attribute("hdf5.fold.calls", calls)

    def _carry_out(self, session: Session, writer: WriterInfo) -> int:
        network = self._network
        calls = replay(network, self._log.records())
        if calls:
            stamp(network, writer, calls)
        if not self._keep:
            network.set_mark(None)
        # What changes from now on is the session's own.
        session.folded = session.changes
        return calls

    def prepare(self, session: Session, *, changed: bool) -> None:
        """
        Before the commit.

        :param changed: whether the session changed anything itself.
        """
        before = self._before
        if not self._keep:
            if before is not None:
                self._log.close(before)
            return
        if before is not None and self._state and not session.changes:
            return
        self._next = (before or Mark(secrets.randbits(_TOKEN_BITS), 0)).next()
        if changed or not self._state:
            self._state = self._next.generation
        # A new log bears its first mark before the network does.
        self._log.close(before or self._next)
        self._network.set_mark(self._next)

    def finish(self) -> None:
        """Reset the log after the commit; until that succeeds, no call can be appended."""
        with contextlib.suppress(StorageError):
            if not self._keep:
                self._log.remove()
            elif self._next is not None and self._next != self._before:
                self._log.restart(self._next, self._state)

    def release(self) -> None:
        """Release the log, so that others can append."""
        self._log.release()


def _register_end() -> None:
    # What is registered last runs first: HDF5 can still be used.
    atexit.unregister(_end)
    atexit.register(_end)
    # A forked worker of multiprocessing leaves without what is registered above.
    workers = sys.modules.get("multiprocessing.util")
    if workers is not None:
        workers.Finalize(None, _end, exitpriority=0)


def _end() -> None:
    """Carry out logged calls at the end of the process; on an error, the next program does."""
    while _USED:
        _, end = _USED.popitem()
        with contextlib.suppress(StorageError):
            end()


after_fork_in_child(_USED.clear)
