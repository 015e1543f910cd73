"""Faithfulness of reductions against slow twins and hand-worked cases."""

import numpy as np
import pytest

from likewise.errors import InputError
from likewise.evaluate.embedding import faithfulness, neighbours_kept


def slow_neighbours_kept(X, codes, k):
    def near(rows, i):
        distances = np.linalg.norm(rows - rows[i], axis=1)
        distances[i] = np.inf
        return set(np.argsort(distances)[:k].tolist())

    return np.mean([len(near(X, i) & near(codes, i)) / k for i in range(len(X))])


def test_neighbours_kept_is_its_definition():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5))
    assert neighbours_kept(X, X[:, :2], 4) == pytest.approx(slow_neighbours_kept(X, X[:, :2], 4))


def test_the_error_is_the_mean_of_summed_squares_and_the_mean_row_explains_nothing():
    X = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    judged = faithfulness(X, X, np.ones_like(X), X.mean(axis=0))
    assert (judged.error, judged.explained) == (2.0, 0.0)


def test_shuffled_codes_keep_no_more_neighbours_than_chance():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    judged = faithfulness(X, rng.permutation(X), X, X.mean(axis=0), n_neighbours=10)
    assert judged.neighbours < 0.08
    assert judged.trustworthiness < 0.6


def test_a_sample_of_many_rows_is_drawn_by_the_seed():
    X = np.random.default_rng(0).normal(size=(200, 3))
    one, again, other = (
        faithfulness(X, X[:, :1], X, X[0], n_rows=50, seed=seed) for seed in (1, 1, 2)
    )
    assert one == again
    assert one.trustworthiness != other.trustworthiness


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="2 rows were given"):
        faithfulness(np.eye(2), np.eye(2), np.eye(2), np.zeros(2))
