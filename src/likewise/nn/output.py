"""The output layer and the multinomial loss as one, for catalogues of any size.

With l = h Wᵀ + b the logits of a row, x what was bought and |x| its sum::

    loss = |x| log Σ_i exp(l_i) - Σ_i x_i l_i,      ∂loss/∂l = |x| softmax(l) - x

The second sum runs over the stored values alone. The first is gathered block by block of items, and
the backward pass works a block's logits out anew, so that no more than a block of them is held; a
catalogue of a single block is held from the forward pass to the backward one.
Shapes: B rows of a batch, I items, H hidden, J items of a block, N stored values.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from likewise.nn.layers import OutputLayer
from likewise.nn.rows import SparseRows
from likewise.nn.sparse_product import sparse_rows

OUTPUTS = ("full", "blocked", "sampled")

HELD = {"cpu": 2**25, "cuda": 2**29}
"""Logits that "auto" holds at a time on a device; beyond, it takes them by blocks."""

BLOCK = 2**20
"""Logits of a block: they stay in a processor's cache."""

SAMPLED = 4096
"""Items drawn from those that nobody in the batch bought."""


def output_for(n_rows: int, n_items: int, device: str = "cpu") -> str:
    """Return how the logits of a batch are taken where that is left to the library.

    Examples
    --------
    >>> output_for(500, 3_000), output_for(500, 100_000)
    ('full', 'blocked')
    """
    return "full" if n_rows * n_items <= HELD.get(device, HELD["cpu"]) else "blocked"


def held_logits(how: str, n_rows: int, n_items: int, device: str = "cpu") -> int:
    """Return how many numbers of four bytes the logits of a batch take, their gradient included."""
    how = output_for(n_rows, n_items, device) if how == "auto" else how
    held = {"full": n_items, "blocked": -(-BLOCK // n_rows), "sampled": SAMPLED + 100 * n_rows}
    return 3 * n_rows * min(held[how], n_items)


def explained(
    how: str, h: Tensor, layer: OutputLayer, rows: SparseRows, generator: torch.Generator
) -> Tensor:
    """Return the multinomial loss of `layer(h)`, the logits taken as `how` says, of shape (B,)."""
    how = output_for(rows.n_rows, rows.n_columns, h.device.type) if how == "auto" else how
    if how == "sampled":
        return sampled_output(h, layer, rows, generator, SAMPLED)
    return multinomial_output(
        h, layer, rows, max(1, BLOCK // rows.n_rows) if how == "blocked" else 0
    )


def multinomial_output(h: Tensor, layer: OutputLayer, rows: SparseRows, block: int = 0) -> Tensor:
    """Return the multinomial loss of the logits `layer(h)`, of shape (B,).

    Parameters
    ----------
    h : Tensor of shape (B, H)
        What the layer reads.
    layer : Linear or Directions
        H to I.
    rows : SparseRows
        x; a row stores an item once.
    block : int
        J, the items whose logits are held at a time; 0 for all.

    Notes
    -----
    Under autocast the products are those of bfloat16; exponentials and sums are float32 always.

    Examples
    --------
    >>> from scipy import sparse
    >>> layer = torch.nn.Linear(2, 4)
    >>> _ = [torch.nn.init.zeros_(parameter) for parameter in layer.parameters()]
    >>> rows = SparseRows.of(sparse.csr_array([[0, 1.0, 1.0, 0]]))
    >>> multinomial_output(torch.zeros(1, 2), layer, rows, block=3).detach()
    tensor([2.7726])
    """
    return _multinomial(h, layer.weight, layer.bias, rows, block)


def sampled_output(
    h: Tensor,
    layer: OutputLayer,
    rows: SparseRows,
    generator: torch.Generator,
    n_sampled: int,
) -> Tensor:
    """Return the multinomial loss against a sample of the items, of shape (B,).

    Every item that someone in the batch bought stands for itself: a sample by popularity, with no
    positive left out. Of the others `n_sampled` are drawn without replacement, and each stands for
    m = (all others) / n of them, by log m added to its logit. Σ exp is then met on average, and
    exactly where all others are drawn. The gradient of W is sparse.

    References
    ----------
    S. Jean, K. Cho, R. Memisevic, Y. Bengio, "On using very large target vocabulary for neural
    machine translation", ACL 2015, arXiv:1412.2007.
    """
    candidates, weight = candidates_of(rows, n_sampled, generator)
    columns = torch.searchsorted(candidates, rows.columns)
    local = replace(rows, columns=columns, n_columns=len(candidates))
    weights: Tensor = _Gathered.apply(layer.weight, candidates)  # type: ignore[no-untyped-call]
    return _multinomial(h, weights, layer.bias[candidates] + weight, local, 0)


def candidates_of(
    rows: SparseRows, n_sampled: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the items a batch is judged by, in order, and the logarithm of what each stands for.

    Examples
    --------
    >>> from scipy import sparse
    >>> rows = SparseRows.of(sparse.csr_array([[0, 0, 0, 1.0, 0, 0, 0]]))
    >>> items, weight = candidates_of(rows, 3, torch.Generator().manual_seed(0))
    >>> len(items), 3 in items, weight.exp().sum().item()
    (4, True, 7.0)
    """
    own = torch.zeros(rows.n_columns, dtype=torch.bool, device=rows.columns.device)
    own[rows.columns] = True
    others = (~own).nonzero().squeeze(1)
    drawn = torch.randperm(len(others), generator=generator, device=others.device)[:n_sampled]
    chosen = own.clone()
    chosen[others[drawn]] = True
    candidates = chosen.nonzero().squeeze(1)
    stands_for = math.log(len(others) / max(len(drawn), 1)) if len(drawn) else 0.0
    return candidates, torch.where(own[candidates], 0.0, stands_for)


def _multinomial(h: Tensor, weight: Tensor, bias: Tensor, rows: SparseRows, block: int) -> Tensor:
    device = h.device.type
    kind = torch.bfloat16 if torch.is_autocast_enabled(device) else weight.dtype
    arguments = h, weight, bias, rows, block or len(weight), kind
    with torch.autocast(device, enabled=False):
        loss = _Multinomial.apply(*arguments)  # type: ignore[no-untyped-call]
    return cast("Tensor", loss)


class _Gathered(torch.autograd.Function):
    """Some rows of a matrix, in order, each once; their gradient is a sparse one."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, rows: Tensor) -> Tensor:
        ctx.rows, ctx.shape = rows, weight.shape
        return weight.index_select(0, rows)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return sparse_rows(ctx.rows, gradients[0], ctx.shape), None


class _Multinomial(torch.autograd.Function):
    """Keeps |x| softmax(l) - x of a single block, in place of l; the upstream gradient scales h."""

    @staticmethod
    def forward(
        ctx: Any, h: Tensor, weight: Tensor, bias: Tensor,
        rows: SparseRows, block: int, kind: torch.dtype,
    ) -> Tensor:  # fmt: skip
        ctx.kinds, ctx.inputs = (h.dtype, weight.dtype, bias.dtype), (h.to(kind), weight.to(kind))
        ctx.bias, ctx.parts = bias.to(kind), _parts(rows, len(weight), block)
        size = rows.row_sums(rows.values)
        peak, total = torch.full_like(size, -math.inf), torch.zeros_like(size)
        bought = torch.zeros_like(size)
        for part in ctx.parts:
            logits = part.logits(*ctx.inputs, ctx.bias).to(size.dtype)
            bought.index_add_(0, part.row, part.value * part.of(logits))
            higher = torch.maximum(peak, logits.amax(1))
            powers = _powers(logits, higher)
            total = total * (peak - higher).exp_() + powers.sum(1)
            peak = higher
        ctx.peak, ctx.scale = peak, size / total
        ctx.kept = _slope(part, powers, ctx.scale).to(kind) if len(ctx.parts) == 1 else None
        return size * (peak + total.log()) - bought

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (upstream,) = gradients
        h, weight = ctx.inputs
        scaled = (h * upstream.unsqueeze(1)).to(h.dtype)
        of_h = torch.zeros(h.shape, dtype=upstream.dtype, device=h.device)
        of_weight = torch.empty(weight.shape, dtype=ctx.kinds[1], device=h.device)
        of_bias = torch.empty(len(weight), dtype=ctx.kinds[2], device=h.device)
        for part in ctx.parts:
            slope = ctx.kept
            if slope is None:
                logits = part.logits(h, weight, ctx.bias).to(upstream.dtype)
                slope = _slope(part, _powers(logits, ctx.peak), ctx.scale).to(h.dtype)
            of_h += slope @ weight[part.items]
            if ctx.needs_input_grad[1]:
                of_weight[part.items] = slope.T @ scaled
            if ctx.needs_input_grad[2]:
                of_bias[part.items] = upstream.to(slope.dtype) @ slope
        ctx.kept = None
        of_h = of_h.mul_(upstream.unsqueeze(1)).to(ctx.kinds[0])
        return of_h, of_weight, of_bias, None, None, None


@dataclass(frozen=True, slots=True)
class _Part:
    """A block of items, and the stored values that fall into it."""

    items: slice
    row: Tensor
    column: Tensor
    value: Tensor

    def logits(self, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.addmm(bias[self.items], h, weight[self.items].T)

    def of(self, table: Tensor) -> Tensor:
        """Return what a (B, J) table holds where the stored values are."""
        return table.view(-1).index_select(0, self.places(table))

    def places(self, table: Tensor) -> Tensor:
        return self.row * table.shape[1] + self.column


def _parts(rows: SparseRows, n_items: int, block: int) -> list[_Part]:
    row, column, value = rows.row_of_value(), rows.columns.long(), rows.values
    starts = list(range(0, n_items, block))
    if len(starts) == 1:
        return [_Part(slice(0, n_items), row, column, value)]
    column, order = torch.sort(column, stable=True)
    bounds = torch.searchsorted(column, torch.tensor([*starts, n_items], device=column.device))
    places = [slice(*pair) for pair in pairwise(bounds.tolist())]
    row, value = row[order], value[order]
    return [
        _Part(slice(start, start + block), row[place], column[place] - start, value[place])
        for start, place in zip(starts, places, strict=True)
    ]


def _powers(logits: Tensor, peak: Tensor) -> Tensor:
    """Write exp(l - peak) over the logits."""
    return logits.sub_(peak.unsqueeze(1)).exp_()


def _slope(part: _Part, powers: Tensor, scale: Tensor) -> Tensor:
    """Write |x| softmax(l) - x over the powers."""
    slope = powers.mul_(scale.unsqueeze(1))
    slope.view(-1).index_add_(0, part.places(slope), part.value, alpha=-1)
    return slope
