"""Any autoencoder on tables of mixed columns: encode the table, then the rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from likewise.artifact import Contents, write_folder
from likewise.autoencoders import Autoencoder, UndercompleteAutoencoder
from likewise.autoencoders.base import copy_of
from likewise.data.table_encoder import TableEncoder, take_names, takes_tables
from likewise.errors import InputError
from likewise.tables.settings import for_tables


class TableAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Autoencoder of tables: a :class:`~likewise.TableEncoder`, then any type of autoencoder.

    Parameters
    ----------
    model : Autoencoder, optional
        The type and its parameters; a copy is trained. By default an undercomplete one with a code
        of 2 numbers and layers of 256 and 64 (see `for_tables`).
    max_categories : int
        As for the encoder.
    random_state : int, RandomState or None
        Of the default model, and of one given that has none.

    Attributes
    ----------
    encoder_ : TableEncoder
        Between the table and the matrix of F columns.
    model_ : Autoencoder
        Between the matrix and the codes.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"kind": ["tea", "ink"] * 50, "price": [2.5, 9.0] * 50})
    >>> small = UndercompleteAutoencoder(n_latent=1, learning_rate=0.1, random_state=0)
    >>> model = TableAutoencoder(small).fit(table)
    >>> model.transform(table).shape
    (100, 1)
    >>> model.reconstruct(table)["kind"].head(3).tolist()
    ['tea', 'ink', 'tea']
    """

    def __init__(
        self,
        model: Autoencoder | None = None,
        *,
        max_categories: int = 100,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.max_categories = max_categories
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from a table: a pandas or polars frame, an Arrow table, or an array.

        Parameters
        ----------
        X : table of shape (n, C)
            One row an observation.
        y : ignored
            Here for scikit-learn.
        """
        encoder = TableEncoder(self.max_categories)
        return self.fit_encoded(encoder, encoder.fit_transform(X))

    def fit_encoded(self, encoder: TableEncoder, rows: NDArray[np.float64]) -> Self:
        """Learn from a table that was encoded already.

        Parameters
        ----------
        encoder : TableEncoder
            Fitted.
        rows : ndarray of shape (n, F)
            What it made of the table.
        """
        self.encoder_ = encoder
        take_names(self, encoder)
        if not isinstance(self.model, Autoencoder | None):
            raise InputError(f"model={self.model!r} is no autoencoder; give one, or None")
        model = copy_of(self.model or for_tables(UndercompleteAutoencoder, 2, len(rows)))
        if getattr(model, "random_state", 0) is None:  # types in closed form have none
            model.set_params(random_state=self.random_state)
        self.model_ = model.fit(rows)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Encode: return the codes, of shape (n, L)."""
        check_is_fitted(self)
        codes: NDArray[np.float32] = self.model_.transform(self.encoder_.transform(X))
        return codes

    def inverse_transform(self, Z: Any) -> Any:
        """Decode: return the table, of the kind that `fit` was given, of codes."""
        check_is_fitted(self)
        return self.encoder_.inverse_transform(self.model_.inverse_transform(Z))

    def reconstruct(self, X: Any) -> Any:
        """Return the table of the rows' reconstructions."""
        check_is_fitted(self)
        return self.encoder_.inverse_transform(self.model_.reconstruct(self.encoder_.transform(X)))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean reconstruction error of the encoded rows, its sign changed."""
        check_is_fitted(self)
        return self.model_.score(self.encoder_.transform(X))

    def column_errors(self, X: Any) -> NDArray[np.float64]:
        """Return the squared error of each cell of the table, of shape (n, C), as it was encoded.

        In squared deviations of its column, for numbers; a text's is summed over its columns.
        """
        check_is_fitted(self)
        rows = self.encoder_.transform(X)
        return by_column(np.square(rows - self.model_.reconstruct(rows)), self.encoder_.source_)

    def save(self, folder: str | Path) -> None:
        """Write a model folder; `likewise.load` reads it."""
        write_folder(Path(folder), self.contents())

    def contents(self) -> Contents:
        """Return what a model folder holds of it."""
        check_is_fitted(self)
        inner = self.model_.contents()
        names = ", ".join(column.name for column in self.encoder_.columns_)
        card = f"# {type(self).__name__} ({inner.type})\n\nOver the columns {names}.\n"
        return replace(inner, extra=inner.extra | {"table": self.encoder_.as_json()}, card=card)

    @classmethod
    def from_contents(cls, kind: type[Autoencoder], contents: Contents) -> Self:
        """Make a fitted one of what a model folder held."""
        record: Any = contents.extra["table"]
        model = kind.from_contents(contents)
        table = cls(model, max_categories=int(record["max_categories"]))
        table.model_, table.encoder_ = model, TableEncoder.from_json(record)
        if len(table.encoder_.source_) != model.n_features_in_:
            raise InputError("the table's columns are not those of its autoencoder")
        take_names(table, table.encoder_)
        return table

    @property
    def _n_features_out(self) -> int:
        return int(self.model_._n_features_out)

    def __sklearn_tags__(self) -> Any:
        tags = takes_tables(super().__sklearn_tags__())
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def by_column(cells: NDArray[np.float64], source: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum matrix columns to the table's columns: (n, F) to (n, C).

    Examples
    --------
    >>> by_column(np.array([[1.0, 2.0, 4.0]]), np.array([0, 1, 1]))
    array([[1., 6.]])
    """
    return np.add.reduceat(cells, np.flatnonzero(np.diff(source, prepend=-1)), axis=1)
