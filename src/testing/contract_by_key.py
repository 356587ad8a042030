"""
The transaction of a store by key, over raw bytes: compared with a dictionary.

The layouts of networks use few of the keys and values that a backend promises to store, so that a
mistake about the others shows in a large network only.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from ..adapters.by_key.store import KeyValueStore
from ..adapters.by_key.transaction import Transaction
from ..ports.store import Capability, Store
from .contents import require_claim
from .contract_samples import EVERY_BYTE, NewStore
from .processes import OtherProcess

LONGEST_KEY = 250
LARGEST_VALUE = 20_000_000
"""Bytes of the largest value that is tested; those of attributes may be larger."""

# Keys of one prefix: more than a group of a large network has.
_MANY_KEYS = 12_000
# Changes of one transaction, and those of its keys that were there before.
_MANY_CHANGES, _THERE = 5_000, 100
_LENGTHS = (1, 2, 3, 9, 10, 31, 32, 63, 64, 127, 128, 199, 200, 201, 249, LONGEST_KEY)
_LAST_BYTES = b"\x00\x01 Aa\x7f\x80\xfe\xff"
_TRANSACTIONS, _STEPS = 16, 60

Pairs = Mapping[bytes, bytes]


def require_by_key(store: Store) -> KeyValueStore:
    """The store, if it keeps bytes by key, and can write; else the test is skipped."""
    if not isinstance(store, KeyValueStore):
        pytest.skip("It does not keep bytes by key.")
    require_claim(store, Capability.WRITABLE)
    return store


def make_pairs(store: Store, pairs: Pairs) -> KeyValueStore:
    """A store that holds some pairs, and nothing of a network."""
    made = require_by_key(store)
    with changing(made, new=True) as transaction:
        put_all(transaction, pairs)
    return made


@contextmanager
def changing(store: KeyValueStore, *, new: bool = False) -> Iterator[Transaction]:
    """A transaction that writes; it is committed unless the block raises."""
    transaction = store.open(store.location, write=True, new=new, wait=store.lock_limit)
    try:
        yield transaction
        transaction.commit()
    finally:
        transaction.close()


@contextmanager
def looking(store: KeyValueStore, *, write: bool = False) -> Iterator[Transaction]:
    """A transaction that is not committed."""
    transaction = store.open(store.location, write=write, new=False, wait=store.lock_limit)
    try:
        yield transaction
    finally:
        transaction.close()


def put_all(transaction: Transaction, pairs: Pairs) -> None:
    for key, value in pairs.items():
        transaction.put(key, value)


def check_stored(store: KeyValueStore, pairs: Pairs, promise: str) -> None:
    """Check that a new transaction finds these pairs, and no others."""
    with looking(store) as transaction:
        check_pairs(transaction, pairs, promise)


def check_pairs(transaction: Transaction, pairs: Pairs, promise: str) -> None:
    """Check that a transaction has these pairs, and no others."""
    check_keys(transaction, b"", pairs, promise)
    for key in pairs:
        check_value(transaction, key, pairs, promise)


def check_value(transaction: Transaction, key: bytes, pairs: Pairs, promise: str) -> None:
    """Check the value of a key."""
    found, expected = transaction.get(key), pairs.get(key)
    # Not within the assertion, which would explain how megabytes differ.
    is_right = found == expected
    assert is_right, f"{promise}: get({_short(key)}) gave {_short(found)}, not {_short(expected)}"


def check_keys(
    transaction: Transaction, prefix: bytes, pairs: Iterable[bytes], promise: str
) -> None:
    """Check which keys begin with a prefix."""
    found = list(transaction.keys(prefix))
    expected = {key for key in pairs if key.startswith(prefix)}
    missing, more = sorted(expected.difference(found)), sorted(set(found) - expected)
    call = f"{promise}: keys({_short(prefix)})"
    right = len(expected) - len(missing)
    if missing:
        pytest.fail(f"{call} gave {right} of {len(expected)} keys, without {_short(missing[0])}")
    if more:
        pytest.fail(f"{call} gave {_short(more[0])}, which is not there or begins otherwise")
    if len(found) > len(expected):
        pytest.fail(f"{call} gave {len(found)} keys for {len(expected)}, some of them twice")


def check_range(
    transaction: Transaction, key: bytes, start: int, stop: int, pairs: Pairs, promise: str
) -> None:
    """Check a part of the value of a key."""
    found, value = transaction.get_range(key, start, stop), pairs.get(key)
    expected = None if value is None else value[start:stop]
    is_right = found == expected
    call = f"get_range({_short(key)}, {start}, {stop})"
    assert is_right, f"{promise}: {call} gave {_short(found)}, not {_short(expected)}"


def _short(content: bytes | None) -> str:
    """Bytes in a message."""
    if content is None or len(content) <= 20:
        return repr(content)
    return f"{len(content)} bytes {bytes(content[:6])!r}...{bytes(content[-6:])!r}"


def keys_of_every_length() -> list[bytes]:
    """Keys that are easily taken for one another: neighbours, and some that go on as others do."""
    alike = (b"k" * (length - 1) + bytes([last]) for length in _LENGTHS for last in _LAST_BYTES)
    same = (bytes([each]) * length for length in range(1, LONGEST_KEY + 1) for each in b"\x00k\xff")
    going_on = (b"k" + b"\xff" * length + b"a" for length in range(1, LONGEST_KEY - 1, 31))
    return sorted({*alike, *same, *going_on, *(bytes([each]) for each in range(256))})


def numbered(keys: Iterable[bytes]) -> dict[bytes, bytes]:
    """A short value for each key, other than those of all others."""
    return {key: b"%d" % number for number, key in enumerate(keys)}


def change_much(transaction: Transaction) -> None:
    """Make some thousand changes."""
    for number in range(_MANY_CHANGES):
        if number < _THERE:
            transaction.delete(b"there %d" % number)
        transaction.put(b"new %d" % number, b"x")


def pairs_there() -> dict[bytes, bytes]:
    """The results of :func:`change_much`."""
    return numbered(b"there %d" % number for number in range(_THERE))


class KeyContract:
    """The promises of a transaction by key, if the store has such transactions."""

    def test_keys_of_a_prefix_are_all_found_however_many(self, new_store: NewStore) -> None:
        promise = "however many keys a prefix has, all are found"
        many = numbered(b"m%08d" % number for number in range(_MANY_KEYS))
        pairs = {b"l": b"before", **many, b"n": b"after"}
        store = make_pairs(new_store("a"), {})
        with changing(store) as transaction:
            put_all(transaction, pairs)
            check_keys(transaction, b"m", pairs, promise)
        with looking(store) as transaction:
            for prefix in (b"m", b"m0001", b""):
                check_keys(transaction, prefix, pairs, promise)

    def test_keys_of_1_to_250_bytes_of_any_value_are_kept_apart(self, new_store: NewStore) -> None:
        promise = "keys have 1 to 250 bytes of any value"
        pairs = numbered(keys_of_every_length())
        store = make_pairs(new_store("a"), pairs)
        with looking(store) as transaction:
            check_pairs(transaction, pairs, promise)
            for length in _LENGTHS[1:]:
                check_value(transaction, b"k" * (length - 1) + b"z", pairs, promise)

    def test_a_prefix_finds_the_keys_that_begin_with_it_and_no_others(
        self, new_store: NewStore
    ) -> None:
        promise = "keys are found by their first bytes"
        pairs = numbered(keys_of_every_length())
        store = make_pairs(new_store("a"), pairs)
        prefixes = [each for each in pairs if len(each) in _LENGTHS]
        with looking(store) as transaction:
            for prefix in (b"", b"k\x02", b"jk", *prefixes):
                check_keys(transaction, prefix, pairs, promise)

    def test_an_empty_value_is_there_and_an_absent_one_is_not(self, new_store: NewStore) -> None:
        promise = "an empty value differs from an absent one"
        pairs = {b"empty": b"", b"full": b"x"}
        store = make_pairs(new_store("a"), pairs)
        with changing(store) as transaction:
            transaction.put(b"full", b"")
            pairs[b"full"] = b""
            check_pairs(transaction, pairs, promise)
        with looking(store) as transaction:
            check_pairs(transaction, pairs, promise)
            check_value(transaction, b"absent", pairs, promise)

    def test_a_part_of_a_value_is_that_of_a_slice(self, new_store: NewStore) -> None:
        promise = "a part of a value is that of a slice, and None if the key is absent"
        pairs = {b"empty": b"", b"one": b"\0", b"every": EVERY_BYTE, b"long": EVERY_BYTE * 400}
        store = make_pairs(new_store("a"), pairs)
        with looking(store) as transaction:
            for key in (*pairs, b"absent", b"ever"):
                length = len(pairs.get(key, b""))
                borders = sorted({0, 1, length // 2, max(length - 1, 0), length, length + 3})
                for start in borders:
                    for stop in (each for each in borders if each >= start):
                        check_range(transaction, key, start, stop, pairs, promise)

    def test_a_value_of_20_megabytes_comes_back(self, new_store: NewStore) -> None:
        promise = f"a value may have {LARGEST_VALUE} bytes"
        content = random.Random(1).randbytes(1000) * (LARGEST_VALUE // 1000)
        pairs = {b"before": b"1", b"large": content, b"next": b"2"}
        store = make_pairs(new_store("a"), pairs)
        with looking(store) as transaction:
            check_pairs(transaction, pairs, promise)
            for stop in (LARGEST_VALUE // 2, LARGEST_VALUE):
                check_range(transaction, b"large", stop - 777, stop, pairs, promise)

    def test_a_transaction_sees_its_own_changes(self, new_store: NewStore) -> None:
        promise = "a transaction sees what it put and deleted, and stores it"
        pairs = {b"k deleted": b"1", b"k replaced": b"1", b"k back": b"1", b"k stays": b"1"}
        store = make_pairs(new_store("a"), pairs)
        with changing(store) as transaction:
            self._change_in_turn(transaction, pairs, promise)
        check_stored(store, pairs, promise)

    def _change_in_turn(
        self, transaction: Transaction, pairs: dict[bytes, bytes], promise: str
    ) -> None:
        """Put and delete, the same keys again and again, and look at them each time."""
        steps: list[tuple[bytes, bytes | None]] = [
            (b"k deleted", None),
            (b"k never there", None),
            (b"k new", b"1"),
            (b"k new", None),
            (b"k new", None),
            (b"k new and again", b"1"),
            (b"k new and again", None),
            (b"k new and again", b"longer"),
            (b"k back", None),
            (b"k back", b"2"),
            (b"k replaced", b""),
            (b"k replaced", b"longer"),
        ]
        for key, value in steps:
            if value is None:
                transaction.delete(key)
                pairs.pop(key, None)
            else:
                transaction.put(key, value)
                pairs[key] = value
            check_value(transaction, key, pairs, promise)
            check_range(transaction, key, 0, 3, pairs, promise)
            check_keys(transaction, b"k", pairs, promise)

    def test_random_transactions_leave_what_they_leave_in_a_dictionary(
        self, new_store: NewStore
    ) -> None:
        promise = "transactions leave what they leave in a dictionary"
        choose, pairs = random.Random(8), dict[bytes, bytes]()
        store = make_pairs(new_store("a"), pairs)
        keys = [
            bytes(choose.choices(b"\0\1am\xfe\xff", k=choose.choice(_LENGTHS))) for _ in range(150)
        ]
        for number in range(_TRANSACTIONS):
            changed = dict(pairs)
            with looking(store, write=True) as transaction:
                for _ in range(_STEPS):
                    self._change_at_random(transaction, choose, keys, changed, promise)
                if number % 3:
                    transaction.commit()
                    pairs = changed
            check_stored(store, pairs, promise)

    def _change_at_random(
        self,
        transaction: Transaction,
        choose: random.Random,
        keys: list[bytes],
        pairs: dict[bytes, bytes],
        promise: str,
    ) -> None:
        key = choose.choice(keys)
        if choose.random() < 0.6:
            pairs[key] = choose.randbytes(choose.choice((0, 1, 5, 5, 300, 5000)))
            transaction.put(key, pairs[key])
        else:
            pairs.pop(key, None)
            transaction.delete(key)
        other, start = choose.choice(keys), choose.randrange(10)
        check_value(transaction, other, pairs, promise)
        check_range(transaction, key, start, start + choose.randrange(10), pairs, promise)
        check_keys(transaction, other[: choose.randrange(3)], pairs, promise)

    def test_many_changes_that_are_not_committed_are_undone(self, new_store: NewStore) -> None:
        promise = "a transaction of many changes that is not committed leaves no trace"
        store = make_pairs(new_store("a"), pairs_there())
        with looking(store, write=True) as transaction:
            change_much(transaction)
        check_stored(store, pairs_there(), promise)

    def test_a_process_that_is_killed_after_many_changes_stores_none(
        self, new_store: NewStore
    ) -> None:
        promise = "a process that is killed before the commit of many changes leaves no trace"
        require_claim(require_by_key(new_store("a")), Capability.PERSISTENT)

        def write() -> None:
            with looking(require_by_key(new_store("a")), write=True) as transaction:
                change_much(transaction)
                os._exit(9)

        # It begins before there is anything that it could inherit.
        with OtherProcess(write) as other:
            store = make_pairs(new_store("a"), pairs_there())
            assert 9 == other.status()
        check_stored(store, pairs_there(), promise)
        with changing(store) as transaction:
            change_much(transaction)
            check_value(transaction, b"new 0", {b"new 0": b"x"}, promise)
