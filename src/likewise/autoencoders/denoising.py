"""The denoising autoencoder: it sees a corrupted row and must give the clean one."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import torch
from scipy import sparse
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from likewise.autoencoders.choices import is_auto
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.nn.corruption import CORRUPTIONS
from likewise.nn.rows import Rows

WIDE = 256
"""Columns of a row of which half tell the other half."""


@dataclass(kw_only=True, eq=False, repr=False)
class DenoisingAutoencoder(NeuralAutoencoder):
    """Denoising autoencoder: x̂ = g(f(c(x))), the loss compares x̂ with the clean x.

    On purchases this is Mult-DAE: rows of unit length, dropout on the input, one tanh layer, the
    multinomial loss.

    Parameters
    ----------
    corruption : {"auto", "dropout", "masking", "gaussian", "salt-and-pepper", "swap"}
        c, what is done to a row before it is encoded; "auto" is dropout for purchases and for rows
        of 256 columns or more, as images, whose columns tell of each other, and Gaussian noise for
        narrower tables, of which a short code needs every column.
    corruption_level : float in [0, 1) or "auto"
        Share of the values hit; for "gaussian", the noise's standard deviation, in units of
        `scaling_`. "auto" is 0.5, and 0.1 for Gaussian noise on dense rows.
    **parameters
        Those of :class:`~likewise.autoencoders.neural.NeuralAutoencoder`.

    References
    ----------
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11:3371-3408, 2010.
    D. Liang et al., "Variational autoencoders for collaborative filtering", WWW 2018,
    arXiv:1802.05814 (Mult-DAE).

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> baskets = sparse.csr_array(np.kron(np.eye(2), np.ones((50, 4), dtype=np.float32)))
    >>> model = DenoisingAutoencoder(n_latent=4, max_epochs=30, random_state=0).fit(baskets)
    >>> model.reconstruct(sparse.csr_array([[1.0, 1, 0, 0, 0, 0, 0, 0]])).round(2).argsort()[0, 4:]
    array([...])
    """

    type_name: ClassVar[str] = "denoising"
    samples: ClassVar[bool] = True

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NeuralAutoencoder._parameter_constraints,
        "corruption": [StrOptions({"auto", *CORRUPTIONS})],
        "corruption_level": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
    }

    n_latent: int = 200
    corruption: str = "auto"
    corruption_level: float | str = "auto"

    def _defaults(self, X: Any) -> dict[str, Any]:
        own = "dropout" if sparse.issparse(X) or X.shape[1] >= WIDE else "gaussian"
        kind = own if is_auto(self.corruption) else self.corruption
        level = 0.1 if kind == "gaussian" and not sparse.issparse(X) else 0.5
        return {"corruption": own, "corruption_level": level} | super()._defaults(X)

    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        corrupt = CORRUPTIONS[self.setting("corruption")]
        seen = corrupt(self._input(rows), self.setting("corruption_level"), generator)
        return self._explained(self._code(self.net_.encode(seen)), rows, generator)
