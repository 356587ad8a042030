"""Labels of cells, and the filters by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from bsb._encoding import EncodedLabels
from numpy.typing import ArrayLike, NDArray

from .core import cell_labels
from .core.chunk_id import Ids
from .core.labels import check_labels
from .core.layouts.protocols import PlacementReader, PlacementWriter
from .core.rows import Rows
from .core.selection import Selection, label_mask
from .core.validation import as_numbers
from .errors import InputError, LabelError
from .exceptions import bsb_errors
from .handles import HANDLED, SessionEngine, handles_handles
from .placement_arguments import ids_of_mask
from .transactions.session import Session


class LabelledCells:
    """The part of a placement set that labels its cells and filters them by labels."""

    tag: str
    _engine: SessionEngine
    _labels: Sequence[str] | None
    _morphology_labels: Iterable[str] | None

    if TYPE_CHECKING:

        def _data(self, session: Session) -> PlacementReader: ...

        def _writer(self, session: Session) -> PlacementWriter: ...

        def _selected_chunks(self) -> Ids | None: ...

    def set_label_filter(self, labels: Iterable[str] | None) -> None:
        """
        Keep the cells that carry any of some labels; None keeps all cells, an empty list those
        without a label.

        :raises LabellingError: a bare text, or labels that are not texts.
        """
        self._labels = None if labels is None else _checked(labels)

    def set_morphology_label_filter(self, morphology_labels: Iterable[str] | None) -> None:
        """
        Filter the points of the morphologies that are loaded by labels; None removes the filter.

        :raises LabellingError: a bare text, or labels that are not texts.
        """
        if morphology_labels is None:
            self._morphology_labels = None
            return
        known = _checked(morphology_labels)
        keeps = isinstance(morphology_labels, tuple | set | frozenset)
        self._morphology_labels = morphology_labels if keeps else known

    @handles_handles("a")
    def label(self, labels: Iterable[str], cells: ArrayLike, handle: Session = HANDLED) -> None:
        """
        Label cells.

        :param labels: list of texts.
        :param cells: (n,) numbers of cells, counted under the filters of the set, or a mask.
        :raises LabellingError: cells outside the set, or labels that are not strings.
        """
        self._change_labels(handle, labels, cells, remove=False)

    @handles_handles("a")
    def remove_labels(
        self, labels: Iterable[str], cells: ArrayLike, handle: Session = HANDLED
    ) -> None:
        """Remove labels from cells; see :meth:`label`."""
        self._change_labels(handle, labels, cells, remove=True)

    @handles_handles("a")
    def label_by_mask(
        self, labels: Iterable[str], mask: ArrayLike, handle: Session = HANDLED
    ) -> None:
        """
        Label the cells for which a mask is true.

        :param mask: (n,) booleans, one per cell under the filters of the set.
        :raises LabellingError: the mask has another shape or dtype, or labels are not strings.
        """
        self._change_labels(handle, labels, mask, remove=False, by_mask=True)

    @handles_handles("a")
    def remove_labels_by_mask(
        self, labels: Iterable[str], mask: ArrayLike, handle: Session = HANDLED
    ) -> None:
        """Remove labels from the cells for which a mask is true; see :meth:`label_by_mask`."""
        self._change_labels(handle, labels, mask, remove=True, by_mask=True)

    @handles_handles("r")
    def get_unique_labels(self, handle: Session = HANDLED) -> Rows:
        """
        The label sets of the cells, whatever the label filter.

        :returns: (k,) hashable sets, by label code.
        """
        data = self._data(handle)
        counts = data.counts().select(self._selected_chunks())
        codes = np.unique(cell_labels.load_label_codes(data, counts))
        sets = EncodedLabels(0, labels=dict(enumerate(data.label_sets().of(codes)))).labels
        found = np.empty(len(codes), dtype=object)
        found[:] = list(sets.values())
        return found

    @handles_handles("r")
    def get_labelled(
        self, labels: Iterable[str] | None = None, handle: Session = HANDLED
    ) -> NDArray[np.int64]:
        """
        Numbers of the cells that carry any of some labels; see :meth:`get_label_mask`.

        :returns: (n,), ascending.
        """
        return np.flatnonzero(self.get_label_mask(labels, handle=handle))

    @handles_handles("r")
    def get_label_mask(
        self, labels: Iterable[str] | None = None, handle: Session = HANDLED
    ) -> NDArray[np.bool_]:
        """
        Which cells carry any of some labels, whatever the label filter.

        :param labels: list of texts; None matches all cells, an empty list those without a label.
        :returns: (n,) booleans, one per cell of the chunks that the set is restricted to.
        """
        data = self._data(handle)
        counts = data.counts().select(self._selected_chunks())
        return label_mask(data, counts, None if labels is None else check_labels(labels))

    def _selection(self) -> Selection:
        return Selection(self._selected_chunks(), self._labels)

    def _change_labels(
        self,
        handle: Session,
        labels: Iterable[str],
        cells: ArrayLike,
        *,
        remove: bool,
        by_mask: bool = False,
    ) -> None:
        names = check_labels(labels)
        data = self._writer(handle)
        selected = self._selection().resolve(data)
        try:
            given = as_numbers(cells, "the mask" if by_mask else f"ids of cells of '{self.tag}'")
            if by_mask or given.dtype == bool:
                given = ids_of_mask(given, len(selected))
            cell_labels.change_labels(data, selected, given, names, remove=remove)
        except InputError as error:
            raise LabelError(error.message, **error.fields) from error


def _checked(labels: Iterable[str]) -> list[str]:
    with bsb_errors():
        return check_labels(labels)
