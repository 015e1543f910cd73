"""The answers: each method takes a checked request and makes one call of the recommender."""

from itertools import zip_longest
from threading import Lock
from typing import Annotated, Any

import numpy as np
from fastapi import Path, Query
from pydantic import TypeAdapter
from scipy import sparse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

import likewise
from likewise.recommend.baskets import Baskets, Recommendations
from likewise.recommend.rules import Rules
from likewise.recommend.scorer import weighted
from likewise.serve import answers, requests
from likewise.serve.batch import Batcher
from likewise.serve.refusals import Refused
from likewise.serve.served import Served, Shelf

ModelName = Annotated[
    str | None, Query(max_length=64, description="Which model; the first one if left out.")
]
_MAP = TypeAdapter(answers.MapAnswer)


class Service:
    """The routes' answers, from the models of a shelf."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._first = next(iter(shelf))
        self._batcher = Batcher()
        self._maps: dict[str, bytes] = {}
        self._drawing = Lock()

    async def recommend(self, given: requests.RecommendGiven) -> dict[str, Any]:
        """Recommend items for one basket or for several."""
        served = self._served(given.model)
        parts = [served.known(basket) for basket in given.each()]
        baskets = [known for known, _ in parts]
        found = await self._recommended(served, baskets, given)
        reasons = await _reasons(served, baskets[0], found[0], given.because)
        return _answer(served) | {
            "results": [
                {
                    "items": [
                        r._asdict() | ({"because": because} if because else {})
                        for r, because in zip_longest(answer, reasons)
                    ],
                    "unknown": unknown,
                    "fallback": not basket,
                }
                for answer, (basket, unknown) in zip(found, parts, strict=True)
            ]
        }

    async def also_bought(self, given: requests.AlsoBoughtGiven) -> dict[str, Any]:
        """Find, for each item, what those who bought it bought too."""
        return self._company(self._served(given.model), given.items, given.k)

    async def also_bought_one(
        self,
        item: Annotated[str, Path(max_length=256)],
        k: Annotated[int, Query(ge=1, le=requests.MAX_K)] = 10,
        model: ModelName = None,
    ) -> dict[str, Any]:
        """Find what those who bought an item bought too."""
        served = self._served(model)
        _require_item(served, item)
        return self._company(served, [item], k)

    async def items(
        self,
        query: Annotated[str, Query(max_length=256)] = "",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 20,
        model: ModelName = None,
    ) -> dict[str, Any]:
        """Search products: every word of the query is in the title or the id."""
        served = self._served(model)
        rows, total = served.find(query, limit)
        return _answer(served) | {"items": [_item(served, row) for row in rows], "total": total}

    def explain(self, given: requests.ExplainGiven) -> dict[str, Any]:
        """Say which items of the basket moved the score of an item, strongest first."""
        served = self._served(given.model)
        recommender = served.recommender
        item, row = _require_item(served, given.item)
        basket, unknown = served.known(given.basket)
        matrix = Baskets.of([basket], recommender.catalogue_.items).matrix
        return _answer(served) | {
            "item": item,
            "title": recommender.catalogue_.title(row),
            "score": float(recommender.scorer.scores(matrix)[0, row]),
            "exact": recommender.model_.additive,
            "reasons": [reason._asdict() for reason in recommender.explain(basket, item)],
            "unknown": unknown,
        }

    def encode(self, given: requests.BasketsGiven) -> dict[str, Any]:
        """Give the code of each basket; that of a linear model is the basket itself."""
        served = self._served(given.model)
        recommender = served.recommender
        parts = [served.known(basket) for basket in given.each()]
        rows = Baskets.of([known for known, _ in parts], recommender.catalogue_.items).matrix
        codes = sparse.csr_array(
            recommender.model_.transform(weighted(rows, recommender.weighting))
        )
        return _answer(served) | {
            "codes": [
                {
                    "length": codes.shape[1],
                    "indices": codes.indices[start:end].tolist(),
                    "values": codes.data[start:end].tolist(),
                    "unknown": unknown,
                }
                for start, end, (_, unknown) in zip(
                    codes.indptr[:-1], codes.indptr[1:], parts, strict=True
                )
            ]
        }

    async def model(self, model: ModelName = None) -> dict[str, Any]:
        """Describe the model: what it is, what was measured, its card."""
        served = self._served(model)
        recommender, contents = served.recommender, served.contents
        return _answer(served) | {
            "models": list(self._shelf),
            "type": contents.type,
            "parameters": contents.parameters,
            "n_items": recommender.n_items,
            "purchases": int(recommender.catalogue_.counts.sum()),
            "has_steps": served.has_steps,
            "has_map": served.is_drawn,
            "map_is_coming": served.is_to_be_drawn,
            "attributes": served.attributes.columns,
            "categories": sorted(served.attributes.categories),
            "metrics": _without_paths(recommender.metrics),
            "card": contents.card,
            "likewise": likewise.__version__,
        }

    def map(self, model: ModelName = None) -> Response:
        """Give the products' places in two dimensions: bought alike, close together."""
        served = self._served(model)
        if not served.is_drawn:
            if not served.is_to_be_drawn:
                raise Refused(404, "no_map", "this model has no map; the service's log says why")
            raise Refused(
                503, "not_drawn", "the map is still being computed; ask again", retry_after=2
            )
        with self._drawing:  # many ask at once when a new model has come
            if served.name not in self._maps:
                self._maps[served.name] = _MAP.dump_json(_map(served), exclude_none=True)
        return Response(self._maps[served.name], media_type="application/json")

    def steps(self, given: requests.StepsGiven) -> dict[str, Any]:
        """Walk a basket through the seven steps of training, with real numbers."""
        served = self._served(given.model)
        return _answer(served) | served.recommender.steps(given.basket).as_dict()

    def _served(self, name: str | None) -> Served:
        """Look a name up in the table made at start; it is part of no path."""
        try:
            return self._shelf[self._first if name is None else name]
        except KeyError:
            names = ", ".join(self._shelf)
            raise Refused(404, "unknown_model", f"there is no such model; use {names}") from None

    async def _recommended(
        self, served: Served, baskets: list[list[Any]], given: requests.RecommendGiven
    ) -> list[Recommendations]:
        return await self._batcher.recommend(
            served,
            baskets,
            given.k,
            filter_seen=given.filter_seen,
            rules=_rules(served, given.rules),
        )

    @staticmethod
    def _company(served: Served, items: list[Any], k: int) -> dict[str, Any]:
        known, unknown = served.known(items)
        recommender = served.recommender
        found = recommender.also_bought(known, min(k, recommender.n_others)) if known else {}
        return _answer(served) | {
            "results": [
                {
                    "item": item,
                    "title": recommender.catalogue_.title_of(item),
                    "items": [other._asdict() for other in others],
                }
                for item, others in found.items()
            ],
            "unknown": unknown,
        }


def _answer(served: Served) -> dict[str, Any]:
    return {"model": served.name, "version": served.version}


async def _reasons(
    served: Served, basket: list[Any], found: Recommendations, n: int
) -> list[list[dict[str, Any]]]:
    """Explain in a thread, as it may take long: meanwhile others are answered."""
    if not (n and basket and found):
        return []
    explain = served.recommender.explain_each
    each = await run_in_threadpool(explain, basket, [r.item for r in found])
    return [[reason._asdict() for reason in reasons[:n]] for reasons in each]


def _require_item(served: Served, item: Any) -> tuple[Any, int]:
    """Return an item as the model writes it, and its row; refuse one that the model never saw."""
    items = served.recommender.catalogue_.items
    (row,) = items.encode([item]).tolist()
    if row < 0:
        raise Refused(404, "unknown_item", "the model does not know this item; search /v1/items")
    return items.decode([row]).tolist()[0], row


def _rules(served: Served, given: requests.Rules | None) -> Rules | None:
    if given is None:
        return None
    asked = given.model_dump(exclude_none=True)
    return Rules.of(served.recommender.catalogue_, served.attributes, **asked)


def _item(served: Served, row: int) -> dict[str, Any]:
    catalogue = served.recommender.catalogue_
    return {
        "item": catalogue.id_of(row),
        "title": catalogue.title(row),
        "count": int(catalogue.counts[row]),
        **served.attributes.row(row),
    }


def _without_paths(metrics: dict[str, Any]) -> dict[str, Any]:
    """Leave out where the log lay on the machine that fitted."""
    log = metrics.get("log")
    if not isinstance(log, dict):
        return metrics
    return metrics | {"log": {key: value for key, value in log.items() if key != "source"}}


def _map(served: Served) -> answers.MapAnswer:
    catalogue = served.recommender.catalogue_
    order = np.argsort(-catalogue.counts, kind="stable").tolist()
    places = served.places.round(4).astype(np.float64).round(4).tolist()
    points = [
        answers.Point(
            id=catalogue.id_of(row),
            title=catalogue.title(row),
            x=places[row][0],
            y=places[row][1],
            count=int(catalogue.counts[row]),
            category=served.attributes.row(row).get("category"),
        )
        for row in order
    ]
    return answers.MapAnswer(model=served.name, version=served.version, points=points)
