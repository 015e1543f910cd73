"""Recognition: an autoencoder learns from all rows, then a softmax on its code from the labels."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y, check_consistent_length, check_is_fitted
from torch import Tensor

from likewise.artifact import Contents, read_folder, write_folder
from likewise.autoencoders import recogniser, rows
from likewise.autoencoders.base import copy_of, restoring
from likewise.autoencoders.classifier_folder import autoencoder_in, contents_of, restore
from likewise.autoencoders.estimator import Estimator
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.neural_memory import require_memory_to_recognise
from likewise.autoencoders.undercomplete import UndercompleteAutoencoder
from likewise.errors import InputError
from likewise.nn.augmentation import mirrored
from likewise.nn.optimizers import RATES
from likewise.nn.plan import History, Plan, Progress, staged
from likewise.nn.training import train

_COUNT = Interval(Integral, 1, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_SHARE = Interval(Real, 0, 1, closed="left")
_BLOCK = 1024


@dataclass(eq=False, repr=False)
class AutoencoderClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """Classifier p(y | x) = softmax(V f(x) + c) on the encoder f of an autoencoder.

    The autoencoder learns from all rows; then encoder and softmax learn together from the labels.

    Parameters
    ----------
    autoencoder : NeuralAutoencoder, optional
        Which encoder; a copy is trained. An undercomplete one if not given. With its `augment`,
        labelled images are moved a little too.
    pretrain : bool or "prefit"
        Whether the autoencoder learns first, or its weights are random, or it is fitted already.
    optimizer : {"adamw", "muon", "adam", "sgd"}
        What learns from the labels; "muon" learns faster from many of them.
    learning_rate : float or "auto"
        Of learning from the labels; it rises at first and falls to 0 by the end.
    batch_size, max_epochs, patience : int
        Of learning from the labels.
    weight_decay : float
        Share of the weights, times the rate, that a step from the labels takes from them.
    validation_fraction : float in [0, 1)
        Share of the labelled rows held out, as many of each class, to keep the epoch whose
        accuracy on them is best; none are where a class would have too few.
    dropout, label_smoothing : float in [0, 1)
        While it learns from labels: share of the code hidden; of a label given to all classes.
    adversarial : float
        ε: of each row another is learned from too, each of whose (scaled) values is moved by ε to
        where the label is less likely (Goodfellow et al.). 0.1 fits pixels; it takes twice as long.
    max_seconds : float, optional
        Stop learning from the labels after so long.
    random_state : int, RandomState or None
        Decides weights, order and what is held out; also the autoencoder's, where it has none.
    progress : callable, optional
        Called with a :class:`~likewise.nn.plan.Progress` after every batch, of pre-training too.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    autoencoder_ : NeuralAutoencoder
        Fitted; its encoder has then learned from the labels, its decoder has not.
    history_ : History
        Of learning from the labels: loss of each epoch; accuracy on held-out rows, plus .001 p(y).

    References
    ----------
    G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural networks",
    Science 313:504-507, 2006. DOI 10.1126/science.1127647.
    P. Vincent et al., "Stacked denoising autoencoders", JMLR 11:3371-3408, 2010.
    I. Goodfellow, J. Shlens, C. Szegedy, "Explaining and harnessing adversarial examples", ICLR
    2015, arXiv:1412.6572.

    Examples
    --------
    >>> X = np.repeat(np.eye(3), 40, axis=0)
    >>> y = np.repeat(["bag", "boot", "coat"], 40)
    >>> model = AutoencoderClassifier(
    ...     UndercompleteAutoencoder(n_latent=2, max_epochs=5), max_epochs=40, learning_rate=0.01,
    ...     batch_size=16, random_state=0,
    ... ).fit(X, y)
    >>> model.predict(np.eye(3)).tolist(), model.score(X, y)
    (['bag', 'boot', 'coat'], 1.0)
    """

    autoencoder: NeuralAutoencoder | None = None
    _: KW_ONLY
    pretrain: bool | str = True
    optimizer: str = "adamw"
    learning_rate: float | str = "auto"
    weight_decay: float = 0.0
    batch_size: int = 64
    max_epochs: int = 60
    patience: int = 10
    validation_fraction: float = 0.1
    dropout: float = 0.0
    label_smoothing: float = 0.0
    adversarial: float = 0.0
    max_seconds: float | None = None
    random_state: Any = None
    progress: Callable[[Progress], None] | None = None

    type_name: ClassVar[str] = "classifier"
    sparse_rows: ClassVar[bool] = False

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "autoencoder": [NeuralAutoencoder, None],
        "pretrain": ["boolean", StrOptions({"prefit"})],
        "optimizer": [StrOptions(set(RATES))],
        "learning_rate": [_POSITIVE, StrOptions({"auto"})],
        **{n: [Interval(Real, 0, None, closed="left")] for n in ("weight_decay", "adversarial")},
        **{name: [_COUNT] for name in ("batch_size", "max_epochs", "patience")},
        **{name: [_SHARE] for name in ("validation_fraction", "dropout", "label_smoothing")},
        "max_seconds": [_POSITIVE, None],
        "random_state": ["random_state"],
        "progress": [callable, None],
    }

    def fit(self, X: Any, y: Any, X_unlabelled: Any = None) -> Self:
        """Learn from rows or images and their labels.

        Parameters
        ----------
        X : array-like of shape (n, F), or images
            The labelled rows.
        y : array-like of shape (n,)
            Their labels, of two classes or more.
        X_unlabelled : array-like of shape (m, F), or images, optional
            For the autoencoder; of one that does not learn first, for how it scales rows.

        Raises
        ------
        InputError
            If there are fewer than two classes, or a parameter is not allowed.
        NotEnoughMemoryError
            If the rows, a copy of all of them or learning would not fit into memory.
        KeyboardInterrupt
            If the autoencoder was interrupted; later, the best epoch so far is kept.
        """
        self._validate_params()
        table, labels = self._labelled(X, y)
        if X_unlabelled is not None and self.pretrain == "prefit":
            raise InputError("X_unlabelled was given, and the autoencoder is fitted already")
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        held = recogniser.held_out(labels, self.validation_fraction, seed)
        self.autoencoder_ = self._autoencoder(recogniser.joined(self, table, X_unlabelled), seed)
        self._learn(table, labels, held, seed)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return p(y | x) of each class, of shape (n, K).

        Where `augment="mirror"`, it is the mean over an image and its mirror image.
        """
        check_is_fitted(self, "net_")
        table = rows.checked(self, X, reset=False)
        p, shape = self._probabilities(table), self.autoencoder_._shape_of_images()
        if shape and self.autoencoder_.setting("augment") == "mirror":
            p = (p + self._probabilities(mirrored(table, shape))) / 2
        return p.numpy()

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row, of shape (n,)."""
        numbers = self.predict_proba(X).argmax(axis=1)  # refuses before classes are asked for
        likeliest: NDArray[Any] = self.classes_[numbers]
        return likeliest

    def save(self, folder: str | Path) -> None:
        """Write a model folder; an older one there is replaced as a whole or not at all."""
        check_is_fitted(self, "net_")
        write_folder(Path(folder), contents_of(self))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder that holds a classifier; others raise ModelFolderError."""
        contents = read_folder(Path(folder), known_types=[cls.type_name])
        with restoring(folder):
            return cls.from_contents(contents)

    @classmethod
    def from_contents(cls, contents: Contents) -> Self:
        """Make a fitted classifier of what a model folder held."""
        autoencoder = autoencoder_in(contents)
        parameters = cast("dict[str, Any]", contents.parameters)
        model = cls(cast("NeuralAutoencoder", copy_of(autoencoder)), **parameters)
        model._validate_params()
        model.autoencoder_ = autoencoder
        restore(model, contents)
        return model

    # Parts

    def _labelled(self, X: Any, y: Any) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if y is None:
            raise InputError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        table = rows.checked(self, X, reset=True)
        recogniser.require_labels(y)
        labels = _check_y(y, estimator=self)
        check_consistent_length(table, labels)
        if labels.dtype.kind != "U":  # texts are classes, however few rows each has
            check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(f"y has one class only, {self.classes_[0]}; give two or more")
        return table, numbers.astype(np.int64)

    def _autoencoder(self, table: NDArray[np.float32], seed: int) -> NeuralAutoencoder:
        given = self.autoencoder or UndercompleteAutoencoder()
        if self.pretrain == "prefit":
            return recogniser.continued(given, table)
        model = cast("NeuralAutoencoder", copy_of(given))
        if model.random_state is None:
            model.set_params(random_state=seed)
        X = table.reshape(len(table), *(self.image_shape_ or table.shape[1:]))
        if self.pretrain:
            model.progress = given.progress or staged(self.progress, "autoencoder")
            model.fit(X).progress = given.progress
            if model.history_.stopped == "interrupt":
                raise KeyboardInterrupt  # the labels are not to be learned on what is not done
            return model
        model._validate_params()
        model.net_ = model._prepare(model._checked(X, reset=True))
        model.history_, model.n_epochs_, model.is_fitted_ = History(), 0, True
        return model

    def _learn(
        self,
        table: NDArray[np.float32],
        labels: NDArray[np.int64],
        held: NDArray[np.bool_],
        seed: int,
    ) -> None:
        rest = (self.dropout, self.label_smoothing, self.adversarial)
        self.net_ = recogniser.Recogniser(self.autoencoder_, len(self.classes_), seed, *rest)
        judge = partial(self._accuracy, table[held], labels[held])
        require_memory_to_recognise(self.autoencoder_, table, self.batch_size)
        seen, known = table[~held], labels[~held].astype(np.float32)
        self.history_ = train(
            self.net_,
            np.column_stack([self.autoencoder_._scaled(seen, out=seen), known]),
            self.net_.loss,
            self._plan(seed),
            validate=judge if held.any() else None,
            progress=self.progress,
        )

    def _plan(self, seed: int) -> Plan:
        rate = self.learning_rate
        return Plan(
            max_epochs=self.max_epochs,
            batch_size=self.batch_size,
            learning_rate=RATES[self.optimizer] if isinstance(rate, str) else rate,
            weight_decay=self.weight_decay,
            optimizer=self.optimizer,
            patience=self.patience,
            max_seconds=float("inf") if self.max_seconds is None else self.max_seconds,
            seed=seed,
            device=self.autoencoder_.device_,
            bfloat16=self.autoencoder_._plan().bfloat16,
            bfloat16_steps=self.autoencoder_._plan().bfloat16_steps,
            decay=True,
        )

    def _probabilities(self, table: NDArray[np.float32]) -> Tensor:
        return torch.softmax(self._logits(table).double(), 1)

    def _accuracy(self, table: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        return recogniser.accuracy(self._logits(table), labels)

    @torch.inference_mode()
    def _logits(self, table: NDArray[np.float32]) -> Tensor:
        blocks = (table[n : n + _BLOCK] for n in range(0, len(table), _BLOCK))
        return torch.cat([self.net_(self.autoencoder_._rows(block)) for block in blocks]).cpu()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
