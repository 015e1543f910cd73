"""Judging what answers `also_bought`: on baskets of one item, by customers who chose nothing.

Of each validation customer's items one is given, the others are to be found. Half of the customers
choose settings; the other half tell whether those are ahead of what won on whole baskets.

Shapes: U users, I items.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from likewise.data.fold import FoldIn, one_given
from likewise.evaluate.protocol import evaluate
from likewise.evaluate.significance import FEWEST_USERS, Floats, paired_difference
from likewise.recommend.baselines import ItemNeighbours, RP3Beta
from likewise.recommend.blend import CALIBRATIONS
from likewise.recommend.found import Found
from likewise.recommend.weights import Summed, Weights, weighed_on

PREFIX = "also bought: "
"""Before the names of models that are tried for it, in the journal."""


@dataclass(frozen=True)
class Alone:
    """Customers of whose items one is given.

    Parameters
    ----------
    choosing, judging : FoldIn
        Who chooses settings, and who judges them.
    metric : str
        What is maximised.
    """

    choosing: FoldIn
    judging: FoldIn
    metric: str

    @classmethod
    def of(cls, fold: FoldIn, metric: str) -> Self | None:
        """Halve the customers who held out two items or more; None if they are too few to tell."""
        single = one_given(fold, np.random.default_rng(0))
        if len(single) < 2 * FEWEST_USERS:
            return None
        first, second = (single.take(np.arange(half, len(single), 2)) for half in (0, 1))
        judging = weighed_on(second, fold.given.shape[1])
        return cls(first, judging, metric) if len(judging) >= FEWEST_USERS else None

    def verdict(
        self, parts: list[Found], weights: Weights, candidates: list[Found]
    ) -> tuple[Found | None, dict[str, Any]]:
        """Return what shall answer instead of the winner, if anything, and what was measured.

        An autoencoder is taken if its mean is higher than the winner's; what counts, item
        neighbours or RP3beta, only if the difference is real.
        """
        calibrate = CALIBRATIONS[weights.calibration] if len(parts) > 1 else lambda raw: raw
        tables = [calibrate(_scores(part)) for part in parts]
        winner = self._per_user(tables, weights.weights)
        best, reached, told = None, winner, {}
        for one in candidates:
            values = self._per_user([_scores(one)], (1.0,))
            gain = paired_difference(values, reached)
            told[one.name.removeprefix(PREFIX)] = float(values.mean())
            if gain.mean > 0 and (gain.real or not isinstance(one.model, ItemNeighbours | RP3Beta)):
                best, reached = one, values
        gain = paired_difference(reached, winner)
        return best, {
            "protocol": "one item given; half of the customers chose the settings, these judged",
            "metric": self.metric,
            "customers": len(self.judging),
            "model": None if best is None else best.name.removeprefix(PREFIX),
            "parameters": None if best is None else best.model.get_params(),
            "score": float(reached.mean()),
            "gain": {"mean": gain.mean, "low": gain.low, "high": gain.high},
            "scores": {"the winner on whole baskets": float(winner.mean()), **told},
        }

    def _per_user(self, tables: list[NDArray[np.float32]], weights: tuple[float, ...]) -> Floats:
        judged = evaluate(Summed(tables, weights), self.judging, (self.metric,))
        return judged.per_user[self.metric]


def _scores(part: Found) -> NDArray[np.float32]:
    assert part.alone is not None  # noqa: S101 - for the type checker: all have them, or none
    return part.alone
