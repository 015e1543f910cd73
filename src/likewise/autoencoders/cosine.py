"""The cosine autoencoder: codes and items are directions, and what is alike points alike."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from sklearn.utils._param_validation import Interval
from torch import Tensor
from torch.nn import functional

from likewise.autoencoders.denoising import DenoisingAutoencoder
from likewise.nn.layers import Directions, Hourglass, Net


@dataclass(kw_only=True, eq=False, repr=False)
class CosineAutoencoder(DenoisingAutoencoder):
    """Denoising autoencoder whose code and items have unit length: logits are cos(z, w_i) / τ.

    With c(x) the corrupted row, of unit length::

        z = f(c(x)) / |f(c(x))|     l_i = zᵀ w_i / (τ |w_i|)     loss = -Σ x_i log softmax(l)_i

    An item cannot be put first by being long, as the popular ones are elsewhere, but only by where
    it points; and no logit is beyond 1 / τ, so that a row that is explained pulls no more.

    Parameters
    ----------
    temperature : float
        τ. The smaller, the more the loss is decided by the few items that are nearest to the code.
    **parameters
        Those of :class:`~likewise.autoencoders.denoising.DenoisingAutoencoder`. Without `hidden`
        layers, the default for purchases, f is one linear layer.

    Notes
    -----
    Purchases have no output bias: popularity, which it would say, is what the lengths said.
    SimpleX has the mean of a customer's items beside a vector of their own, and a loss of cosines
    with a margin against drawn items; here it is the row alone, so that strangers are answered, and
    the softmax over all items.

    References
    ----------
    K. Mao et al., "SimpleX: a simple and strong baseline for collaborative filtering", CIKM 2021,
    arXiv:2109.12613.
    J. Wu et al., "On the effectiveness of sampled softmax loss for item recommendation", 2022,
    arXiv:2201.02327 (cosines and a temperature).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> baskets = sparse.csr_array(np.kron(np.eye(2), np.ones((50, 4), dtype=np.float32)))
    >>> model = CosineAutoencoder(n_latent=4, max_epochs=30, random_state=0).fit(baskets)
    >>> model.reconstruct(sparse.csr_array([[1.0, 1, 0, 0, 0, 0, 0, 0]])).round(2)
    array([...])
    """

    type_name: ClassVar[str] = "cosine"
    samples: ClassVar[bool] = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **DenoisingAutoencoder._parameter_constraints,
        "temperature": [Interval(Real, 0, None, closed="neither")],
    }
    _purchases: ClassVar[dict[str, Any]] = {"learning_rate": 0.003, "corruption_level": 0.2}
    _net_settings: ClassVar[tuple[str, ...]] = (*DenoisingAutoencoder._net_settings, "temperature")

    n_latent: int = 256
    temperature: float = 0.12

    def _code(self, encoded: Tensor) -> Tensor:
        return functional.normalize(encoded, dim=1)

    def _bytes_to_fit(self, X: Any) -> int:
        """Return that of an hourglass, and what is held of the vectors' lengths while they learn.

        That is the vectors of one length, the same times 1 / τ, and the gradient of each.
        """
        width = next(iter(self.setting("hidden")), self.n_latent)
        held: int = super()._bytes_to_fit(X) + 4 * 4 * X.shape[1] * width
        return held

    def _net(self, n_features: int) -> Net:
        hidden, activation = self.setting("hidden"), self.setting("activation")
        net = CosineNet(n_features, hidden, self.n_latent, activation)
        net.decoder[-1] = Directions(net.output.in_features, n_features, 1 / self.temperature)
        net.output_bias.requires_grad_(self.loss_ != "multinomial")
        return net


class CosineNet(Hourglass):
    """An hourglass whose last layer reads a direction."""

    def widen(self, z: Tensor) -> Tensor:
        """Return what the last layer reads, of shape (B, H) and unit length."""
        return functional.normalize(super().widen(z), dim=1)
