"""The files that a network lies in: their names, their modes, and what opens them."""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from ..errors import LockTimeoutError, NotANetworkError, StoreError
from ..platform import IS_WINDOWS
from ..ports.store import Capability, Store
from .contents import make, outcome_of, reading, require_claim, snapshot, writing
from .contract_samples import NewStore, prepare
from .processes import OtherProcess, Rendezvous, delay_renames

_MODES = (0o640, 0o604)
# Sessions after which a descriptor that each leaves open is noticed.
_SESSIONS = 12
# Seconds by which a commit is delayed, and for which another program is in line before it.
_DELAY, _IN_LINE = 0.5, 0.2
_TRIES = 20
# What some libraries take for a part of a URI, a pattern or an option.
_ODD_NAMES = ("no. 1 #2", "50%41", "-[a] {b}", "小脳 é", "~", "$HOME")
_FOREIGN = {"text": b"something else\n" * 100, "empty": b""}


def require_path(store: Store) -> str:
    """The path of a network, where nothing is yet; without one, the test is skipped."""
    require_claim(store, Capability.PERSISTENT)
    if not os.path.isdir(os.path.dirname(store.location)):
        pytest.skip("The network does not lie in a folder.")
    return store.location


def link_to(path: str, link: str) -> None:
    """Make a symbolic link; the test is skipped where that is not possible."""
    try:
        os.symlink(path, link, target_is_directory=os.path.isdir(path))
    except OSError as error:
        pytest.skip(f"The system makes no symbolic links: {error}")


def files_of(path: str) -> list[str]:
    """The file at a path, or those below it."""
    if os.path.isfile(path):
        return [path]
    return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]


@contextmanager
def overwritten(path: str) -> Iterator[None]:
    """Have something else in the files of a network for a while; they stay the same files."""
    contents = {each: _read(each) for each in files_of(path)}
    for each in contents:
        _overwrite(each, _FOREIGN["text"])
    try:
        yield
    finally:
        for each, content in contents.items():
            _overwrite(each, content)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _overwrite(path: str, content: bytes) -> None:
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(content)


def _descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


class FileContract:
    """The promises of a store about its files, if it has any."""

    def test_a_symbolic_link_to_a_network_stays_one(self, new_store: NewStore) -> None:
        store, link = new_store("a"), new_store("link")
        path = require_path(store)
        make(store, prepare)
        link_to(path, link.location)
        for number, each in enumerate((link, store, link)):
            with writing(each) as root:
                root.attributes.set("number", number)
                root.array("array").resize(5 + number)
            assert os.path.islink(link.location)
            assert snapshot(store) == snapshot(link)
            with reading(store) as read:
                assert number == read.attributes.get("number")

    def test_programs_that_write_exclude_each_other_by_all_names(
        self, new_impatient_store: NewStore
    ) -> None:
        store, link = new_impatient_store("a"), new_impatient_store("link")
        path = require_path(store)
        require_claim(store, Capability.LOCKING)

        def wait() -> Exception | None:
            return outcome_of(lambda: new_impatient_store("link").open_write().rollback())

        with OtherProcess(wait) as other:
            make(store, prepare)
            link_to(path, link.location)
            session = store.open_write()
            try:
                error = other.result()
            finally:
                session.rollback()
        assert isinstance(error, LockTimeoutError), repr(error)

    @pytest.mark.parametrize("verb", ["open_write", "rewrite"])
    def test_a_commit_leaves_the_mode_of_the_network(self, new_store: NewStore, verb: str) -> None:
        store = new_store("a")
        path = require_path(store)
        if IS_WINDOWS:
            pytest.skip("The system has no modes of files.")
        make(store, prepare)
        if verb == "rewrite":
            require_claim(store, Capability.REPACKABLE)
        # A folder has to be searched, too.
        search = 0o100 if os.path.isdir(path) else 0
        for mode in (each | search for each in _MODES):
            os.chmod(path, mode)
            session = getattr(store, verb)()
            session.root.attributes.set("mode", mode)
            session.commit()
            assert oct(mode) == oct(os.stat(path).st_mode & 0o777)

    def test_a_network_that_is_removed_leaves_no_file(self, new_store: NewStore) -> None:
        store = new_store("a")
        folder = os.path.dirname(require_path(store))
        before = sorted(os.listdir(folder))
        make(store, prepare)
        with writing(store) as root:
            root.attributes.set("text", "after")
        snapshot(store)
        store.remove()
        assert before == sorted(os.listdir(folder))

    @pytest.mark.parametrize("name", _ODD_NAMES)
    def test_the_file_of_a_network_may_have_any_name(self, new_store: NewStore, name: str) -> None:
        folder = os.path.dirname(require_path(new_store("a")))
        before = sorted(os.listdir(folder))
        store, copy, moved = (new_store(f"{name}{each}") for each in ("", " b", " c"))
        make(store, prepare)
        with writing(store) as root:
            root.attributes.set("text", name)
        store.copy(copy.location)
        copy.move(moved.location)
        for each in (store, moved):
            assert os.path.exists(each.location)
            with reading(each) as read:
                assert name == read.attributes.get("text")
            each.remove()
        assert before == sorted(os.listdir(folder))

    def test_a_folder_of_something_else_is_left_alone(self, new_store: NewStore) -> None:
        store, other = new_store("a"), new_store("b")
        path = require_path(store)
        os.makedirs(os.path.join(path, "inner"))
        for each in ("notes", "inner/notes"):
            with open(os.path.join(path, each), "wb") as file:
                file.write(_FOREIGN["text"])
        before = sorted(files_of(path))
        assert not store.recognizes()
        for verb in ("open_read", "open_write", "create", "remove"):
            error = outcome_of(getattr(store, verb))
            assert isinstance(error, StoreError), f"{verb}: {error!r}"
        for verb in ("copy", "move"):
            error = outcome_of(partial(getattr(store, verb), other.location))
            assert isinstance(error, StoreError), f"{verb}: {error!r}"
        assert not other.exists()
        assert before == sorted(files_of(path))

    @pytest.mark.parametrize("title", _FOREIGN)
    def test_a_file_of_something_else_is_no_network(self, new_store: NewStore, title: str) -> None:
        store = new_store("a")
        path = require_path(store)
        with open(path, "wb") as file:
            file.write(_FOREIGN[title])
        assert not store.recognizes()
        verbs: list[Callable[[], object]] = [store.open_read]
        if Capability.WRITABLE in store.capabilities:
            verbs.append(store.open_write)
        for verb in verbs:
            error = outcome_of(verb)
            assert isinstance(error, NotANetworkError), repr(error)
        assert _FOREIGN[title] == _read(path)

    def test_a_network_that_could_not_be_opened_can_be_once_it_is_well(
        self, new_impatient_store: NewStore
    ) -> None:
        store = new_impatient_store("a")
        path = require_path(store)
        make(store, prepare)
        before = snapshot(store)
        with overwritten(path):
            for verb in (store.open_write, store.open_read):
                error = outcome_of(verb)
                assert isinstance(error, StoreError), repr(error)
        with writing(store) as root:
            root.attributes.set("text", "before")
        assert before == snapshot(store)

    def test_the_next_program_comes_once_the_commit_is_complete(self, new_store: NewStore) -> None:
        store = new_store("a")
        require_path(store)
        require_claim(store, Capability.LOCKING)
        point = Rendezvous()

        def write() -> None:
            session = new_store("a").open_write()
            session.root.attributes.set("text", "of the first")
            point.reached()
            delay_renames(_DELAY)
            session.commit()

        def follow() -> object:
            for _ in range(_TRIES):
                # Its limit may be shorter than a commit of many renames, each of which is delayed.
                with contextlib.suppress(LockTimeoutError), writing(new_store("a")) as root:
                    return root.attributes.get("text")
            return "it never got the lock"

        with OtherProcess(write) as first, OtherProcess(follow) as second:
            make(store, prepare)
            first.comes_to(point)
            second.begin()
            time.sleep(_IN_LINE)
            point.let_go()
            first.result()
            assert "of the first" == second.result()
        point.close()

    def test_sessions_leave_no_file_open(self, new_store: NewStore) -> None:
        store = new_store("a")
        require_path(store)
        if not os.path.isdir("/proc/self/fd"):
            pytest.skip("The system does not list what a process has open.")
        make(store, prepare)

        def use(times: int) -> None:
            for number in range(times):
                with writing(store) as root:
                    root.attributes.set("number", number)
                store.open_write().rollback()
                with reading(store) as read:
                    read.array("array").read()

        use(2)
        before = _descriptors()
        use(_SESSIONS)
        assert _descriptors() < before + _SESSIONS
