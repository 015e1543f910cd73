"""Measure the service: speed beside its peers, memory, reloads and killed workers under load.

    python bench/serve/run.py [--only latency,memory] [--quick] [--no-peers]

First `bench/peers/setup.sh implicit` and `bench/peers/setup.sh cornac`, for the peers. Each number
is the median of three runs; results go to bench/results/serve.json, where phases and sizes that
were not asked for stay as they are. Meant for a machine that does nothing else: the generator takes
a core.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import phases  # noqa: E402 - from the folder beside

import records  # noqa: E402

PHASES = {
    phase.__name__: phase
    for phase in (
        phases.ceiling,
        phases.latency,
        phases.batching,
        phases.rules,
        phases.memory,
        phases.sharing,
        phases.reload,
        phases.killed,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the service.")
    parser.add_argument("--only", default=",".join(PHASES), help=f"of {', '.join(PHASES)}")
    parser.add_argument("--quick", action="store_true", help="a try; nothing is written")
    parser.add_argument("--items", help="sizes of catalogue: 4000,20000,100000")
    parser.add_argument("--seconds", type=float, help="of load for each number")
    parser.add_argument("--no-peers", action="store_true", help="likewise alone")
    given = parser.parse_args()
    sizes = phases.QUICK if given.quick else phases.Sizes()
    if given.items:
        sizes = dataclasses.replace(sizes, items=tuple(map(int, given.items.split(","))))
    if given.seconds:
        sizes = dataclasses.replace(sizes, seconds=given.seconds)
    if given.no_peers:
        sizes = dataclasses.replace(sizes, peers=False)
    rows = _before()
    for name in given.only.split(","):
        print(f"{name}: {PHASES[name].__doc__}")
        before = rows.get(name, []) if given.items else []
        others = [row for row in before if row.get("items") not in sizes.items]
        rows[name] = others + PHASES[name](sizes)
        if not given.quick:
            records.write("serve", rows)


def _before() -> dict[str, phases.Rows]:
    path = records.RESULTS / "serve.json"
    return dict(json.loads(path.read_text())["results"]) if path.exists() else {}


if __name__ == "__main__":
    main()
