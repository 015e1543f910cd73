"""The cosine autoencoder against a twin in NumPy, and what lengths may not change."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from likewise.autoencoders import CosineAutoencoder, DenoisingAutoencoder
from likewise.autoencoders.neural_memory import COPIES
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.nn.few_rows import few_rows
from likewise.nn.layers import Directions
from likewise.nn.rows import as_rows

RUN = {"device": "cpu", "precision": "float32", "random_state": 0, "batch_size": 16}


@pytest.fixture
def rows():
    rows = (np.random.default_rng(0).random((40, 9)) < 0.4).astype(np.float32)
    rows[3] = 0
    return rows


def model(**changes):
    settings = {"n_latent": 4, "max_epochs": 3, "validation_fraction": 0.0}
    return CosineAutoencoder(**RUN | settings | changes)


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def log_softmax(o):
    return o - np.log(np.exp(o).sum(1, keepdims=True))


def twin(fitted, rows):
    """Codes and logits, of rows as the encoder sees them, of unit length."""
    w = {name: p.double().numpy() for name, p in fitted.net_.state_dict().items()}
    z = unit(rows @ w["first.weight"] + w["first.bias"])
    return z, z @ unit(w["decoder.0.vectors"]).T / fitted.temperature


def test_answers_are_those_of_the_twin(rows):
    fitted = model(temperature=0.3).fit(sparse.csr_array(rows))
    z, o = twin(fitted, unit(rows))
    np.testing.assert_allclose(fitted.transform(sparse.csr_array(rows)), z, atol=1e-6)
    np.testing.assert_allclose(fitted.logits(sparse.csr_array(rows)), o, atol=1e-5)
    np.testing.assert_allclose(
        fitted.reconstruct(sparse.csr_array(rows)), np.exp(log_softmax(o)), atol=1e-6
    )


def test_the_loss_is_the_twins_and_compares_with_the_clean_row(rows):
    X = sparse.csr_array(rows)
    fitted = model(corruption_level=0.5).fit(X)
    found = fitted._batch_loss(as_rows(X), torch.Generator().manual_seed(3), torch.zeros(()))
    keep = torch.empty(X.nnz).bernoulli_(0.5, generator=torch.Generator().manual_seed(3)).numpy()
    seen = unit(rows)
    seen[np.nonzero(rows)] *= 2 * keep
    assert 0 < keep.mean() < 1
    _, o = twin(fitted, seen)
    np.testing.assert_allclose(
        found.detach(), -(rows * log_softmax(o)).sum(1), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("block", [0, 2])
def test_the_gradient_is_that_of_differences(rows, block):
    from likewise.nn.output import multinomial_output

    X = sparse.csr_array(rows[:5])
    h = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    layer = Directions(3, 9).double()
    with torch.no_grad():
        layer.vectors.normal_(generator=torch.Generator().manual_seed(2))
    bought = as_rows(X)
    bought = replace(bought, values=bought.values.double())

    def loss(vectors):
        layer.vectors = torch.nn.Parameter(vectors)
        return multinomial_output(h, layer, bought, block).sum()

    start = layer.vectors.detach().clone()
    total = loss(start)
    total.backward()
    slope = layer.vectors.grad.clone()
    for place in [(0, 0), (4, 2), (8, 1)]:
        step = torch.zeros_like(start)
        step[place] = 1e-6
        between = (loss(start + step) - loss(start - step)).item() / 2e-6
        assert slope[place].item() == pytest.approx(between, rel=1e-4, abs=1e-6)
    along = (slope * start).sum(1)  # a longer vector points no other way
    torch.testing.assert_close(along, torch.zeros_like(along), atol=1e-9, rtol=0)


def test_the_length_of_a_vector_and_the_number_of_copies_change_nothing(rows):
    fitted = model().fit(sparse.csr_array(rows))
    before = fitted.logits(sparse.csr_array(rows))
    with torch.no_grad():
        fitted.net_.output.vectors.mul_(torch.linspace(0.5, 9, 9)[:, None])
    fitted.net_.eval()
    np.testing.assert_allclose(fitted.logits(sparse.csr_array(rows)), before, atol=1e-5)
    np.testing.assert_allclose(fitted.logits(sparse.csr_array(3 * rows)), before, atol=1e-5)


def test_no_logit_is_beyond_the_temperatures(rows):
    fitted = model(temperature=0.5, max_epochs=200, learning_rate=0.1).fit(sparse.csr_array(rows))
    assert np.abs(fitted.logits(sparse.csr_array(rows))).max() <= 2 + 1e-6
    codes = fitted.transform(sparse.csr_array(rows))
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-6)


def test_there_is_no_bias_and_lengths_are_not_saved(rows, tmp_path):
    fitted = model().fit(sparse.csr_array(rows))
    assert set(fitted.net_.state_dict()) == {"first.weight", "first.bias", "decoder.0.vectors"}
    assert fitted.net_.output_bias is None
    fitted.save(tmp_path / "model")
    loaded = CosineAutoencoder.load(tmp_path / "model")
    np.testing.assert_array_equal(
        loaded.logits(sparse.csr_array(rows)), fitted.logits(sparse.csr_array(rows))
    )
    assert loaded.partial_fit(sparse.csr_array(rows)).net_.output.lengths is not None


def test_lengths_are_those_of_the_vectors_as_they_are_now(rows):
    """Also where a recorded step has changed these, which counts no version of theirs."""
    layer = Directions(4, 9)
    torch.nn.init.normal_(layer.vectors, generator=torch.Generator().manual_seed(0))
    h = torch.ones(3, 4)
    with torch.no_grad():
        for factor in (1.0, 3.0, -0.5):
            layer.train()
            layer.vectors.data.mul_(factor)
            layer.eval()
            wanted = h @ torch.nn.functional.normalize(layer.vectors, dim=1).T
            torch.testing.assert_close(layer(h), wanted)
            torch.testing.assert_close(few_rows(h, layer), wanted)
    layer(h).sum().backward()
    assert layer.vectors.grad is not None  # and in eval mode a slope is the vectors' own


def test_hidden_layers_end_in_a_direction_too(rows):
    fitted = model(hidden=(6,)).fit(sparse.csr_array(rows))
    codes = fitted.transform(sparse.csr_array(rows))
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-6)
    assert np.abs(fitted.logits(sparse.csr_array(rows))).max() <= 1 / fitted.temperature + 1e-5


def test_a_temperature_is_above_zero_and_items_are_not_sampled(rows):
    with pytest.raises(InputError, match=r"temperature.*0"):
        model(temperature=0.0).fit(sparse.csr_array(rows))
    with pytest.raises(InputError, match="use output='blocked'"):
        model(output="sampled", optimizer="adam").fit(sparse.csr_array(rows))


def test_the_temperature_of_a_fitted_model_is_that_of_its_net(rows):
    fitted = model().fit(sparse.csr_array(rows)).set_params(temperature=9.0)
    with pytest.raises(InputError, match="temperature"):
        fitted.logits(sparse.csr_array(rows))


def test_blocks_of_items_give_the_same_model(rows, monkeypatch):
    from likewise.nn import output

    whole = model(output="full").fit(sparse.csr_array(rows))
    monkeypatch.setattr(output, "BLOCK", 32)
    parts = model(output="blocked").fit(sparse.csr_array(rows))
    np.testing.assert_allclose(
        parts.logits(sparse.csr_array(rows)), whole.logits(sparse.csr_array(rows)), atol=1e-4
    )


def test_the_unit_vectors_are_among_what_is_asked_for(rows):
    """Two copies of the vectors, and the gradients of both."""
    X = sparse.csr_array(rows)
    asked = [
        type_(**RUN, n_latent=64, output="full").fit(X)._bytes_to_fit(X)
        for type_ in (CosineAutoencoder, DenoisingAutoencoder)
    ]
    bias = 4 * COPIES * 9
    assert asked[0] - asked[1] == 4 * (4 * 9 * 64) - bias


def test_what_would_not_fit_is_refused(rows):
    with pytest.raises(NotEnoughMemoryError, match="training CosineAutoencoder"):
        model(n_latent=2_000_000_000).fit(sparse.csr_array(rows))
