"""What zarr, obstore, icechunk and the system raise becomes an error of this package."""

from __future__ import annotations

import errno
import threading
import zipfile

import icechunk
import pytest
from obstore.exceptions import (
    GenericError,
    PermissionDeniedError,
    UnauthenticatedError,
)

from bsb_hdf5.adapters.zarr import event_loop
from bsb_hdf5.adapters.zarr.errors import MissingObjectError, Translated, require
from bsb_hdf5.errors import (
    CorruptNetworkError,
    InputError,
    StorageError,
    StoreAccessError,
    StoreError,
    StoreIOError,
    StoreNotFoundError,
)

ICECHUNK = """  x no credentials
  |
  | context:
  `-> the cause
"""


@pytest.mark.parametrize(
    ("error", "made", "message"),
    [
        (MissingObjectError("a/c/0"), StoreIOError, "'here' lacks 'a/c/0': it was damaged"),
        (FileNotFoundError(errno.ENOENT, "x"), StoreNotFoundError, "no zarr network 'here'"),
        (NotADirectoryError(errno.ENOTDIR, "x"), StoreNotFoundError, "no zarr network 'here'"),
        (OSError(errno.ENOSPC, "full"), StoreIOError, "here"),
        (OSError(errno.EIO, "broken"), StoreIOError, "here"),
        (PermissionError(errno.EACCES, "closed"), StoreAccessError, "here"),
        (OSError("no number"), StoreIOError, "'here': no number"),
        (PermissionError("no number"), StoreAccessError, "'here' may not be .*: no number"),
        (GenericError("first\nsecond"), StoreIOError, "'here': first$"),
        (GenericError(" \n | \n"), StoreIOError, "'here': GenericError$"),
        (GenericError("a: NoSuchBucket"), StoreNotFoundError, "the bucket of 'here'"),
        (GenericError("AccessDenied: x"), StoreAccessError, "may not be opened"),
        (GenericError("InvalidAccessKeyId"), StoreAccessError, "may not be opened"),
        (GenericError("SignatureDoesNotMatch"), StoreAccessError, "may not be opened"),
        (GenericError("403 Forbidden"), StoreAccessError, "may not be opened"),
        (PermissionDeniedError("x"), StoreAccessError, "may not be opened"),
        (UnauthenticatedError("x"), StoreAccessError, "may not be opened"),
        (icechunk.IcechunkError(ICECHUNK), StoreIOError, "'here': the cause$"),
        (
            icechunk.IcechunkError("x the repository doesn't exist"),
            StoreNotFoundError,
            "no zarr network 'here'",
        ),
        (ValueError("wrong"), CorruptNetworkError, "zarr can't read or write this: wrong"),
        (TypeError("wrong"), CorruptNetworkError, "'here': zarr can't"),
        (KeyError("wrong"), CorruptNetworkError, "'here': zarr can't"),
        (EOFError("wrong"), CorruptNetworkError, "'here': zarr can't"),
        (RuntimeError("wrong"), CorruptNetworkError, "'here': zarr can't"),
        (zipfile.BadZipFile("wrong"), CorruptNetworkError, "'here': zarr can't"),
        (ValueError("can't start new thread"), CorruptNetworkError, "'here': zarr can't"),
        (RuntimeError("can't start new thread"), StoreIOError, "starts no more threads"),
    ],
    ids=repr,
)
def test_an_error_of_below_becomes_one_of_ours(
    error: Exception, made: type[StoreError], message: str
) -> None:
    with pytest.raises(StoreError, match=message) as caught, Translated("here"):
        raise error
    assert made is type(caught.value)
    assert error is caught.value.__cause__
    assert "here" == caught.value.fields["location"]


def test_errors_of_ours_and_of_programs_stay() -> None:
    for error in (InputError("mine"), AttributeError("mine"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, Translated("here"):
            raise error
        assert error is caught.value


def test_where_no_thread_starts_the_error_has_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    forgotten: list[bool] = []
    monkeypatch.setattr(event_loop, "forget_if_dead", lambda: forgotten.append(True))
    with pytest.raises(StoreIOError) as caught, Translated("here"):
        raise RuntimeError("can't start new thread")
    assert errno.EAGAIN == caught.value.errno
    assert forgotten


def test_after_the_main_thread_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    main = threading.Thread()
    monkeypatch.setattr(threading, "main_thread", lambda: main)
    with (
        pytest.raises(StoreIOError, match="once the main thread of a program has"),
        Translated("here"),
    ):
        raise RuntimeError("cannot schedule new futures")
    with pytest.raises(CorruptNetworkError), Translated("here"):
        raise ValueError("wrong")


def test_a_package_that_is_missing_is_named_with_the_extra() -> None:
    require("json", "cloud")
    with pytest.raises(StorageError, match=r"no_such_package, which .*'bsb-hdf5\[cloud\]'"):
        require("no_such_package", "cloud")


@pytest.mark.parametrize(
    "said",
    [
        """  x session error: error writing object to object store service error
  |
  | context:
  |    0: icechunk::storage::s3::write_ref
  |            with ref_key="branch.main/ref.json"
  |              at icechunk/src/storage/s3.rs:881
  |    1: icechunk::session::_commit
  |            with a session rewrite_manifests=false
  |              at icechunk/src/session.rs:1043
  |
""",
        "  x error writing object\n  |-> dispatch failure\n  `-> service error",
    ],
)
def test_what_icechunk_says_is_said_without_places_in_its_code(said: str) -> None:
    with pytest.raises(StoreIOError) as caught, Translated("s3://lab/net"):
        raise icechunk.IcechunkError(said)
    assert str(caught.value).endswith("service error")
    assert ".rs:" not in str(caught.value)
