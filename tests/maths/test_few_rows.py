"""The last layer's product for a few rows: against PyTorch's own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from likewise.nn import few_rows as module
from likewise.nn.few_rows import few_rows
from likewise.nn.layers import FEW, Hourglass


@given(st.integers(0, FEW), st.integers(1, 40), st.integers(1, 70), st.integers(0, 9))
def test_it_is_the_layer(n_rows, width, n_features, seed):
    generator = torch.Generator().manual_seed(seed)
    layer = nn.Linear(width, n_features)
    rows = torch.randn(width, n_rows, generator=generator).T  # not row by row in memory
    with torch.no_grad():
        torch.testing.assert_close(few_rows(rows, layer), layer(rows), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("n_rows", "dtype", "learns", "taken"),
    [
        (1, torch.float32, False, True),
        (FEW, torch.float32, False, True),
        (FEW + 1, torch.float32, False, False),
        (1, torch.float64, False, False),
        (1, torch.float32, True, False),
    ],
)
def test_only_few_rows_of_float32_that_nothing_is_learned_from_take_it(
    monkeypatch, n_rows, dtype, learns, taken
):
    asked = []
    monkeypatch.setattr(module, "few_rows", lambda h, layer: asked.append(len(h)) or layer(h))
    net = Hourglass(9, (5,), 3, "tanh").to(dtype)
    with torch.set_grad_enabled(learns):
        assert net.decode(torch.ones(n_rows, 3, dtype=dtype)).shape == (n_rows, 9)
    assert bool(asked) == taken
