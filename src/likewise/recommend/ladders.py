"""The values of a type's settings that a search climbs along."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from likewise.autoencoders.base import Autoencoder
from likewise.data.interactions import Interactions


@dataclass(frozen=True)
class Ladders:
    """What may be tried of a type.

    Parameters
    ----------
    ladders : mapping of str to sequence
        For each setting, its values in order.
    start : mapping of str to value
        Where the climb begins.
    model : callable
        Makes a model of settings, for the rows that it will learn from.
    work : callable
        How much work a setting is for the rows to learn from, beside another, or beside other rows.
    most : callable
        For the rows to learn from, the value of a setting beyond which all are the same model.
    begin : callable
        For the rows to learn from, where the climb begins instead, of some settings.
    """

    ladders: Mapping[str, Sequence[Any]]
    start: dict[str, Any]
    model: Callable[[dict[str, Any], Interactions], Autoencoder]
    work: Callable[[dict[str, Any], Interactions], float] = lambda _, train: float(train.n_users)
    most: Callable[[Interactions], dict[str, int]] = lambda _: {}
    begin: Callable[[Interactions], dict[str, Any]] = lambda _: {}

    def within(self, train: Interactions) -> "Ladders":
        """Return the same without rungs that are one and the same model for rows as few as these.

        Of values that cover all there is the first remains; a start that is beyond becomes the
        largest value that is not, or the most there is of a setting that is not climbed.
        """
        ladders, start = dict(self.ladders), self.start | self.begin(train)
        for name, most in self.most(train).items():
            values = self.ladders.get(name, [most])
            if name in ladders:
                ladders[name] = values[: bisect_left(values, most) + 1]
            if start[name] > most:
                start[name] = max([values[0], *(value for value in values if value <= most)])
        return replace(self, ladders=ladders, start=start)

    def on(self, device: str, seed: int = 0) -> "Ladders":
        """Return the same of models with a device and a seed, where they let these be said."""

        def model(settings: dict[str, Any], train: Interactions) -> Autoencoder:
            made = self.model(settings, train)
            run = {"device": device, "random_state": seed}
            made.set_params(**{k: v for k, v in run.items() if k in made.get_params()})
            return made

        return replace(self, model=model)

    def only(self, *names: str, plain: Mapping[str, Any]) -> "Ladders":
        """Return the ladders of these settings alone; the others are plain."""
        start = {k: self.start[k] if k in names else plain[k] for k in self.start}
        return replace(self, ladders={name: self.ladders[name] for name in names}, start=start)
