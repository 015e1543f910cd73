"""The penalty that keeps neighbours: against a slow twin, on edges, and what it does to a map."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness

from likewise import InputError, UndercompleteAutoencoder
from likewise.nn.neighbours import nearest, neighbour_penalty
from likewise.nn.rows import as_rows

CPU = torch.device("cpu")


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    rows, codes = rng.normal(size=(9, 4)), rng.normal(size=(9, 2))
    return torch.tensor(rows, dtype=torch.float32), torch.tensor(codes, dtype=torch.float32)


def test_it_is_its_formula(batch):
    rows, codes = (tensor.numpy() for tensor in batch)
    w = {(i, j): 1 / (1 + float(np.square(codes[i] - codes[j]).sum()))
         for i in range(9) for j in range(9) if i != j}  # fmt: skip
    expected = []
    for i in range(9):
        others = sorted((j for j in range(9) if j != i),
                        key=lambda j: float(np.square(rows[i] - rows[j]).sum()))  # fmt: skip
        expected.append(-np.mean([np.log(w[i, j] / sum(w.values())) for j in others[:3]]))
    np.testing.assert_allclose(neighbour_penalty(*batch, 3), expected, rtol=1e-5)


def test_its_slope_is_that_of_its_values(batch):
    rows, codes = batch
    exact = codes.double().requires_grad_()
    found = torch.autograd.grad(neighbour_penalty(rows, exact, 3).sum(), exact)[0]
    nudged = torch.zeros_like(codes)
    nudged[2, 1] = 1e-2
    up, down = (neighbour_penalty(rows, codes + s * nudged, 3).sum() for s in (1, -1))
    assert float(found[2, 1]) == pytest.approx(float(up - down) / 2e-2, rel=0.02)


def test_few_rows_alike_rows_and_sparse_rows():
    assert neighbour_penalty(torch.ones(1, 3), torch.ones(1, 2), 5).tolist() == [0.0]
    codes = torch.ones(4, 2, requires_grad=True)
    same = neighbour_penalty(torch.ones(4, 3), codes, 10)
    torch.testing.assert_close(same, torch.full((4,), float(np.log(12))))
    (slope,) = torch.autograd.grad(same.sum(), codes)
    assert torch.isfinite(slope).all()
    dense = np.random.default_rng(0).random((6, 5)) > 0.5
    rows = as_rows(sparse.csr_array(dense.astype(np.float32)), CPU)
    assert nearest(rows, 2).equal(nearest(torch.tensor(dense, dtype=torch.float32), 2))


@pytest.mark.parametrize("seed", [0, 1])
def test_codes_of_digits_keep_more_neighbours_with_it(seed):
    X = load_digits().data / 16
    run = {"n_latent": 3, "batch_size": 400, "max_epochs": 40, "random_state": seed,
           "validation_fraction": 0.0}  # fmt: skip
    plain, kept = (
        UndercompleteAutoencoder(**run, neighbour_weight=weight).fit(X[:1200]).transform(X[1200:])
        for weight in (0.0, 1.0)
    )
    assert trustworthiness(X[1200:], kept) > trustworthiness(X[1200:], plain) + 0.01


def test_batches_have_neighbours_in_them_and_steps_stay_as_many():
    def chosen(n, weight):
        X = np.broadcast_to(np.float32(0), (n, 4))
        return UndercompleteAutoencoder(neighbour_weight=weight)._defaults(X)

    few, many = chosen(400, 1.0), chosen(10_000, 1.0)
    assert (few["batch_size"], few["max_epochs"]) == (100, 400)  # a quarter of them; no more passes
    assert many["batch_size"] == 1_000
    plain = chosen(10_000, 0.0)
    steps = [one["max_epochs"] / one["batch_size"] for one in (plain, many)]
    assert steps[1] == pytest.approx(steps[0], rel=0.02)


def test_wrong_settings_are_refused():
    for wrong in ({"neighbour_weight": -1}, {"n_neighbours": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            UndercompleteAutoencoder(**wrong).fit(np.eye(4))
