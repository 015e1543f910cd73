"""The cosine autoencoder: codes and items are directions, and what is alike points alike."""

from collections.abc import Sequence
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

    An item cannot be put first by the length of its vector, as popular ones are elsewhere, but only
    by where it points, and no logit is beyond 1 / τ.

    Parameters
    ----------
    temperature : float
        τ. The smaller, the more the loss is decided by the few items that are nearest to the code.
    **parameters
        Those of :class:`~likewise.autoencoders.denoising.DenoisingAutoencoder`; of purchases "auto"
        hides .2 of a row, and learns at a rate of .003. Without `hidden` layers, the default for
        purchases, f is one linear layer; with them w_i is compared with the last of the decoder's,
        which is brought to length 1 too.

    Notes
    -----
    There is no output bias: popularity, which it would say, is what the lengths said. For tables
    and images it is the wrong type, as a code of length 1 cannot say how large a row is.
    SimpleX has the mean of a customer's items beside a vector of their own, and a loss of cosines
    with a margin against drawn items; here it is the row alone, so that strangers are answered, and
    the softmax over all items.

    References
    ----------
    J. Ma et al., "Learning disentangled representations for recommendation", NeurIPS 2019,
    arXiv:1910.14238 (a variational autoencoder of several directions a customer).
    K. Mao et al., "SimpleX: a simple and strong baseline for collaborative filtering", CIKM 2021,
    arXiv:2109.12613.
    J. Wu et al., "On the effectiveness of sampled softmax loss for item recommendation", 2022,
    arXiv:2201.02327 (cosines and a temperature).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> baskets = sparse.csr_array(np.kron(np.eye(2), np.ones((50, 4), dtype=np.float32)))
    >>> model = CosineAutoencoder(n_latent=4, learning_rate=0.1, random_state=0).fit(baskets)
    >>> x_hat = model.reconstruct(sparse.csr_array([[1.0, 1, 0, 0, 0, 0, 0, 0]]))
    >>> bool(x_hat[0, :4].min() > x_hat[0, 4:].max())
    True
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

    def _net(self, n_features: int) -> Net:
        hidden, activation = self.setting("hidden"), self.setting("activation")
        return CosineNet(n_features, hidden, self.n_latent, activation, self.temperature)

    def _bytes_to_fit(self, X: Any) -> int:
        """Return that of an hourglass, and what a step holds beside the vectors.

        That is their unit vectors and the gradient of these, and as much while they are divided.
        """
        width = next(iter(self.setting("hidden")), self.n_latent)
        held: int = super()._bytes_to_fit(X) + 4 * 4 * X.shape[1] * width
        return held


class CosineNet(Hourglass):
    """An hourglass whose last layer compares directions."""

    def __init__(
        self,
        n_features: int,
        hidden: Sequence[int],
        n_latent: int,
        activation: str,
        temperature: float,
    ) -> None:
        super().__init__(n_features, hidden, n_latent, activation, last=Directions)
        self.n_features, self.temperature = n_features, temperature

    def widen(self, z: Tensor) -> Tensor:
        """Return what the last layer reads, of shape (B, H): a direction, 1 / τ long."""
        return functional.normalize(super().widen(z), dim=1) / self.temperature

    def numbers_a_row(self) -> int:
        """Return how many numbers the layers put out for a row, the logits included."""
        return super().numbers_a_row() + self.n_features
