"""Digests of what is in files: the same for the same bytes, whatever the file is called.

A digest is the SHA-256 of the SHA-256s of the file's pieces, which threads hash beside each other.
Every digest is two deep, however short the file, so that none is also the digest of a file that
holds the sums of another's pieces.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from likewise.errors import LogError

PIECE = 1 << 24
"""Bytes that are hashed by one thread; another number gives other digests."""

STEP = 1 << 18
"""Bytes that a thread holds at a time."""


def digests(files: Sequence[str], threads: int | None = None) -> list[str]:
    """Return the digest of each file's content, hashed with `threads` threads.

    One for each core if None. They give the same digests, however many they are.

    Raises
    ------
    LogError
        If a file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = [f"{folder}/may.csv", f"{folder}/copy.csv"]
    ...     _ = [Path(file).write_text("user,item") for file in files]
    ...     one, other = digests(files)
    >>> len(one), one == other
    (64, True)
    """
    counts = [_pieces(file) for file in files]
    pieces = [
        (file, n * PIECE) for file, count in zip(files, counts, strict=True) for n in range(count)
    ]
    most = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(max(1, min(most, len(pieces)))) as pool:
        hashed = pool.map(_hashed, pieces)
        return [hashlib.sha256(b"".join(islice(hashed, count))).hexdigest() for count in counts]


def _pieces(file: str) -> int:
    """Return how many pieces a file has."""
    with _refused(file):
        return -(-Path(file).stat().st_size // PIECE)


def _hashed(piece: tuple[str, int]) -> bytes:
    """Return the SHA-256 of the piece of a file that begins at a position."""
    file, start = piece
    digest, buffer, left = hashlib.sha256(), memoryview(bytearray(STEP)), PIECE
    with _refused(file), Path(file).open("rb", buffering=0) as stream:
        stream.seek(start)
        while count := stream.readinto(buffer[:left]):
            digest.update(buffer[:count])
            left -= count
    return digest.digest()


@contextmanager
def _refused(file: str) -> Iterator[None]:
    """Name the file that the machine cannot read."""
    try:
        yield
    except OSError as error:
        raise LogError(f"{file} cannot be read: {error.strerror}") from error
