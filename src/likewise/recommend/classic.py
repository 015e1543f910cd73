"""A small classic autoencoder of a log, kept beside a recommender to show how it learns.

It is trained as the textbook says, one row at a time, on the items bought most and a sample of the
baskets, so that it takes seconds; it explains, it does not recommend. The sample is what bounds its
time: what is shown are the same epochs on every machine, enough of them to see the error fall.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from likewise.artifact import Contents
from likewise.autoencoders import Autoencoder, UndercompleteAutoencoder
from likewise.data.interactions import Interactions
from likewise.errors import InputError
from likewise.recommend.catalogue import Catalogue
from likewise.recommend.steps import Steps, seven_steps


@dataclass(frozen=True)
class Classic:
    """The small autoencoder, the items it knows, and how its error fell.

    Parameters
    ----------
    model : UndercompleteAutoencoder
        Fitted with a batch size of 1.
    columns : ndarray of int64
        Row numbers, in the catalogue, of the items it knows.
    losses : list of float
        The mean reconstruction error of each epoch.
    """

    model: UndercompleteAutoencoder
    columns: NDArray[np.int64]
    losses: list[float]

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        *,
        n_latent: int = 8,
        n_items: int = 200,
        n_rows: int = 150,
        max_epochs: int = 20,
        max_seconds: float = 30.0,
        seed: int = 0,
    ) -> Self:
        """Train one on the `n_items` items bought most and at most `n_rows` baskets."""
        most = np.argsort(-interactions.item_counts, kind="stable")[:n_items]
        columns = np.sort(most)
        rows = interactions.matrix[:, columns]
        rows = rows[np.diff(rows.indptr) > 0]
        if rows.shape[0] > n_rows:
            random = np.random.default_rng(seed)
            rows = rows[np.sort(random.choice(rows.shape[0], n_rows, replace=False))]
        rows.data[:] = 1
        model = UndercompleteAutoencoder(
            n_latent=min(n_latent, max(1, len(columns) - 1)),
            batch_size=1,
            optimizer="sgd",
            learning_rate=0.1,
            max_epochs=max_epochs,
            max_seconds=max_seconds,
            validation_fraction=0.0,
            device="cpu",
            random_state=seed,
        ).fit(rows)
        return cls(model, columns, [float(epoch["loss"]) for epoch in model.history_.epochs])

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the learned arrays, for the model folder."""
        return self.model.contents().tensors | {"columns": self.columns}

    def extra(self) -> dict[str, Any]:
        """Return the settings, for the model folder."""
        contents = self.model.contents()
        return {"parameters": contents.parameters, "model": contents.extra, "losses": self.losses}

    @classmethod
    def from_parts(
        cls, tensors: dict[str, NDArray[Any]], extra: dict[str, Any], n_items: int
    ) -> Self:
        """Take back what `tensors` and `extra` gave, checked against a catalogue of `n_items`."""
        try:
            columns, losses = tensors["columns"], [float(loss) for loss in extra["losses"]]
            weights = {name: tensor for name, tensor in tensors.items() if name != "columns"}
            contents = Contents(
                UndercompleteAutoencoder.type_name, extra["parameters"], weights, extra["model"],
                items=None, metrics={}, card="",
            )  # fmt: skip
            model = UndercompleteAutoencoder.from_contents(contents)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("the classic autoencoder of the folder is not sound") from error
        if (
            columns.dtype != np.int64
            or columns.shape != (model.n_features_in_,)
            or not (np.diff(columns, prepend=-1) > 0).all()
            or columns[-1] >= n_items
        ):
            raise InputError("the classic autoencoder's items are none of the catalogue's")
        return cls(model, columns, losses)


def steps_of(
    model: Autoencoder, classic: Classic | None, catalogue: Catalogue, basket: Sequence[Any]
) -> Steps:
    """Walk a basket through the seven steps of the model if it is a classic one, else of `classic`.

    Raises
    ------
    InputError
        If there is neither, or no item of the basket is known to it.
    """
    items, title = catalogue.items.ids.tolist(), catalogue.title
    if isinstance(model, UndercompleteAutoencoder) and (
        model.optimizer == "sgd" or classic is None
    ):
        losses = [float(epoch["loss"]) for epoch in model.history_.epochs]
        return seven_steps(model, items, [title(row) for row in range(len(items))], basket, losses)
    if classic is None:
        raise InputError(
            "no classic autoencoder is kept beside this model: `likewise fit` keeps one, "
            "`likewise tune` does not; in Python, set recommender.classic_ = "
            "Classic.of(interactions)"
        )
    rows = classic.columns.tolist()
    known, titles = [items[row] for row in rows], [title(row) for row in rows]
    steps = seven_steps(classic.model, known, titles, basket, classic.losses)
    return replace(steps, stands_in_for=model.type_name)
