"""What a table's codes are worth as features: a linear probe beside the columns and PCA."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from likewise.autoencoders import Autoencoder
from likewise.autoencoders.base import copy_of
from likewise.data.arrow_values import is_number, is_text
from likewise.data.table_encoder import TableEncoder
from likewise.errors import InputError

FOLDS = 3
MOST_CLASSES = 20
"""A target of whole numbers with more values than these is a quantity."""

LEAST_VARIANCE = 1e-7
"""Of the first component's variance; below it a component is float32's rounding."""


@dataclass(frozen=True)
class Probes:
    """How well a linear model tells a target from each of several sets of features.

    Parameters
    ----------
    measure : str
        "accuracy" for classes, "R²" for quantities.
    n_codes : int
        Numbers in a code, and at most in PCA's.
    scores : dict of str to ndarray of shape (folds,)
        "columns", "PCA", "codes" and "columns and codes" to the measure on each fold's test rows.
    """

    measure: str
    n_codes: int
    scores: dict[str, NDArray[np.float64]]

    def line(self) -> str:
        """Return the comparison in one line."""
        means = ", ".join(f"{name} {one.mean():.3f}" for name, one in self.scores.items())
        codes = "1 code" if self.n_codes == 1 else f"{self.n_codes} codes"
        return f"{self.measure} of a linear probe on unseen rows, {codes}: {means}"

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        scores = {name: one.tolist() for name, one in self.scores.items()}
        return {"measure": self.measure, "n_codes": self.n_codes, "scores": scores}


def probe(
    table: pa.Table,
    target: pa.ChunkedArray,
    model: Autoencoder,
    *,
    max_categories: int = 100,
    seed: int = 0,
) -> Probes:
    """Compare codes with columns and with PCA as features for a target, by cross-validation.

    In each fold the encoder of the table, PCA, the autoencoder, the scaling and the linear model
    learn from the training rows alone; the first three never see the target.

    Parameters
    ----------
    table : pyarrow.Table
        The columns, without the target.
    target : pyarrow.ChunkedArray
        Texts, truth values and whole numbers of at most `MOST_CLASSES` kinds, each in `FOLDS` rows
        or more, are classes (logistic regression); other numbers, and durations, are quantities
        (ridge regression).
    model : Autoencoder
        A copy of it learns in each fold.
    max_categories : int
        As for :class:`~likewise.TableEncoder`.
    seed : int
        Decides the folds.

    Raises
    ------
    InputError
        If the target has missing values, or a class in fewer rows than there are folds.
    """
    y, classes = _target(target)
    found: dict[str, list[float]] = {}
    n_codes = 0
    for train, test in _folds(y, classes, seed):
        encoder = TableEncoder(max_categories).fit(table.take(train))
        a, b = (encoder.transform(table.take(part)) for part in (train, test))
        codes = copy_of(model).fit(a)
        z_a, z_b = codes.transform(a), codes.transform(b)
        n_codes = z_a.shape[1]
        pca = _pca(a, n_codes, seed)
        for name, one, other in (
            ("columns", a, b),
            ("PCA", pca(a), pca(b)),
            ("codes", z_a, z_b),
            ("columns and codes", np.hstack([a, z_a]), np.hstack([b, z_b])),
        ):
            fitted = _linear(classes).fit(one, y[train])
            found.setdefault(name, []).append(float(fitted.score(other, y[test])))
    scores = {name: np.array(values) for name, values in found.items()}
    return Probes("accuracy" if classes else "R²", n_codes, scores)


def _pca(rows: NDArray[Any], n: int, seed: int) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return PCA to at most n numbers, without those that hold nothing of the rows but rounding.

    Brought to unit size for the probe, those would be noise without bounds on other rows.
    """
    pca = PCA(min(n, *rows.shape), random_state=seed).fit(rows)
    kept = pca.explained_variance_ > LEAST_VARIANCE * pca.explained_variance_[0]
    return lambda X: pca.transform(X)[:, kept]


def _target(target: pa.ChunkedArray) -> tuple[NDArray[Any], bool]:
    missing, kind = target.is_null(nan_is_null=True), target.type
    if n_missing := pc.sum(missing).as_py() or 0:
        which = f"{n_missing:,} of {len(target):,}" if n_missing < len(target) else "all"
        raise InputError(f"the target is missing in {which} rows; fill it in, or leave them out")
    words = is_text(kind) or pa.types.is_boolean(kind)
    if not (words or is_number(kind) or pa.types.is_duration(kind)):
        raise InputError(f"the target is {kind}; a target is texts, truth values or numbers")
    y = _words(target) if words else _quantities(target)
    _, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise InputError("the target is the same in all rows; there is nothing to tell")
    few = len(counts) <= MOST_CLASSES and counts.min() >= FOLDS
    classes = words or (few and not pa.types.is_duration(kind) and bool((y == np.round(y)).all()))
    return (numbers if classes else y), classes


def _words(target: pa.ChunkedArray) -> NDArray[Any]:
    return np.asarray(target.to_numpy().astype(str))


def _quantities(target: pa.ChunkedArray) -> NDArray[np.float64]:
    if pa.types.is_duration(target.type):
        target = target.cast(pa.int64())
    return np.asarray(target.cast(pa.float64(), safe=False).to_numpy())


def _folds(y: NDArray[Any], classes: bool, seed: int) -> Iterator[tuple[Any, Any]]:
    rarest = np.bincount(y).min() if classes else len(y)
    if rarest < FOLDS:
        raise InputError(
            f"the target's rarest value is in {rarest} of {len(y):,} rows; each fold of {FOLDS} "
            "needs one: leave out the rows of rare values, or put such values together"
        )
    split = (StratifiedKFold if classes else KFold)(FOLDS, shuffle=True, random_state=seed)
    yield from split.split(y, y)


def _linear(classes: bool) -> Any:
    model = LogisticRegression(max_iter=2000) if classes else RidgeCV(np.logspace(-2, 4, 13))
    return make_pipeline(StandardScaler(), model)
