"""Rows that are like no others: what an autoencoder cannot tell from the rest of their columns."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from likewise.artifact import Contents, write_folder
from likewise.autoencoders import Autoencoder
from likewise.autoencoders.estimator import Estimator
from likewise.autoencoders.folder import plain
from likewise.autoencoders.parts import slices
from likewise.data.frames import as_table
from likewise.data.table_encoder import TableEncoder, take_names, takes_tables
from likewise.errors import InputError, is_count
from likewise.tables.anomaly import Anomaly, Cause
from likewise.tables.autoencoder import TableAutoencoder, by_column
from likewise.tables.settings import hider

BLOCK_BYTES = 16 * 1024**2
"""Rows whose columns are predicted at a time; some five times as much is held meanwhile."""

SPREAD = 0.01
"""Added to the mean squared error of each column: the spread of one that is always given back."""


class AnomalyDetector(OutlierMixin, Estimator):  # type: ignore[misc]
    """Anomalies by masked columns: each column is predicted while it is hidden.

    A denoising autoencoder learns rows of which a part is hidden (set to the mean), so that it
    knows each column by the others. To score a row, its columns are hidden in groups, and what it
    gives for a hidden column is compared with what stands there::

        score(x) = Σ_c √(e_c(x) / ē_c),   e_c the squared error of column c while it is hidden

    ē_c is the mean of e_c over the training rows, so that a column that nothing predicts counts no
    more than others.

    Parameters
    ----------
    model : Autoencoder, optional
        What reconstructs; a copy is trained. By default a denoising autoencoder with a wide code
        that learns with three tenths of each row hidden.
    masked_fraction : float in (0, 1]
        Share of the columns hidden at a time; one at least.
    n_rounds : int
        In each round every column is hidden once, in groups drawn anew; errors are averaged.
    contamination : float in (0, 0.5]
        Share of the training rows that `predict` calls anomalies.
    max_categories : int
        As for :class:`~likewise.TableEncoder`.
    max_seconds : float, optional
        Longest time to train the default model.
    random_state : int, RandomState or None
        Decides the groups, and the weights of the default model.

    Attributes
    ----------
    table_ : TableAutoencoder
        The encoder of the table, and the autoencoder.
    spread_ : ndarray of shape (C,)
        ē.
    offset_ : float
        `decision_function` is `score_samples` less this; below 0 is an anomaly.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11:3371-3408, 2010 (the corruption).
    T. Shenkar, L. Wolf, "Anomaly detection for tabular data with internal contrastive learning",
    ICLR 2022 (scoring by what the other columns say of a column).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1))
    >>> X = np.hstack([x, 2 * x + 0.1 * rng.normal(size=(300, 1))])
    >>> X[7] = [1.0, -2.0]
    >>> detector = AnomalyDetector(max_seconds=20, random_state=0).fit(X)
    >>> int(detector.score_samples(X).argmin())
    7
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "model": [Autoencoder, None],
        "masked_fraction": [Interval(Real, 0, 1, closed="right")],
        "n_rounds": [Interval(Integral, 1, None, closed="left")],
        "contamination": [Interval(Real, 0, 0.5, closed="right")],
        "max_categories": [Interval(Integral, 1, None, closed="left")],
        "max_seconds": [Interval(Real, 0, None, closed="neither"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        model: Autoencoder | None = None,
        *,
        masked_fraction: float = 0.2,
        n_rounds: int = 4,
        contamination: float = 0.05,
        max_categories: int = 100,
        max_seconds: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.masked_fraction = masked_fraction
        self.n_rounds = n_rounds
        self.contamination = contamination
        self.max_categories = max_categories
        self.max_seconds = max_seconds
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what rows are like; a few anomalies among them do little harm.

        Parameters
        ----------
        X : pandas or polars DataFrame, Arrow table, or array of shape (n, C)
            One row an observation.
        y : ignored
            Here for scikit-learn.

        Raises
        ------
        InputError
            If there is one row only.
        """
        self._validate_params()
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        encoder = TableEncoder(self.max_categories)
        rows = encoder.fit_transform(X)
        if len(rows) < 2:
            raise InputError(
                "1 row was given (n_samples=1), and nothing to compare it with; give 2 or more"
            )
        run: dict[str, Any] = {"random_state": self._seed, "max_seconds": self.max_seconds}
        model = self.model or hider(len(rows), **run)
        self.table_ = TableAutoencoder(model, max_categories=self.max_categories)
        self.table_.fit_encoded(encoder, rows)
        take_names(self, encoder)
        self._fill = rows.mean(axis=0)
        self._constant = np.ptp(rows, axis=0) == 0
        errors = self._errors(rows)
        self.spread_ = errors.mean(axis=0) + SPREAD
        scores = -np.sqrt(errors / self.spread_).sum(axis=1)
        self.offset_ = float(np.quantile(scores, self.contamination))
        return self

    def column_scores(self, X: Any) -> NDArray[np.float64]:
        """Return what each column adds to a row's score, of shape (n, C)."""
        check_is_fitted(self)
        return self._column_scores(self.table_.encoder_.transform(X))

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return the rows' scores with their sign changed, of shape (n,): lower is stranger."""
        result: NDArray[np.float64] = -self.column_scores(X).sum(axis=1)
        return result

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return `score_samples` less `offset_`: negative for anomalies."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Return -1 for anomalies and 1 for other rows."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def rank(self, X: Any, k: int | None = None, *, n_causes: int = 3) -> list[Anomaly]:
        """Return the k strangest rows (all if None), the strangest first, with what is strange.

        Each comes with the `n_causes` columns that add most to its score, what they hold, and what
        the other columns would have led one to expect. A column that holds what was expected is no
        cause, so there may be fewer.

        Raises
        ------
        InputError
            If `k` is no whole number of 1 or more, or X no table of the columns that were learned.
        """
        check_is_fitted(self)
        if k is not None and not is_count(k):
            raise InputError(f"k={k!r}; give a whole number of rows, 1 or more, or None for all")
        table, _ = as_table(X)
        rows = self.table_.encoder_.transform(X)
        columns = self._column_scores(rows)
        scores = columns.sum(axis=1)
        order = np.argsort(-scores, kind="stable")[:k]
        predicted = self._predictions(rows[order])
        expected, _ = as_table(self.table_.encoder_.inverse_transform(predicted))
        found = []
        for place, row in enumerate(order.tolist()):
            causes = (
                Cause(
                    table.column_names[column],
                    float(columns[row, column] / max(scores[row], 1e-12)),
                    value,
                    wanted,
                )
                for column in np.argsort(-columns[row], kind="stable").tolist()
                if (value := table.column(column)[row].as_py())
                != (wanted := expected.column(column)[place].as_py())
            )
            found.append(Anomaly(row, float(scores[row]), list(islice(causes, n_causes))))
        return found

    def save(self, folder: str | Path) -> None:
        """Write a model folder; `likewise.load` reads it."""
        write_folder(Path(folder), self.contents())

    def contents(self) -> Contents:
        """Return what a model folder holds; settings that it could not be read by are refused."""
        check_is_fitted(self)
        self._validate_params()
        inner = self.table_.contents()
        names = ("masked_fraction", "n_rounds", "contamination", "max_categories", "max_seconds")
        record: Any = {name: plain(getattr(self, name)) for name in names} | {
            "seed": self._seed,
            "offset": self.offset_,
        }
        tensors = {
            "anomalies.fill": self._fill,
            "anomalies.spread": self.spread_,
            "anomalies.constant": self._constant.astype(np.uint8),
        }
        return replace(
            inner,
            extra=inner.extra | {"anomalies": record},
            tensors=inner.tensors | tensors,
            card=inner.card.replace("TableAutoencoder", "AnomalyDetector", 1),
        )

    @classmethod
    def from_contents(cls, kind: type[Autoencoder], contents: Contents) -> Self:
        """Make a fitted one of what a model folder held."""
        record: Any = dict(contents.extra["anomalies"])  # type: ignore[arg-type]
        tensors = dict(contents.tensors)
        fill, spread = tensors.pop("anomalies.fill"), tensors.pop("anomalies.spread")
        constant = tensors.pop("anomalies.constant", np.zeros(fill.shape, np.uint8))
        table = TableAutoencoder.from_contents(kind, replace(contents, tensors=tensors))
        seed, offset = int(record.pop("seed")), float(record.pop("offset"))
        detector = cls(table.model, **record)
        detector._validate_params()
        source = table.encoder_.source_
        if (
            fill.shape != source.shape
            or constant.shape != source.shape
            or spread.shape != (source[-1] + 1,)
            or not (spread > 0).all()
        ):
            raise InputError("what the folder says of anomalies does not fit its columns")
        detector.table_, detector._fill, detector.spread_ = table, fill, spread
        detector._seed, detector.offset_ = seed, offset
        detector._constant = constant.astype(bool)
        take_names(detector, table.encoder_)
        return detector

    # Parts

    def _predictions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is given for each matrix column while its column of the table is hidden."""
        predicted = np.zeros_like(rows)
        for hidden in self._groups():
            seen = np.where(hidden, self._fill, rows)
            predicted += hidden * self.table_.model_.reconstruct(seen)
        predicted /= self.n_rounds
        predicted[:, self._constant] = self._fill[self._constant]  # without a net's rounding
        return predicted

    def _groups(self) -> Iterator[NDArray[np.bool_]]:
        """Yield which matrix columns to hide, group after group; each once in every round."""
        source = self.table_.encoder_.source_
        n_columns = int(source[-1]) + 1
        n_groups = min(n_columns, max(1, round(1 / self.masked_fraction)))
        rng = np.random.default_rng(self._seed)
        for _ in range(self.n_rounds):
            for group in np.array_split(rng.permutation(n_columns), n_groups):
                yield np.isin(source, group)

    def _errors(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the squared error of each column of the table while it is hidden."""
        source = self.table_.encoder_.source_
        errors = np.empty((len(rows), int(source[-1]) + 1))
        for part in slices(len(rows), max(1, BLOCK_BYTES // rows[0].nbytes)):
            block = rows[part]
            errors[part] = by_column(np.square(block - self._predictions(block)), source)
        return errors

    def _column_scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = np.sqrt(self._errors(rows) / self.spread_)
        return scores

    def __sklearn_tags__(self) -> Any:
        return takes_tables(super().__sklearn_tags__())
