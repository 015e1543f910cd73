"""The contract that every autoencoder keeps, and what all of them share.

The public verb checks what it is given; the private verb (a leading underscore) does arithmetic on
arrays. A type gives `_fit` and `_logits`, and, where its code is not the row itself, `_encode` and
`_decode`. Shapes: B rows, F features (items), L latent.
"""

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone

from likewise.artifact import Contents, read_folder, write_folder
from likewise.autoencoders import rows
from likewise.autoencoders.estimator import Estimator
from likewise.autoencoders.folder import names_of, plain, restore_names
from likewise.autoencoders.parts import slices
from likewise.errors import InputError, ModelFolderError

Validate = Callable[["Autoencoder"], float]
"""Scores an autoencoder while it is trained; higher is better."""

RUN_OPTIONS = ("checkpoint", "device", "max_seconds", "progress")
"""Parameters that say how to run, not what to learn: a model folder does not hold them."""

BLOCK_BYTES = 64 * 1024**2


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):  # type: ignore[misc]
    """Base of all types: encodes a row x to a code h = f(x), decodes it to x̂ = g(h).

    X is a float array, a DataFrame or a SciPy CSR matrix of shape (n, F); sparse rows stay sparse.
    Images come as arrays of shape (n, height, width) or (n, channels, height, width), and go out
    so: F is the number of their values.
    """

    type_name: ClassVar[str]
    stochastic: ClassVar[bool] = False
    """Whether `random_state` matters."""
    sparse_rows: ClassVar[bool] = True
    """Whether purchases can be learned: sparse rows, whose columns have no order."""
    additive: ClassVar[bool] = False
    """Whether the logits of a row are the sum of those of its single items, times their values."""

    # What a type provides

    @abstractmethod
    def _fit(self, X: Any, validate: Validate | None) -> None:
        """Learn from checked rows."""

    @abstractmethod
    def _logits(self, X: Any) -> NDArray[np.float32]:
        """Return what the decoder puts out for a block of rows, before its link."""

    def _encode(self, X: Any) -> Any:
        """Return the codes of a block of rows; the row itself where there is no bottleneck."""
        return X

    def _decode(self, Z: Any) -> NDArray[np.float32]:
        """Return the reconstructions of a block of codes."""
        return self._logits(Z)

    def _link(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return x̂ of logits."""
        return logits

    def _row_errors(self, X: Any) -> NDArray[np.float64]:
        """Return the reconstruction error of each row of a block."""
        dense = X.toarray() if sparse.issparse(X) else X
        difference = dense.astype(np.float64) - self._link(self._logits(X))
        result: NDArray[np.float64] = np.square(difference).sum(axis=1)
        return result

    def _unit_logits(self, columns: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the logits of rows that hold one single item each."""
        return self._logits(rows.unit_rows(columns, self.n_features_in_))

    def _unit_codes(self, columns: NDArray[np.int64]) -> Any:
        """Return the codes of rows of one single item; the logits where a code is the row."""
        codes = self._encode(rows.unit_rows(columns, self.n_features_in_))
        return self._unit_logits(columns) if sparse.issparse(codes) else codes

    def _terms(self, columns: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return what each of these items adds to the logits of `targets`, of additive types."""
        return self._unit_logits(columns)[:, targets]

    @abstractmethod
    def _tensors(self) -> dict[str, NDArray[Any]]:
        """Return the learned arrays, for the model folder."""

    @abstractmethod
    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        """Take the learned arrays, and what `_extra` gave, back."""

    def _extra(self) -> dict[str, Any]:
        """Return what else a model folder needs, small and JSON."""
        shape = {} if self.image_shape_ is None else {"image_shape": list(self.image_shape_)}
        return {"n_features": int(self.n_features_in_), **shape, **names_of(self)}

    # The contract

    def fit(self, X: Any, y: Any = None, *, validate: Validate | None = None) -> Self:
        """Learn to reconstruct the rows of `X`.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n, F)
            The rows.
        y : ignored
            Here for scikit-learn.
        validate : callable, optional
            Scores the autoencoder after each epoch, higher is better; the best epoch's weights are
            kept. Without it, `validation_fraction` of the rows does that, where the type has one.
        """
        self._validate_params()
        checked = self._checked(X, reset=True)
        self.is_fitted_ = False
        self._fit(checked, validate)
        self.is_fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        """Encode: return the codes h = f(x), of shape (n, L)."""
        self._require_fitted()
        return self._by_blocks(self._checked(X), self._encode, "codes")

    def inverse_transform(self, Z: Any) -> NDArray[np.float32]:
        """Decode: return x̂ = g(z) of codes, of shape (n, F), or as images where those came in."""
        self._require_fitted()
        codes = rows.checked_codes(self, Z)
        decoded: NDArray[np.float32] = self._by_blocks(codes, self._decode, "reconstructions")
        return decoded.reshape(len(decoded), *(self.image_shape_ or decoded.shape[1:]))

    def reconstruct(self, X: Any) -> NDArray[np.float32]:
        """Return x̂ = g(f(x)), of the shape of `X`."""
        return self._dense_by_blocks(X, lambda block: self._link(self._logits(block)))

    def logits(self, X: Any) -> NDArray[np.float32]:
        """Return what the decoder puts out before its link, of the shape of `X`: items' scores."""
        return self._dense_by_blocks(X, self._logits)

    def reconstruction_error(self, X: Any) -> NDArray[np.float64]:
        """Return the reconstruction error of each row, of shape (n,), in the loss's own unit."""
        self._require_fitted()
        return self._errors(self._checked(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean reconstruction error with its sign changed: higher is better."""
        return -float(self.reconstruction_error(X).mean())

    def save(self, folder: str | Path) -> None:
        """Write a model folder; an older one there is replaced as a whole or not at all.

        Raises
        ------
        MachineError
            If it cannot be written; the older one is then as it was.
        """
        write_folder(Path(folder), self.contents())

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder that holds this type.

        Raises
        ------
        ModelFolderError
            If the folder is damaged, or holds something else.
        """
        contents = read_folder(Path(folder), known_types=[cls.type_name])
        with restoring(folder):
            if contents.items is not None:
                raise InputError("it holds a recommender; read it with likewise.load")
            return cls.from_contents(contents)

    def contents(self) -> Contents:
        """Return what a model folder holds; settings that it could not be read by are refused."""
        self._require_fitted()
        self._validate_params()  # no folder is written that could not be read
        parameters = {k: v for k, v in self.get_params().items() if k not in RUN_OPTIONS}
        return Contents(
            type=self.type_name,
            parameters={k: plain(v) for k, v in parameters.items()},
            tensors=self._tensors(),
            extra=self._extra(),
            items=None,
            metrics={},
            card=f"# {type(self).__name__}\n\nOver {self.n_features_in_:,} features.\n",
        )

    @classmethod
    def from_contents(cls, contents: Contents) -> Self:
        """Make a fitted autoencoder of what a model folder held."""
        unknown = set(contents.parameters) - (set(cls._get_param_names()) - set(RUN_OPTIONS))
        if unknown:
            raise InputError(
                f"{cls.__name__} has no parameter {sorted(unknown)[0]!r}; "
                "the folder was written by another version"
            )
        parameters = {
            k: tuple(v) if isinstance(v, list) else v for k, v in contents.parameters.items()
        }
        model = cls(**parameters)
        model._validate_params()
        model.n_features_in_ = int(str(contents.extra["n_features"]))
        if model.n_features_in_ < 1:
            raise InputError(f"n_features is {model.n_features_in_}; a model has one or more")
        shape = contents.extra.get("image_shape")
        model.image_shape_ = rows.checked_shape(shape, model.n_features_in_)
        restore_names(model, contents.extra)
        model._restore(contents.tensors, contents.extra)
        model.is_fitted_ = True
        return model

    # Shared arithmetic

    def _checked(self, X: Any, *, reset: bool = False) -> Any:
        return rows.checked(self, X, reset=reset)

    def _errors(self, X: Any) -> NDArray[np.float64]:
        errors: NDArray[np.float64] = self._by_blocks(X, self._row_errors, "errors")
        return errors

    def _blocks(self, X: Any) -> Iterator[Any]:
        size = max(1, BLOCK_BYTES // (4 * max(self._numbers_a_row(), 1)))
        for part in slices(X.shape[0], size):
            yield X[part]

    def _bytes_of_block(self, n_rows: int) -> int:
        return min(BLOCK_BYTES, 4 * n_rows * self._numbers_a_row())

    def _numbers_a_row(self) -> int:
        """Return how many numbers are held for each row of a block."""
        return int(self.n_features_in_)

    def _by_blocks(self, X: Any, verb: Callable[[Any], Any], what: str) -> Any:
        """Return what a verb makes of checked rows."""
        blocks = (verb(block) for block in self._blocks(X))
        return rows.joined(blocks, X.shape[0], self._bytes_of_block(X.shape[0]), what)

    def _dense_by_blocks(
        self, X: Any, verb: Callable[[Any], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        self._require_fitted()
        dense = self._by_blocks(self._checked(X), verb, "reconstructions")
        result: NDArray[np.float32] = dense.reshape(len(dense), *(rows.shape_of(X) or (-1,)))
        return result

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self.sparse_rows
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return getattr(self, "is_fitted_", False)

    @property
    def _n_features_out(self) -> int:
        return int(self.n_features_in_)


@contextmanager
def restoring(folder: str | Path) -> Iterator[None]:
    """Refuse what a sound model folder holds where it does not fit the type that it names."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(f"model folder {str(folder)!r}: {error}") from error


def fitted_copy(model: Any) -> Any:
    """Return a copy of a fitted neural model that may learn further, and leaves it as it was.

    What else it has, run options and what they report to among them, is that of the original.
    """
    copied = copy.copy(model)
    copied.net_, copied.history_ = copy.deepcopy(model.net_), copy.deepcopy(model.history_)
    copied.__dict__.pop("_optimizer", None)  # it moves the weights of the original
    return copied


def copy_of(model: Autoencoder) -> Autoencoder:
    """Return an unfitted copy; its run options are the very objects of the original.

    `clone` copies deeply, and what a progress display reports to must not be a copy.
    """
    learned = {k: v for k, v in model.get_params().items() if k not in RUN_OPTIONS}
    run = {k: v for k, v in model.get_params().items() if k in RUN_OPTIONS}
    copied: Autoencoder = type(model)(**clone(learned, safe=False), **run)
    return copied
