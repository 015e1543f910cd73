"""Neighbours: a penalty on codes that are far apart where their rows are near, and the reverse."""

import torch
from torch import Tensor

from likewise.nn.rows import Rows, SparseRows


def neighbour_penalty(rows: Rows, codes: Tensor, k: int) -> Tensor:
    """Return Ω of each row of a batch, of shape (B,): how badly its neighbours are kept.

    Over the pairs i ≠ j of the batch, q_ij is a share that falls with the distance of the codes as
    Student's t with one degree of freedom does, and p_ij that of the k nearest rows::

        q_ij = w_ij / Σ w,  w_ij = 1 / (1 + |z_i - z_j|²)
        p_ij = 1 / (B k) where j is among the k rows nearest to i, else 0
        Ω = -Σ p_ij log q_ij

    The mean over the batch is Ω: t-SNE's objective (van der Maaten and Hinton, 2008, JMLR
    9:2579-2605) as a net learns it (van der Maaten, 2009, AISTATS, "Learning a parametric embedding
    by preserving local structure"), but for a constant. Here k neighbours count alike, where the
    papers weigh them by a normal density of fitted width.

    Parameters
    ----------
    rows : Tensor of shape (B, F), or SparseRows
        As the encoder reads them.
    codes : Tensor of shape (B, L)
        z.
    k : int
        How many neighbours; at most B - 1 are taken.

    Examples
    --------
    >>> rows = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    >>> kept, broken = rows * 2, rows[[0, 2, 1, 3]]
    >>> bool(neighbour_penalty(rows, kept, 1).mean() < neighbour_penalty(rows, broken, 1).mean())
    True
    """
    n = len(codes)
    if n < 2:
        return codes.new_zeros(n)
    itself = torch.eye(n, dtype=torch.bool, device=codes.device)
    log_w = -torch.log1p(torch.cdist(codes.float(), codes.float()).square())
    log_q = log_w - torch.logsumexp(log_w.masked_fill(itself, -torch.inf).flatten(), 0)
    near = nearest(rows, min(k, n - 1))
    return -log_q.gather(1, near).mean(1)


@torch.no_grad()
def nearest(rows: Rows, k: int) -> Tensor:
    """Return the numbers of the k rows of a batch that are nearest to each, of shape (B, k).

    Examples
    --------
    >>> nearest(torch.tensor([[0.0], [1.0], [3.0]]), 1).flatten()
    tensor([1, 0, 1])
    """
    dense = (rows.dense() if isinstance(rows, SparseRows) else rows).float()
    distance = torch.cdist(dense, dense).fill_diagonal_(torch.inf)
    return distance.topk(k, dim=1, largest=False).indices
