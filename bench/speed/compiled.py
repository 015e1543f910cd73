"""What torch.compile would gain: a step of a net as likewise takes it, beside a compiled one.

    python bench/speed/compiled.py

The output layer and the multinomial loss of Mult-VAE over catalogues, rows of 500, whose loss
likewise's own function takes without writing the logits twice; and a dense net of images. Each is
run forward and back in bfloat16, in turn: likewise's, plain PyTorch, and plain PyTorch compiled.
The milliseconds are medians; compiling takes the seconds named beside, once in every process.
"""

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from common import in_turn, timed
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

import records
from likewise.nn.output import multinomial_output
from likewise.nn.rows import SparseRows

ROWS, WIDTH = 500, 600


def main() -> None:
    parser = argparse.ArgumentParser(description="What torch.compile would gain.")
    parser.add_argument("--items", type=int, nargs="+", default=[3_000, 20_000, 60_000])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="try it: small, nothing written")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.items, arguments.repeats = [500], 3
    rows = [output_layer(n, arguments.repeats) for n in arguments.items]
    rows.append(dense_net(arguments.repeats))
    for row in rows:
        print(json.dumps(row))
    if not arguments.quick:
        records.write("speed-compiled", rows)


def output_layer(n_items: int, repeats: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    X = sparse.random_array((ROWS, n_items), density=50 / n_items, format="csr", rng=rng)
    X.data[:] = 1
    rows = SparseRows.of(sparse.csr_array(X, dtype=np.float32))
    layer = nn.Linear(WIDTH, n_items)
    h = torch.randn(ROWS, WIDTH, requires_grad=True)
    x = torch.from_numpy(X.toarray()).float()

    def plain(h: Tensor) -> Tensor:
        return -(functional.log_softmax(layer(h).float(), 1) * x).sum(1)

    own = step(lambda h: multinomial_output(h, layer, rows), h)
    return {"what": "output layer", "items": n_items} | beside(plain, h, repeats, own)


def dense_net(repeats: int) -> dict[str, Any]:
    widths = [(784, 256), (256, 64), (64, 256), (256, 784)]
    layers = [part for a, b in widths for part in (nn.Linear(a, b), nn.SiLU())][:-1]
    net, x = nn.Sequential(*layers), torch.rand(256, 784)
    return {"what": "dense net"} | beside(lambda x: (net(x) - x).square().sum(1), x, repeats)


def beside(
    loss: Callable[[Tensor], Tensor], x: Tensor, repeats: int, own: Callable[[], None] | None = None
) -> dict[str, float]:
    """Return the milliseconds of each, and what compiling took; without `own` plain is ours."""
    plain, compiled = step(loss, x), step(torch.compile(loss), x)
    seconds = timed(compiled)
    works = [own or plain, plain, compiled]
    for work in works:
        work()  # what is loaded once is not a step's
    spent = dict(zip(("likewise", "plain", "compiled"), in_turn(works, repeats), strict=True))
    named = {f"{name}_ms": 1e3 * each for name, each in spent.items()}
    gain = spent["likewise"] / spent["compiled"]
    return named | {"compiling_seconds": seconds, "gain_of_compiling": gain}


def step(loss: Callable[[Tensor], Tensor], x: Tensor) -> Callable[[], None]:
    """Return a function that works out the mean loss and its gradient."""

    def once() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            found = loss(x).mean()
        found.backward()

    return once


if __name__ == "__main__":
    main()
