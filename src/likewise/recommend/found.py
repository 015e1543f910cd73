"""What a search found: the best of each family, and one model of those that won."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likewise.autoencoders.base import Autoencoder, copy_of
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.recommend.blend import Blend
from likewise.recommend.halving import LEAST_SLICE
from likewise.recommend.weights import Weights


@dataclass(frozen=True)
class Found:
    """The best of one family."""

    name: str
    model: Autoencoder
    scores: NDArray[np.float32]
    """What it gives the items for the users whom weights are chosen on."""
    score: float
    refit_seconds: float
    """What fitting it on everything will take."""
    alone: NDArray[np.float32] | None = None
    """What it gives the items for single items, where `also_bought` is to be judged."""

    def without_scores(self) -> "Found":
        """Return the same without what only choosing needs."""
        return replace(self, scores=np.empty((0, 0), np.float32), alone=None)

    @property
    def is_neural(self) -> bool:
        """Whether it is trained by epochs."""
        return isinstance(self.model, NeuralAutoencoder)


def together(
    chosen: list[Found], weights: Weights, seconds: float, growth: float, counts: bool
) -> Autoencoder:
    """Return one unfitted model of those that were chosen, to be fitted within so many seconds.

    Parameters
    ----------
    growth : float
        How many times longer fitting on everything takes than finding took.
    counts : bool
        As of the blend.
    """
    models = _with_deadlines(chosen, seconds, growth)
    if len(models) == 1:
        return models[0]
    return Blend(
        parts=models, weights=weights.weights, calibration=weights.calibration, counts=counts
    )


def _with_deadlines(chosen: list[Found], seconds: float, growth: float) -> list[Autoencoder]:
    """Return the models; those that train by epochs get a share each of the time left."""
    closed = sum(part.refit_seconds for part in chosen if not part.is_neural)
    neural = sum(part.refit_seconds for part in chosen if part.is_neural)
    models = [copy_of(part.model) for part in chosen]
    for part, model in zip(chosen, models, strict=True):
        if part.is_neural:
            share = (seconds - closed) * part.refit_seconds / max(neural, 1e-9)
            least = max(LEAST_SLICE, part.refit_seconds / growth)
            model.set_params(max_seconds=max(share, least))
    return models


def cut_off(chosen: list[Found], model: Autoencoder) -> dict[str, str]:
    """Return what the budget ended, of the parts of a fitted model, and where."""
    fitted = model.parts_ if isinstance(model, Blend) else [model]
    return {
        f"the end of {part.name}": (
            f"its training on everything was slower than before: the budget ended it in "
            f"epoch {len(one.history_.epochs)} of {part.model.max_epochs}"
        )
        for part, one in zip(chosen, fitted, strict=True)
        if isinstance(part.model, NeuralAutoencoder) and one.history_.stopped == "max_seconds"
    }
