"""The locally linear autoencoder: against a full decomposition, and what it is said to minimise."""

import numpy as np
import pytest
from scipy import sparse

from likewise import memory
from likewise.autoencoders import LocallyLinearAutoencoder
from likewise.errors import InputError, NotEnoughMemoryError


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return (rng.random((60, 9)) < np.linspace(0.7, 0.2, 9)).astype(np.float32)


def gram(X, b):
    length = np.maximum(np.count_nonzero(X, axis=1), 1)[:, None]
    return X.T @ (length**-b * X.astype(np.float64))


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(
    ("a", "b", "l2", "p"), [(0.2, 1.0, 5.0, 0.25), (0.0, 0.0, 0.1, 0.0), (0.3, 0.5, 50.0, 1.0)]
)
def test_it_projects_on_directions_of_the_shares_of_buyers(X, a, b, l2, p, kind):
    model = LocallyLinearAutoencoder(
        n_latent=3, item_power=a, user_power=b, l2=l2, popularity_power=p, random_state=0
    ).fit(kind(X))
    G = gram(X, b)
    G += l2 * G.diagonal().mean() * np.eye(9)
    V = np.linalg.svd(G / G.diagonal()[:, None] ** (1 + p))[2][:3]
    scale = np.count_nonzero(X, axis=0) ** -a
    np.testing.assert_allclose(model.logits(kind(X)), (X * scale) @ V.T @ V / scale, atol=1e-3)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(3), atol=1e-5)


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_no_directions_are_changed_less_by_the_linear_autoencoder(X, p):
    model = LocallyLinearAutoencoder(
        n_latent=3, user_power=0.5, l2=2.0, popularity_power=p, random_state=0
    ).fit(X)
    G = gram(X, 0.5)
    G += 2.0 * G.diagonal().mean() * np.eye(9)
    B = np.eye(9) - np.linalg.inv(G) * G.diagonal()

    def changed(V):
        return np.linalg.norm((V.T @ B - V.T) * G.diagonal() ** p)

    left = np.linalg.svd((np.eye(9) - B) * G.diagonal() ** p)[0][:, :-4:-1]  # changed least
    assert changed(model.components_.T) == pytest.approx(changed(left), rel=1e-4)
    drawn = np.linalg.qr(np.random.default_rng(1).standard_normal((9, 3)))[0]
    assert changed(left) < changed(drawn)


def test_the_diagonal_of_the_inverse_is_taken_to_be_that_of_one_over_the_diagonal(X):
    """As in the published method; with its own diagonal B would be EASE's, and V another."""
    model = LocallyLinearAutoencoder(
        n_latent=3, user_power=0.0, l2=0.1, popularity_power=0.0, random_state=0
    ).fit(X)
    G = gram(X, 0.0)
    G += 0.1 * G.diagonal().mean() * np.eye(9)
    own = np.linalg.svd(G * np.diag(np.linalg.inv(G))[:, None])[2][:3]
    alike = np.linalg.svd(own @ model.components_.T, compute_uv=False)
    assert alike[0] > 0.99
    assert alike[-1] < 0.999


def test_turns_of_the_published_method_end_where_it_is(X):
    """V = W Wᵀ (W C Wᵀ)⁻¹ W C, from vectors W drawn at random, turn after turn."""
    model = LocallyLinearAutoencoder(n_latent=2, popularity_power=0.0, random_state=0).fit(X)
    G = gram(X, 1.0)
    G += 5.0 * G.diagonal().mean() * np.eye(9)
    C = G @ np.diag(G.diagonal() ** -2) @ G
    W = np.random.default_rng(2).standard_normal((2, 9))
    for _ in range(500):
        W = W @ W.T @ np.linalg.solve(W @ C @ W.T, W @ C)
        W = np.linalg.qr(W.T)[0].T
    alike = np.linalg.svd(W @ model.components_.T, compute_uv=False)
    np.testing.assert_allclose(alike, 1, atol=1e-4)


@pytest.mark.parametrize("factor", [1e-15, 1e-3, 1e3, 1e15])
def test_the_size_of_values_changes_nothing(X, factor):
    model = LocallyLinearAutoencoder(n_latent=3, random_state=0)
    expected = model.fit(X).components_
    found = model.fit(sparse.csr_array(X * np.float32(factor))).components_
    alike = np.linalg.svd(found @ expected.T, compute_uv=False)
    np.testing.assert_allclose(alike, 1, atol=1e-4)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_an_item_that_nobody_has_lies_nowhere(X, kind):
    X[:, 4] = 0
    model = LocallyLinearAutoencoder(n_latent=8, random_state=0).fit(kind(X))
    assert np.abs(model.components_[:, 4]).max() < 1e-5
    assert np.isfinite(model.logits(kind(X))).all()


def test_what_one_row_alone_has_is_not_left_out(X):
    X[:, 4] = 0
    X[7, 4] = 1
    model = LocallyLinearAutoencoder(n_latent=8, random_state=0).fit(X)
    assert np.abs(model.components_[:, 4]).max() > 0.1


def test_rows_that_hold_nothing_teach_nothing_and_are_no_error():
    model = LocallyLinearAutoencoder(n_latent=2, random_state=0)
    nothing = sparse.csr_array((5, 4), dtype=np.float32)
    assert np.isfinite(model.fit(nothing).logits(np.ones((1, 4), np.float32))).all()


def test_with_all_directions_a_row_comes_back(X):
    model = LocallyLinearAutoencoder(n_latent=50, random_state=0).fit(X)
    assert model.transform(X).shape == (60, 9)
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-4)


@pytest.mark.parametrize(("l2", "share"), [(5.0, 0.999), (50.0, 0.97)])
def test_directions_of_many_items_are_those_of_a_full_decomposition(l2, share):
    rng = np.random.default_rng(0)
    tastes = rng.random((30, 400)) < 0.15
    X = (rng.random((900, 400)) < 0.02 + 0.2 * tastes[rng.integers(0, 30, 900)]).astype(np.float32)
    model = LocallyLinearAutoencoder(n_latent=20, l2=l2, random_state=0).fit(sparse.csr_array(X))
    G = gram(X, 1.0)
    G += l2 * G.diagonal().mean() * np.eye(400)
    A = G / G.diagonal()[:, None] ** 1.25
    best = (np.linalg.svd(A, compute_uv=False)[:20] ** 2).sum()
    assert ((A @ model.components_.T) ** 2).sum() > share * best


def test_it_refuses_what_would_not_fit(X, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 6_000)
    with pytest.raises(NotEnoughMemoryError, match="the lle autoencoder of 9 directions"):
        LocallyLinearAutoencoder().fit(X)


@pytest.mark.parametrize("l2", [0.0, 1e7])
def test_a_ridge_of_nothing_or_of_all_is_refused(X, l2):
    with pytest.raises(InputError, match="l2"):
        LocallyLinearAutoencoder(l2=l2).fit(X)


@pytest.mark.parametrize("seed", range(3))
def test_codes_have_the_same_sign_whatever_the_search_began_with(X, seed):
    model = LocallyLinearAutoencoder(n_latent=3, random_state=seed).fit(X)
    first = LocallyLinearAutoencoder(n_latent=3, random_state=9).fit(X)
    np.testing.assert_allclose(model.transform(X), first.transform(X), atol=1e-3)
