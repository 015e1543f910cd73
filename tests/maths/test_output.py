"""The fused output layer against the plain one: full, by blocks, and sampled; and what follows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from torch import nn
from torch.autograd import gradcheck

from likewise.autoencoders import (
    DenoisingAutoencoder,
    HVamp,
    RecVAE,
    UndercompleteAutoencoder,
    VariationalAutoencoder,
)
from likewise.autoencoders.neural_memory import require_memory_to_train
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.memory import limit_memory
from likewise.nn import output as module
from likewise.nn.layers import InputLayer
from likewise.nn.losses import multinomial
from likewise.nn.optimizers import SampledAdam, _TouchedAdam, make_optimizer
from likewise.nn.output import (
    candidates_of,
    held_logits,
    multinomial_output,
    output_for,
    sampled_output,
)
from likewise.nn.rows import SparseRows
from likewise.nn.sparse_product import sparse_product, sparse_rows

B, N_ITEMS, H = 6, 13, 4
BLOCKS = (0, 1, 5, 12, 13, 40)
RUN = {"device": "cpu", "precision": "float32", "random_state": 0, "validation_fraction": 0.0}
SMALL = {"n_latent": 4, "batch_size": 16, "learning_rate": 0.01, "max_epochs": 4}


@pytest.fixture
def x():
    """Counts; the third row is empty, the last holds every item."""
    counts = np.random.default_rng(0).poisson(0.6, (B, N_ITEMS)).astype(np.float64)
    counts[2], counts[-1] = 0, 1
    return counts


@pytest.fixture
def rows(x):
    return in_double(SparseRows.of(sparse.csr_array(x)))


@pytest.fixture
def layer():
    layer = nn.Linear(H, N_ITEMS, dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, generator=generator)
    return layer


@pytest.fixture
def h():
    return torch.tensor(np.random.default_rng(2).normal(size=(B, H)), requires_grad=True)


def in_double(rows):
    return rows.with_values(rows.values.double())


def with_gradients(loss, h, layer):
    """The loss of each row, and the gradients of a weighted sum of them."""
    upstream = torch.linspace(-1, 2, B, dtype=torch.float64)
    found = torch.autograd.grad(loss, (h, layer.weight, layer.bias), upstream.to(loss.dtype))
    return [loss.detach(), *(g.to_dense() for g in found)]


# Whatever the sizes


@st.composite
def batches(draw):
    """Counts of a batch, some rows of it empty, what the layer reads, the layer, and upstream."""
    n_rows, n_items = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    width, random = draw(st.integers(1, 6)), np.random.default_rng(draw(st.integers(0, 999)))
    x = random.poisson(draw(st.sampled_from([0.05, 0.6, 2.0])), (n_rows, n_items)).astype(float)
    x[random.random(n_rows) < 0.3] = 0
    scale = draw(st.sampled_from([0.1, 1.0, 30.0]))
    h, weight, bias, upstream = (
        torch.tensor(scale * random.normal(size=shape), requires_grad=True)
        for shape in ((n_rows, width), (n_items, width), n_items, n_rows)
    )
    layer = nn.Linear(width, n_items, dtype=torch.float64)
    layer.weight, layer.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())
    return x, h, layer, upstream.detach()


def plain(x, h, layer):
    """The multinomial loss of each row by a full softmax of dense rows."""
    return -(torch.tensor(x) * torch.log_softmax(h @ layer.weight.T + layer.bias, 1)).sum(1)


def agree(loss, x, h, layer, upstream):
    """The losses, and their gradients, are those of the plain loss."""
    inputs = h, layer.weight, layer.bias
    expected = plain(x, h, layer)
    slow = [expected, *torch.autograd.grad(expected, inputs, upstream)]
    fast = [loss, *(one.to_dense() for one in torch.autograd.grad(loss, inputs, upstream))]
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@settings(max_examples=50)
@given(batches(), st.integers(0, 45), st.booleans())
def test_by_blocks_of_any_size_it_is_the_plain_softmax(batch, block, is_sparse):
    x, h, layer, upstream = batch
    rows = in_double(SparseRows.of(sparse.csr_array(x)))
    agree(multinomial_output(h, layer, rows, block), x, h, layer, upstream)
    rows = rows if is_sparse else rows.dense()
    agree(multinomial(layer(h), rows), x, h, layer, upstream)


@settings(max_examples=30)
@given(batches(), st.sampled_from(["full", "blocked", "sampled", "auto"]), st.integers(1, 300))
def test_however_it_is_asked_for_it_is_the_plain_softmax(batch, how, block):
    """The sample is of more items than there are."""
    x, h, layer, upstream = batch
    rows, generator = in_double(SparseRows.of(sparse.csr_array(x))), torch.Generator()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        agree(module.explained(how, h, layer, rows, generator), x, h, layer, upstream)


@settings(max_examples=20)
@given(batches(), st.integers(1, 39))
def test_over_all_samples_the_sum_of_exponentials_is_the_full_one(batch, n_sampled):
    """No dice: every item that nobody bought is drawn as often as every other."""
    x, h, layer, _ = batch
    rows = in_double(SparseRows.of(sparse.csr_array(x)))
    others = np.flatnonzero(~x.any(axis=0))
    size, bought = torch.tensor(x.sum(1)), (torch.tensor(x) * layer(h)).sum(1)
    totals = []
    for turn in range(max(len(others), 1)):
        order = torch.tensor(np.roll(np.arange(len(others)), turn))
        with pytest.MonkeyPatch.context() as patch, torch.no_grad():
            patch.setattr(module.torch, "randperm", lambda *_, order=order, **__: order)
            loss = sampled_output(h, layer, rows, torch.Generator(), n_sampled)
        totals.append((loss + bought) / size)
    found = torch.stack(totals).logsumexp(0) - np.log(len(totals))
    kept = size > 0
    torch.testing.assert_close(found[kept], layer(h).logsumexp(1)[kept], rtol=1e-6, atol=1e-6)


# Full and by blocks


@pytest.mark.parametrize("block", BLOCKS)
def test_value_and_gradients_are_those_of_the_plain_loss(h, layer, rows, block):
    found = with_gradients(multinomial_output(h, layer, rows, block), h, layer)
    expected = with_gradients(multinomial(layer(h), rows), h, layer)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("block", [0, 5])
def test_the_gradient_is_the_slope(h, layer, rows, block):
    class Fresh(torch.autograd.Function):
        """Starts anew in the backward pass, which gradcheck runs more than once."""

        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return module._multinomial(*inputs, rows, block)

        @staticmethod
        def backward(ctx, upstream):
            with torch.enable_grad():
                inputs = [one.detach().requires_grad_() for one in ctx.saved_tensors]
                loss = module._multinomial(*inputs, rows, block)
            return torch.autograd.grad(loss, inputs, upstream)

    assert gradcheck(Fresh.apply, (h, layer.weight, layer.bias))


@pytest.mark.parametrize("block", [0, 5])
def test_far_logits_neither_overflow_nor_vanish(h, layer, rows, block):
    with torch.no_grad():
        layer.bias[0], layer.bias[1], layer.bias[7] = 2000, -2000, 1990
    found = with_gradients(multinomial_output(h, layer, rows, block), h, layer)
    assert all(one.isfinite().all() for one in found)
    torch.testing.assert_close(found[0], multinomial(layer(h), rows).detach())


@pytest.mark.parametrize("block", [0, 5])
def test_a_row_without_purchases_teaches_nothing(h, layer, rows, block):
    loss, of_h, *_ = with_gradients(multinomial_output(h, layer, rows, block), h, layer)
    assert loss[2] == 0
    assert (of_h[2] == 0).all()


def test_a_frozen_layer_gets_no_gradient(h, layer, rows):
    layer.requires_grad_(False)
    multinomial_output(h, layer, rows).sum().backward()
    assert layer.weight.grad is None
    assert h.grad is not None


@pytest.mark.parametrize("block", [0, 5])
def test_in_bfloat16_products_are_coarse_and_sums_are_not(h, layer, rows, block):
    layer.float()
    h = h.detach().float().requires_grad_()
    rows = rows.with_values(rows.values.float())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        coarse = with_gradients(multinomial_output(h, layer, rows, block), h, layer)
    fine = with_gradients(multinomial_output(h, layer, rows, block), h, layer)
    for one, other in zip(coarse, fine, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.1)
    assert not torch.equal(coarse[0], fine[0])


@settings(max_examples=40)
@given(st.integers(1, 200), st.integers(1, 60), st.integers(1, 12), st.integers(0, 999))
def test_in_bfloat16_a_loss_errs_by_no_more_than_eight_bits_of_its_products(
    width, n_items, n_rows, seed
):
    """Of h, w, b and the logit each is rounded once, by 2⁻⁸ at most; a loss is of two logits."""
    generator = torch.Generator().manual_seed(seed)
    h, layer = torch.randn(n_rows, width, generator=generator), nn.Linear(width, n_items)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, generator=generator)
    bought = torch.randint(n_items, (n_rows,), generator=generator)
    rows = SparseRows(torch.arange(n_rows + 1), bought, torch.ones(n_rows), n_items)
    with torch.no_grad():
        with torch.autocast("cpu", dtype=torch.bfloat16):
            coarse = multinomial_output(h, layer, rows, n_items // 2)
        exact = multinomial_output(h, layer, rows)
        fine = multinomial_output(h.double(), layer.double(), in_double(rows))
        sizes = h.double().abs() @ layer.weight.abs().T + layer.bias.abs()
    largest = sizes.max(1).values
    assert ((coarse - fine).abs() <= 2 * 3.02 * 2**-8 * largest).all()
    assert ((exact - fine).abs() <= 1e-5 * (1 + largest)).all()


# Sampled


def test_the_whole_catalogue_as_the_sample_is_exact(h, layer, rows):
    generator = torch.Generator().manual_seed(0)
    found = with_gradients(sampled_output(h, layer, rows, generator, n_sampled=N_ITEMS), h, layer)
    expected = with_gradients(multinomial(layer(h), rows), h, layer)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def few_bought():
    """Two rows with the items 0 to 2 of 13 between them."""
    table = np.zeros((B, N_ITEMS))
    table[0, [0, 1]], table[1, [1, 2]] = 1, (2, 1)
    return in_double(SparseRows.of(sparse.csr_array(table)))


def test_the_sample_holds_what_was_bought_and_stands_for_everything():
    rows, generator = few_bought(), torch.Generator().manual_seed(0)
    times_drawn = np.zeros(N_ITEMS)
    for _ in range(400):
        items, weight = candidates_of(rows, 4, generator)
        assert items.tolist() == sorted(set(items.tolist()))
        assert weight.exp().sum().item() == pytest.approx(N_ITEMS, rel=1e-5)
        assert weight[:3].tolist() == [0, 0, 0]
        times_drawn[items.numpy()] += 1
    assert (times_drawn[:3] == 400).all()
    assert times_drawn[3:] == pytest.approx(160, abs=45)  # 10 others, 4 drawn, 4.5 deviations


def test_the_sum_of_exponentials_is_met_on_average(h, layer):
    rows, generator, n = few_bought(), torch.Generator().manual_seed(0), 1000
    size = torch.tensor([2.0, 3.0])
    bought = (rows.dense() * layer(h)).sum(1)[:2]
    totals = []
    with torch.no_grad():
        for _ in range(n):
            loss = sampled_output(h, layer, rows, generator, n_sampled=4)[:2]
            totals.append(((loss + bought) / size).exp())
        found, expected = torch.stack(totals), layer(h).exp().sum(1)[:2]
    error = found.std(0) / n**0.5
    assert ((found.mean(0) - expected).abs() < 4.5 * error).all()


def test_a_larger_sample_brings_the_gradient_nearer(h, layer):
    rows, generator = few_bought(), torch.Generator().manual_seed(0)
    exact = with_gradients(multinomial(layer(h), rows), h, layer)[1]

    def error(n_sampled):
        return np.mean([
            (with_gradients(sampled_output(h, layer, rows, generator, n_sampled), h, layer)[1]
             - exact).square().sum().item()
            for _ in range(60)
        ])  # fmt: skip

    few, some, many = (error(n) for n in (2, 5, 9))
    assert few > 1.5 * some > 3 * many


def test_the_gradient_of_a_sample_is_sparse(h, layer):
    rows, generator = few_bought(), torch.Generator().manual_seed(0)
    sampled_output(h, layer, rows, generator, n_sampled=2).sum().backward()
    assert layer.weight.grad.is_sparse
    assert len(layer.weight.grad.coalesce().values()) == 5


# The first layer


@pytest.mark.parametrize("touched_only", [False, True])
def test_the_sparse_product_and_its_gradient_are_the_dense_ones(x, rows, touched_only):
    weight = torch.randn(N_ITEMS, H, dtype=torch.float64, requires_grad=True)
    product = sparse_product(rows, weight, touched_only=touched_only)
    np.testing.assert_allclose(product.detach(), x @ weight.detach().numpy(), rtol=1e-12)
    upstream = torch.randn(B, H, dtype=torch.float64)
    product.backward(upstream)
    assert weight.grad.is_sparse == touched_only
    np.testing.assert_allclose(weight.grad.to_dense(), x.T @ upstream.numpy(), atol=1e-12)


@settings(max_examples=50)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 30), st.integers(1, 6)),
    st.floats(0, 1),
    st.integers(0, 999),
    st.booleans(),
)
def test_whatever_the_rows_the_first_layer_is_the_dense_product(sizes, density, seed, touched_only):
    """Rows may be empty, values may repeat or be 0, as dropout leaves them."""
    (n_rows, n_items, width), random = sizes, np.random.default_rng(seed)
    there = random.random((n_rows, n_items)) < density
    rows = in_double(SparseRows.of(sparse.csr_array(there)))
    rows = rows.with_values(torch.tensor(random.integers(0, 4, len(rows.values)).astype(float)))
    layer = InputLayer(n_items, width).double()
    layer.touched_only = touched_only
    for parameter in layer.parameters():
        nn.init.normal_(parameter, generator=torch.Generator().manual_seed(seed))
    upstream = torch.tensor(random.normal(size=(n_rows, width)))
    found = layer(rows)
    expected = rows.dense() @ layer.weight + layer.bias
    torch.testing.assert_close(found, expected)
    inputs = layer.weight, layer.bias
    fast = torch.autograd.grad(found, inputs, upstream)
    slow = torch.autograd.grad(expected, inputs, upstream)
    assert fast[0].is_sparse == touched_only
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one.to_dense(), other, rtol=1e-12, atol=1e-12)


def test_the_gradient_holds_the_items_of_the_batch_alone():
    rows = SparseRows.of(sparse.csr_array(np.eye(3, 50, 7, dtype=np.float32)))
    rows = rows.with_values(torch.tensor([1.0, 0.0, 1.0]))  # dropout has taken the second
    weight = torch.ones(50, 2, requires_grad=True)
    sparse_product(rows, weight, touched_only=True).sum().backward()
    assert weight.grad.coalesce().indices().tolist() == [[7, 9]]


# In training


def shop(n_users=48, n_items=40):
    """Customers of two kinds, each with half of the items."""
    rng = np.random.default_rng(0)
    likes = np.kron(np.eye(2), np.ones((n_users // 2, n_items // 2)))
    return sparse.csr_array((rng.random((n_users, n_items)) < 0.05 + 0.4 * likes).astype("f4"))


def weights(model):
    return {name: tensor.clone() for name, tensor in model.net_.state_dict().items()}


TYPES = {
    "denoising": lambda **more: DenoisingAutoencoder(**SMALL | RUN | more),
    "variational": lambda **more: VariationalAutoencoder(hidden=(6,), **SMALL | RUN | more),
    "importance": lambda **more: VariationalAutoencoder(
        hidden=(6,), n_importance=2, **SMALL | RUN | more
    ),
    "recvae": lambda **more: RecVAE(hidden=(6, 6), **SMALL | RUN | more),
}


@pytest.fixture(params=sorted(TYPES))
def make(request):
    return TYPES[request.param]


def test_blocks_change_nothing_but_the_last_digits(make, monkeypatch):
    full = make(output="full").fit(shop())
    monkeypatch.setattr(module, "BLOCK", 16 * 7)
    blocked = make(output="blocked").fit(shop())
    for name, weight in weights(full).items():
        torch.testing.assert_close(weights(blocked)[name], weight, rtol=1e-3, atol=1e-4)


def test_hvamp_learns_by_blocks_too(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 16 * 7)
    models = [
        HVamp(hidden=(6,), n_pseudo=3, output=how, **SMALL | RUN).fit(shop())
        for how in ("full", "blocked")
    ]
    losses = [[epoch["loss"] for epoch in model.history_.epochs] for model in models]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_sample_of_everything_learns_as_all_items_do_at_first(make):
    """With every item in the sample and in the batch SampledAdam's first step is Adam's."""
    full = make(output="full", max_epochs=1, batch_size=48).fit(shop())
    sampled = make(output="sampled", max_epochs=1, batch_size=48).fit(shop())
    for name, weight in weights(full).items():
        torch.testing.assert_close(weights(sampled)[name], weight, rtol=1e-4, atol=1e-4)


def test_what_is_learned_from_a_sample_is_as_good(make, monkeypatch):
    monkeypatch.setattr(module, "SAMPLED", 10)
    X = shop()
    start, full, sampled = (
        make(max_epochs=n, output=how).fit(X).score(X)
        for n, how in ((1, "full"), (25, "full"), (25, "sampled"))
    )
    assert full - sampled < 0.2 * (full - start)


def test_a_sample_is_drawn_by_the_seed_and_goes_on_from_a_checkpoint(make, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "SAMPLED", 5)
    settings = {"output": "sampled", "batch_size": 4}
    whole = make(**settings).fit(shop())
    make(**settings | {"max_epochs": 2}, checkpoint=tmp_path / "run").fit(shop())
    resumed = make(**settings, checkpoint=tmp_path / "run").fit(shop())
    for name, weight in weights(whole).items():
        torch.testing.assert_close(weights(resumed)[name], weight, rtol=0, atol=0)


def test_items_out_of_sight_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(module, "SAMPLED", 0)
    X = sparse.csr_array(np.eye(20, 40, dtype=np.float32))  # nobody bought the last 20 items
    model = TYPES["denoising"](output="sampled", batch_size=5, corruption_level=0.0)
    model.net_ = model._prepare(model._checked(X, reset=True))
    before = weights(model)
    model.fit(X)
    for name in ("first.weight", "decoder.0.weight"):
        moved = (weights(model)[name] != before[name]).any(1)
        assert moved[:20].all()
        assert not moved[20:].any()


def test_touched_rows_move_as_by_sparse_adam_but_for_where_epsilon_is_added():
    random = torch.Generator().manual_seed(0)
    ours, theirs = (nn.Parameter(torch.ones(9, 3)) for _ in range(2))
    optimizers = _TouchedAdam([ours], {"lr": 0.01}), torch.optim.SparseAdam([theirs], lr=0.01)
    for _ in range(5):
        touched = torch.randperm(9, generator=random)[:4].sort().values
        gradient = sparse_rows(touched, torch.randn(4, 3, generator=random), ours.shape)
        for weight, optimizer in zip((ours, theirs), optimizers, strict=True):
            weight.grad = gradient
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_partial_fit_goes_on_with_a_sample():
    model = TYPES["denoising"](output="sampled")
    for _ in range(3):
        model.partial_fit(shop())
    assert isinstance(model._optimizer, SampledAdam)
    losses = [epoch["loss"] for epoch in model.history_.epochs]
    assert losses[-1] < losses[0]


def test_answers_look_at_every_item(tmp_path):
    model = TYPES["denoising"](output="sampled").fit(shop())
    model.save(tmp_path / "model")
    loaded = DenoisingAutoencoder.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.reconstruct(shop()), model.reconstruct(shop()))
    assert loaded.reconstruct(shop()).shape == (48, 40)


@pytest.mark.parametrize(
    "model",
    [
        UndercompleteAutoencoder(output="sampled", **RUN),
        HVamp(output="sampled", **RUN),
        DenoisingAutoencoder(output="sampled", loss="bernoulli", **RUN),
        DenoisingAutoencoder(output="sampled", optimizer="sgd", **RUN),
        DenoisingAutoencoder(output="sampled", weight_decay=0.1, **RUN),
    ],
    ids=["bernoulli", "pseudo-rows", "loss", "optimizer", "decay"],
)
def test_what_cannot_be_sampled_is_refused(model):
    with pytest.raises(InputError, match="use output='blocked'"):
        model.fit(shop())


def test_tables_cannot_be_sampled():
    model = DenoisingAutoencoder(output="sampled", loss="multinomial", optimizer="adam", **RUN)
    with pytest.raises(InputError, match="sparse rows"):
        model.fit(shop().toarray())


def test_a_loaded_model_learns_on_from_a_sample_of_purchases_alone(tmp_path):
    TYPES["denoising"](output="sampled").fit(shop()).save(tmp_path / "model")
    model = DenoisingAutoencoder.load(tmp_path / "model")
    with pytest.raises(InputError, match="sparse rows"):
        model.partial_fit(shop().toarray())
    assert model.partial_fit(shop()).n_epochs_ == SMALL["max_epochs"] + 1


# How it is chosen, and what it takes


def test_auto_is_full_until_a_batch_is_too_wide():
    assert output_for(500, 2**25 // 500) == "full"
    assert output_for(500, 2**25 // 500 + 1) == "blocked"


def test_fewer_logits_are_held_by_blocks_and_by_samples():
    full, blocked, sampled = (
        held_logits(how, 500, 1_000_000) for how in ("full", "blocked", "sampled")
    )
    assert full > 15 * sampled
    assert full > 100 * blocked
    assert held_logits("auto", 500, 1_000_000) == blocked
    assert held_logits("sampled", 500, 100) == held_logits("full", 500, 100)


def test_memory_is_refused_by_what_is_held():
    X = sparse.csr_array(np.ones((10, 1), dtype=np.float32))
    X.resize(5_000, 200_000)
    model = DenoisingAutoencoder(n_latent=2, batch_size=5_000, output="full", **RUN)
    try:
        limit_memory(8 * 1024**3)
        with pytest.raises(NotEnoughMemoryError, match="output='blocked'"):
            model.fit(X)
        require_memory_to_train(model.set_params(output="blocked"), X)
        limit_memory(2**20)
        with pytest.raises(NotEnoughMemoryError) as refused:
            require_memory_to_train(model, X)
        assert "blocked" not in str(refused.value)  # it is no help where it is so already
    finally:
        limit_memory(None)


def test_the_optimizer_is_adam_where_nothing_is_sampled():
    model = TYPES["denoising"]().fit(shop())
    assert isinstance(make_optimizer(model.net_, model._plan()), torch.optim.Adam)
