"""The Gram matrix, whichever way each row goes."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from likewise.autoencoders import gram as module
from likewise.autoencoders.gram import gram


@st.composite
def rows(draw):
    """Rows of any lengths, empty and full ones among them, with whole weights."""
    n_columns = draw(st.integers(1, 12))
    lengths = draw(st.lists(st.integers(0, n_columns), min_size=1, max_size=9))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    table = np.zeros((len(lengths), n_columns))
    for row, length in zip(table, lengths, strict=True):
        row[rng.permutation(n_columns)[:length]] = rng.integers(-3, 4, length)
    return table


@given(
    rows(),
    st.sampled_from([0.0, 0.5, 1.0, 4.0, 320.0]),
    st.integers(1, 400),
    st.integers(1, 5),
    st.integers(1, 40),
)
def test_it_is_the_product_whatever_goes_which_way(X, ratio, block_bytes, width, pairs):
    with (
        patch.object(module, "PAIRS_AT_A_TIME", pairs),
        patch.object(module, "SCATTERED_PER_STREAMED", ratio),
        patch.object(module, "GRAM_BYTES", block_bytes),
        patch.object(module, "MIN_WIDTH", width, create=True),
    ):
        for kind in (np.asarray, sparse.csr_array):
            G = gram(kind(X)).numpy()
            assert G.dtype == np.float32
            np.testing.assert_array_equal(G, X.T @ X)


@given(rows(), st.sampled_from([0.0, 1.0, 320.0]), st.integers(0, 999))
def test_rows_count_by_their_weights(X, ratio, seed):
    weights = np.random.default_rng(seed).random(len(X)).astype(np.float32)
    with patch.object(module, "SCATTERED_PER_STREAMED", ratio):
        G = gram(sparse.csr_array(X), weights).numpy()
    np.testing.assert_allclose(G, X.T @ (weights[:, None] * X), rtol=1e-4, atol=1e-4)


def test_long_rows_and_short_rows_go_different_ways(monkeypatch):
    X = np.zeros((40, 30))
    X[:10] = 1
    X[10:, :2] = 1
    monkeypatch.setattr(module, "SCATTERED_PER_STREAMED", 4.0)
    densified = []
    monkeypatch.setattr(
        module, "_dense_blocks", lambda rows: densified.append(rows.shape[0]) or blocks(rows)
    )
    blocks = lambda rows: iter([module.torch.from_numpy(rows.toarray())])  # noqa: E731
    np.testing.assert_array_equal(gram(sparse.csr_array(X)), X.T @ X)
    assert densified == [10]


def test_what_was_given_stays_as_it_was():
    X = sparse.csr_array(np.eye(4, dtype=np.float32))
    gram(X, np.full(4, 0.25, dtype=np.float32))
    assert X.data.tolist() == [1, 1, 1, 1]
    assert gram(sparse.csr_array((0, 3))).tolist() == np.zeros((3, 3)).tolist()


@pytest.mark.parametrize("n", [0, 1, 5])
def test_no_rows_and_no_values_give_zeros(n):
    assert gram(np.zeros((n, 3))).tolist() == np.zeros((3, 3)).tolist()
