"""The spectral autoencoder: against a full singular value decomposition in NumPy."""

import numpy as np
import pytest
from scipy import sparse

from likewise import memory
from likewise.autoencoders import SpectralAutoencoder
from likewise.errors import InputError, NotEnoughMemoryError


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return (rng.random((60, 9)) < np.linspace(0.7, 0.2, 9)).astype(np.float32)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("a", "b"), [(0.5, 1.0), (0.0, 0.0), (0.3, 0.5)])
def test_it_projects_on_the_leading_directions_of_the_scaled_rows(X, a, b, kind):
    model = SpectralAutoencoder(n_latent=3, item_power=a, user_power=b, random_state=0)
    scale = np.count_nonzero(X, axis=0) ** -a
    length = np.maximum(np.count_nonzero(X, axis=1), 1)[:, None]
    V = np.linalg.svd(length ** (-b / 2) * X * scale)[2][:3]
    expected = ((X * scale) @ V.T @ V) / scale
    np.testing.assert_allclose(model.fit(kind(X)).logits(kind(X)), expected, atol=1e-4)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(3), atol=1e-5)


def test_no_linear_code_of_that_length_reconstructs_better(X):
    model = SpectralAutoencoder(n_latent=4, item_power=0.0, user_power=0.0, random_state=0).fit(X)
    singular = np.linalg.svd(X, compute_uv=False)
    error = model.reconstruction_error(X).sum()
    assert error == pytest.approx((singular[4:] ** 2).sum(), rel=1e-4)


def test_with_all_directions_a_row_comes_back(X):
    model = SpectralAutoencoder(n_latent=50, random_state=0).fit(X)
    assert model.transform(X).shape == (60, 9)
    np.testing.assert_allclose(model.reconstruct(X), X, atol=1e-4)


def test_rows_of_fewer_directions_than_are_sought_come_back():
    rows = np.repeat(np.eye(2, dtype=np.float32), 4, axis=1)[[0, 1] * 10]
    model = SpectralAutoencoder(n_latent=6, random_state=0).fit(sparse.csr_array(rows))
    np.testing.assert_allclose(model.reconstruct(rows), rows, atol=1e-4)
    assert np.isfinite(model.components_).all()


def test_its_directions_lie_item_by_item_in_memory_so_that_no_answer_copies_them(X, tmp_path):
    model = SpectralAutoencoder(n_latent=3, random_state=0).fit(X)
    model.save(tmp_path / "model")
    for one in (model, SpectralAutoencoder.load(tmp_path / "model")):
        assert one.components_.shape == (3, 9)
        assert one.components_.T.flags.c_contiguous


def test_it_refuses_what_would_not_fit(X, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 6_000)
    with pytest.raises(NotEnoughMemoryError, match="lower n_latent"):
        SpectralAutoencoder().fit(X)


@pytest.mark.parametrize("broken", ["no scale", "negative", "other width"])
def test_tensors_that_are_none_of_its_own_are_refused(X, broken):
    model = SpectralAutoencoder(n_latent=2, random_state=0).fit(X)
    tensors = model._tensors()
    changed = {
        "no scale": {"components": tensors["components"]},
        "negative": tensors | {"item_scale": -tensors["item_scale"]},
        "other width": tensors | {"components": tensors["components"][1:]},
    }[broken]
    with pytest.raises(InputError, match=r"spectral|item_scale"):
        model._restore(changed, {})


@pytest.mark.parametrize("n_latent", [20, 250, 500])
def test_wide_rows_of_few_directions_come_back(n_latent):
    rng = np.random.default_rng(0)
    kinds = (rng.random((200, 600)) < 0.05).astype(np.float32)
    rows = sparse.csr_array(kinds[rng.integers(0, 200, 900)])
    model = SpectralAutoencoder(n_latent=n_latent, random_state=0).fit(rows)
    lengths = np.linalg.norm(model.components_, axis=1)
    assert lengths == pytest.approx(np.ones(n_latent), abs=1e-3)
    if n_latent >= 200:
        np.testing.assert_allclose(model.reconstruct(rows), rows.toarray(), atol=1e-3)


def test_a_few_large_quantities_do_not_cost_the_other_directions():
    rng = np.random.default_rng(0)
    rows = (rng.random((600, 120)) < np.linspace(0.5, 0.02, 120)).astype(np.float32)
    rows[[3, 50, 99], [7, 60, 110]] = 1_000
    model = SpectralAutoencoder(n_latent=30, item_power=0, user_power=0, random_state=0).fit(rows)
    best = (np.linalg.svd(rows, compute_uv=False)[30:] ** 2).sum()
    assert model.reconstruction_error(rows).sum() < 1.05 * best


def test_what_items_add_to_others_is_what_single_items_are_answered(X):
    model = SpectralAutoencoder(n_latent=4, random_state=0).fit(X)
    columns, targets = np.array([1, 7, 3]), np.array([0, 8])
    expected = model.logits(np.eye(9, dtype=np.float32))[np.ix_(columns, targets)]
    np.testing.assert_allclose(model._terms(columns, targets), expected, rtol=1e-4, atol=1e-6)
