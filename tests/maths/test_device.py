"""Where a closed form is solved, and what is refused for want of a device's memory."""

import numpy as np
import pytest
import torch
from scipy import sparse

from likewise.autoencoders import (
    UndercompleteAutoencoder,
    VariationalAutoencoder,
    neural,
    neural_memory,
    variational,
)
from likewise.autoencoders.choices import choose
from likewise.errors import NotEnoughMemoryError
from likewise.nn import device as module
from likewise.nn.device import require_device_memory, solver_for
from likewise.nn.output import held_logits

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def card(monkeypatch):
    """A device of which 1,000 bytes are free, to all that asks."""
    monkeypatch.setattr(module, "resolve_device", lambda name: CPU if name == "cpu" else CUDA)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (400, 2_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 1_500)  # by torch, and of it
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 900)


@pytest.mark.parametrize(
    ("name", "needed", "expected"),
    [("auto", 1_000, CUDA), ("auto", 1_001, CPU), ("cuda", 1_000, CUDA), ("cpu", 1, CPU)],
)
def test_a_closed_form_is_solved_where_there_is_room(card, name, needed, expected):
    assert solver_for(name, needed, "it") == expected


def test_what_does_not_fit_on_a_device_that_was_named_is_refused(card):
    with pytest.raises(NotEnoughMemoryError, match=r"3\.0 GiB on cuda, where 1 MiB are"):
        solver_for("cuda", 3 * 2**30, "it")
    with pytest.raises(NotEnoughMemoryError, match="free; buy a larger one"):
        require_device_memory(CUDA, 1_001, "it", "buy a larger one")
    require_device_memory(CPU, 1 << 60, "it", "nothing")


def test_a_net_that_the_device_has_no_room_for_is_refused(card, monkeypatch):
    monkeypatch.setattr(neural, "resolve_device", lambda name: CUDA)
    with pytest.raises(NotEnoughMemoryError, match=r"on cuda, where .* device='cpu'; lower"):
        UndercompleteAutoencoder(n_latent=2).fit(torch.eye(50).numpy())


def test_without_an_accelerator_it_is_the_cpu():
    if torch.accelerator.is_available():
        pytest.skip("there is one here")
    assert solver_for("auto", 1 << 60, "it") == CPU


@pytest.mark.parametrize("n_items", [5_000, 100_000])
def test_what_a_batch_takes_of_a_card_is_what_is_held_there(n_items, monkeypatch):
    """Full logits and their gradient, and the dense rows; twice, as a recording keeps its own."""
    n = 2_000
    X = sparse.csr_array((np.ones(n), (np.arange(n), np.arange(n))), (n, n_items))
    model = VariationalAutoencoder(batch_size=n, loss="multinomial")
    model.loss_ = "multinomial"
    model.chosen_ = choose(model.get_params(), model._defaults(X))
    monkeypatch.setattr(neural_memory, "bytes_to_train", lambda net, X, size, n_logits: n_logits)
    stated = {}
    for device in (CPU, CUDA):
        monkeypatch.setattr(neural_memory, "resolve_device", lambda name, device=device: device)
        stated[device.type] = model._bytes_to_fit(X)
    assert stated["cuda"] == 2 * (3 + 2) * n * n_items
    assert stated["cpu"] == held_logits("auto", n, n_items) <= 3 * 2**25


def test_what_further_draws_take_of_a_card_is_stated_twice_too(monkeypatch):
    X = np.random.default_rng(0).random((100, 20), dtype=np.float32)
    further = {}
    for device in (CPU, CUDA):
        for place in (neural_memory, variational):
            monkeypatch.setattr(place, "resolve_device", lambda name, device=device: device)
        stated = []
        for n_draws in (1, 5):
            model = VariationalAutoencoder(n_importance=n_draws, hidden=(8,), batch_size=50)
            model.loss_ = "bernoulli"
            model.chosen_ = choose(model.get_params(), model._defaults(X))
            stated.append(model._bytes_to_fit(X))
        further[device.type] = stated[1] - stated[0]
    assert further["cuda"] == 2 * further["cpu"] > 0
