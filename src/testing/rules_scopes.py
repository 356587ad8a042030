"""Scopes that are opened and left at random, as by errors."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import rule

from .network_history import NetworkHistory


class ScopeRules(NetworkHistory):
    """The rules that open and leave scopes."""

    @rule(what=st.sampled_from(["write", "read", "close", "fail", "catch"]))
    def open_or_leave_scopes(self, what: str) -> None:
        if what == "catch":
            self._catch_a_failure()
        elif what in ("write", "read") and len(self.scopes) < 3:
            self._enter(writes=what == "write")
        elif what == "fail":
            self._abandon()
        elif self.scopes:
            self._close()

    def _close(self) -> None:
        self.scopes.pop().manager.__exit__(None, None, None)

    def _catch_a_failure(self) -> None:
        if not self._writing:
            self._enter(writes=True)
        with suppress(ZeroDivisionError), self.storage.write_scope():
            self.storage.files.store("aborted_by")
            raise ZeroDivisionError
        self._aborts(self.storage.files.store, "too late")
        scopes, self.scopes = self.scopes[::-1], []
        for scope in scopes:
            if scope.before is None:
                scope.manager.__exit__(None, None, None)
            else:
                self._aborts(scope.manager.__exit__, None, None, None)
                self.model = scope.before
