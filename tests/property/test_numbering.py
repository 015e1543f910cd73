"""Ids become numbers and events are grouped by compiled loops; dictionaries say the same."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likewise.data.loops import group, mark_repeated
from likewise.data.numbering import Numbering

TEXTS = st.one_of(
    st.text(min_size=1, max_size=20),
    st.sampled_from(["a", "b", "a\0", "\0a", "12345678", "123456789", "é" * 9, "x" * 2000]),
)
INTEGERS = st.one_of(st.integers(-3, 3), st.integers(-(2**63), 2**63 - 1))


def batches_of(ids):
    return st.lists(st.lists(st.none() | ids, max_size=30), max_size=6)


@settings(deadline=None)
@given(
    st.tuples(st.just(pa.string()), batches_of(TEXTS))
    | st.tuples(st.just(pa.large_string()), batches_of(TEXTS))
    | st.tuples(st.just(pa.int64()), batches_of(INTEGERS))
)
def test_ids_are_numbered_as_a_dictionary_would(kind_and_batches):
    kind, batches = kind_and_batches
    numbering, known = Numbering(), {}
    for batch in batches:
        expected = [None if id_ is None else known.setdefault(id_, len(known)) for id_ in batch]
        padded = pa.array([None, *batch, None], kind)
        assert numbering.numbers(padded[1:-1]).to_pylist() == expected
    assert numbering.ids.to_pylist() == list(known)


def test_more_ids_than_there_is_room_for_at_first():
    random = np.random.default_rng(0)
    numbering, known = Numbering(), {}
    for _ in range(8):
        batch = [f"customer {number}" for number in random.integers(0, 20_000, 5000)]
        expected = [known.setdefault(id_, len(known)) for id_ in batch]
        assert numbering.numbers(pa.array(batch)).to_pylist() == expected
    assert numbering.ids.to_pylist() == list(known)


def mixed(hash_, word):
    hash_ = (hash_ ^ word) * 0x9E3779B97F4A7C15 % 2**64
    return hash_ ^ (hash_ >> 32)


def word_of(text):
    return int.from_bytes(text.encode(), "little")


def texts_of_one_hash():
    """Yield texts of two words: the second undoes what the first did to the hash."""
    first, second = "00000000", "purchase"
    yield first + second
    for number in range(1, 10_000):
        other = f"{number:08}"
        undone = mixed(16, word_of(first)) ^ mixed(16, word_of(other)) ^ word_of(second)
        text = undone.to_bytes(8, "little")
        if text.isascii():
            yield other + text.decode()


def test_texts_of_one_hash_are_told_apart():
    texts = list(texts_of_one_hash())
    assert len(texts) > 10
    numbering = Numbering()
    assert numbering.numbers(pa.array(texts)).to_pylist() == list(range(len(texts)))
    assert numbering.numbers(pa.array(texts[::-1])).to_pylist() == list(range(len(texts)))[::-1]
    assert numbering.ids.to_pylist() == texts


def test_the_texts_have_one_hash():
    from likewise.data import loops

    found = {
        int(loops._hash(np.frombuffer(text.encode(), np.uint8), np.uint64(0), np.uint64(16)))
        for text in texts_of_one_hash()
    }
    assert len(found) == 1


EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), max_size=40)


@settings(deadline=None)
@given(EVENTS, st.sampled_from([np.int32, np.int64]))
def test_events_are_grouped_and_what_repeats_is_marked(events, kind):
    user, item = np.array(events, np.int32).reshape(-1, 2).T.copy()
    bounds = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=5))])
    places = np.empty(len(user), kind)
    group(user, bounds[:-1].copy(), places)
    assert places.tolist() == sorted(range(len(events)), key=lambda n: user[n])
    is_repeated = np.zeros(len(user), bool)
    mark_repeated(item[places], bounds, np.full(6, -1), is_repeated)
    assert is_repeated.tolist() == [events.count(events[n]) > 1 for n in places]


@pytest.mark.parametrize("kind", [pa.string(), pa.int64()])
def test_nothing_is_numbered_of_nothing(kind):
    numbering = Numbering()
    assert numbering.numbers(pa.array([], kind)).to_pylist() == []
    assert numbering.numbers(pa.array([None, None], kind)).to_pylist() == [None, None]
    assert numbering.ids.to_pylist() == []
