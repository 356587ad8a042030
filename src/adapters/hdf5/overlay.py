"""
A file whose changes take effect at a commit, for HDF5 to write to.

What is written below the size that the file had at the start stays in memory, in pages;
what is written above it goes to the file at once, where nobody looks before the commit.
So bulk data is written once, and until the commit dropping the pages and cutting the file
undoes all.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TypeAlias

from ...errors import CorruptNetworkError
from .heaps import SIGNATURE, is_endless
from .journal import SECTOR, Journal, Piece, remove_journal

PAGE = 4096
# Numbers that follow each other and are dealt with at once.
_MOST_AT_ONCE = 1024

# Where some sectors that change begin, what the file holds there, and what it will hold.
Replacement: TypeAlias = tuple[int, bytes, bytes]


class OverlayFile:
    """
    A seekable binary file over a file descriptor, for h5py's ``fileobj`` driver.

    HDF5 calls its methods from C code that no exception may leave. They note the first one
    in ``error`` instead; whoever called HDF5 has to look there. From then on nothing is
    written to the file any more, and HDF5, which has to come to an end, reads what it wrote
    from memory.

    :param descriptor: stays open when the overlay is done with.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._base_size = os.fstat(descriptor).st_size
        self._size = self._base_size
        # What the file held at the start counts up to here: less, once it was cut.
        self._kept_size = self._base_size
        self._pages: dict[int, bytearray] = {}
        # What was written after an error.
        self._patches: list[tuple[int, bytes]] = []
        self._position = 0
        self.error: BaseException | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill the buffer; past the end of the file there are zeros."""
        view = memoryview(buffer).cast("B")
        try:
            self._read(view, self._position)
            if view[:4] == SIGNATURE and is_endless(view):
                # Something that HDF5 takes for no heap.
                view[:4] = bytes(4)
                raise CorruptNetworkError("a heap of texts in the HDF5 file has no end")
        except BaseException as error:
            self._note(error)
        self._position += len(view)
        return len(view)

    def write(self, data: bytes | memoryview) -> int:
        view = memoryview(data).cast("B")
        try:
            self._write(view, self._position)
        except BaseException as error:
            self._note(error)
        if self.error is not None:
            self._patches.append((self._position, bytes(view)))
        self._position += len(view)
        self._size = max(self._size, self._position)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        self._size = self._position if size is None else size
        try:
            if self.error is None:
                self._cut()
        except BaseException as error:
            self._note(error)
        return self._size

    def flush(self) -> None:
        """Nothing: the pages stay until the commit."""

    def lay(self, journal: Journal) -> None:
        """Show the file as it will be when an interrupted commit is finished."""
        self._base_size = max(self._base_size, journal.base_size, journal.size)
        for piece in journal.pieces:
            self._write_pages(memoryview(piece.data), piece.start)
        self._size = journal.size

    def commit(self, journal_path: str, *, durable: bool = False) -> None:
        """
        Write the pages, and cut the file to its new size.

        :param journal_path: where the side file is, for as long as it is needed.
        :param durable: make sure that all of it, or nothing, survives a power cut.
        :raises BaseException: the error that was noted before, or that came up now; the
            file is what it was, unless the system refuses even to write that back.
        """
        self.raise_error()
        self._clear_cut()
        replacements = self._replacements()
        if durable:
            # What was added must be there before the side file speaks of it.
            os.fsync(self._descriptor)
        if replacements:
            self._announce(journal_path, replacements, durable=durable)
        try:
            self._write_all(replacements)
            self._set_size(durable=durable)
        except BaseException:
            self._write_back(replacements)
            with contextlib.suppress(OSError):
                remove_journal(journal_path)
            raise
        # There is nothing to undo any more.
        self._pages.clear()
        self._base_size = self._kept_size = self._size
        # If it stays, the next one who opens the network applies it again and removes it.
        with contextlib.suppress(OSError):
            remove_journal(journal_path)

    def _set_size(self, *, durable: bool) -> None:
        """Let the file end where it should; to cut it comes last, as it can't be undone."""
        cuts = self._size < self._base_size
        if not cuts:
            os.ftruncate(self._descriptor, self._size)
        if durable:
            os.fsync(self._descriptor)
        if cuts:
            os.ftruncate(self._descriptor, self._size)

    def _replacements(self) -> list[Replacement]:
        """
        Sectors that change, ascending, those that follow each other together.

        HDF5 writes whole pieces of arrays, of which little is new.
        """
        found: list[Replacement] = []
        # What is cut off need not be replaced before.
        end = min(self._base_size, self._size)
        for numbers in _runs(sorted(self._pages)):
            start = numbers[0] * PAGE
            held = bytearray(min(len(numbers) * PAGE, end - start))
            self._read_base(memoryview(held), start)
            pages = [self._pages[number] for number in numbers]
            for sectors in _runs(_changed_sectors(held, pages)):
                low, high = sectors[0] * SECTOR, (sectors[-1] + 1) * SECTOR
                found.append(
                    (start + low, bytes(held[low:high]), _slice(pages, low, min(high, len(held))))
                )
        return found

    def _announce(self, path: str, replacements: list[Replacement], *, durable: bool) -> None:
        pieces = [Piece.replacing(*each) for each in replacements]
        journal = Journal(self._base_size, self._size, pieces)
        try:
            journal.write(path, durable=durable)
        except BaseException:
            with contextlib.suppress(OSError):
                remove_journal(path)
            raise

    def rollback(self) -> None:
        """Forget the pages, and cut off what was added."""
        self._pages.clear()
        if os.fstat(self._descriptor).st_size > self._base_size:
            os.ftruncate(self._descriptor, self._base_size)

    @property
    def is_untouched(self) -> bool:
        """Whether nothing was written since the start, or since the commit."""
        return not self._pages and self._size == self._base_size and self.error is None

    def refuse_writes(self, error: BaseException | None = None) -> None:
        """
        Write nothing to the file any more; HDF5 may come to its end.

        :param error: what to tell who goes on nevertheless.
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
        done = self._read_base(view, start)
        view[done:] = bytes(len(view) - done)
        if self._kept_size < self._base_size:
            cut = slice(max(0, self._kept_size - start), max(0, self._base_size - start))
            view[cut] = bytes(len(view[cut]))
        if self._pages and start < self._base_size:
            self._lay_over(view, start)
        for offset, data in self._patches:
            low, high = max(start, offset), min(start + len(view), offset + len(data))
            if low < high:
                view[low - start : high - start] = data[low - offset : high - offset]

    def _write(self, view: memoryview, start: int) -> None:
        if self.error is not None:
            return
        below = max(0, min(len(view), self._base_size - start))
        if below:
            self._write_pages(view[:below], start)
        if below < len(view):
            self._write_through(view[below:], start + below)

    def _cut(self) -> None:
        if self._size < self._base_size:
            self._kept_size = min(self._kept_size, self._size)
            self._forget_pages(self._size)
        if self._size < os.fstat(self._descriptor).st_size:
            os.ftruncate(self._descriptor, max(self._size, self._base_size))

    def _write_back(self, replacements: list[Replacement]) -> None:
        for start, held, _ in replacements:
            # One that can't be written was not written before either.
            with contextlib.suppress(OSError):
                self._write_through(memoryview(held), start)

    def _forget_pages(self, size: int) -> None:
        """What pages hold from a cut on is gone."""
        for number in [n for n in self._pages if (n + 1) * PAGE > size]:
            if number * PAGE >= size:
                del self._pages[number]
            else:
                offset = size - number * PAGE
                self._pages[number][offset:] = bytes(PAGE - offset)

    def _clear_cut(self) -> None:
        """Zeros where the file was cut and grew again."""
        stop = min(self._size, self._base_size)
        for number in range(self._kept_size // PAGE, -(-stop // PAGE)):
            if number not in self._pages:
                self._new_page(number)

    def _new_page(self, number: int) -> bytearray:
        """A page with what the file held there at the start, up to where it was cut."""
        page = self._pages[number] = bytearray(PAGE)
        kept = max(0, min(PAGE, self._kept_size - number * PAGE))
        self._read_base(memoryview(page)[:kept], number * PAGE)
        return page

    def _read_base(self, view: memoryview, start: int) -> int:
        done = 0
        while done < len(view):
            count = os.preadv(self._descriptor, [view[done:]], start + done)
            if not count:
                break
            done += count
        return done

    def _write_through(self, view: memoryview, start: int) -> None:
        done = 0
        while done < len(view):
            done += os.pwrite(self._descriptor, view[done:], start + done)

    def _write_all(self, replacements: list[Replacement]) -> None:
        for start, _, data in replacements:
            self._write_through(memoryview(data), start)

    def _lay_over(self, view: memoryview, start: int) -> None:
        stop = min(start + len(view), self._base_size)
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


def _changed_sectors(held: bytearray, pages: list[bytearray]) -> list[int]:
    """Sectors in which pages that follow each other differ from what a file holds there."""
    changed: list[int] = []
    for i, page in enumerate(pages):
        first = i * PAGE
        before = held[first : first + PAGE]
        after = page[: len(before)]
        if before != after:
            changed.extend(
                (first + offset) // SECTOR
                for offset in range(0, len(before), SECTOR)
                if before[offset : offset + SECTOR] != after[offset : offset + SECTOR]
            )
    return changed


def _slice(pages: list[bytearray], low: int, high: int) -> bytes:
    """Bytes of pages that follow each other."""
    first, last = low // PAGE, (high - 1) // PAGE
    joined = pages[first] if first == last else b"".join(pages[first : last + 1])
    return bytes(joined[low - first * PAGE : high - first * PAGE])


def _runs(numbers: list[int]) -> Iterator[list[int]]:
    """Ascending numbers, those that follow each other together."""
    first = 0
    for last, number in enumerate(numbers):
        is_last = last + 1 == len(numbers) or last + 1 - first == _MOST_AT_ONCE
        if is_last or numbers[last + 1] != number + 1:
            yield numbers[first : last + 1]
            first = last + 1
