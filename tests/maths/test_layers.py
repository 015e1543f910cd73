"""The layers give the same values and gradients for sparse rows as for dense ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse

from likewise.nn.layers import ACTIVATIONS, Hourglass, InputLayer, exact
from likewise.nn.losses import LOSSES
from likewise.nn.plan import Plan
from likewise.nn.rows import Resident, SparseRows, as_rows, unit_length

B, F = 6, 9


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    table = (rng.random((B, F)) < 0.4) * rng.integers(1, 4, (B, F))
    table[1] = 0
    return table.astype(np.float32)


def net(hidden=(5, 4), n_latent=3, activation="tanh", **more):
    result = Hourglass(F, hidden, n_latent, activation, **more)
    result.initialise(torch.Generator().manual_seed(0))
    return result


def test_rows_of_a_matrix_and_back(x):
    rows = as_rows(sparse.csr_array(x))
    assert isinstance(rows, SparseRows)
    assert (rows.n_rows, rows.n_columns) == (B, F)
    np.testing.assert_array_equal(rows.dense(), x)
    np.testing.assert_array_equal(rows.row_sums(rows.values), x.sum(1))
    np.testing.assert_array_equal(rows.row_of_value(), np.nonzero(x)[0])
    np.testing.assert_array_equal(rows.with_values(2 * rows.values).dense(), 2 * x)
    np.testing.assert_array_equal(as_rows(x), x)


@pytest.mark.parametrize("scale", [1.0, 1e-4, 1e4])
def test_unit_length_of_sparse_and_dense_rows(x, scale):
    x = x * np.float32(scale)
    length = np.sqrt((x**2).sum(1, keepdims=True))
    expected = np.divide(x, length, out=np.zeros_like(x), where=length > 0)
    np.testing.assert_allclose(unit_length(torch.tensor(x)), expected, atol=1e-6)
    np.testing.assert_allclose(
        unit_length(as_rows(sparse.csr_array(x))).dense(), expected, atol=1e-6
    )


def test_the_first_layer_sums_the_weights_of_what_was_bought(x):
    layer = InputLayer(F, 4)
    torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(1))
    torch.nn.init.normal_(layer.bias, generator=torch.Generator().manual_seed(2))
    expected = x @ layer.weight.detach().numpy() + layer.bias.detach().numpy()
    for rows in (as_rows(x), as_rows(sparse.csr_array(x))):
        np.testing.assert_allclose(layer(rows).detach(), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(layer(as_rows(sparse.csr_array(x)))[1].detach(), layer.bias.data)


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_sparse_rows_pass_as_dense_ones_do(x, hidden, activation):
    found = []
    for rows in (as_rows(x), as_rows(sparse.csr_array(x))):
        hourglass = net(hidden, activation=activation)
        logits = hourglass.decode(hourglass.encode(rows))
        logits.square().sum().backward()
        found.append([logits.detach(), *(p.grad for p in hourglass.parameters())])
    for dense, thin in zip(*found, strict=True):
        np.testing.assert_allclose(thin, dense, rtol=1e-4, atol=1e-5)


def test_the_hourglass_is_its_formula(x):
    hourglass = net((5, 4), 3, "tanh")
    w = {name: p.detach().numpy() for name, p in hourglass.named_parameters()}
    h = x @ w["first.weight"] + w["first.bias"]
    for n in (0, 1):
        h = np.tanh(h) @ w[f"encoder.{n}.weight"].T + w[f"encoder.{n}.bias"]
    code = hourglass.encode(as_rows(x))
    np.testing.assert_allclose(code.detach(), h, rtol=1e-5, atol=1e-6)
    h = h @ w["decoder.0.weight"].T + w["decoder.0.bias"]
    for n in (1, 2):
        h = np.tanh(h) @ w[f"decoder.{n}.weight"].T + w[f"decoder.{n}.bias"]
    np.testing.assert_allclose(hourglass.decode(code).detach(), h, rtol=1e-5, atol=1e-6)


def test_widths_mirror_each_other():
    hourglass = net((8, 6), 3, code_width=6)
    assert hourglass.first.weight.shape == (F, 8)
    assert [layer.weight.shape for layer in hourglass.encoder] == [(6, 8), (6, 6)]
    assert [layer.weight.shape for layer in hourglass.decoder] == [(6, 3), (8, 6), (F, 8)]
    assert hourglass.output_bias.shape == (F,)


def test_weights_are_drawn_as_glorot_says_and_from_the_generator_alone():
    wide = Hourglass(400, (300,), 100, "tanh")
    wide.initialise(torch.Generator().manual_seed(5))
    for name, drawn in wide.named_parameters():
        parameter = drawn.detach()
        if name.endswith("bias"):
            assert parameter.abs().max() <= 0.002
            assert 0.0005 < parameter.std() < 0.0011
        else:
            bound = np.sqrt(6 / sum(parameter.shape))
            assert 0.98 * bound < parameter.abs().max() <= bound
            assert parameter.std() == pytest.approx(bound / np.sqrt(3), rel=0.03)
    again = Hourglass(400, (300,), 100, "tanh")
    torch.manual_seed(123)
    again.initialise(torch.Generator().manual_seed(5))
    for one, other in zip(wide.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("room", [0, 1, 40])
def test_a_batch_is_filled_up_by_a_row_of_zeros_that_changes_no_other(room):
    random = np.random.default_rng(0)
    X = sparse.csr_array(random.poisson(0.5, (30, 12)).astype(np.float32))
    resident = Resident.of(X, torch.device("cpu"))
    for chosen, n_values in resident.batches(random.permutation(30), 10):
        taken, filled = resident.take(chosen, n_values), resident.filled(chosen, n_values + room)
        assert len(filled.values) == n_values + room
        np.testing.assert_array_equal(filled.dense()[:10], taken.dense())
        np.testing.assert_array_equal(filled.dense()[10:], np.zeros((1, 12)))
        logits = torch.randn(11, 12)
        for loss in LOSSES.values():
            torch.testing.assert_close(loss(logits, filled)[:10], loss(logits[:10], taken))


def test_almost_every_batch_fits_its_room():
    random = np.random.default_rng(0)
    lengths = np.minimum(random.lognormal(2, 1, 5_000).astype(int), 60)
    X = sparse.csr_array(
        (np.ones(lengths.sum()), np.concatenate([np.arange(n) for n in lengths]),
         np.concatenate([[0], np.cumsum(lengths)]))
    )  # fmt: skip
    resident = Resident.of(X, torch.device("cpu"))
    room = resident.room(100)
    sizes = [n for _ in range(20) for _, n in resident.batches(random.permutation(5_000), 100)]
    assert max(sizes) <= room < 1.5 * np.mean(sizes)


def test_a_step_is_recorded_on_cuda_alone_and_where_rows_stand_apart():
    on = {"device": torch.device("cuda"), "optimizer": "adam"}
    base = Plan(
        max_epochs=1, batch_size=1, learning_rate=1.0, weight_decay=0.0, patience=1,
        max_seconds=1.0, seed=0, bfloat16=False, **on,
    )  # fmt: skip
    assert base.recorded
    changes = [{"device": torch.device("cpu")}, {"optimizer": "sgd"}, {"recordable": False}]
    assert not any(replace(base, **change).recorded for change in changes)


def test_the_exact_net_is_kept_until_the_weights_change():
    net = Hourglass(6, (4,), 2, "silu")
    net.initialise(torch.Generator().manual_seed(0))
    rows = torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        _, twin = exact(rows, net)
        assert exact(rows, net)[1] is twin
        torch.testing.assert_close(twin.encode(rows.double()).float(), net.encode(rows))
    twin.encode(rows.double()).sum().backward()  # made for whoever asks for slopes later
    with torch.no_grad():
        net.first.weight.mul_(2)
    _, newer = exact(rows, net)
    assert newer is not twin
    assert torch.equal(newer.first.weight, net.first.weight.double())
    assert all(weight.dtype == torch.float32 for weight in net.parameters())
