"""A minimal service of implicit's item neighbours, as a careful person writes it with FastAPI.

    bench/.envs/implicit/bin/python -m uvicorn --app-dir bench/serve peer_implicit:app --workers 2
LOG names the log (CSR, .npz). Scores are sums of cosines; what is in the basket is left out.
"""

import os

import numpy as np
from fastapi import FastAPI
from implicit.nearest_neighbours import CosineRecommender
from pydantic import BaseModel
from scipy import sparse

NEIGHBOURS = 100
rows = sparse.csr_matrix(sparse.load_npz(os.environ["LOG"]))
n_items = rows.shape[1]
ids = [f"P{number:06d}" for number in range(n_items)]
numbers = {id_: number for number, id_ in enumerate(ids)}
model = CosineRecommender(K=NEIGHBOURS, num_threads=1)
model.fit(rows, show_progress=False)
del rows
app = FastAPI()


class Asked(BaseModel):
    basket: list[str]
    k: int = 10


class Recommended(BaseModel):
    item: str
    score: float


@app.post("/recommend")
async def recommend(asked: Asked) -> list[Recommended]:
    columns = np.array([numbers[id_] for id_ in asked.basket if id_ in numbers], dtype=np.int32)
    ones = np.ones(len(columns))
    row = sparse.csr_matrix((ones, columns, [0, len(columns)]), shape=(1, n_items))
    chosen, scores = model.recommend(0, row, N=asked.k, filter_already_liked_items=True)
    return [
        Recommended(item=ids[item], score=float(score))
        for item, score in zip(chosen, scores, strict=True)
    ]
