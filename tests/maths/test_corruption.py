"""Corruption: how much, of what size, what to expect, and from which random numbers."""

import numpy as np
import pytest
import torch
from scipy import sparse

from likewise.errors import InputError
from likewise.nn.corruption import CORRUPTIONS, salt_and_pepper, swap
from likewise.nn.rows import SparseRows, as_rows

N, F = 400, 100


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(params=sorted(CORRUPTIONS))
def corrupt(request, rows):
    if request.param == "swap" and isinstance(rows, SparseRows):
        pytest.skip("swap noise is for dense rows")
    return CORRUPTIONS[request.param]


@pytest.fixture(params=["dense", "sparse"])
def rows(request):
    return made(np.full((N, F), 3.0, dtype=np.float32), request.param)


def made(table, kind):
    if kind == "dense":
        return as_rows(table)
    table[:, ::2] = 0
    return as_rows(sparse.csr_array(table))


def values(rows):
    return rows.values if isinstance(rows, SparseRows) else rows


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["dropout", "masking"])
def test_the_share_asked_for_is_set_to_zero_and_the_rest_scaled(rows, name, level):
    seen = values(CORRUPTIONS[name](rows, level, generator()))
    share = float((seen == 0).float().mean())
    deviation = np.sqrt(level * (1 - level) / seen.numel())
    assert abs(share - level) < 4 * deviation
    kept = seen[seen != 0].unique()
    expected = 3 / (1 - level) if name == "dropout" else 3.0
    np.testing.assert_allclose(kept, [expected], rtol=1e-6)


@pytest.mark.parametrize("level", [0.2, 0.5])
def test_dropout_and_noise_leave_the_expectation_as_it_was(rows, level):
    for name in ("dropout", "gaussian"):
        seen = values(CORRUPTIONS[name](rows, level, generator()))
        deviation = 3 * np.sqrt(level / (1 - level)) if name == "dropout" else level
        assert abs(float(seen.mean()) - 3) < 4 * deviation / np.sqrt(seen.numel())
        assert float(seen.std()) == pytest.approx(deviation, rel=0.05)


def test_nothing_is_done_at_level_zero(corrupt, rows):
    assert torch.equal(values(corrupt(rows, 0.0, generator())), values(rows))


def test_the_generator_decides_all(corrupt, rows):
    table = np.random.default_rng(0).random((N, F), dtype=np.float32)
    rows = made(table, "sparse" if isinstance(rows, SparseRows) else "dense")
    torch.manual_seed(1)
    first = values(corrupt(rows, 0.5, generator(7)))
    torch.manual_seed(2)
    assert torch.equal(values(corrupt(rows, 0.5, generator(7))), first)
    assert not torch.equal(values(corrupt(rows, 0.5, generator(8))), first)
    used = generator(7)
    corrupt(rows, 0.5, used)
    assert not torch.equal(values(corrupt(rows, 0.5, used)), first)


def test_the_rows_given_stay_clean_and_sparse_rows_stay_where_they_are(corrupt, rows):
    before = values(rows).clone()
    seen = corrupt(rows, 0.5, generator())
    assert torch.equal(values(rows), before)
    assert type(seen) is type(rows)
    if isinstance(rows, SparseRows):
        assert torch.equal(seen.columns, rows.columns)
        assert torch.equal(seen.offsets, rows.offsets)


def test_salt_and_pepper_are_the_ends_of_the_batch():
    table = np.random.default_rng(0).random((N, F), dtype=np.float32)
    for kind in ("dense", "sparse"):
        clean = made(table.copy(), kind)
        seen, before = values(salt_and_pepper(clean, 0.3, generator())), values(clean)
        pepper, salt = (0.0 if kind == "sparse" else before.min()), before.max()
        hit = (seen != before).float().mean()
        assert float(hit) == pytest.approx(0.3, abs=0.02)
        assert set(seen[seen != before].tolist()) == {float(pepper), float(salt)}
        share = (seen == salt).float().sum() / ((seen == salt) | (seen == pepper)).float().sum()
        assert float(share) == pytest.approx(0.5, abs=0.03)


def test_swapped_values_come_from_their_own_column():
    table = as_rows(np.arange(F) * 1000 + np.arange(N)[:, None])
    seen = swap(table, 0.4, generator())
    assert torch.equal(seen // 1000, table // 1000)
    assert float((seen != table).float().mean()) == pytest.approx(0.4, abs=0.02)
    assert len((seen[:, 0] % 1000).unique()) > N / 2


def test_purchases_cannot_be_swapped():
    with pytest.raises(InputError, match="'masking' or 'dropout' for purchases"):
        swap(as_rows(sparse.csr_array(np.eye(3, dtype=np.float32))), 0.5, generator())
