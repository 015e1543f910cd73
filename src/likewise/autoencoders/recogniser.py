"""The net of a classifier: the encoder of an autoencoder, and a layer from its code to classes."""

from math import ceil
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

from likewise.autoencoders import rows
from likewise.autoencoders.base import fitted_copy
from likewise.autoencoders.choices import require_images
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.errors import InputError
from likewise.memory import require_memory
from likewise.nn.corruption import dropout
from likewise.nn.rows import Rows


class Recogniser(nn.Module):
    """The encoder of an autoencoder, and a layer from its code to the classes.

    Parameters
    ----------
    autoencoder : NeuralAutoencoder
        Its net is trained in place.
    n_classes, seed : int
        K; what decides the layer's weights.
    dropout, smoothing : float
        While it learns: the share of the code that is hidden; that of a label given to all classes.
    adversarial : float
        How far each value of a row is moved against the net while it learns; 0 moves none.
    """

    def __init__(
        self,
        autoencoder: NeuralAutoencoder,
        n_classes: int,
        seed: int,
        dropout: float = 0.0,
        smoothing: float = 0.0,
        adversarial: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout, self.smoothing, self.adversarial = dropout, smoothing, adversarial
        self.net, self._autoencoder = autoencoder.net_, autoencoder
        self.head = nn.Linear(autoencoder._n_features_out, n_classes)
        nn.init.xavier_uniform_(self.head.weight, generator=torch.Generator().manual_seed(seed))
        nn.init.zeros_(self.head.bias)
        self.to(autoencoder.device_)

    def forward(self, table: Tensor) -> Tensor:
        """Return the logits of the classes, of shape (B, K)."""
        logits: Tensor = self.head(self._code(table))
        return logits

    def _code(self, table: Tensor) -> Tensor:
        seen = self._autoencoder._input(table)
        return self._autoencoder._code(self.net.encode(seen))

    def loss(self, batch: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        """Return -log p(y | x) of each row; the label is its last value.

        Images are moved a little first where the autoencoder says `augment`. With `adversarial` = ε
        it is the mean of that at x and at x + ε sign(∂/∂x -log p(y | x)), not cut off to any range.
        """
        table = cast("Tensor", batch)
        moved = self._autoencoder._moved(table[:, :-1], generator)
        seen, labels = cast("Tensor", moved), table[:, -1].long()
        if not self.adversarial:
            return self._errors(seen, labels, generator)
        seen = seen.detach().requires_grad_()
        errors = self._errors(seen, labels, generator)
        (slope,) = torch.autograd.grad(errors.sum(), seen, retain_graph=True)
        moved = (seen + self.adversarial * slope.sign()).detach()
        return (errors + self._errors(moved, labels, generator)) / 2

    def _errors(self, seen: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        code = self._code(seen)
        if self.dropout:
            code = cast("Tensor", dropout(code, self.dropout, generator))
        return functional.cross_entropy(
            self.head(code), labels, reduction="none", label_smoothing=self.smoothing
        )


def joined(model: Any, table: NDArray[np.float32], X: Any) -> NDArray[np.float32]:
    """Return labelled rows and, behind them, those without labels, if there are any.

    Raises
    ------
    NotEnoughMemoryError
        If the copy would not fit into memory.
    """
    if X is None:
        return table
    others: NDArray[np.float32] = rows.checked(model, X, reset=False)
    require_memory(
        rows.bytes_of(table) + rows.bytes_of(others),
        f"a copy of {len(table):,} labelled rows and {len(others):,} others",
        "give fewer as X_unlabelled",
    )
    return np.concatenate([table, others])


def continued(given: NeuralAutoencoder, table: NDArray[np.float32]) -> NeuralAutoencoder:
    """Return a copy of an autoencoder that is fitted already, to learn further from a table.

    Raises
    ------
    InputError
        If it learned from other rows, its parameters are no longer those of its net, or `augment`
        is for images and these are none.
    """
    given._require_as_fitted()
    if table.shape[1] != given.n_features_in_:
        raise InputError(
            f"X has {table.shape[1]} features; the autoencoder learned from {given.n_features_in_}"
        )
    require_images(given, table)
    return cast("NeuralAutoencoder", fitted_copy(given))


def accuracy(logits: Tensor, labels: NDArray[np.int64]) -> float:
    """Return the share of right answers, and a thousandth of the right class's mean probability.

    The second part tells equal shares apart: of few rows many epochs get all right.
    """
    p = torch.softmax(logits, 1).numpy()
    right = p[np.arange(len(p)), labels]
    return float((p.argmax(1) == labels).mean() + 1e-3 * right.mean())


def held_out(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Return which rows are held out, as many of each class; none if a class has too few.

    Raises
    ------
    InputError
        If fewer than the classes would be left to learn from.
    """
    held = np.zeros(len(labels), dtype=bool)
    counts = np.bincount(labels)
    if share and counts.min() >= 2 and int(share * len(labels)) >= len(counts):
        left = len(labels) - ceil(share * len(labels))
        if left < len(counts):
            raise InputError(
                f"validation_fraction={share} leaves {left} of {len(labels)} rows to learn "
                f"{len(counts)} classes from; lower it"
            )
        numbers = np.arange(len(labels))
        _, chosen = train_test_split(numbers, test_size=share, random_state=seed, stratify=labels)
        held[chosen] = True
    return held


def require_labels(y: Any) -> None:
    """Refuse labels that are missing among texts; scikit-learn refuses NaN among numbers."""
    labels = np.asarray(y, dtype=object) if isinstance(y, list | tuple) else np.asarray(y)
    if labels.dtype != object or labels.ndim != 1:
        return
    missing = sum(map(_is_missing, labels))
    if missing:
        raise InputError(
            f"y lacks {missing:,} of {len(labels):,} labels; give fit the rows that have one, and "
            "the others as X_unlabelled=, from which the autoencoder learns too"
        )


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:  # pandas' NA will not say
        return True
