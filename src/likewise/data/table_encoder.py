"""Tables of mixed columns as float matrices, and back."""

from itertools import chain, count
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names, _check_n_features, check_is_fitted

from likewise.data.frames import Shape, as_table
from likewise.data.table_columns import Column, as_json, from_json, learn
from likewise.errors import InputError, is_count
from likewise.memory import require_memory


class TableEncoder(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn a table of mixed columns into a float matrix, and the matrix back into the table.

    ================ ======================================== ===================================
    column           matrix                                   back
    ================ ======================================== ===================================
    number           one column, (x - mean) / deviation       with as many decimals as all had
    date, time       the same, counted in its longest unit    in whole units
    truth value      one column, 0 or 1                       true above 0.5
    text, category   one column for each value, 0 or 1        the value with the largest number
    missing values   one more column, 1 where missing         missing above 0.5
    ================ ======================================== ===================================

    A category's columns stay 0 and 1: together their variance is below 1, so that it counts about
    as much as one number does.
    Whole numbers that are codes, not amounts, are categories where the frame says so (`category` of
    pandas, a dictionary of Arrow).

    Parameters
    ----------
    max_categories : int
        A column with more different texts (names, ids) is refused: it would drown the others.

    Attributes
    ----------
    columns_ : list of Quantity and Category
        What was learned of each column.
    source_ : ndarray of shape (F,)
        The place in the table of the column that each matrix column came from.

    Notes
    -----
    `inverse_transform` gives back the frame's kind, its types and, of values that were learned or
    encoded, the values: whole numbers, times (both to 2⁴⁹ units), decimals of up to 9 places,
    texts, truth values and what was missing exactly; other floats to the last bits of a float64.
    Whole numbers beyond 2⁵³ come back as the nearest float64, which ids do not bear: leave such a
    column out, or give it as texts.

    What `fit` did not see: a new text has no column, so its row has zeros there; it comes back as
    missing. A value missing where none was before counts as the mean, and comes back as that.
    Infinite values are refused; a constant column is 0 in the matrix. NaN is a missing value.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"town": ["Rome", None, "Oslo"], "price": [1.25, 3.5, 2.0]})
    >>> encoder = TableEncoder().fit(table)
    >>> encoder.get_feature_names_out().tolist()
    ['town=Oslo', 'town=Rome', 'town is missing', 'price']
    >>> encoder.transform(table).round(2)
    array([[ 0.  ,  1.  ,  0.  , -1.07],
           [ 0.  ,  0.  ,  1.  ,  1.34],
           [ 1.  ,  0.  ,  0.  , -0.27]])
    >>> encoder.inverse_transform(encoder.transform(table)).equals(table)
    True
    """

    def __init__(self, max_categories: int = 100) -> None:
        self.max_categories = max_categories

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the columns of a table.

        Parameters
        ----------
        X : pandas or polars DataFrame, Arrow table, or array of shape (n, C)
            One row an observation.
        y : ignored
            Here for scikit-learn.

        Raises
        ------
        InputError
            If the table has no rows or no columns, or a column cannot be encoded; every such
            column is named.
        """
        self._learn(self._checked(X, reset=True))
        return self

    def _learn(self, table: pa.Table) -> None:
        most = self.max_categories
        if not is_count(most):
            raise InputError(f"max_categories={most!r}; give a whole number, 1 or more")
        found, faults = [], []
        for name in table.column_names:
            try:
                found.append(learn(name, table[name].combine_chunks(), self.max_categories))
            except InputError as fault:
                faults.append(str(fault))
        if faults:
            raise InputError("; ".join(faults))
        self.columns_: list[Column] = found

    def fit_transform(self, X: Any, y: Any = None) -> NDArray[np.float64]:
        """Learn the columns of a table and return its matrix; the table is looked through once."""
        table = self._checked(X, reset=True)
        self._learn(table)
        return self._matrix(table)

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the matrix, of shape (n, F)."""
        check_is_fitted(self)
        return self._matrix(self._checked(X))

    def _matrix(self, table: pa.Table) -> NDArray[np.float64]:
        require_memory(
            16 * table.num_rows * len(self.source_),
            f"a matrix of {table.num_rows:,} rows x {len(self.source_):,} columns",
            "give fewer rows at a time",
        )
        parts = [
            column.encode(table[place].combine_chunks())
            for place, column in enumerate(self.columns_)
        ]
        return np.hstack(parts)

    def inverse_transform(self, Z: Any) -> Any:
        """Return the table, of the kind that `fit` was given, of a matrix of shape (n, F)."""
        check_is_fitted(self)
        matrix = np.asarray(Z, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != len(self.source_):
            raise InputError(
                f"a matrix of shape {matrix.shape} was given; this encoder makes tables of "
                f"matrices of shape (n, {len(self.source_)})"
            )
        columns = {
            column.name: column.decode(matrix[:, self.source_ == place])
            for place, column in enumerate(self.columns_)
        }
        return self._shape.restore(pa.table(columns))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the matrix columns, such as ``price`` and ``town=Rome``."""
        check_is_fitted(self)
        found: dict[str, None] = {}
        for name in (name for column in self.columns_ for name in column.names):
            # A column may be called town=Rome, beside a column town.
            again = (f"{name} ({number})" for number in count(2))
            found[next(one for one in chain([name], again) if one not in found)] = None
        return np.array(list(found), dtype=object)

    @property
    def source_(self) -> NDArray[np.int64]:
        """The place in the table of the column that each matrix column came from."""
        widths = [len(column.names) for column in self.columns_]
        return np.repeat(np.arange(len(widths)), widths)

    def as_json(self) -> dict[str, Any]:
        """Return what was learned as plain JSON, for a model folder."""
        check_is_fitted(self)
        return {
            "max_categories": int(self.max_categories),
            "columns": [as_json(column) for column in self.columns_],
            "shape": self._shape.as_json(),
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """Take back what `as_json` gave."""
        encoder = cls(max_categories=int(record["max_categories"]))
        encoder.columns_ = [from_json(column) for column in record["columns"]]
        names = [column.name for column in encoder.columns_]
        encoder._shape = Shape.from_json(record["shape"], names)
        encoder.n_features_in_ = len(names)
        if encoder._shape.kind != "array":
            encoder.feature_names_in_ = np.array(names, dtype=object)
        return encoder

    def _checked(self, X: Any, *, reset: bool = False) -> pa.Table:
        table, shape = as_table(X)
        if not table.num_rows or not table.num_columns:
            raise InputError(
                f"a table of {table.num_rows} rows and {table.num_columns} columns was given; "
                "give one or more of each"
            )
        if reset:
            self._shape = shape
        rows = X if shape.kind != "array" else np.empty((1, table.num_columns))
        _check_feature_names(self, rows, reset=reset)
        _check_n_features(self, rows, reset=reset)
        return table

    def __sklearn_tags__(self) -> Any:
        return takes_tables(super().__sklearn_tags__())


def takes_tables(tags: Any) -> Any:
    """Say in an estimator's tags that it takes tables: mixed columns, texts and missing values."""
    tags.input_tags.allow_nan = True
    tags.input_tags.categorical = True
    tags.input_tags.string = True
    return tags


def take_names(model: Any, encoder: TableEncoder) -> None:
    """Let a model of tables know the columns, and their names, that its encoder knows."""
    model.n_features_in_ = encoder.n_features_in_
    if hasattr(encoder, "feature_names_in_"):
        model.feature_names_in_ = encoder.feature_names_in_
