"""The contractive autoencoder: its code changes little when the row does."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, cast

import torch
from scipy import sparse
from sklearn.utils._param_validation import Interval
from torch import Tensor

from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.nn.layers import Hourglass
from likewise.nn.rows import Rows

SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": torch.ones_like,
    "relu": lambda h: (h > 0).to(h.dtype),
    "sigmoid": lambda h: h * (1 - h),
    "silu": torch.ones_like,  # the code is linear then
    "tanh": lambda h: 1 - h.square(),
}
"""The slope of each activation, from its value."""

SHORT = 32
"""Fewer sigmoids than this are no code of a table or an image."""


@dataclass(kw_only=True, eq=False, repr=False)
class ContractiveAutoencoder(NeuralAutoencoder):
    """Contractive autoencoder: loss + λ ‖∂h/∂x‖², the squared Frobenius norm of f's Jacobian at x.

    Only directions in which rows really differ are worth their price, so the code follows those and
    ignores the others.

    Parameters
    ----------
    penalty_weight : float
        λ.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`.

    Notes
    -----
    With one layer, h = s(W x + b), the norm has a closed form that costs no more than the code::

        ‖∂h/∂x‖² = Σ_j s'(a_j)² Σ_i W_ji²

    With more, ‖vᵀ ∂h/∂x‖² of one random v of signs a row is used, whose expectation is the norm
    (Hutchinson, 1989); it costs one more backward pass. x is the row as the encoder reads it: of
    length 1 under the multinomial loss, of unit size where `scaling_` is set.

    On tables and images a code of fewer than 32 numbers has the layers that other types have: one
    layer of a few sigmoids gives back far less than PCA does with as many numbers, whatever the
    penalty. Ask for the paper's own with ``hidden=(), activation="sigmoid"``.

    The paper ties the decoder's weights to the encoder's; here they are free, and `weight_decay`
    keeps the decoder from growing as the encoder shrinks.

    References
    ----------
    S. Rifai, P. Vincent, X. Muller, X. Glorot, Y. Bengio, "Contractive auto-encoders: explicit
    invariance during feature extraction", ICML 2011.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).random((100, 6), dtype=np.float32)
    >>> model = ContractiveAutoencoder(n_latent=3, max_epochs=5, random_state=0).fit(X)
    >>> model.transform(X).shape
    (100, 3)
    """

    type_name: ClassVar[str] = "contractive"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "penalty_weight": [Interval(Real, 0, None, closed="left")],
    }

    n_latent: int = 128
    penalty_weight: float = 0.1
    weight_decay: float = 1e-3

    _purchases: ClassVar[dict[str, Any]] = {"activation": "sigmoid"}

    def _defaults(self, X: Any) -> dict[str, Any]:
        chosen = super()._defaults(X)
        if self.n_latent < SHORT or sparse.issparse(X):
            return chosen
        return chosen | {"hidden": (), "activation": "sigmoid"}

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        net = cast("Hourglass", self.net_)
        into = net.first(self._input(rows))
        code = self._code(net.onward(into))
        norm = self._deep_norm(net, into, code, generator) if len(net.encoder) else None
        if norm is None:
            norm = self._slope(code).square() @ net.first.weight.square().sum(0)
        return self._explained(code, rows, generator) + self.penalty_weight * norm

    def _slope(self, code: Tensor) -> Tensor:
        return SLOPES[self.setting("activation")](code)

    def _deep_norm(
        self, net: Hourglass, into: Tensor, code: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Return ‖vᵀ ∂h/∂x‖² by way of the first layer's output a = x W: ‖(vᵀ ∂h/∂a) Wᵀ‖²."""
        signs = torch.empty_like(code).bernoulli_(0.5, generator=generator) * 2 - 1
        (pulled,) = torch.autograd.grad((signs * code).sum(), into, create_graph=True)
        gram = net.first.weight.T @ net.first.weight
        return ((pulled @ gram) * pulled).sum(1)
