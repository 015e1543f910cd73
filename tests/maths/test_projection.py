"""The code nearest to a row: against least squares, against SciPy, and never farther off."""

import numpy as np
import pytest
import torch
from scipy import optimize, sparse

from likewise import DeepAutoencoder
from likewise.errors import InputError
from likewise.nn.projection import projected


def _decoder(n_latent: int, n_features: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(n_latent, 12), torch.nn.SiLU(), torch.nn.Linear(12, n_features)
    ).requires_grad_(requires_grad=False)


def test_of_a_linear_decoder_it_is_least_squares() -> None:
    random = torch.Generator().manual_seed(0)
    W, x = torch.randn(14, 9, generator=random, dtype=torch.float64).split([3, 11])
    z = projected(lambda codes: codes @ W, torch.zeros(11, 3, dtype=torch.float64), x, 30)
    torch.testing.assert_close(z, torch.linalg.lstsq(W.T, x.T).solution.T)


def test_it_ends_where_scipy_ends() -> None:
    decode, random = _decoder(2, 8), torch.Generator().manual_seed(1)
    truth = torch.randn(4, 2, generator=random)
    x = decode(truth) + 0.01 * torch.randn(4, 8, generator=random)
    found = projected(decode, truth + 0.1, x, 30)

    def gap(z: np.ndarray, row: torch.Tensor) -> np.ndarray:
        return (decode(torch.from_numpy(z).float()[None])[0] - row).numpy()

    ends = [
        optimize.least_squares(gap, z, args=(row,), diff_step=1e-3).x
        for z, row in zip((truth + 0.1).numpy(), x, strict=True)
    ]
    np.testing.assert_allclose(found.numpy(), ends, atol=5e-3)


def test_no_row_ends_farther_off_and_each_is_for_itself() -> None:
    decode, random = _decoder(3, 8), torch.Generator().manual_seed(2)
    z, x = 5 * torch.randn(20, 3, generator=random), 5 * torch.randn(20, 8, generator=random)
    found = projected(decode, z, x, 5)
    before, after = ((decode(codes) - x).square().sum(1) for codes in (z, found))
    assert (after <= before).all()
    assert after.sum() < 0.9 * before.sum()
    torch.testing.assert_close(found[7:8], projected(decode, z[7:8], x[7:8], 5))


def test_a_unit_that_nothing_depends_on_stays() -> None:
    W = torch.tensor([[1.0, 2.0], [0.0, 0.0]])
    z = projected(lambda codes: codes @ W, torch.tensor([[0.0, 7.0]]), torch.ones(1, 2), 10)
    assert z[0, 1] == 7


@pytest.mark.parametrize("loss", ["squared", "bernoulli"])
def test_a_deep_autoencoder_answers_nearer_to_its_rows(loss: str) -> None:
    X = np.random.default_rng(0).random((200, 12), dtype=np.float32)
    model = DeepAutoencoder(
        n_latent=3, hidden=(16,), loss=loss, pretrain=False, max_epochs=10, random_state=0
    ).fit(X)
    plain = np.square(model.reconstruct(X) - X).sum(1)
    model.set_params(projection_steps=5)
    near = np.square(model.reconstruct(X) - X).sum(1)
    assert (near <= plain + 1e-5).all()
    assert near.mean() < 0.95 * plain.mean()
    np.testing.assert_allclose(
        model.inverse_transform(model.transform(X)), model.reconstruct(X), atol=1e-3
    )


def test_training_does_not_depend_on_it() -> None:
    X = np.random.default_rng(0).random((100, 6), dtype=np.float32)
    fitted = [
        DeepAutoencoder(n_latent=2, max_epochs=3, random_state=0, projection_steps=steps).fit(X)
        for steps in (0, 2)
    ]
    first, second = (model.history_.epochs for model in fitted)
    assert [e["validation"] for e in first] == [e["validation"] for e in second]


def test_purchases_are_refused() -> None:
    X = sparse.csr_array(np.kron(np.eye(2), np.ones((9, 3), dtype=np.float32)))
    model = DeepAutoencoder(n_latent=2, max_epochs=1, random_state=0).fit(X)
    with pytest.raises(InputError, match="set projection_steps=0"):
        model.set_params(projection_steps=1).transform(X)


@pytest.mark.parametrize("verb", ["fit", "partial_fit"])
@pytest.mark.parametrize("wrong", ["sparse rows", "multinomial"])
def test_what_cannot_be_projected_is_refused_before_it_is_learned_from(
    verb: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = np.kron(np.eye(2), np.ones((9, 3), dtype=np.float32))
    monkeypatch.setattr("likewise.autoencoders.neural.train", lambda *_, **__: pytest.fail(wrong))
    loss = "multinomial" if wrong == "multinomial" else "squared"
    model = DeepAutoencoder(n_latent=2, pretrain=False, loss=loss, projection_steps=1)
    with pytest.raises(InputError, match="set projection_steps=0"):
        getattr(model, verb)(sparse.csr_array(X) if wrong == "sparse rows" else X)
