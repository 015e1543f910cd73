"""Baskets that arrive together are answered together, in one call of the model.

No request waits for another: the event loop reads what has arrived, then this scores it, and what
arrives meanwhile is the next batch. Nothing runs in threads, so nobody waits for a lock.
"""

import asyncio
from collections import deque
from typing import Any, NamedTuple

from likewise.recommend.baskets import Recommendations
from likewise.recommend.rules import Rules
from likewise.serve.served import Served

MOST = 32
"""Baskets scored at a time; between two batches other requests have their turn."""


class _Waiting(NamedTuple):
    served: Served
    k: int
    filter_seen: bool
    rules: Rules | None
    basket: list[Any]
    answer: asyncio.Future[Recommendations]

    def can_join(self, other: "_Waiting") -> bool:
        """Whether one call can answer both."""
        return (
            self.served is other.served
            and self.rules is other.rules
            and (self.k, self.filter_seen) == (other.k, other.filter_seen)
        )


class Batcher:
    """Collects baskets and has them answered, up to `MOST` in one call."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()

    async def recommend(
        self,
        served: Served,
        baskets: list[list[Any]],
        k: int,
        *,
        filter_seen: bool,
        rules: Rules | None = None,
    ) -> list[Recommendations]:
        """Return the recommendations of each basket, k or as many as the catalogue leaves."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._answer)
        answers = [loop.create_future() for _ in baskets]
        for basket, answer in zip(baskets, answers, strict=True):
            self._waiting.append(_Waiting(served, k, filter_seen, rules, basket, answer))
        return list(await asyncio.gather(*answers))

    def _answer(self) -> None:
        """Answer those at the head of the queue that can be answered in one call."""
        batch: list[_Waiting] = []
        while self._waiting and len(batch) < MOST:
            if batch and not self._waiting[0].can_join(batch[0]):
                break
            waiting = self._waiting.popleft()
            if not waiting.answer.done():  # its client has given up, or its time is over
                batch.append(waiting)
        if batch:
            self._score(batch)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer)

    @staticmethod
    def _score(batch: list[_Waiting]) -> None:
        served, k, filter_seen, rules = batch[0][:4]
        baskets = [waiting.basket for waiting in batch]
        remain = served.recommender.n_items
        if filter_seen:
            remain -= min(len(set(basket)) for basket in baskets)
        try:
            found = (
                served.recommender.recommend(
                    baskets, min(k, remain), filter_seen=filter_seen, rules=rules
                )
                if remain
                else [Recommendations(()) for _ in baskets]
            )
        except Exception as error:  # noqa: BLE001 - each of those who wait is told
            for waiting in batch:
                waiting.answer.set_exception(error)
            return
        for waiting, answer in zip(batch, found, strict=True):
            waiting.answer.set_result(answer)
