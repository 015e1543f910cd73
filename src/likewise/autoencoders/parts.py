"""What compiled loops are given: parts of about equal work, arrays; and rows times a matrix."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from likewise.errors import InputError

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


def in_threads(work: Callable[[_Part], _Result], parts: Iterable[_Part]) -> Iterator[_Result]:
    """Do the parts on as many threads as torch may use; results come in the parts' order."""
    parts = list(parts)
    n_threads = min(torch.get_num_threads(), len(parts))
    if n_threads < 2:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        yield from pool.map(work, parts)


class _OneBlasThread:
    """Keeps BLAS to one thread, for the whole process; the last to leave gives back what was.

    Each alone would give back what it found, which is one thread where others were before it.
    """

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if not self._inside:
                self._limits = threadpool_limits(1, "blas")
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._limits.restore_original_limits()


one_blas_thread = _OneBlasThread()


def slices(stop: int, size: int, start: int = 0) -> Iterator[slice]:
    """Cut a range into slices of one size; the last may be shorter.

    Examples
    --------
    >>> list(slices(5, 3))
    [slice(0, 3, None), slice(3, 5, None)]
    """
    for first in range(start, stop, size):
        yield slice(first, min(first + size, stop))


def parts_of(work: NDArray[Any], size: int) -> Iterator[slice]:
    """Cut a range into parts of about `size` units of work.

    Examples
    --------
    >>> list(parts_of(np.array([3, 1, 1, 1, 4]), 4))
    [slice(0, 1, None), slice(1, 4, None), slice(4, 5, None)]
    """
    number = (np.cumsum(work, dtype=np.float64) // size).astype(np.int64)
    cuts = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(work)]
    for start, stop in pairwise(cuts):
        yield slice(start, stop)


def arrays(matrix: Any) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """Return a CSR or CSC matrix as its three arrays, always of the same types.

    A loop is compiled anew for each combination of types, which takes seconds.
    """
    indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32, copy=False)
    return indptr, indices, matrix.data.astype(np.float32, copy=False)


def as_indptr(starts: NDArray[Any]) -> NDArray[Any]:
    """Return where rows begin in 32 bits, if they fit: SciPy makes as wide the indices beside them.

    Examples
    --------
    >>> as_indptr(np.array([0, 2, 5])).dtype, as_indptr(np.array([0, 1 << 31])).dtype
    (dtype('int32'), dtype('int64'))
    """
    if starts.dtype != np.int64:
        return starts
    narrow = starts.astype(np.int32)
    return narrow if np.array_equal(narrow, starts) else starts


def scores_of(X: Any, B: Any) -> NDArray[np.float32]:
    """Return the product of a CSR matrix with another, CSR or dense, as a dense one.

    Examples
    --------
    >>> scores_of(sparse.csr_array([[1.0, 2.0]]), sparse.csr_array([[0.0, 1], [1, 0]]))
    array([[2., 1.]], dtype=float32)
    """
    from likewise.autoencoders import products  # numba takes half a second to import

    if X.shape[1] != B.shape[0]:  # the loops look at no bounds
        raise InputError(f"rows of {X.shape[1]} columns were given for {B.shape[0]}; give as many")
    scores = np.zeros((X.shape[0], B.shape[1]), np.float32)
    if sparse.issparse(B):
        products.add_rows(_unsigned(X), _unsigned(B), scores)
    else:
        products.add_dense_rows(_unsigned(X), read_only(B), scores)
    return scores


def product(X: Any, B: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return X B of sparse or dense rows; B is read row by row, and never copied.

    Examples
    --------
    >>> X, B = np.eye(2, 3, dtype=np.float32), np.ones((3, 1), np.float32)
    >>> product(X, B).tolist() == product(sparse.csr_array(X), B).tolist() == [[1.0], [1.0]]
    True
    """
    if sparse.issparse(X):
        return scores_of(X, B)
    result: NDArray[np.float32] = np.asarray(X @ B, dtype=np.float32)
    return result


def scaled(X: Any, scale: NDArray[np.float32]) -> Any:
    """Return CSR or dense rows with each column times its factor.

    Examples
    --------
    >>> scaled(sparse.csr_array([[1.0, 3.0]]), np.array([2.0, 0.5], np.float32)).toarray()
    array([[2. , 1.5]], dtype=float32)
    """
    if not sparse.issparse(X):
        return X * scale
    data = X.data.astype(np.float32, copy=False) * scale[X.indices]
    return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)


def _unsigned(matrix: Any) -> tuple[NDArray[Any], ...]:
    places = (matrix.indptr, matrix.indices)
    unsigned = (part.view(f"u{part.itemsize}") for part in places)
    return tuple(read_only(part) for part in (*unsigned, matrix.data))


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array as a loaded model's are, which only read: to numba that is another type."""
    view = array.view()
    view.flags.writeable = False
    return view
