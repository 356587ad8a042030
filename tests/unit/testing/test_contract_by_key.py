"""The contract of bytes by key notices broken transactions: each mutant fails the test of it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.testing.contract_by_key import KeyContract
from bsb_hdf5.testing.contract_claims import ClaimContract
from bsb_hdf5.testing.store_contract import NewStore
from tests.contract.cases import failures_of
from tests.contract.pickled_store import Pickled, PickledStore
from tests.mutants import NOTICED, check_is_called_alike

Mutant = tuple[str, dict[str, Callable[..., Any]]]

get, get_range, put, delete = Pickled.get, Pickled.get_range, Pickled.put, Pickled.delete
keys, commit, close, open_ = Pickled.keys, Pickled.commit, Pickled.close, PickledStore.open


class ContractOfSharing(KeyContract, ClaimContract):
    """What is promised to other processes, too."""


def by_other_keys(rule: Callable[[bytes], bytes]) -> dict[str, Callable[..., Any]]:
    """Keys are stored, and found, as other ones."""
    return {
        "get": lambda self, key: get(self, rule(key)),
        "put": lambda self, key, value: put(self, rule(key), value),
        "delete": lambda self, key: delete(self, rule(key)),
    }


def keys_and_the_next(self: Any, prefix: bytes) -> list[bytes]:
    """Up to the successor of the prefix, which does not begin with it."""
    if not prefix or prefix[-1] == 255:
        return list(keys(self, prefix))
    until = prefix[:-1] + bytes([prefix[-1] + 1])
    return [key for key in self.values if prefix <= key <= until]


def get_before_changes(self: Any, key: bytes, start: int, stop: int) -> bytes | None:
    """Parts of values are read from the file."""
    value = PickledStore(self.path).load(self.path).get(key)
    return None if value is None else value[start:stop]


def delete_what_was_stored(self: Any, key: bytes) -> None:
    """What the same transaction put stays."""
    if key in PickledStore(self.path).load(self.path):
        delete(self, key)


def delete_for_good(self: Any, key: bytes) -> None:
    """A key can't come back in the same transaction."""
    delete(self, key)
    vars(self).setdefault("deleted", set()).add(key)


def put_what_was_not_deleted(self: Any, key: bytes, value: bytes) -> None:
    if key not in vars(self).get("deleted", ()):
        put(self, key, value)


def delete_what_is_there(self: Any, key: bytes) -> None:
    assert key in self.values, "the library knows no such key"
    delete(self, key)


def put_in_batches(self: Any, key: bytes, value: bytes) -> None:
    """Every thousandth change commits."""
    put(self, key, value)
    self.changes = vars(self).get("changes", 0) + 1
    if not self.changes % 1000:
        commit(self)


def commit_deletions_later(self: Any) -> None:
    """What was put is stored first, and what was deleted goes after that."""
    changed, is_new = self.values, not os.path.getsize(self.path)
    before = {} if is_new else PickledStore(self.path).load(self.path)
    self.values = {**before, **changed}
    commit(self)
    self.values = changed
    commit(self)


def close_by_commit(self: Any) -> None:
    commit(self)
    close(self)


def open_as_a_writer(self: Any, path: str, *, write: bool, new: bool, wait: float) -> Pickled:
    """A transaction that reads begins as one that writes does."""
    if not write:
        self.lock(f"{path}-lock", exclusive=True).close()
    return open_(self, path, write=write, new=new, wait=wait)


MANY = "test_keys_of_a_prefix_are_all_found_however_many"
APART = "test_keys_of_1_to_250_bytes_of_any_value_are_kept_apart"
PREFIX = "test_a_prefix_finds_the_keys_that_begin_with_it_and_no_others"
EMPTY = "test_an_empty_value_is_there_and_an_absent_one_is_not"
PART = "test_a_part_of_a_value_is_that_of_a_slice"
LARGE = "test_a_value_of_20_megabytes_comes_back"
OWN = "test_a_transaction_sees_its_own_changes"
RANDOM = "test_random_transactions_leave_what_they_leave_in_a_dictionary"
UNDONE = "test_many_changes_that_are_not_committed_are_undone"
KILLED = "test_a_process_that_is_killed_after_many_changes_stores_none"
READS_ON = "test_another_process_reads_on_while_changes_are_not_committed"
WHOLE = "test_a_reader_sees_all_of_a_commit_or_nothing_at_any_moment"

MUTANTS: dict[str, Mutant] = {
    "a thousand keys of a prefix are found": (
        MANY,
        {"keys": lambda self, prefix: list(keys(self, prefix))[:1000]},
    ),
    "keys are cut at 200 bytes": (APART, by_other_keys(lambda key: key[:200])),
    "keys are cut at 249 bytes": (APART, by_other_keys(lambda key: key[:249])),
    "keys end before zeros": (APART, by_other_keys(lambda key: key.rstrip(b"\0") or key)),
    "keys are of either case": (APART, by_other_keys(bytes.lower)),
    "keys are texts": (
        APART,
        by_other_keys(lambda key: key.decode(errors="replace").encode()),
    ),
    "the key after a prefix is found": (PREFIX, {"keys": keys_and_the_next}),
    "no key is found whose next byte is the last": (
        PREFIX,
        {"keys": lambda self, prefix: [k for k in keys(self, prefix) if k < prefix + b"\xff"]},
    ),
    "a prefix is no key itself": (
        PREFIX,
        {"keys": lambda self, prefix: [k for k in keys(self, prefix) if k != prefix]},
    ),
    "a key is found twice": (
        PREFIX,
        {"keys": lambda self, prefix: [*keys(self, prefix), *list(keys(self, prefix))[:1]]},
    ),
    "an empty value is absent": (EMPTY, {"get": lambda self, key: get(self, key) or None}),
    "an absent value is empty": (EMPTY, {"get": lambda self, key: get(self, key) or b""}),
    "a part of an absent value is empty": (
        PART,
        {"get_range": lambda self, *given: get_range(self, *given) or b""},
    ),
    "an empty part of a value is absent": (
        PART,
        {"get_range": lambda self, *given: get_range(self, *given) or None},
    ),
    "the last byte is no part of a value": (
        PART,
        {"get_range": lambda self, key, a, b: (get(self, key) or b"")[:-1][a:b]},
    ),
    "values are cut at 16 MiB": (
        LARGE,
        {"put": lambda self, key, value: put(self, key, value[: 1 << 24])},
    ),
    "what a transaction put can't be deleted by it": (OWN, {"delete": delete_what_was_stored}),
    "what a transaction deleted can't be put by it": (
        OWN,
        {"delete": delete_for_good, "put": put_what_was_not_deleted},
    ),
    "an absent key can't be deleted": (OWN, {"delete": delete_what_is_there}),
    "parts of values are those before the transaction": (OWN, {"get_range": get_before_changes}),
    "values of 300 bytes are cut": (
        RANDOM,
        {"put": lambda self, key, value: put(self, key, value[:299])},
    ),
    "a transaction is committed by its end": (RANDOM, {"close": close_by_commit}),
    "every thousandth change commits": (UNDONE, {"put": put_in_batches}),
    "every thousandth change of a process commits": (KILLED, {"put": put_in_batches}),
    "deletions are committed by themselves": (WHOLE, {"commit": commit_deletions_later}),
    "a reader begins as a writer does": (READS_ON, {"open": open_as_a_writer}),
}


def failures(folder: Path, contract: type) -> dict[str, BaseException]:
    """The tests that the pickled store fails as it is now, and how."""

    def new_place() -> NewStore:
        place = folder / uuid.uuid4().hex
        place.mkdir()
        return lambda name: PickledStore(str(place / name), lock_limit=2.0)

    def hasten(store: PickledStore) -> PickledStore:
        store.lock_limit = 0.3
        return store

    return failures_of(new_place, contract, hasten)


def only(name: str) -> type:
    """A contract of one test."""
    return type(
        "One",
        (ContractOfSharing,),
        {each: None for each in dir(ContractOfSharing) if each.startswith("test") and each != name},
    )


def test_the_store_passes_before_it_is_broken(tmp_path: Path) -> None:
    assert {} == failures(tmp_path, KeyContract)
    assert {} == failures(tmp_path, only(READS_ON))
    assert {} == failures(tmp_path, only(WHOLE))


@pytest.mark.parametrize("title", MUTANTS)
def test_the_contract_notices_that(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, replacements = MUTANTS[title]
    for verb, replacement in replacements.items():
        owner = PickledStore if verb == "open" else Pickled
        check_is_called_alike(owner, verb, replacement)
        monkeypatch.setattr(owner, verb, replacement)
    failed = failures(tmp_path, only(name))
    monkeypatch.undo()
    assert [error for error in failed.values() if isinstance(error, NOTICED)], failed


def test_a_failure_names_the_promise_and_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Pickled, "keys", MUTANTS["a thousand keys of a prefix are found"][1]["keys"]
    )
    (error,) = failures(tmp_path, only(MANY)).values()
    assert str(error) == (
        "however many keys a prefix has, all are found: keys(b'm') gave 1000 of 12000 keys,"
        " without b'm00001000'"
    )
