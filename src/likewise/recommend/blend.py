"""The blend: several autoencoders answer, and their scores, made comparable, are summed.

Shapes: B rows, I items.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.utils._param_validation import StrOptions

from likewise.artifact import Contents
from likewise.autoencoders import TYPES, Autoencoder, LinearAutoencoder
from likewise.autoencoders.base import Validate, copy_of
from likewise.errors import InputError
from likewise.recommend.baselines import ItemNeighbours, PersonalFrequency, Popularity, RP3Beta

Scores = NDArray[np.float32]

PARTS: dict[str, type[Autoencoder]] = {
    **TYPES,
    "popularity": Popularity,
    "personal-frequency": PersonalFrequency,
    "item-knn": ItemNeighbours,
    "rp3beta": RP3Beta,
}
"""Every type that a blend can hold; a folder names them by this table, never by a path."""


def z_score(scores: Scores) -> Scores:
    """Return each row less its mean, over its standard deviation; a flat row becomes zeros.

    Examples
    --------
    >>> z_score(np.array([[1.0, 3.0], [5.0, 5.0]], dtype=np.float32))
    array([[-1.,  1.],
           [ 0.,  0.]], dtype=float32)
    """
    centred = scores - scores.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    is_flat = deviation <= 1e-6 * np.abs(scores).max(axis=1, keepdims=True)
    result: Scores = np.where(is_flat, 0, centred / np.where(is_flat, 1, deviation))
    return result


def rank(scores: Scores) -> Scores:
    """Return each score's place in its row, from 0 (last) to 1 (first); ties share the middle."""
    places = rankdata(scores, axis=1) - 1
    result: Scores = (places / max(scores.shape[1] - 1, 1)).astype(np.float32)
    return result


def softmax(scores: Scores) -> Scores:
    """Return the softmax of each row's z-scores."""
    z = z_score(scores)
    grown = np.exp(z - z.max(axis=1, keepdims=True))
    result: Scores = grown / grown.sum(axis=1, keepdims=True)
    return result


def product(scores: Scores) -> Scores:
    """Return log σ(z) of each row's z-scores: summed, they are the log of a product (VASP's)."""
    result: Scores = -np.logaddexp(np.float32(0), -z_score(scores))
    return result


CALIBRATIONS: dict[str, Callable[[Scores], Scores]] = {
    "z-score": z_score,
    "product": product,
    "softmax": softmax,
    "rank": rank,
}
"""How scores of different models are made comparable, row by row."""


@dataclass(kw_only=True, eq=False, repr=False)
class Blend(Autoencoder):
    """Weighted sum Σ w_m c(s_m) of the calibrated scores of several autoencoders.

    Parameters
    ----------
    parts : sequence of Autoencoder, optional
        What is blended, unfitted; a linear autoencoder and item neighbours if None. A part trained
        by epochs stops as it does alone.
    weights : sequence of float, optional
        w, one a part, none negative; equal if None.
    calibration : {"z-score", "product", "softmax", "rank"}
        c, see `CALIBRATIONS`.
    counts : bool
        Whether only personal frequency heeds the values of a row; to the other parts they are ones.

    Attributes
    ----------
    parts_ : list of Autoencoder
        Fitted.

    Notes
    -----
    The code is the row itself, and what `reconstruct` returns are scores: they rank, and are no
    values of a row. `auto` chooses parts and weights on validation customers.

    References
    ----------
    V. Vančura, P. Kordík, "Deep variational autoencoder with shallow parallel path for top-N
    recommendation (VASP)", ICANN 2021, arXiv:2102.05774 (the product).

    Examples
    --------
    >>> X = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]], dtype=np.float32)
    >>> blend = Blend(parts=[LinearAutoencoder(l2=1.0), Popularity()], weights=[2, 1]).fit(X)
    >>> blend.logits(X[:1]).argmax()
    np.int64(1)
    """

    parts: Sequence[Autoencoder] | None = None
    weights: Sequence[float] | None = None
    calibration: str = "z-score"
    counts: bool = False

    type_name: ClassVar[str] = "blend"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "parts": ["array-like", None],
        "weights": ["array-like", None],
        "calibration": [StrOptions(set(CALIBRATIONS))],
        "counts": ["boolean"],
    }

    def _validate_params(self) -> None:
        super()._validate_params()
        parts = self._unfitted()
        if not parts or any(getattr(part, "type_name", "") not in PARTS for part in parts):
            raise InputError(
                f"parts={self.parts!r}; give one or more autoencoders of {', '.join(PARTS)}"
            )
        weights = self._weights(len(parts))
        are_numbers = all(map(_is_weight, weights))
        if len(weights) != len(parts) or not are_numbers or not any(weights):
            raise InputError(
                f"weights={self.weights!r} for {len(parts)} parts; "
                "give each a number, none negative and not all 0"
            )

    def _unfitted(self) -> list[Any]:
        return [LinearAutoencoder(), ItemNeighbours()] if self.parts is None else list(self.parts)

    def _weights(self, n_parts: int) -> list[Any]:
        return [1.0] * n_parts if self.weights is None else list(self.weights)

    def _fit(self, X: Any, validate: Validate | None) -> None:
        ones = self._ones(X)
        self.parts_ = [copy_of(part).fit(_seen(part, X, ones)) for part in self._unfitted()]

    def _ones(self, X: Any) -> Any:
        """Return what the parts that heed no counts see."""
        return (X != 0).astype(np.float32) if self.counts else X

    def _require_fitted(self) -> None:
        super()._require_fitted()
        for part in self.parts_:
            part._require_fitted()

    def _logits(self, X: Any) -> Scores:
        calibrate, weights = CALIBRATIONS[self.calibration], self._weights(len(self.parts_))
        total, ones = np.zeros(X.shape, dtype=np.float32), self._ones(X)
        for part, weight in zip(self.parts_, weights, strict=True):
            if weight:
                total += np.float32(weight) * calibrate(part._logits(_seen(part, X, ones)))
        return total

    # The model folder: tensors and settings of each part, under its number

    def contents(self) -> Contents:
        """Return what a model folder holds of this blend."""
        whole = super().contents()
        parts: Any = None
        if self.parts is not None:
            parts = [_kind(part.contents()) for part in self.parts_]
        return dataclasses.replace(whole, parameters=whole.parameters | {"parts": parts})

    @classmethod
    def from_contents(cls, contents: Contents) -> Self:
        """Make a fitted blend of what a model folder held."""
        given: Any = contents.parameters.get("parts")
        parts = given if not isinstance(given, list) else [_unfitted_part(kind) for kind in given]
        parameters: Any = contents.parameters | {"parts": parts}
        return super().from_contents(dataclasses.replace(contents, parameters=parameters))

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {
            f"{number}.{name}": tensor
            for number, part in enumerate(self.parts_)
            for name, tensor in part.contents().tensors.items()
        }

    def _extra(self) -> dict[str, Any]:
        parts = [part.contents() for part in self.parts_]
        return super()._extra() | {"parts": [_kind(one) | {"extra": one.extra} for one in parts]}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        kinds = extra["parts"]
        if not isinstance(kinds, list) or len(kinds) != len(self._unfitted()):
            raise InputError(f"the folder has other parts than the {len(self._unfitted())} named")
        own = [_part(tensors, f"{number}.") for number in range(len(kinds))]
        if sum(map(len, own)) != len(tensors):
            raise InputError("the folder has tensors that belong to no part of the blend")
        self.parts_ = [_fitted_part(kind, own) for kind, own in zip(kinds, own, strict=True)]
        for named, part in zip(self._unfitted(), self.parts_, strict=True):
            if type(named) is not type(part) or part.n_features_in_ != self.n_features_in_:
                raise InputError(f"a part of the blend is a {part.type_name} of another kind")


def _is_weight(value: Any) -> bool:
    is_number = not isinstance(value, bool) and isinstance(value, Real)
    return is_number and 0 <= float(value) < np.inf


def _seen(part: Autoencoder, X: Any, ones: Any) -> Any:
    return X if isinstance(part, PersonalFrequency) else ones


def _kind(contents: Contents) -> dict[str, Any]:
    return {"type": contents.type, "parameters": contents.parameters}


def _unfitted_part(kind: Any) -> Autoencoder:
    return _type(kind)(**{k: tuple(v) if isinstance(v, list) else v
                          for k, v in dict(kind["parameters"]).items()})  # fmt: skip


def _fitted_part(kind: Any, tensors: dict[str, NDArray[Any]]) -> Autoencoder:
    return _type(kind).from_contents(
        Contents(
            kind["type"], kind["parameters"], tensors, kind["extra"], items=None, metrics={},
            card="",
        )
    )  # fmt: skip


def _type(kind: Any) -> type[Autoencoder]:
    name = kind["type"] if isinstance(kind, dict) else kind
    if not isinstance(name, str) or name not in PARTS:
        raise InputError(f"parts has {name!r:.80}, which is none of {', '.join(PARTS)}")
    return PARTS[name]


def _part(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
