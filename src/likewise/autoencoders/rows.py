"""Rows as the autoencoders take them: tables as they are, images laid out as rows."""

from collections.abc import Iterator
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_array, validate_data

from likewise.data.frames import require_collected
from likewise.errors import InputError
from likewise.memory import require_memory
from likewise.nn.scaling import BLOCK

ROUNDED = 0.01
"""How much of a column's deviation, at most, may be lost by rounding to float32."""

CONSTANT = 1e-12
"""Of its values, what a column that is constant but for rounding in float64 may differ by."""

Shape = tuple[int, ...]
"""Of one image: (height, width) or (channels, height, width)."""


def shape_of(X: Any) -> Shape | None:
    """Return the shape of one image of `X`, None where `X` is a table.

    Examples
    --------
    >>> shape_of(np.zeros((5, 28, 28))), shape_of(np.zeros((5, 784)))
    ((28, 28), None)
    """
    given = getattr(X, "shape", ())
    return tuple(int(n) for n in given[1:]) if len(given) in (3, 4) else None


def as_table(X: Any) -> Any:
    """Return images of shape (n, ...) as rows of shape (n, F); a table as it is.

    Raises
    ------
    InputError
        If the images have no pixels.
    """
    shape = shape_of(X)
    if shape is None:
        return X
    if not prod(shape):
        raise InputError(f"images of shape {shape} have no pixels; each side is 1 or more")
    if len(shape) == 3 and shape[2] in (1, 3) and shape[0] not in (1, 3):
        raise InputError(
            f"images of shape {shape} seem to have their channels last; give (n, channels, height, "
            "width): np.moveaxis(X, 3, 1)"
        )
    return np.asarray(X).reshape(len(X), prod(shape))


def checked(model: Any, X: Any, *, reset: bool) -> Any:
    """Return `X` as a float32 table or CSR array that is a copy, checked by scikit-learn.

    With `reset` the shape of its images becomes `model.image_shape_`; without, another is refused.

    Raises
    ------
    InputError
        If the model learned images of another shape, or does not learn sparse rows.
    NotEnoughMemoryError
        If the copy would not fit into memory.
    """
    if sparse.issparse(X) and not model.sparse_rows:
        raise InputError(
            f"sparse rows (purchases) were given; {type(model).__name__} learns images and dense "
            "tables; use another type for purchases, or give an array"
        )
    require_collected(X)
    shape = shape_of(X)
    if not reset and shape is not None and model.image_shape_ not in (None, shape):
        raise InputError(
            f"images of shape {shape} were given and this model learned images of shape "
            f"{model.image_shape_}; resize them"
        )
    _require_copy(X, type(model).__name__)
    # A copy: torch does not take read-only arrays, and nothing may write to the user's.
    # What float32 cannot hold becomes infinite, and is refused; sums of huge values may overflow.
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            table = validate_data(
                model, as_table(X), reset=reset, accept_sparse="csr",
                dtype=np.float32, copy=True, order="C",
            )  # fmt: skip
    except ValueError as error:
        raise InputError(_refusal(error)) from error
    if reset:
        if shape is None and not sparse.issparse(table):
            _require_told_apart(X, table)
        model.image_shape_ = shape
    if sparse.issparse(table):
        table = sparse.csr_array(table)
        _require_within(table)
        table.sum_duplicates()
        table.eliminate_zeros()  # chance is drawn for each value that is stored
    return table


def _require_within(table: Any) -> None:
    """Refuse a CSR matrix whose places lie outside of it, which compiled loops would follow."""
    try:
        table.check_format(full_check=True)
    except ValueError as error:
        raise InputError(f"the sparse matrix is broken: {error}") from error


def _require_told_apart(X: Any, table: NDArray[np.float32]) -> None:
    """Refuse columns whose values lie so far from 0 that float32 rounds their differences away."""
    if getattr(X, "dtype", None) in (np.float32, np.float16):
        return
    given_rows = X if hasattr(X, "columns") else np.asarray(X)  # of a frame a block at a time
    rounded, spread, first = 0.0, 0.0, None
    for start in range(0, len(table), BLOCK):
        part = slice(start, start + BLOCK)
        given = np.asarray(_safe_indexing(given_rows, part), dtype=np.float64)
        first = given[:1] if first is None else first
        with np.errstate(over="ignore"):  # what is huge is told apart, and refused elsewhere
            rounded = rounded + np.square(given - table[part]).sum(axis=0)
            spread = spread + np.square(given - first).sum(axis=0)
    jitter = len(table) * np.square(CONSTANT * table[0].astype(np.float64))
    lost = np.flatnonzero((rounded > ROUNDED**2 * spread) & (spread > jitter))
    if len(lost):
        number = int(lost[0])
        name = repr(X.columns[number]) if hasattr(X, "columns") else str(number)
        raise InputError(
            f"the values of column {name} lie near {table[0, number]:.4g} and differ by so little "
            "that float32, in which autoencoders compute, rounds their differences away; subtract "
            "the mean first, as sklearn.preprocessing.StandardScaler and likewise.TableEncoder do"
        )


def _refusal(error: ValueError) -> str:
    """Return scikit-learn's words, and, where texts or missing values stand in a table, ours.

    Examples
    --------
    >>> _refusal(ValueError("could not convert string to float: 'tea'"))
    "could not convert string to float: 'tea'; likewise.TableAutoencoder takes tables with texts..."
    """
    words = str(error)
    if "contains NaN" in words or "could not convert string" in words:
        return (
            f"{words.splitlines()[0].rstrip('.')}; likewise.TableAutoencoder takes tables with "
            "texts and missing values, and likewise.TableEncoder makes numbers of them"
        )
    return words


def bytes_of(X: Any) -> int:
    """Return what checked rows take, or those of which they become a copy.

    Examples
    --------
    >>> bytes_of(np.zeros((3, 5))), bytes_of(sparse.csr_array(np.eye(3)))
    (60, 40)
    """
    shape: Shape = getattr(X, "shape", ())
    if not sparse.issparse(X):
        return 4 * prod(int(n) for n in shape) if shape else 0  # of a list: not known yet
    index = X.indices.itemsize if hasattr(X, "indices") else 8
    return int(X.nnz * (4 + index) + (shape[0] + 1) * index)


def joined(blocks: Iterator[Any], n_rows: int, beside: int, what: str) -> Any:
    """Return blocks of rows one below the other, dense ones in memory that is taken once.

    Parameters
    ----------
    blocks : iterator of ndarray or csr_array
        With `n_rows` rows together.
    n_rows, beside : int
        How many rows there are; bytes that making a block takes.
    what : str
        What they are, for the refusal.

    Raises
    ------
    NotEnoughMemoryError
        If dense ones would not fit, after the first of them.

    Examples
    --------
    >>> joined(iter([np.eye(1, 3), np.ones((2, 3))]), 3, 0, "examples").tolist()
    [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    first = next(blocks)
    if sparse.issparse(first):
        return sparse.vstack([first, *blocks]).tocsr()
    require_memory(
        n_rows * (first.nbytes // len(first)) + beside,
        f"the {what} of {n_rows:,} rows",
        "give fewer rows at a time, or use Recommender.recommend, which keeps the top k only",
    )
    whole, start = np.empty((n_rows, *first.shape[1:]), first.dtype), 0
    for block in chain([first], blocks):
        whole[start : start + len(block)] = block
        start += len(block)
    return whole


def _require_copy(X: Any, who: str) -> None:
    rows = " x ".join(f"{n:,}" for n in getattr(X, "shape", ()))
    require_memory(bytes_of(X), f"{who}'s own copy of {rows} values", "give fewer rows at a time")


def checked_shape(recorded: Any, n_features: int) -> Shape | None:
    """Return the shape of an image as a model folder records it.

    Raises
    ------
    InputError
        If it is no shape of an image of `n_features` values.
    """
    if recorded is None:
        return None
    whole = isinstance(recorded, list) and all(type(n) is int and n > 0 for n in recorded)
    if not whole or len(recorded) not in (2, 3) or prod(recorded) != n_features:
        raise InputError(
            f"image_shape is {recorded!r}; it must be that of an image of {n_features} values"
        )
    return tuple(recorded)


def unit_rows(columns: NDArray[np.int64], n_columns: int) -> Any:
    """Return sparse rows that hold one single 1 each, in these columns."""
    ones = np.ones(len(columns), dtype=np.float32)
    return sparse.csr_array(
        (ones, columns, np.arange(len(columns) + 1)), shape=(len(columns), n_columns)
    )


def checked_codes(model: Any, Z: Any) -> Any:
    """Return codes as a float32 array or CSR matrix.

    Raises
    ------
    InputError
        If they are not finite numbers, or not as many to a row as the model's.
    """
    try:
        with np.errstate(over="ignore"):
            codes = check_array(
                Z, accept_sparse="csr", dtype=np.float32, ensure_2d=False, allow_nd=True,
                ensure_min_samples=0, ensure_min_features=0, input_name="codes",
            )  # fmt: skip
    except ValueError as error:
        raise InputError(str(error)) from error
    width = model._n_features_out
    if codes.ndim != 2 or codes.shape[1] != width or not codes.shape[0]:
        raise InputError(
            f"codes of shape {codes.shape} were given; {type(model).__name__} decodes codes of "
            f"shape (n, {width}), one row or more"
        )
    return codes
