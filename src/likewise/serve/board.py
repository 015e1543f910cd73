"""What processes tell each other: counts of requests, and which models on disk were refused.

It is anonymous memory, made before the workers are forked: no files, no locks. A worker writes to a
slot of its own, so that counts survive it, and whoever is asked for metrics adds the slots up.
"""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric

STATUSES = (200, 304, 400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 503)
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
OTHER = "other"


@dataclass(frozen=True)
class Board:
    """Shared memory of a service.

    Parameters
    ----------
    models, routes : tuple of str
        The names of the models, and the routes that are counted apart.
    statuses : ndarray of shape (slots, routes + 1, statuses + 1)
        Answers; the last of routes and of statuses is any other.
    seconds : ndarray of shape (slots, routes + 1, buckets + 2)
        Answers by the time they took, and, last, the seconds in all.
    at_work : ndarray of shape (slots,)
        Requests being answered.
    connections : ndarray of shape (slots,)
        Open connections; inf where no worker takes any.
    refused : ndarray of shape (models,)
        1 where a newer folder cannot be used.
    table_refused : ndarray of shape (1,)
        1 where a newer table of attributes cannot be used.
    """

    models: tuple[str, ...]
    routes: tuple[str, ...]
    statuses: NDArray[np.float64]
    seconds: NDArray[np.float64]
    at_work: NDArray[np.float64]
    connections: NDArray[np.float64]
    refused: NDArray[np.float64]
    table_refused: NDArray[np.float64]

    @classmethod
    def of(cls, models: Sequence[str], routes: Sequence[str], n_slots: int = 1) -> Self:
        """Make an empty board."""
        n_routes = len(routes) + 1
        board = cls(
            tuple(models),
            tuple(routes),
            shared((n_slots, n_routes, len(STATUSES) + 1), np.float64),
            shared((n_slots, n_routes, len(BUCKETS) + 2), np.float64),
            shared((n_slots,), np.float64),
            shared((n_slots,), np.float64),
            shared((len(models),), np.float64),
            shared((1,), np.float64),
        )
        board.connections[:] = np.inf
        return board

    def clear(self, slot: int) -> None:
        """Forget what the worker at a slot, which has ended, had at work; its counts stay."""
        self.at_work[slot] = 0
        self.connections[slot] = np.inf

    def count(self, slot: int, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        row = self.routes.index(route) if route in self.routes else -1
        column = STATUSES.index(status) if status in STATUSES else -1
        self.statuses[slot, row, column] += 1
        self.seconds[slot, row, np.searchsorted(BUCKETS, seconds)] += 1
        self.seconds[slot, row, -1] += seconds

    def route_of(self, path: str) -> str:
        """Return the template of the route that a path asks for; a dash if none is counted apart.

        Examples
        --------
        >>> board = Board.of(["shop"], ["/v1/items", "/v1/also-bought/{item:path}"])
        >>> board.route_of("/v1/items"), board.route_of("/v1/also-bought/7"), board.route_of("/x")
        ('/v1/items', '/v1/also-bought/{item:path}', '-')
        """
        for route in self.routes:
            head, _, parameter = route.partition("{")
            if path == route or (parameter and path.startswith(head)):
                return route
        return "-"

    def refuse(self, name: str, *, is_refused: bool) -> None:
        """Note whether a newer folder of a model, or else a newer table, cannot be used."""
        if name in self.models:
            self.refused[self.models.index(name)] = is_refused
        else:
            self.table_refused[0] = is_refused

    def faults(self) -> dict[str, bool]:
        """Return, for each model, whether a newer folder was refused."""
        return dict(zip(self.models, (self.refused > 0).tolist(), strict=True))

    def metrics(self, versions: dict[str, str]) -> Iterator[Metric]:
        """Return what Prometheus reads."""
        yield self._requests()
        yield self._durations()
        working = GaugeMetricFamily("likewise_requests_at_work", "Requests being answered.")
        working.add_metric([], self.at_work.sum())
        yield working
        refused = GaugeMetricFamily(
            "likewise_model_refused", "1 if a newer folder cannot be used.", labels=["model"]
        )
        for model, fault in self.faults().items():
            refused.add_metric([model], float(fault))
        yield refused
        served = InfoMetricFamily("likewise_model", "The models served.", labels=["model"])
        for model, version in versions.items():
            served.add_metric([model], {"version": version})
        yield served

    def _requests(self) -> Metric:
        family = CounterMetricFamily(
            "likewise_requests", "Answers by route and status.", labels=["route", "status"]
        )
        counts = self.statuses.sum(axis=0)
        for row, column in np.argwhere(counts):
            labels = [(*self.routes, OTHER)[row], str((*STATUSES, OTHER)[column])]
            family.add_metric(labels, counts[row, column])
        return family

    def _durations(self) -> Metric:
        family = HistogramMetricFamily(
            "likewise_request_seconds", "Seconds that answers took.", labels=["route"]
        )
        taken = self.seconds.sum(axis=0)
        for row in np.flatnonzero(taken[:, :-1].sum(axis=1)):
            upto = np.cumsum(taken[row, :-1])
            buckets = [*map(str, BUCKETS), "+Inf"]
            family.add_metric(
                [(*self.routes, OTHER)[row]],
                [(name, float(count)) for name, count in zip(buckets, upto, strict=True)],
                taken[row, -1],
            )
        return family


def shared(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return zeros in anonymous memory that processes forked later share."""
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, nbytes), dtype=dtype).reshape(shape)
