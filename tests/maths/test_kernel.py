"""The kernel autoencoder: against kernel ridge regression, and what its landmarks are."""

import numpy as np
import pytest
from scipy import linalg, sparse
from sklearn.kernel_ridge import KernelRidge

from likewise import memory
from likewise.autoencoders import KernelAutoencoder, kernel
from likewise.errors import InputError, NotEnoughMemoryError


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    table = (rng.random((40, 9)) < np.linspace(0.7, 0.2, 9)).astype(np.float32)
    return np.unique(table[table.any(axis=1)], axis=0)


def unit(X, learned, power):
    scaled = X * np.maximum(np.count_nonzero(learned, axis=0), 1) ** -power
    return scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-9)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize(("gamma", "l2", "power"), [(1.0, 3.0, 0.3), (0.5, 0.5, 0.0)])
def test_with_all_rows_as_landmarks_it_is_kernel_ridge_regression(
    X, gamma, l2, power, kind, monkeypatch
):
    monkeypatch.setattr(kernel, "LEAST_MEMBERS", 1)
    model = KernelAutoencoder(
        n_landmarks=len(X), gamma=gamma, l2=l2, item_power=power, random_state=0
    ).fit(kind(X))
    assert len(model.landmarks_) == len(X)
    strangers = np.eye(9, dtype=np.float32)[:4] + np.eye(9, dtype=np.float32)[3:7]
    twin = KernelRidge(alpha=l2, kernel="rbf", gamma=gamma).fit(unit(X, X, power), X)
    expected = twin.predict(unit(strangers, X, power))
    np.testing.assert_allclose(model.logits(kind(strangers)), expected, atol=2e-3)


def test_the_decoder_is_the_regression_of_the_rows_on_their_codes(X):
    model = KernelAutoencoder(n_landmarks=6, l2=2.0, random_state=1).fit(X)
    Z, C = model.transform(X).astype(np.float64), model.landmarks_.astype(np.float64)
    K = np.exp(-2 * (1 - C @ C.T))
    W = np.linalg.solve(Z.T @ Z + 2.0 * K, Z.T @ X)
    np.testing.assert_allclose(model.decoder_, W, atol=1e-3)


def test_a_landmark_is_the_mean_of_three_rows_or_more(X):
    model = KernelAutoencoder(n_landmarks=8, item_power=0.0, random_state=2).fit(X)
    assert 1 <= len(model.landmarks_) <= 8
    np.testing.assert_allclose(np.linalg.norm(model.landmarks_, axis=1), 1, atol=1e-6)
    cosines = unit(X, X, 0.0) @ model.landmarks_.T
    assert cosines.max() < 1 - 1e-4, "a landmark is a row"


def test_an_empty_row_is_equally_unlike_every_landmark(X):
    model = KernelAutoencoder(n_landmarks=6, gamma=0.7, random_state=0).fit(X)
    empty = sparse.csr_array((1, 9), dtype=np.float32)
    np.testing.assert_allclose(model.transform(empty), np.exp(-1.4), rtol=1e-6)
    assert np.isfinite(model.logits(empty)).all()


def test_the_seed_draws_the_landmarks(X):
    first, again, other = (
        KernelAutoencoder(n_landmarks=6, random_state=seed).fit(X).landmarks_ for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_it_learns_what_no_sum_of_items_can_say():
    """Item 2 follows exactly one of items 0 and 1: a linear autoencoder answers alike to all."""
    X = np.array([[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 0, 1], [0, 0, 0, 1]] * 10, dtype=np.float32)
    model = KernelAutoencoder(n_landmarks=40, l2=1e-3, item_power=0.0, random_state=0).fit(X)
    x_hat = model.reconstruct(X[:4])[:, 2]
    assert x_hat[:2].min() > 0.9
    assert x_hat[2:].max() < 0.1


def test_memory_is_stated_before_it_is_taken(X, monkeypatch):
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000)
    with pytest.raises(NotEnoughMemoryError, match="lower n_landmarks"):
        KernelAutoencoder().fit(X)


def test_its_landmarks_lie_item_by_item_in_memory_so_that_no_answer_copies_them(X, tmp_path):
    model = KernelAutoencoder(n_landmarks=6, random_state=0).fit(X)
    model.save(tmp_path / "model")
    for one in (model, KernelAutoencoder.load(tmp_path / "model")):
        assert one.landmarks_.shape[1] == X.shape[1]
        assert one.landmarks_.T.flags.c_contiguous


def test_a_folder_of_other_shapes_is_refused(X):
    contents = KernelAutoencoder(n_landmarks=6, random_state=0).fit(X).contents()
    contents.tensors["decoder"] = contents.tensors["decoder"][1:]
    with pytest.raises(InputError, match="landmarks, 9 x L, decoder, L x 9"):
        KernelAutoencoder.from_contents(contents)


def test_likenesses_that_float32_cannot_tell_apart_are_solved_all_the_same():
    rng = np.random.default_rng(0)
    rows = (rng.random((400, 30)) < 0.5).astype(np.float32)
    model = KernelAutoencoder(n_landmarks=400, gamma=1e-3, l2=1e-6, random_state=0).fit(rows)
    error = ((model.reconstruct(rows) - rows) ** 2).mean()
    assert error < ((rows.mean(axis=0) - rows) ** 2).mean()  # nearer than popularity


def test_what_no_jitter_makes_definite_is_refused(X, monkeypatch):
    def solve(*_args, **_kwargs):
        raise linalg.LinAlgError

    monkeypatch.setattr(linalg, "solve", solve)
    with pytest.raises(InputError, match="raise l2"):
        KernelAutoencoder(n_landmarks=6, random_state=0).fit(X)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_the_rows_learned_at_a_time_do_not_matter(X, kind, monkeypatch):
    whole = KernelAutoencoder(n_landmarks=6, random_state=0).fit(kind(X)).logits(X)
    monkeypatch.setattr(kernel, "BLOCK_BYTES", 4 * 9 * 7)
    in_parts = KernelAutoencoder(n_landmarks=6, random_state=0).fit(kind(X)).logits(X)
    np.testing.assert_allclose(in_parts, whole, rtol=1e-4, atol=1e-4)
