"""Documents that grow: padded text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.layouts.documents import pad, parse_json, write_json
from tests.unit.memory import new_root


@given(st.text("ab", max_size=20), st.integers(0, 30))
def test_padded_text_fits_or_grows_by_a_quarter(text: str, held: int) -> None:
    padded = pad(text, held)
    assert text == padded.rstrip(" ")
    if len(text) <= held:
        assert held == len(padded)
    elif held:
        assert len(text) + len(text) // 4 == len(padded)
    else:
        assert text == padded


def test_a_document_that_grows_slowly_changes_its_length_rarely() -> None:
    attributes = new_root().attributes
    lengths = []
    for i in range(400):
        write_json(attributes, "d", {str(n): n for n in range(i)})
        lengths.append(len(attributes.get("d")))
        assert {str(n): n for n in range(i)} == parse_json(attributes.get("d"), "d")
    assert lengths == sorted(lengths)
    assert 40 > len(set(lengths))
