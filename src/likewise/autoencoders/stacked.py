"""The stacked denoising autoencoder: trained layer by layer, then as a whole."""

from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar, cast

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.neural_memory import bytes_between_layers
from likewise.nn.corruption import CORRUPTIONS, Corruption
from likewise.nn.greedy import GreedyLayer, train_greedily
from likewise.nn.layers import Hourglass, Net
from likewise.nn.losses import LOSSES, squared
from likewise.nn.plan import History
from likewise.nn.rows import Rows


@dataclass(kw_only=True, eq=False, repr=False)
class StackedAutoencoder(NeuralAutoencoder):
    """Stacked denoising autoencoder: each layer first learns to denoise the codes of those below.

    Layer i learns x̂_i = g_i(f_i(c(x_i))) against x_i, the code of the *uncorrupted* rows under the
    layers before it; corruption c is there only while the layer itself is trained. Then all layers
    are trained together on clean rows.

    Parameters
    ----------
    corruption : {"masking", "dropout", "gaussian", "salt-and-pepper", "swap"}
        c.
    corruption_level : float in [0, 1)
        Share of the values hit; for "gaussian", the noise's standard deviation.
    pretrain_epochs : int
        Passes over all rows for each layer; 0 trains the same net directly.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`.

    Attributes
    ----------
    pretraining_ : list of History
        How the training of each layer went, from the first; a model folder does not keep it.

    References
    ----------
    P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol, "Stacked denoising
    autoencoders: learning useful representations in a deep network with a local denoising
    criterion", JMLR 11:3371-3408, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).random((100, 6), dtype=np.float32)
    >>> model = StackedAutoencoder(n_latent=2, hidden=(8, 4), max_epochs=5, random_state=0).fit(X)
    >>> len(model.pretraining_), model.transform(X).shape
    (3, (100, 2))
    """

    type_name: ClassVar[str] = "stacked"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "corruption": [StrOptions(set(CORRUPTIONS))],
        "corruption_level": [Interval(Real, 0, 1, closed="left")],
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
    }

    corruption: str = "masking"
    corruption_level: float = 0.25
    pretrain_epochs: int = 5

    _purchases: ClassVar[dict[str, Any]] = {"hidden": (200,)}

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        return self._explained(self._encoded(rows, self.net_), rows, generator)

    def _bytes_to_fit(self, X: Any) -> int:
        hidden = self.setting("hidden") if self.pretrain_epochs else ()
        return super()._bytes_to_fit(X) + bytes_between_layers(X.shape[0], hidden)

    def _prepare(self, X: Any) -> Net:
        self.pretraining_: list[History] = []
        return super()._prepare(X)

    def _pretrain(self, X: Any, seconds: float) -> None:
        if not self.pretrain_epochs:
            return
        pairs = cast("Hourglass", self.net_).pairs()
        layers = [_Layer(self, *pair, number) for number, pair in enumerate(pairs)]
        plan = replace(self._plan(), max_epochs=self.pretrain_epochs, max_seconds=seconds)
        self.pretraining_ = train_greedily(layers, X, plan, self.progress)


class _Layer(GreedyLayer):
    """One layer of the encoder and the one of the decoder that undoes it."""

    def __init__(
        self, model: StackedAutoencoder, encoder: nn.Module, decoder: nn.Module, number: int
    ) -> None:
        super().__init__()
        net = cast("Hourglass", model.net_)
        self.encoder, self.decoder = encoder, decoder
        self.outermost, innermost = number == 0, number == len(net.encoder)
        self.into = model._input if self.outermost else lambda rows: rows
        self.activation = net.activation
        self.of_code = model._code if innermost else net.activation
        self.reconstruction = LOSSES[model.loss_] if self.outermost else squared
        self.corrupt: Corruption = CORRUPTIONS[model.corruption]
        self.level = model.corruption_level

    def loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        del step
        seen = self.corrupt(self.into(rows), self.level, generator)
        decoded = self.decoder(self.of_code(self.encoder(seen)))
        return self.reconstruction(decoded if self.outermost else self.activation(decoded), rows)

    def codes(self, rows: Rows) -> Tensor:
        """Return the codes of rows as they are, not corrupted."""
        return self.of_code(self.encoder(self.into(rows)))
