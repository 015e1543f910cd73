"""Successive halving: all train for a while, the better half goes on from where it stood.

Time is dealt out anew before each training: what one took too long, or left over, is shared by
those that follow, so that the whole ends when it should.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from likewise.recommend.budget import Budget

LEAST_SLICE = 0.1
"""Seconds that a training gets, whatever is left."""


def rungs(n: int) -> Iterator[tuple[int, float]]:
    """Yield how many of n train in each round, and for how many shares of time: 1, 1, 2, 4, ..."""
    for rung in range(math.ceil(math.log2(n)) + 1):
        yield max(1, n >> rung), 2.0 ** max(0, rung - 1)


def dealt(n: int) -> list[float]:
    """Return the shares of time that each of n gets in all, the best one first.

    Examples
    --------
    >>> dealt(4), dealt(1)
    ([4.0, 2.0, 1.0, 1.0], [1.0])
    """
    return [sum(share for among, share in rungs(n) if place < among) for place in range(n)]


@dataclass
class Halving:
    """Deals out a budget.

    Parameters
    ----------
    names : list of str
        What is to be trained.
    budget : Budget
        For all of them.
    train : callable
        (name, seconds) to the score; trains on until so many seconds were spent on it in all.
    """

    names: list[str]
    budget: Budget
    train: Callable[[str, float], float]

    def run(self) -> dict[str, float]:
        """Train all, and return the last score of each.

        Examples
        --------
        >>> rounds = []
        >>> def train(name, seconds):
        ...     rounds.append(name)
        ...     return -ord(name)
        >>> Halving(["a", "b", "c", "d"], Budget(8.0), train).run()
        {'a': -97, 'b': -98, 'c': -99, 'd': -100}
        >>> rounds
        ['a', 'b', 'c', 'd', 'a', 'b', 'a']
        """
        scores: dict[str, float] = {}
        given = dict.fromkeys(self.names, 0.0)
        late, shares_left = 0.0, sum(dealt(len(self.names)))
        names = list(self.names)
        for n, share in rungs(len(self.names)):
            names = sorted(names, key=lambda name: -scores.get(name, 0.0))[:n]
            for name in names:
                slice_ = self.budget.left * share / shares_left
                seconds = max(LEAST_SLICE, slice_ - min(late, slice_ / 2))
                given[name] += seconds
                before = self.budget.spent
                scores[name] = self.train(name, given[name])
                late = max(0.0, self.budget.spent - before - seconds)
                shares_left -= share
        return scores
