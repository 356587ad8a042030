"""
A file whose changes take effect at a commit, for HDF5 to write to.

Writes below the initial size of the file wait in memory: in order of arrival, or in pages once they
are read or become many. Writes above that size go to the file directly, where no program looks
before the commit. So bulk data is written once, and dropping the waiting writes and truncating the
file undoes everything.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from threading import get_ident

from ....errors import CorruptNetworkError
from ....platform import read_into, read_parts_into, write_at
from ....transactions.interrupts import guarded
from .callback import CALLBACK
from .extent import Extent
from .heaps import SIGNATURE, is_endless
from .journal import StoredJournal

PAGE = 4096
# The most bytes of writes that wait in order of arrival.
_MOST_WAITING = 1024 * 1024
# Adjacent pages that are processed together.
_MOST_PAGES = 1024
_FROM_START = os.SEEK_SET
# The last file position that a system supports.
_LARGEST = 2**63 - 1


class OverlayFile:
    """
    A seekable binary file over a file descriptor, for h5py's ``fileobj`` driver.

    HDF5 calls its methods from C code, which exceptions must not leave. They record the first one
    in ``error`` instead, which the caller of HDF5 has to check. After an error nothing is written
    to the file; HDF5, which has to finish, reads what it wrote from memory. Signals that come in
    them, as a caller uses h5py within a scope, are handled later.

    :param extent: the extent of the open file.
    """

    def __init__(self, extent: Extent) -> None:
        self._extent = extent
        # The original bytes of the file are valid up to here; less after a truncation.
        self._kept_size = extent.base_size
        self._pages: dict[int, bytearray] = {}
        # Writes that came after those in the pages.
        self._waiting: list[tuple[int, bytes]] = []
        self._waiting_bytes = 0
        # Writes after an error.
        self._patches: list[tuple[int, bytes]] = []
        # Pieces that an interrupted commit will replace.
        self._shown: StoredJournal | None = None
        self._position = 0
        # How often HDF5 has written.
        self.writes = 0
        self.error: BaseException | None = None

    @guarded
    def seek(self, offset: int, whence: int = _FROM_START) -> int:
        # Until HDF5 has read or written there, or asked for the position.
        CALLBACK.pause_collector()
        if whence == _FROM_START:
            self._position = offset
            return offset
        origin = {os.SEEK_CUR: self._position, os.SEEK_END: self._extent.size}[whence]
        self._position = origin + offset
        return self._position

    @guarded
    def tell(self) -> int:
        CALLBACK.resume_collector()
        return self._position

    @guarded
    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill the buffer; past the end of the file there are zeros."""
        CALLBACK.thread = get_ident()
        try:
            view = memoryview(buffer).cast("B")
            self._read(view, self._position)
            if view[:4] == SIGNATURE and is_endless(view):
                # HDF5 does not accept this as a heap.
                view[:4] = bytes(4)
                raise CorruptNetworkError("a heap of texts in the HDF5 file is not terminated")
        except OverflowError:
            self._note(_no_such_place(self._position))
        except BaseException as error:
            self._note(error)
        finally:
            CALLBACK.thread = None
        size = len(buffer)
        self._position += size
        CALLBACK.resume_collector()
        return size

    def read_extents(
        self,
        view: memoryview,
        begins: Sequence[int],
        ends: Sequence[int],
        targets: Sequence[int],
    ) -> None:
        """
        Read parts of the file into places of a buffer, as HDF5 would find them.

        :param begins: where each part begins, and in ``ends``, where it ends.
        :param targets: where in the buffer each part is to begin.
        """
        count = 0
        # perf: load a chunk; nearly always nothing lies over the file.
        if self._shown is None and self.is_untouched:
            count = read_parts_into(self._extent.descriptor, view, begins, ends, targets)
        for i in range(count, len(begins)):
            begin, size, target = begins[i], ends[i] - begins[i], targets[i]
            self._read(view[target : target + size], begin)

    @guarded
    def write(self, data: bytes | memoryview) -> int:
        start, size, extent = self._position, len(data), self._extent
        self._position = end = start + size
        self.writes += 1
        CALLBACK.thread = get_ident()
        try:
            if self.error is None:
                waiting = self._waiting_bytes + size
                # perf: append 50 cells; nearly all of what HDF5 writes waits in order of arrival.
                if end <= extent.base_size == self._kept_size and waiting <= _MOST_WAITING:
                    self._waiting.append((start, bytes(data)))
                    self._waiting_bytes = waiting
                else:
                    self._write(memoryview(data).cast("B"), start, end)
        except BaseException as error:
            self._note(error)
        finally:
            CALLBACK.thread = None
        if self.error is not None:
            # Kept only so that HDF5 can read it back; the session has failed already.
            with contextlib.suppress(MemoryError):
                self._patches.append((start, bytes(data)))
        extent.size = max(extent.size, end)
        CALLBACK.resume_collector()
        return size

    @guarded
    def truncate(self, size: int | None = None) -> int:
        self._extent.size = self._position if size is None else size
        CALLBACK.pause_collector()
        try:
            if self.error is None:
                self._cut()
        except BaseException as error:
            self._note(error)
        finally:
            CALLBACK.resume_collector()
        return self._extent.size

    @staticmethod
    def is_called_back() -> bool:
        """Whether HDF5 is calling a method of a file in this thread, and can't be used."""
        return CALLBACK.is_here()

    @guarded
    def flush(self) -> None:
        """Do nothing: changes wait in memory until the commit."""

    def cut_surplus(self) -> None:
        """Cut off what HDF5 found to be past the end of the file, before anything is written."""
        if self._extent.size < self._extent.base_size:
            os.ftruncate(self._extent.descriptor, self._extent.size)
            self._extent.base_size = self._kept_size = self._extent.size

    def show(self, journal: StoredJournal) -> None:
        """Show a file that is only read as it will be when an interrupted commit is finished."""
        self._extent.base_size = max(self._extent.base_size, journal.base_size, journal.size)
        self._shown = journal
        self._extent.size = journal.size

    def written(self) -> list[tuple[int, bytes]]:
        """The bytes written below the base size: ascending pieces that do not overlap."""
        self._clear_cut()
        written = None if self._pages else _joined(sorted(self._waiting))
        if written is not None:
            return written
        self._settle()
        pages = self._pages
        return [
            (numbers[0] * PAGE, b"".join(pages[number] for number in numbers))
            for numbers in _runs(sorted(pages))
        ]

    def forget(self) -> None:
        """Drop what was written, as it was committed or is rolled back."""
        self._pages.clear()
        self._waiting.clear()
        self._waiting_bytes = 0
        self._kept_size = self._extent.base_size

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was written since the start, or since the commit."""
        if self._pages or self._waiting or self.error is not None or self._shown is not None:
            return False
        extent = self._extent
        return extent.size == extent.base_size

    def refuse_writes(self, error: BaseException | None = None) -> None:
        """
        Ignore all writes from now on, while HDF5 closes the file.

        :param error: raised by later writes.
        """
        self._note(error or RuntimeError("the session has ended"))

    def raise_error(self) -> None:
        """Raise the error that was noted, if any."""
        if self.error is not None:
            raise self.error

    def _note(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error

    def _read(self, view: memoryview, start: int) -> None:
        done = read_into(self._extent.descriptor, view, start)
        view[done:] = bytes(len(view) - done)
        if self._kept_size < self._extent.base_size:
            cut = slice(max(0, self._kept_size - start), max(0, self._extent.base_size - start))
            view[cut] = bytes(len(view[cut]))
        if self._shown is not None:
            self._shown.pieces.lay_over(view, start)
        if start < self._extent.base_size:
            self._settle()
            if self._pages:
                self._lay_over(view, start)
        for offset, data in self._patches:
            low, high = max(start, offset), min(start + len(view), offset + len(data))
            if low < high:
                view[low - start : high - start] = data[low - offset : high - offset]

    def _write(self, view: memoryview, start: int, end: int) -> None:
        base = self._extent.base_size
        if end > _LARGEST:
            raise _no_such_place(start)
        if start < base:
            self._take(view[: base - start], start)
        if end > base:
            held = max(0, base - start)
            write_at(self._extent.descriptor, view[held:], start + held)

    def _take(self, view: memoryview, start: int) -> None:
        """Hold a change of original content in memory until the commit."""
        waiting = self._waiting_bytes + len(view)
        if waiting > _MOST_WAITING or self._kept_size != self._extent.base_size:
            self._settle()
            self._write_pages(view, start)
            return
        self._waiting.append((start, bytes(view)))
        self._waiting_bytes = waiting

    def _settle(self) -> None:
        """Put what waits into pages, where it can be looked up."""
        for start, data in self._waiting:
            self._write_pages(memoryview(data), start)
        self._waiting.clear()
        self._waiting_bytes = 0

    def _cut(self) -> None:
        if self._extent.size < self._extent.base_size:
            self._settle()
            self._kept_size = min(self._kept_size, self._extent.size)
            self._forget_pages(self._extent.size)
        if self._extent.size < os.fstat(self._extent.descriptor).st_size:
            os.ftruncate(self._extent.descriptor, max(self._extent.size, self._extent.base_size))

    def _forget_pages(self, size: int) -> None:
        """Drop the content of pages from a cut on."""
        for number in [n for n in self._pages if (n + 1) * PAGE > size]:
            if number * PAGE >= size:
                del self._pages[number]
            else:
                offset = size - number * PAGE
                self._pages[number][offset:] = bytes(PAGE - offset)

    def _clear_cut(self) -> None:
        """Zeros where the file was cut and grew again."""
        stop = min(self._extent.size, self._extent.base_size)
        if self._kept_size >= stop:
            return
        for number in range(self._kept_size // PAGE, -(-stop // PAGE)):
            if number not in self._pages:
                self._new_page(number)

    def _new_page(self, number: int) -> bytearray:
        """A page of the original content, with zeros from where the file was cut."""
        page = self._pages[number] = bytearray(PAGE)
        kept = max(0, min(PAGE, self._kept_size - number * PAGE))
        read_into(self._extent.descriptor, memoryview(page)[:kept], number * PAGE)
        return page

    def _lay_over(self, view: memoryview, start: int) -> None:
        stop = min(start + len(view), self._extent.base_size)
        first, last = start // PAGE, (stop - 1) // PAGE
        numbers = range(first, last + 1)
        if len(numbers) > len(self._pages):
            numbers = sorted(n for n in self._pages if first <= n <= last)  # type: ignore[assignment]
        for number in numbers:
            page = self._pages.get(number)
            if page is not None:
                low, high = max(start, number * PAGE), min(stop, (number + 1) * PAGE)
                offset = number * PAGE
                view[low - start : high - start] = page[low - offset : high - offset]

    def _write_pages(self, view: memoryview, start: int) -> None:
        done = 0
        while done < len(view):
            number, offset = divmod(start + done, PAGE)
            count = min(PAGE - offset, len(view) - done)
            if count == PAGE:
                self._pages[number] = bytearray(view[done : done + PAGE])
            else:
                page = self._pages.get(number) or self._new_page(number)
                page[offset : offset + count] = view[done : done + count]
            done += count


def _joined(written: list[tuple[int, bytes]]) -> list[tuple[int, bytes]] | None:
    """
    Ascending pieces, of which small ones that follow each other become one.

    None if a piece reaches into the next.
    """
    joined: list[tuple[int, bytes]] = []
    first = end = 0
    for start, data in written:
        if start < end:
            return None
        if start == end and start - first < PAGE and joined:
            joined[-1] = (first, joined[-1][1] + data)
        else:
            first = start
            joined.append((start, data))
        end = start + len(data)
    return joined


def _no_such_place(position: int) -> CorruptNetworkError:
    return CorruptNetworkError(f"the HDF5 file refers to byte {position}, which no file has")


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    """Split ascending numbers into runs of consecutive ones."""
    first = 0
    for last, number in enumerate(numbers, 1):
        is_last = last == len(numbers) or last - first == _MOST_PAGES
        if is_last or numbers[last] != number + 1:
            yield numbers[first:last]
            first = last
