"""How the cost of large catalogues grows: items, purchases and users, with fitted exponents.

    python bench/speed/scaling.py
    python bench/speed/scaling.py --amazon-book    # that shape alone, on all threads

The neighbourhood type on made-up logs (see logs.py), the exact one beside it where its matrix fits,
and a log of Amazon-Book's shape. Each fit is a process of its own. The curves go to
docs/images/scaling-*.svg; what does not fit in memory is refused, and left out. `--cpu`, on one
thread: seconds are of processor time.
"""

import argparse
import json
from functools import partial
from typing import Any

import torch
from common import apart, draw_growth, exponent, limits, peak_gib, timed
from logs import AMAZON_BOOK, Shape, made_up

import records
from likewise import LinearAutoencoder
from likewise.autoencoders import NeighbourhoodAutoencoder
from likewise.errors import NotEnoughMemoryError

TYPES: dict[str, Any] = {
    "linear": LinearAutoencoder,
    "neighbourhood": partial(NeighbourhoodAutoencoder, n_neighbours=200, n_whole=200),
}
MOST_EXACT = 30_000


def main() -> None:
    parser = argparse.ArgumentParser(description="How the cost of large catalogues grows.")
    parser.add_argument(
        "--items", type=int, nargs="+", default=[10_000, 30_000, 100_000, 300_000, 1_000_000]
    )
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    parser.add_argument("--amazon-book", action="store_true", help="one log of that shape alone")
    parser.add_argument("--quick", action="store_true", help="try it: small, nothing written")
    parser.add_argument("--one", nargs=4, metavar="N", help="(a run of this script)")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    if arguments.one:
        name, *shape = arguments.one
        users, items, length = map(int, shape)
        print(json.dumps(one(name, Shape(users, items, length))))
        return
    run = partial(fit_apart, ["--cpu"] if arguments.cpu else [])
    if arguments.amazon_book:
        records.write("speed-amazon-book", run("neighbourhood", AMAZON_BOOK))
        return
    quick = arguments.quick
    items = [500, 1_000] if quick else arguments.items
    base = 1_000 if quick else 30_000
    curves = {
        "items": [run("neighbourhood", Shape(n, n, 50)) for n in items],
        "items, exact": [run("linear", Shape(n, n, 50)) for n in items if n <= MOST_EXACT],
        "purchases": [run("neighbourhood", Shape(base, base, n)) for n in (25, 50, 100, 200)],
        "users": [run("neighbourhood", Shape(n * base, base, 50)) for n in (1, 2, 4, 8)],
    }
    curves = {name: [row for row in rows if "seconds" in row] for name, rows in curves.items()}
    exponents = {name: fitted(name.split(",")[0], rows) for name, rows in curves.items()}
    print(json.dumps(exponents))
    shape = Shape(500, 900, 20) if quick else AMAZON_BOOK
    amazon_book = run("neighbourhood", shape)
    if not quick:
        draw(curves)
        found = {"curves": curves, "exponents": exponents, "amazon_book": amazon_book}
        records.write("speed-scaling", {"limits": limits(), **found})


def fit_apart(options: list[str], name: str, shape: Shape) -> dict[str, Any]:
    size = (shape.n_users, shape.n_items, int(shape.mean_length))
    found = apart(__file__, name, *size, *options)
    print(json.dumps(found), flush=True)
    return found


def one(name: str, shape: Shape) -> dict[str, Any]:
    X = made_up(shape)
    model = TYPES[name](l2=100.0)
    model.fit(X[:100, :200])  # what is loaded and compiled once is not the fit's
    loaded = peak_gib()
    found = {
        "type": name, "users": shape.n_users, "items": shape.n_items, "purchases": X.nnz,
        "threads": torch.get_num_threads(), "loaded_gib": loaded,
    }  # fmt: skip
    try:
        seconds = timed(lambda: model.fit(X))
    except NotEnoughMemoryError as error:
        return found | {"refused": str(error)}
    return found | {"seconds": seconds, "peak_gib": peak_gib()}


def fitted(size: str, rows: list[dict[str, Any]]) -> dict[str, float | None]:
    sizes = [float(row[size]) for row in rows]
    costs = ("seconds", "peak_gib")
    return {cost: exponent(sizes, [row[cost] for row in rows]) for cost in costs}


def draw(curves: dict[str, list[dict[str, Any]]]) -> None:
    for cost, label in (("seconds", "seconds"), ("peak_gib", "peak, GiB")):
        lines = {
            name: [(row[name.split(",")[0]], row[cost]) for row in rows]
            for name, rows in curves.items()
        }
        draw_growth(f"scaling-{cost.replace('_', '-')}", lines, "items, purchases or users", label)


if __name__ == "__main__":
    main()
