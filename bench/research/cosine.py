"""What unit vectors bring to a network over purchases, and how its settings were chosen.

    LIKEWISE_DATA=... python bench/research/cosine.py settings ml-1m online-retail
    LIKEWISE_DATA=... python bench/research/cosine.py parts

`settings`: nDCG@20 of validation parts, at which training stops, of each temperature and share
hidden, beside Mult-DAE. `parts`: a fifth of ml-1m-ultragcn's training lists is held out, and
networks are trained whose code, items, both or neither are of unit length. No test is read.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

import records
from likewise import CosineAutoencoder, DenoisingAutoencoder, Recommender, load_sample
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.data.public_sets import load_split
from likewise.evaluate.metrics import per_user_metrics
from likewise.recommend.candidates import batch_size_for
from likewise.recommend.recency import cut_by_time
from likewise.recommend.topk import top_k

SETTINGS = (
    (0.12, 0.5), (0.15, 0.5), (0.15, 0.3), (0.15, 0.2), (0.15, 0.15), (0.15, 0.0),
    (0.12, 0.3), (0.12, 0.2), (0.1, 0.3), (0.1, 0.2),
)  # fmt: skip
METRICS = ("recall@20", "ndcg@20")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["settings", "parts"])
    parser.add_argument("sets", nargs="*")
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    records.count_processor_seconds()
    torch.set_num_threads(1)
    if arguments.what == "parts":
        parts()
    for name in arguments.sets:
        settings(name, arguments.seconds)


def settings(name: str, seconds: float) -> None:
    split = cut_by_time(load_sample())[0] if name == "online-retail" else load_split(name)
    run = {
        "batch_size": batch_size_for(split.train.n_users), "random_state": 0,
        "max_seconds": seconds,
    }  # fmt: skip
    models: dict[str, NeuralAutoencoder] = {"Mult-DAE": DenoisingAutoencoder(**run)}
    for temperature, level in SETTINGS:
        models[f"{temperature}, {level}"] = CosineAutoencoder(
            temperature=temperature, corruption_level=level, **run
        )
    for label, model in models.items():
        recommender = Recommender(model).fit(
            split.train, validation=split.validation, metric="ndcg@20", support=False
        )
        history = recommender.model_.history_
        print(f"{name}, {label}: {history.best_validation():.4f} after {history.best_epoch}")


@dataclass(frozen=True)
class Net:
    """A code of one linear layer, an output of another, and what of both has unit length."""

    unit_code: bool
    unit_items: bool
    masked: bool = True
    row_power: float = 0.5
    hidden: float = 0.7
    bias: bool = False
    batch_size: int = 500
    temperature: float = 0.15
    width: int = 256
    epochs: int = 40

    def scores(
        self, given: sparse.csr_array, towards: Callable[[Tensor], Tensor] | None = None,
        pull: float = 0.0,
    ) -> np.ndarray:  # fmt: skip
        """Return logits of the rows it learned from; items begin at, and are drawn, `towards`."""
        torch.manual_seed(0)
        n_items, draw = given.shape[1], torch.Generator().manual_seed(0)
        into, out = (torch.randn(n_items, self.width) / self.width**0.5 for _ in range(2))
        if towards is not None:
            out = towards(out)
            into = out.clone()
        weights = [nn.Parameter(w) for w in (into, out, torch.zeros(n_items))]
        frequency = torch.from_numpy(np.maximum(given.sum(0), 1).astype(np.float32) ** -0.5)
        optimizer = torch.optim.Adam(weights if self.bias else weights[:2], lr=0.01)

        def logits(x: Tensor) -> Tensor:
            code, items = (x * frequency) @ weights[0], weights[1]
            code = functional.normalize(code, dim=1) if self.unit_code else code
            items = functional.normalize(items, dim=1) if self.unit_items else items
            scale = self.temperature if self.unit_code or self.unit_items else 1.0
            return (code @ items.T + weights[2]) / scale

        rows = torch.from_numpy(given.toarray())
        for epoch in range(self.epochs):
            target = towards(weights[1].detach()) if towards is not None and pull else None
            for chosen in torch.randperm(len(rows), generator=draw).split(self.batch_size):
                x = rows[chosen]
                seen = x * (torch.rand(x.shape, generator=draw) > self.hidden)
                found = logits(seen)
                if self.masked:  # what is seen is neither asked for nor in the way
                    found, x = found.masked_fill(seen > 0, -1e9), x - seen
                log_softmax = found.log_softmax(1).masked_fill(x == 0, 0)
                n = x.sum(1, keepdim=True).clamp(min=1)
                loss = -(x * log_softmax / n**self.row_power).sum() / len(x)
                if target is not None:
                    alike = functional.cosine_similarity(weights[1], target, dim=1)
                    loss = loss - pull * alike.mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            for group in optimizer.param_groups:
                group["lr"] = 0.01 * (1 - 0.9 * (epoch + 1) / self.epochs)
        with torch.no_grad():
            return logits(rows).numpy()


def parts() -> None:
    given, hidden = fifth(sparse.csr_array(load_split("ml-1m-ultragcn").refit.matrix))
    nets = {
        "neither, as Mult-DAE": Net(False, False, masked=False, row_power=0.0, hidden=0.5),
        "neither": Net(False, False),
        "the items": Net(False, True),
        "the code": Net(True, False),
        "both": Net(True, True),
        "both, and a bias": Net(True, True, bias=True),
        "both, every item asked for": Net(True, True, masked=False),
        "the same, batches of 200": Net(True, True, masked=False, batch_size=200),
        "the same, half hidden": Net(True, True, masked=False, batch_size=200, hidden=0.5),
    }
    for name, net in nets.items():
        began = time.monotonic()
        scores = net.scores(given)
        seconds = time.monotonic() - began
        scores[given.nonzero()] = -np.inf
        found = per_user_metrics(top_k(scores, 20)[0], hidden, METRICS)
        means = " / ".join(f"{np.nanmean(found[metric]):.4f}" for metric in METRICS)
        print(f"{name}: {means}, {seconds:.0f} s", flush=True)


def fifth(matrix: sparse.csr_array) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Hold a fifth of each list out."""
    random, held = np.random.default_rng(7), np.zeros(matrix.nnz, bool)
    for first, last in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        held[random.choice(np.arange(first, last), (last - first) // 5, replace=False)] = True
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    given, hidden = (
        sparse.csr_array(
            (np.ones(int(some.sum()), np.float32), (rows[some], matrix.indices[some])),
            shape=matrix.shape,
        )
        for some in (~held, held)
    )
    return given, hidden


if __name__ == "__main__":
    main()
