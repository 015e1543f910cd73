"""The undercomplete autoencoder: the classic one, whose code is shorter than its row."""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval
from torch import Tensor

from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.nn.neighbours import neighbour_penalty
from likewise.nn.rows import Rows

MAP_BATCH = 1000
"""Rows a step where neighbours are to be kept."""

PAIR_TABLES = 8
"""Numbers that are held for each pair of a batch's rows: distances, their logarithms, slopes."""


@dataclass(kw_only=True, eq=False, repr=False)
class UndercompleteAutoencoder(NeuralAutoencoder):
    """Classic autoencoder: h = s(W x + b), x̂ = link(W' h + b'), with h shorter than x.

    With ``hidden=()``, ``activation="sigmoid"``, ``batch_size=1`` and ``optimizer="sgd"`` it is the
    textbook's: one row passes, the error is propagated back, the weights are changed, the next row
    passes. Left to itself, it is deeper on tables: see `chosen_`.

    With `neighbour_weight` = λ the loss of a row is its reconstruction error plus λ F Ω, where Ω
    grows where the rows nearest to it, among those of its batch, are not nearest in the code
    (:func:`~likewise.nn.neighbours.neighbour_penalty`): for maps.

    Parameters
    ----------
    neighbour_weight : float
        λ; 1 makes maps. It counts for each of the F features.
    n_neighbours : int
        How many of a batch's rows are near to a row; "auto" batches have up to a thousand rows.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`.

    Notes
    -----
    Purchases (0 and 1) get the Bernoulli loss here, for whose sigmoid output the classic type is
    known.

    References
    ----------
    D. Rumelhart, G. Hinton, R. Williams, "Learning internal representations by error propagation",
    Parallel Distributed Processing 1, 1986. DOI 10.7551/mitpress/5236.001.0001.
    L. van der Maaten, "Learning a parametric embedding by preserving local structure", AISTATS 2009
    (the neighbours).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.eye(8, dtype=np.float32).repeat(50, axis=0)
    >>> model = UndercompleteAutoencoder(
    ...     n_latent=3, learning_rate=0.02, batch_size=40, max_epochs=40, random_state=0
    ... ).fit(X)
    >>> model.transform(X).shape
    (400, 3)
    >>> bool((model.reconstruct(np.eye(8)).argmax(1) == np.arange(8)).all())
    True
    """

    type_name: ClassVar[str] = "undercomplete"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "neighbour_weight": [Interval(Real, 0, None, closed="left")],
        "n_neighbours": [Interval(Integral, 1, None, closed="left")],
    }

    neighbour_weight: float = 0.0
    n_neighbours: int = 10

    _purchases: ClassVar[dict[str, Any]] = {
        "activation": "sigmoid",
        "learning_rate": 3e-3,
        "batch_size": 64,
        "patience": 5,
    }
    _sparse_loss: ClassVar[str] = "bernoulli"

    def _defaults(self, X: Any) -> dict[str, Any]:
        """Return what is "auto"; neighbours need batches that have some of each row's in them."""
        chosen = super()._defaults(X)
        if self.neighbour_weight:
            n, steps = X.shape[0], chosen["max_epochs"] * X.shape[0] // chosen["batch_size"]
            chosen["batch_size"] = max(chosen["batch_size"], min(MAP_BATCH, n // 4))
            chosen["max_epochs"] = min(400, max(10, steps * chosen["batch_size"] // n))
        return chosen

    def _bytes_to_fit(self, X: Any) -> int:
        batch = min(self.setting("batch_size"), X.shape[0])
        tables = PAIR_TABLES if self.neighbour_weight else 0
        return super()._bytes_to_fit(X) + 4 * tables * int(batch) ** 2

    def _recordable(self) -> bool:
        return super()._recordable() and not self.neighbour_weight  # of a batch's rows

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        if not self.neighbour_weight:
            return self._explained(self._encoded(rows, self.net_), rows, generator)
        seen = self._input(rows)
        code = self._code(self.net_.encode(seen))
        weight = float(self.neighbour_weight * self.n_features_in_)
        kept = neighbour_penalty(seen, code, self.n_neighbours)
        return self._explained(code, rows, generator) + weight * kept
