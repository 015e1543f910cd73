"""Inner loops of reading, compiled: a hash table of texts, and what repeats.

Texts lie one after the other as bytes; text n is what stands from ``bounds[n]`` to
``bounds[n + 1]``. Places are unsigned: no index can count from the end, which saves a test of each.
"""

from typing import Any

import numpy as np

from likewise.compiling import compiled

BLOCK = 1024
"""Texts whose places are computed, then read, then compared: each loop then waits for memory for
many at a time and not for one."""

WORD = np.uint64(8)
HALF = np.uint64(32)
NUMBER = np.uint64(0xFFFFFFFF)
FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ over the golden ratio, Knuth's factor for hashing by multiplication."""


@compiled()
def number_texts(
    text: Any,
    bounds: Any,
    first: int,
    numbers: Any,
    slots: Any,
    known: Any,
    ends: Any,
    n_known: int,
) -> Any:
    """Write the numbers of texts from the `first` on, as far as there is room for new ones.

    Parameters
    ----------
    text, bounds : ndarray of uint8, ndarray of shape (N + 1,), int64
        The texts.
    numbers : ndarray of shape (N,), int32
        Written to.
    slots : ndarray of uint64
        The table, of a length that is a power of two: at the place that a text's hash says, or
        behind it, the hash's upper half and 1 + its number; 0 where there is none.
    known, ends : ndarray of uint8, ndarray of int64
        The known texts, `n_known` of them, and room for more.

    Returns
    -------
    first, n_known : int
        Which text is next (N if all are numbered), and how many are known by now.
    """
    hashes = np.empty(BLOCK, np.uint64)
    while first < len(numbers):
        last = min(first + BLOCK, len(numbers))
        size = last - first
        is_room = n_known + size < len(ends) and 2 * (n_known + size) <= len(slots)
        if not is_room or ends[n_known] + bounds[last] - bounds[first] > len(known):
            break
        for r in range(size):
            hashes[r] = _hash(text, np.uint64(bounds[first + r]), np.uint64(bounds[first + r + 1]))
        for r in range(size):
            numbers[first + r] = _first_of(slots, hashes[r])
        for n in range(first, last):
            begin, end = np.uint64(bounds[n]), np.uint64(bounds[n + 1])
            found = numbers[n]
            if found < 0 or not _is_same(text, begin, end, known, ends, found):
                place = _place_of(text, begin, end, slots, known, ends, hashes[n - first])
                if not slots[place]:
                    _append(text, begin, end, known, ends, n_known)
                    n_known += 1
                    slots[place] = (hashes[n - first] >> HALF << HALF) | np.uint64(n_known)
                numbers[n] = np.int64(slots[place] & NUMBER) - 1
        first = last
    return first, n_known


@compiled()
def enter(known: Any, ends: Any, n_known: int, slots: Any) -> None:
    """Enter all known texts, each of which is another, in an empty table."""
    mask = np.uint64(len(slots) - 1)
    for n in range(n_known):
        hash_ = _hash(known, np.uint64(ends[n]), np.uint64(ends[n + 1]))
        place = hash_ & mask
        while slots[place]:
            place = (place + np.uint64(1)) & mask
        slots[place] = (hash_ >> HALF << HALF) | np.uint64(n + 1)


@compiled()
def group(numbers: Any, next_: Any, places: Any) -> None:
    """Write the places of the events of number 0, then those of 1, and so on; each in their order.

    Parameters
    ----------
    numbers : ndarray of shape (N,)
        The events' numbers.
    next_ : ndarray of int64
        For each number, where its places begin; counted up.
    places : ndarray of shape (N,)
        Written to.
    """
    for n in range(len(numbers)):
        places[next_[numbers[n]]] = n
        next_[numbers[n]] += 1


@compiled()
def mark_repeated(items: Any, bounds: Any, latest: Any, is_repeated: Any) -> None:
    """Mark the events whose user has another event of the same item.

    Parameters
    ----------
    items : ndarray of shape (N,)
        The events' items, user by user.
    bounds : ndarray
        Where a user's events begin, and N.
    latest : ndarray of shape (I,), int64
        -1; written to: where each item was last.
    is_repeated : ndarray of shape (N,), bool
        Written to.
    """
    for user in range(len(bounds) - 1):
        for n in range(bounds[user], bounds[user + 1]):
            before = latest[items[n]]
            if before >= bounds[user]:
                is_repeated[before] = is_repeated[n] = True
            latest[items[n]] = n


@compiled()
def _first_of(slots: Any, hash_: Any) -> Any:
    """Return the number of the first text with this hash (as far as the table tells), or -1."""
    mask = np.uint64(len(slots) - 1)
    place = hash_ & mask
    while slots[place] and (slots[place] ^ hash_) >> HALF:
        place = (place + np.uint64(1)) & mask
    return np.int64(slots[place] & NUMBER) - 1


@compiled()
def _place_of(
    text: Any, begin: Any, end: Any, slots: Any, known: Any, ends: Any, hash_: Any
) -> Any:
    """Return where in the table a text stands, or where there is room for it."""
    mask = np.uint64(len(slots) - 1)
    place = hash_ & mask
    while slots[place]:
        found = np.int64(slots[place] & NUMBER) - 1
        if not (slots[place] ^ hash_) >> HALF and _is_same(text, begin, end, known, ends, found):
            break
        place = (place + np.uint64(1)) & mask
    return place


@compiled()
def _append(text: Any, begin: Any, end: Any, known: Any, ends: Any, n_known: int) -> None:
    start = np.uint64(ends[n_known])
    for n in range(end - begin):
        known[start + n] = text[begin + n]
    ends[n_known + 1] = start + (end - begin)


@compiled()
def _is_same(text: Any, begin: Any, end: Any, known: Any, ends: Any, number: Any) -> bool:
    """Tell whether a text is the known one of this number."""
    start = np.uint64(ends[number])
    if np.uint64(ends[number + 1]) - start != end - begin:
        return False
    while begin + WORD <= end:
        if _word(text, begin) != _word(known, start):
            return False
        begin += WORD
        start += WORD
    while begin < end:
        if text[begin] != known[start]:
            return False
        begin += np.uint64(1)
        start += np.uint64(1)
    return True


@compiled()
def _hash(text: Any, begin: Any, end: Any) -> Any:
    """Return a hash of 64 bits: words are mixed in one after the other, and what is left over."""
    hash_ = end - begin
    while begin + WORD <= end:
        hash_ = _mixed(hash_, _word(text, begin))
        begin += WORD
    rest = np.uint64(0)
    while begin < end:
        rest = rest << WORD | np.uint64(text[begin])
        begin += np.uint64(1)
    return _mixed(hash_, rest)


@compiled()
def _mixed(hash_: Any, word: Any) -> Any:
    hash_ = (hash_ ^ word) * FACTOR
    return hash_ ^ (hash_ >> HALF)


@compiled()
def _word(text: Any, at: Any) -> Any:
    """Return eight bytes as a number: a single reading, once it is compiled."""
    word = np.uint64(0)
    for n in range(8):
        word |= np.uint64(text[at + np.uint64(n)]) << np.uint64(8 * n)
    return word
