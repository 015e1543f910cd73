"""What the parts of a blend reach together, and with one more beside them."""

import hashlib
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from likewise.autoencoders.base import Autoencoder
from likewise.data.fold import FoldIn
from likewise.evaluate.protocol import evaluate
from likewise.recommend.blend import z_score
from likewise.recommend.climbing import climb
from likewise.recommend.recommender import Recommender
from likewise.recommend.weights import LADDER, START, Summed

Scores = NDArray[np.float32]


@dataclass
class Beside:
    """The sum of the parts found so far, which a further one is judged beside.

    What is best alone knows what the others know already. The settings of a further part are chosen
    by what the sum reaches with it, at the weight that is best for it.

    Parameters
    ----------
    fold : FoldIn
        Whom to judge on; parts' scores are of these users.
    metric : str
        What is maximised.
    repeats : bool
        Whether buying again counts.
    """

    fold: FoldIn
    metric: str
    repeats: bool = False
    parts: list[tuple[float, Autoencoder]] = field(default_factory=list)
    """Each part of the sum, and its weight."""
    total: Scores | None = None

    def best(self, scores: Scores) -> tuple[float, float]:
        """Return what the sum reaches with a part of these scores, and the part's best weight."""
        if self.total is None:
            return self._reached([scores], (1.0,)), 1.0
        tables = [self.total, z_score(scores)]
        trials, _ = climb(
            {"weight": LADDER[1:]}, {"weight": START},
            lambda part: self._reached(tables, (1.0, part["weight"])), max_seconds=math.inf,
        )  # fmt: skip
        best = max(trials, key=lambda trial: trial.score)
        return best.score, best.parameters["weight"]

    def reached_with(self, fitted: Recommender) -> float:
        """Return what the sum reaches with a fitted model, at the weight that is best for it."""
        return self.best(fitted.scorer.scores(self.fold.given))[0]

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each part, by its type's name."""
        return {model.type_name: weight for weight, model in self.parts}

    @property
    def digest(self) -> str:
        """What the sum is of, and for how many, in a few letters; none before the first part.

        How many depends on the memory that is free.
        """
        parts = " + ".join(f"{weight:g} {model!r}" for weight, model in self.parts)
        whole = f"{len(self.fold)}: {parts}"
        return hashlib.sha256(whole.encode()).hexdigest()[:8] if parts else ""

    def add(self, model: Autoencoder, scores: Scores) -> None:
        """Take a part into the sum, if the sum is better with it."""
        reached, weight = self.best(scores)
        table = np.float32(weight) * z_score(scores)
        if self.total is None:
            self.total = table
        elif reached > self._reached([self.total], (1.0,)):
            self.total += table
        else:
            return
        self.parts.append((weight, model))

    def _reached(self, tables: list[Scores], weights: tuple[float, ...]) -> float:
        summed = Summed(tables, weights)
        return evaluate(summed, self.fold, (self.metric,), repeats=self.repeats).mean(self.metric)
