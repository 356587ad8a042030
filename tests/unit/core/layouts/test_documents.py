"""Documents that grow: padded text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.layouts.documents import padded, parse_json, write_json
from tests.unit.memory import new_root


@given(st.text("ab", max_size=300))
def test_padded_text_is_the_text_and_less_than_a_quarter_of_blanks(text: str) -> None:
    found = padded(text)
    assert text == found.rstrip(" ")
    assert 4 * (len(found) - len(text)) <= len(text)


def test_texts_of_nearly_the_same_length_are_padded_to_the_same() -> None:
    lengths = {len(padded("a" * count)) for count in range(1024, 2048)}
    assert {1024, 1280, 1536, 1792, 2048} == lengths


def test_a_document_that_grows_slowly_changes_its_length_rarely() -> None:
    attributes = new_root().attributes
    lengths = []
    for i in range(400):
        write_json(attributes, "d", {str(n): n for n in range(i)})
        lengths.append(len(attributes.get("d")))
        assert {str(n): n for n in range(i)} == parse_json(attributes.get("d"), "d")
    assert lengths == sorted(lengths)
    assert 40 > len(set(lengths))
