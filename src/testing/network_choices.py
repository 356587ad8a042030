"""The choices of the rules of a random history."""

from __future__ import annotations

from hypothesis import strategies as st

from .network_samples import COORDINATES, LABELS, NAMES, TAGS, TYPES

types = st.sampled_from(TYPES)
tags = st.sampled_from(sorted(TAGS))
chunks = st.integers(0, len(COORDINATES) - 1)
# Many chunks, some of which are the same, none, or no restriction.
some_chunks = st.none() | st.lists(chunks, min_size=1, max_size=2) | st.lists(chunks, max_size=3)
counts = st.sampled_from([0, 1, 2, 3, 7, 60])
labels = st.lists(st.sampled_from(LABELS), unique=True, max_size=2)
label_filters = st.none() | st.none() | labels
some_labels = st.sampled_from([LABELS, *((label,) for label in LABELS), ()]).map(list)
some = st.lists(st.integers(0, 1000), min_size=1, max_size=12)
masks = st.booleans()
names = st.sampled_from(NAMES)
numbers = st.lists(st.integers(0, 1000), max_size=8)
points = st.sampled_from([(-1, -1), (0, 0), (2, 5), (40_000, 70_000)])
links = st.lists(st.tuples(st.integers(0, 1000), points, st.integers(0, 1000), points), max_size=12)
ranks = st.sampled_from([0, 1, 2, 300, 70_000])
rank_links = st.lists(st.tuples(ranks, points, ranks, points), max_size=6)
