"""The deep autoencoder: pre-trained as a stack of Boltzmann machines, unrolled, fine-tuned."""

from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any, ClassVar, cast

import torch
from scipy import sparse
from sklearn.utils._param_validation import Interval
from torch import Tensor

from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.neural_memory import bytes_between_layers
from likewise.autoencoders.rows import bytes_of
from likewise.errors import InputError
from likewise.nn.boltzmann import UnrolledMachine
from likewise.nn.greedy import train_greedily
from likewise.nn.layers import Hourglass, Net
from likewise.nn.losses import LINKS
from likewise.nn.optimizers import RATES
from likewise.nn.plan import History
from likewise.nn.projection import projected
from likewise.nn.rows import Rows, SparseRows

JACOBIAN_BYTES = 64 * 1024**2
"""Derivatives of reconstructions that are held at a time."""


@dataclass(kw_only=True, eq=False, repr=False)
class DeepAutoencoder(NeuralAutoencoder):
    """Deep autoencoder: layers of restricted Boltzmann machines, unrolled and fine-tuned.

    Each layer is first trained by contrastive divergence on what the one below makes of the rows
    (:class:`~likewise.nn.boltzmann.BoltzmannMachine`); its weights, and their transpose, then start
    the encoder and the decoder, which are trained together. The code is linear.

    Parameters
    ----------
    pretrain : bool
        Without it the same net is trained directly, of SiLU unless `activation` says otherwise;
        with it the layers are sigmoids.
    pretrain_epochs : int
        Passes over all rows for each machine.
    projection_steps : int
        After training, the code of a row starts at the encoder's and is moved so many steps towards
        the one whose reconstruction lies nearest to the row
        (:func:`~likewise.nn.projection.projected`). What an encoder gets wrong on rows that it has
        not learned from is then mended; a row takes some hundred times as long. Dense rows only.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`.

    Attributes
    ----------
    pretraining_ : list of History
        How the training of each machine went; a model folder does not keep it. The loss is the gap
        in free energy between rows and what the machine makes of them.

    Notes
    -----
    The machines are trained by Adam where the paper has gradient descent with momentum.

    References
    ----------
    G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural networks", Science
    313:504-507, 2006, DOI 10.1126/science.1127647.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).random((100, 6), dtype=np.float32)
    >>> model = DeepAutoencoder(n_latent=2, hidden=(8, 4), max_epochs=5, random_state=0).fit(X)
    >>> len(model.pretraining_), model.transform(X).shape
    (3, (100, 2))
    """

    type_name: ClassVar[str] = "deep"
    lighter: ClassVar[str] = (
        "lower batch_size or hidden, give fewer rows, or set pretrain=False (the rows of a "
        "Boltzmann machine are dense)"
    )

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "pretrain": ["boolean"],
        "pretrain_epochs": [Interval(Integral, 1, None, closed="left")],
        "projection_steps": [Interval(Integral, 0, None, closed="left")],
    }

    pretrain: bool = True
    pretrain_epochs: int = 5
    projection_steps: int = 0

    _purchases: ClassVar[dict[str, Any]] = {"hidden": (200, 100)}

    def _defaults(self, X: Any) -> dict[str, Any]:
        sigmoid = {"activation": "sigmoid"} if self.pretrain else {}
        return super()._defaults(X) | sigmoid

    def _validate_params(self) -> None:
        super()._validate_params()
        if self.pretrain and self.activation not in ("auto", "sigmoid"):
            raise InputError(
                f"activation={self.activation!r} and pretrain=True: Boltzmann machines have "
                "sigmoids; set pretrain=False, or activation='sigmoid'"
            )

    def _code(self, encoded: Tensor) -> Tensor:
        return encoded

    def _inferred(self, rows: Rows, net: Net) -> Tensor:
        codes = self._encoded(rows, net)
        if not self.projection_steps:
            return codes
        self._require_projectable(is_sparse=isinstance(rows, SparseRows))
        dense = cast("Tensor", rows)
        size = max(1, JACOBIAN_BYTES // self._jacobian_bytes())
        parts = zip(torch.split(codes, size), torch.split(dense, size), strict=True)

        def seen(z: Tensor) -> Tensor:
            return LINKS[self.loss_](net.decode(z))

        return torch.cat([projected(seen, z, x, self.projection_steps) for z, x in parts])

    def _jacobian_bytes(self) -> int:
        """Return what projecting a row takes: slopes along each unit of the code, in float64.

        Those of the widest layer four times over: as they come in, go out, and are multiplied.
        """
        widest = max(self.n_features_in_, self.n_latent, *self.setting("hidden"))
        return 32 * self.n_latent * int(widest)

    def _bytes_of_block(self, n_rows: int) -> int:
        a_row = self._jacobian_bytes() if self.projection_steps else 0
        return super()._bytes_of_block(n_rows) + max(a_row, min(JACOBIAN_BYTES, n_rows * a_row))

    def _require_learnable(self, X: Any) -> None:
        super()._require_learnable(X)
        if self.projection_steps:
            self._require_projectable(is_sparse=sparse.issparse(X))

    def _require_projectable(self, *, is_sparse: bool) -> None:
        if is_sparse or self.loss_ == "multinomial":
            raise InputError(
                f"projection_steps={self.projection_steps} needs dense rows and the squared or the "
                f"bernoulli loss (it is {self.loss_}); set projection_steps=0"
            )

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        return self._explained(self._encoded(rows, self.net_), rows, generator)

    def _bytes_to_fit(self, X: Any) -> int:
        needed = super()._bytes_to_fit(X)
        if not self.pretrain:
            return needed
        hidden, (n_rows, n_features) = self.setting("hidden"), X.shape
        width = [*hidden, self.n_latent][0]
        batch: int = 6 * self.setting("batch_size")  # rows, what is drawn of them, their gradients
        machine: int = bytes_of(X) + 4 * n_features * (batch + 5 * int(width))
        return max(needed + bytes_between_layers(n_rows, hidden), machine)

    def _prepare(self, X: Any) -> Net:
        self.pretraining_: list[History] = []
        return super()._prepare(X)

    def _pretrain(self, X: Any, seconds: float) -> None:
        if not self.pretrain:
            return
        pairs = cast("Hourglass", self.net_).pairs()
        layers = [
            UnrolledMachine(
                *pair,
                into=None if number else self._input,
                gaussian_visible=number == 0 and self.loss_ == "squared",
                gaussian_hidden=number + 1 == len(pairs),
            )
            for number, pair in enumerate(pairs)
        ]
        plan = replace(
            self._plan(), max_epochs=self.pretrain_epochs, max_seconds=seconds,
            optimizer="adam", learning_rate=RATES["adam"], decay=False,
        )  # fmt: skip
        self.pretraining_ = train_greedily(layers, X, plan, self.progress)
        for layer in layers:
            layer.unroll()
