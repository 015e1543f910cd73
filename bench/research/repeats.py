"""Buying again: personal frequency as a part of a blend, on the validation part of Online Retail.

python bench/research/repeats.py
"""

from likewise import (
    Blend,
    LinearAutoencoder,
    PersonalFrequency,
    Recommender,
    global_time,
    load_sample,
)
from likewise.evaluate.protocol import evaluate
from likewise.recommend.searches import BEGIN, SEARCHES

METRICS = ("recall@20", "ndcg@20")
WEIGHTS = (0.0, 0.1, 0.3, 0.5, 1.0)
WEIGHTINGS = {None: ("binary", "log"), 60.0: ("recent", "log")}


def main() -> None:
    log, search = load_sample(), SEARCHES[LinearAutoencoder]
    for half_life, weightings in WEIGHTINGS.items():
        cut = global_time(log, half_life=half_life)
        split = cut.fading or cut
        settings = BEGIN | {"user_power": 0.8}
        linear = search.model(settings, split.train)
        habits = Recommender(PersonalFrequency(), weighting="linear")
        show(f"half-life {half_life}, personal frequency", habits, split)
        for weighting in weightings:
            for weight in WEIGHTS:
                parts = [linear, PersonalFrequency()]
                model = Blend(parts=parts, weights=[1.0, weight]) if weight else linear
                name = f"half-life {half_life}, {weighting}, linear + {weight} of it"
                show(name, Recommender(model, weighting=weighting), split)


def show(name: str, recommender: Recommender, split) -> None:
    recommender.fit(split.train, support=False)
    found = [evaluate(recommender, split.validation, METRICS, repeats=r) for r in (True, False)]
    told = [" / ".join(f"{one.mean(metric):.4f}" for metric in METRICS) for one in found]
    print(f"{name:52} with repeats {told[0]}   new only {told[1]}", flush=True)


if __name__ == "__main__":
    main()
