"""Users whose history is partly given and partly held out, and how the held-out part is drawn."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from likewise.data.held_out import held_out_share
from likewise.data.interactions import CSR, Interactions, sorted_csr
from likewise.data.vocabulary import Vocabulary
from likewise.errors import InputError

HELD_SHARE, MOST_HELD = 0.1, 2_000
"""Of the users, and how many of them at most, who are held out to choose or to stop by."""


@dataclass(frozen=True)
class FoldIn:
    """Users whose history is partly given to the model and partly held out.

    Parameters
    ----------
    given, held_out : csr_array of shape (B, I)
        What the model is shown, and what it should find.
    users : Vocabulary
        The outer ids of the rows.
    rule : str
        How the held-out part was drawn, in words.
    """

    given: CSR
    held_out: CSR
    users: Vocabulary
    rule: str = "as given"

    def __post_init__(self) -> None:
        if not self.given.shape == self.held_out.shape or self.given.shape[0] != len(self.users):
            raise InputError(
                f"given is {self.given.shape}, held_out is {self.held_out.shape}, for "
                f"{len(self.users)} users; give one row a user and the same items in both"
            )

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: NDArray[Any]) -> "FoldIn":
        """Return some of the users, by a mask or by numbers."""
        given, held_out, users = self.given[rows], self.held_out[rows], self.users.ids[rows]
        return replace(self, given=given, held_out=held_out, users=Vocabulary(users))


def held_out_items(
    interactions: Interactions,
    *,
    fraction: float = HELD_SHARE,
    at_most: int = MOST_HELD,
    seed: int = 0,
) -> tuple[Interactions, FoldIn]:
    """Hold out a tenth of the users (those with two items or more) to stop training on.

    Of each, a fifth of the items, one at least, drawn by `held_out_share`, is to be found from the
    rest. The others remain to learn from, over all items.

    Raises
    ------
    InputError
        If there are fewer than two users with two items or more.
    """
    random = np.random.default_rng(seed)
    eligible = np.flatnonzero(np.diff(interactions.matrix.indptr) >= 2)
    n = min(at_most, max(1, int(fraction * len(eligible))))
    if len(eligible) < 2:
        raise InputError(
            f"{len(eligible)} users have two items or more, too few to hold one out to stop "
            "training on; set validation_fraction=0 (--set validation_fraction=0), or use a linear "
            "autoencoder"
        )
    chosen = np.sort(random.permutation(eligible)[:n])
    matrix = interactions.matrix[chosen]
    is_held, rule = held_out_share(matrix, interactions.matrix, 0.2, random, at_least=1)
    users = Vocabulary(interactions.users.ids[chosen])
    fold = FoldIn(masked(matrix, ~is_held), masked(matrix, is_held), users, rule)
    rest = np.ones(interactions.n_users, dtype=bool)
    rest[chosen] = False
    return interactions.take(rest), fold


def one_given(fold: FoldIn, random: np.random.Generator) -> FoldIn:
    """Return the users who held out two items or more: one drawn is given, the others are not."""
    rows = np.flatnonzero(np.diff(fold.held_out.indptr) >= 2)
    held = fold.held_out[rows]
    place = held.indptr[:-1] + random.integers(0, np.diff(held.indptr))
    given = np.zeros(held.nnz, dtype=bool)
    given[place] = True
    return FoldIn(masked(held, given), masked(held, ~given), Vocabulary(fold.users.ids[rows]))


def hidden(fold: FoldIn) -> FoldIn:
    """Return the users of a fold with all that they have held out, and nothing given."""
    nothing = sparse.csr_array(fold.given.shape, dtype=fold.given.dtype)
    return FoldIn(nothing, sorted_csr(fold.given + fold.held_out), fold.users)


def folded(given: CSR, held_out: CSR, users: Vocabulary, rule: str = FoldIn.rule) -> FoldIn:
    """Return the users who have something given and something held out."""
    both = (np.diff(given.indptr) > 0) & (np.diff(held_out.indptr) > 0)
    return FoldIn(given[both], held_out[both], Vocabulary(users.ids[both]), rule)


def masked(matrix: CSR, keep: NDArray[np.bool_]) -> CSR:
    """Return the entries of a matrix that `keep` marks."""
    result = matrix.copy()
    result.data = np.where(keep, result.data, 0)
    return sorted_csr(result)
