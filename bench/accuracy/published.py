"""What the literature would blend: the best linear autoencoder published and two variational ones.

Each is chosen by itself, on the same validation users and within the same budget as every other
row; how their scores are made comparable, and the weights, are chosen on these users too. Purchases
keep their weight, and no part's settings know of the other parts.
"""

from dataclasses import replace

from sklearn.base import clone

from likewise import LinearAutoencoder, Recommender, RecVAE, Split, VariationalAutoencoder
from likewise.autoencoders import Autoencoder
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.evaluate.comparison import Fit
from likewise.evaluate.protocol import evaluate
from likewise.recommend.blend import Blend
from likewise.recommend.candidates import batch_size_for
from likewise.recommend.searches import LINEAR
from likewise.recommend.selection import choose
from likewise.recommend.weights import choose_weights, weighed_on

NAME = "published blend"
NETWORKS: tuple[NeuralAutoencoder, ...] = (RecVAE(), VariationalAutoencoder())
LINEAR_SHARE, WEIGHTS_SHARE = 0.3, 0.1


def blend(budget: float, metric: str) -> Fit:
    """Return the row: parts chosen one by one, then their weights, then all of it fitted anew."""

    def fit(split: Split, seed: int) -> Recommender:
        linear = choose(
            LinearAutoencoder, split.train, split.validation,
            max_seconds=LINEAR_SHARE * budget, metric=metric, search=LINEAR["DAN"].on("auto", seed),
        ).model  # fmt: skip
        seconds = (1 - LINEAR_SHARE - WEIGHTS_SHARE) * budget / len(NETWORKS)
        again = split.refit is not split.train
        networks = [
            clone(one).set_params(
                random_state=seed,
                max_seconds=seconds / 2 if again else seconds,
                batch_size=batch_size_for(split.train.n_users),
            )
            for one in NETWORKS
        ]
        chosen_on = replace(split, refit=split.train)
        parts = [
            Recommender(one).fit_chosen(chosen_on, support=False) for one in (linear, *networks)
        ]
        reached = [evaluate(one, split.validation, (metric,)).mean(metric) for one in parts]
        parts = [parts[n] for n in sorted(range(len(parts)), key=lambda n: -reached[n])]
        some = weighed_on(split.validation, split.train.n_items)
        weights = choose_weights(
            [one.scorer.scores(some.given) for one in parts], some, metric,
            max_seconds=WEIGHTS_SHARE * budget,
        )  # fmt: skip
        summed = Blend(
            parts=[_again(one.model_) for one in parts],
            weights=weights.weights,
            calibration=weights.calibration,
        )
        return Recommender(summed).fit(split.refit, support=False)

    return fit


def _again(fitted: Autoencoder) -> Autoencoder:
    """Return the model to be fitted on more rows: a network for as many epochs as were best."""
    model = clone(fitted)
    if isinstance(fitted, NeuralAutoencoder):
        best = max(1, fitted.history_.best_epoch)
        model.set_params(max_epochs=best, max_seconds=None, validation_fraction=0.0)
    return model
