"""What the types trained by back-propagation share."""

import copy
import hashlib
import json
import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from likewise.autoencoders.base import RUN_OPTIONS, Autoencoder, Validate, copy_of
from likewise.autoencoders.choices import (
    PURCHASES,
    choose,
    for_table,
    is_auto,
    loss_for,
    require_range,
    start_at_the_mean,
)
from likewise.errors import InputError
from likewise.memory import require_memory
from likewise.nn.augmentation import augmented
from likewise.nn.checkpoint import Checkpoint
from likewise.nn.device import resolve_device, use_bfloat16
from likewise.nn.layers import ACTIVATIONS, Hourglass, Net, Rows, SparseRows, as_rows, unit_length
from likewise.nn.losses import LINKS, LOSSES
from likewise.nn.optimizers import RATES, make_optimizer
from likewise.nn.plan import History, Plan, Progress
from likewise.nn.scaling import Scaling
from likewise.nn.training import train

_COUNT = Interval(Integral, 1, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_AUTO = StrOptions({"auto"})
_NOT_CHOSEN = {"loss", *RUN_OPTIONS, "precision"}
"""Parameters whose "auto" is another matter than what suits purchases or tables."""
_SCALING = "scaling"
"""The tensor of a model folder that holds the columns' means and, last, the scale."""


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralAutoencoder(Autoencoder):
    """Base of the types trained by back-propagation, and the parameters that they share.

    A parameter that is "auto" becomes what suits the rows: on sparse ones (purchases) the settings
    of the papers on recommending, on dense ones (tables, images) a deeper net of SiLU trained by
    Muon. `chosen_` says what was chosen.

    Parameters
    ----------
    n_latent : int
        L, the length of the code.
    hidden : sequence of int or "auto"
        Widths of the layers before the code; after it they come in reverse.
    activation : {"auto", "sigmoid", "tanh", "relu", "silu", "identity"}
        Between the layers, and on the code unless it is "silu", which would bend half of the code
        to nothing, or the type says otherwise.
    loss : {"auto", "squared", "bernoulli", "multinomial"}
        "auto": multinomial for sparse rows without negative values, bernoulli where all values of
        a table lie in [0, 1], else squared.
    optimizer : {"auto", "adam", "muon", "sgd"}
        Adam (Kingma and Ba, 2015); :class:`~likewise.nn.optimizers.Muon`, whose learning rate rises
        at first and falls to 0 by the end of `fit`; or plain gradient descent.
    learning_rate : float or "auto"
        "auto" is 0.001 for Adam, 0.005 for Muon and 0.1 for gradient descent.
    weight_decay : float
        The optimiser's.
    batch_size, max_epochs : int or "auto"
        Rows a step; passes over all rows.
    patience : int or "auto"
        Epochs without a better validation score after which training stops.
    validation_fraction : float in [0, 1)
        Share of the rows held out to stop early; 0 for none.
    augment : bool
        For images: shift, turn and stretch each a little each time that `fit` passes it.
    max_seconds : float, optional
        Stop training after so long. What is learned then depends on the machine's speed.
    device : str
        "auto", "cpu", "cuda", or another that torch has.
    precision : {"auto", "float32", "bfloat16"}
        "auto" is bfloat16 where the hardware has units for it.
    random_state : int, RandomState or None
        Decides weights, order and noise.
    progress : callable, optional
        Called with a :class:`~likewise.nn.plan.Progress` after every batch.
    checkpoint : path, optional
        File that training is saved to after each epoch, and resumed from; needs a `random_state`.

    Attributes
    ----------
    net_ : Net
        The layers.
    loss_ : str
        The loss that was chosen.
    chosen_ : dict
        What each parameter that was "auto" became.
    scaling_ : Scaling or None
        How dense rows under the squared loss are centred and scaled inside, and back on the way
        out; the losses in `history_` are those of scaled rows.
    history_ : History
        Loss, validation score and speed of each epoch; why training stopped.
    n_epochs_ : int
        Epochs behind the weights that were kept.

    Notes
    -----
    The output bias starts so that the untrained net answers with the mean row, popularity on
    purchases, where the papers start it near 0. It saves the epochs that finding it takes (the
    first epoch of Mult-VAE on Online Retail: nDCG@100 .091 instead of .065) and ends as well.
    """

    n_latent: int = 32
    hidden: Sequence[int] | str = "auto"
    activation: str = "auto"
    loss: str = "auto"
    optimizer: str = "auto"
    learning_rate: float | str = "auto"
    weight_decay: float = 0.0
    batch_size: int | str = "auto"
    max_epochs: int | str = "auto"
    patience: int | str = "auto"
    validation_fraction: float = 0.1
    augment: bool = False
    max_seconds: float | None = None
    device: str = "auto"
    precision: str = "auto"
    random_state: Any = None
    progress: Callable[[Progress], None] | None = None
    checkpoint: str | Path | None = None

    stochastic: ClassVar[bool] = True
    _purchases: ClassVar[dict[str, Any]] = {}
    """The type's own settings for sparse rows, where they are not those of `PURCHASES`."""
    _tables: ClassVar[dict[str, Any]] = {}
    """The type's own settings for dense rows, where they are not those of `for_table`."""
    _sparse_loss: ClassVar[str] = "multinomial"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_latent": [_COUNT],
        "hidden": ["array-like", _AUTO],
        "activation": [StrOptions({"auto", *ACTIVATIONS})],
        "loss": [StrOptions({"auto", *LOSSES})],
        "optimizer": [StrOptions({"auto", *RATES})],
        "learning_rate": [_POSITIVE, _AUTO],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [_COUNT, _AUTO],
        "max_epochs": [_COUNT, _AUTO],
        "patience": [_COUNT, _AUTO],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "augment": ["boolean"],
        "max_seconds": [_POSITIVE, None],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "random_state": ["random_state"],
        "progress": [callable, None],
        "checkpoint": [str, Path, None],
    }

    # What a type provides

    @abstractmethod
    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: int) -> Tensor:
        """Return the loss of each row of a batch, its penalty included."""

    def _code(self, encoded: Tensor) -> Tensor:
        """Return the code of what the encoder put out."""
        activation = self.setting("activation")
        return encoded if activation == "silu" else ACTIVATIONS[activation](encoded)

    def _code_width(self) -> int:
        return int(self.n_latent)

    @property
    def _n_features_out(self) -> int:
        return int(self.n_latent)

    def setting(self, name: str) -> Any:
        """Return a parameter as it was used: what was given, or what "auto" became."""
        return self.chosen_[name] if name in self.chosen_ else getattr(self, name)

    def _validate_params(self) -> None:
        super()._validate_params()
        if isinstance(self.hidden, str):
            return
        if not all(isinstance(width, int | np.integer) and width >= 1 for width in self.hidden):
            raise InputError(
                f"hidden={self.hidden!r}; give the widths of layers, each 1 or more, such as (600,)"
            )

    # The private verbs

    def _fit(self, X: Any, validate: Validate | None) -> None:
        self.net_ = self._prepare(X)
        training, validate = self._with_validation(X, validate)
        checkpoint, rows, plan = self._checkpoint(training), self._scaled(training), self._plan()
        began = time.monotonic()
        if checkpoint is None or not checkpoint.path.exists():
            self._pretrain(rows, plan.max_seconds / 2)
        self.history_ = train(
            self.net_,
            rows,
            self._loss_of_images if self.setting("augment") else self._batch_loss,
            replace(plan, max_seconds=plan.max_seconds - (time.monotonic() - began)),
            validate=None if validate is None else lambda: self._judged(validate),
            progress=self.progress,
            checkpoint=checkpoint,
        )
        self.n_epochs_ = self.history_.best_epoch

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Let the rows of `X` pass once, going on from the weights as they are.

        The optimiser goes on too, from one `partial_fit` to the next; after `fit` or `load` it
        starts anew.
        """
        first = not self.__sklearn_is_fitted__()
        rows = self._checked(X, reset=first)
        if first:
            self._validate_params()
            self.net_ = self._prepare(rows)
            self.history_, self.n_epochs_ = History(), 0
        plan = replace(self._plan(), max_epochs=1, seed=self._seed + self.n_epochs_, decay=False)
        if not hasattr(self, "_optimizer"):
            self._optimizer, self._n_steps = make_optimizer(self.net_, plan), 0

        def loss(batch: Rows, generator: torch.Generator, step: int) -> Tensor:
            return self._batch_loss(batch, generator, self._n_steps + step)

        passed = train(self.net_, self._scaled(rows), loss, plan, optimizer=self._optimizer)
        self._n_steps += -(-rows.shape[0] // plan.batch_size)
        self.history_.epochs += passed.epochs
        self.n_epochs_ += 1
        self.is_fitted_ = True
        return self

    @torch.inference_mode()
    def _encode(self, X: Any) -> NDArray[np.float32]:
        rows = self._rows(X)
        if isinstance(rows, SparseRows):
            return _array(self._codes(rows, self.net_))
        # In float32 the last bits of a product depend on which rows stand beside a row.
        return _array(self._codes(rows.double(), copy.deepcopy(self.net_).double()))

    @torch.inference_mode()
    def _decode(self, Z: Any) -> NDArray[np.float32]:
        codes = torch.as_tensor(np.array(Z, np.float32), device=self.device_)
        return self._unscaled(LINKS[self.loss_](self.net_.decode(codes)))

    @torch.inference_mode()
    def _logits(self, X: Any) -> NDArray[np.float32]:
        return self._unscaled(self._answer(self._rows(X)))

    @torch.inference_mode()
    def _row_errors(self, X: Any) -> NDArray[np.float64]:
        rows = self._rows(X)
        return self._losses(self._answer(rows), rows)

    def _losses(self, logits: Tensor, rows: Rows) -> NDArray[np.float64]:
        """Return the loss of each row in the units of X."""
        errors = _array(LOSSES[self.loss_](logits, rows)).astype(np.float64)
        return errors * self.scaling_.scale**2 if self.scaling_ else errors

    def _link(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return _array(LINKS[self.loss_](torch.from_numpy(logits)))

    def _tensors(self) -> dict[str, NDArray[Any]]:
        tensors = {name: _array(tensor) for name, tensor in self.net_.state_dict().items()}
        if self.scaling_ is not None:
            tensors[_SCALING] = np.append(self.scaling_.mean, self.scaling_.scale)
        return tensors

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        if extra["loss"] not in LOSSES:
            raise InputError(f"the loss {extra['loss']!r} is none of {', '.join(LOSSES)}")
        self.loss_, self.n_epochs_ = str(extra["loss"]), int(extra["n_epochs"])
        self.chosen_ = self._restored_choices(extra["chosen"])
        self.scaling_ = self._restored_scaling(tensors) if extra["scaled"] else None
        epochs = [{"loss": float(loss), "validation": None} for loss in extra["losses"]]
        self.history_ = History(epochs, best_epoch=self.n_epochs_)
        self.device_ = resolve_device(self.device)
        self._seed = 0
        weights = {k: torch.tensor(v) for k, v in tensors.items() if k != _SCALING}
        if len(self.setting("hidden")) > len(weights) or (_SCALING in tensors) != extra["scaled"]:
            raise InputError(self._unfit())
        try:
            with torch.device("meta"):  # nothing is allocated that the tensors do not bear out
                self.net_ = self._net(self.n_features_in_)
            self.net_.load_state_dict(weights, assign=True)
        except (RuntimeError, OverflowError) as error:
            raise InputError(self._unfit()) from error
        self.net_.float().to(self.device_).eval()

    def _restored_choices(self, chosen: dict[str, Any]) -> dict[str, Any]:
        autos = [k for k, v in self.get_params().items() if is_auto(v) and k not in _NOT_CHOSEN]
        missing = [name for name in autos if is_auto(chosen.get(name, "auto"))]
        if missing:
            raise InputError(f"chosen does not say what {missing[0]} is")
        chosen = {k: tuple(chosen[k]) if k == "hidden" else chosen[k] for k in autos}
        copy_of(self).set_params(**chosen)._validate_params()
        return chosen

    def _restored_scaling(self, tensors: dict[str, NDArray[Any]]) -> Scaling:
        numbers = tensors[_SCALING].astype(np.float64)
        if numbers.shape != (self.n_features_in_ + 1,) or numbers[-1] <= 0:
            raise InputError(self._unfit())
        return Scaling(numbers[:-1], float(numbers[-1]))

    def _unfit(self) -> str:
        return f"the weights do not fit a {type(self).__name__} of these parameters"

    def _extra(self) -> dict[str, Any]:
        return super()._extra() | {
            "loss": self.loss_,
            "chosen": {k: list(v) if isinstance(v, tuple) else v for k, v in self.chosen_.items()},
            "scaled": self.scaling_ is not None,
            "n_epochs": self.n_epochs_,
            "losses": [float(epoch["loss"]) for epoch in self.history_.epochs],
        }

    # Parts

    def _input(self, rows: Rows) -> Rows:
        """Return rows as the encoder reads them: of unit length under the multinomial loss."""
        return unit_length(rows) if self.loss_ == "multinomial" else rows

    def _loss_of_images(self, rows: Rows, generator: torch.Generator, step: int) -> Tensor:
        shape = self.image_shape_
        if shape is None or not isinstance(rows, Tensor):
            raise InputError("augment=True needs images: give X of shape (n, height, width)")
        return self._batch_loss(augmented(rows, shape, generator), generator, step)

    def _codes(self, rows: Rows, net: Net) -> Tensor:
        """Return the codes that a fitted model gives, by its net in one precision or another."""
        return self._code(net.encode(self._input(rows)))

    def _answer(self, rows: Rows) -> Tensor:
        """Return the logits that a fitted model gives."""
        logits: Tensor = self.net_.decode(self._codes(rows, self.net_))
        return logits

    def _forward(self, rows: Rows) -> Tensor:
        """Return the logits as they are while training."""
        logits: Tensor = self.net_.decode(self._code(self.net_.encode(self._input(rows))))
        return logits

    def _prepare(self, X: Any) -> Net:
        """Choose the loss and the device, and return a net with weights drawn."""
        self.loss_ = loss_for(X, self._sparse_loss) if self.loss == "auto" else str(self.loss)
        require_range(X, self.loss_)
        self.chosen_ = choose(self.get_params(), self._defaults(X))
        to_scale = self.loss_ == "squared" and not sparse.issparse(X)
        self.scaling_ = Scaling.of(X) if to_scale else None
        self.device_ = resolve_device(self.device)
        self.__dict__.pop("_optimizer", None)
        state = check_random_state(self.random_state)
        self._seed = int(state.randint(np.iinfo(np.int32).max))
        self._require_net_memory(X.shape[1])
        net = self._net(X.shape[1])
        net.initialise(torch.Generator().manual_seed(self._seed))
        if self.scaling_ is None:
            start_at_the_mean(net, X, self.loss_)
        else:
            torch.nn.init.zeros_(net.output_bias)
        return net.to(self.device_).eval()

    def _defaults(self, X: Any) -> dict[str, Any]:
        """Return what parameters become that are "auto"."""
        if sparse.issparse(X):
            return PURCHASES | self._purchases
        return for_table(*X.shape) | self._tables

    def _pretrain(self, X: Any, seconds: float) -> None:
        """Train the layers of the net before all of them are trained together."""

    def _net(self, n_features: int) -> Net:
        hidden, activation = self.setting("hidden"), self.setting("activation")
        return Hourglass(n_features, hidden, self.n_latent, activation, self._code_width())

    def _rows(self, X: Any) -> Rows:
        return as_rows(self._scaled(X), self.device_)

    def _scaled(self, X: Any) -> Any:
        """Return rows as the net and its loss see them."""
        if self.scaling_ is None:
            return X
        return self.scaling_.into(X.toarray() if sparse.issparse(X) else X)

    def _unscaled(self, rows: Tensor) -> NDArray[np.float32]:
        return self.scaling_.out_of(_array(rows)) if self.scaling_ else _array(rows)

    def _plan(self) -> Plan:
        optimizer = self.setting("optimizer")
        return Plan(
            max_epochs=self.setting("max_epochs"),
            batch_size=self.setting("batch_size"),
            learning_rate=self.setting("learning_rate"),
            weight_decay=self.weight_decay,
            optimizer=optimizer,
            patience=self.setting("patience"),
            max_seconds=float("inf") if self.max_seconds is None else self.max_seconds,
            seed=self._seed,
            device=self.device_,
            bfloat16=use_bfloat16(self.precision, self.device_),
            decay=optimizer == "muon",
        )

    def _with_validation(self, X: Any, validate: Validate | None) -> tuple[Any, Validate | None]:
        """Hold rows out for early stopping where no other judge was given."""
        n_held = int(X.shape[0] * self.validation_fraction)
        if validate is not None or not n_held:
            return X, validate
        order = np.random.default_rng(self._seed).permutation(X.shape[0])
        held = X[order[:n_held]]
        return X[order[n_held:]], lambda model: model._held_out_score(held)

    @torch.inference_mode()
    def _held_out_score(self, X: Any) -> float:
        """Return the mean loss, its sign changed, of what the encoder alone makes of held rows."""
        rows = [self._rows(block) for block in self._blocks(X)]
        return -float(np.concatenate([self._losses(self._forward(r), r) for r in rows]).mean())

    def _judged(self, validate: Validate) -> float:
        self.is_fitted_ = True  # a judge may ask for whatever a fitted model answers
        score = validate(self)
        self.is_fitted_ = False
        return score

    def _checkpoint(self, X: Any) -> Checkpoint | None:
        if self.checkpoint is None:
            return None
        if not isinstance(self.random_state, int | np.integer):
            raise InputError(
                f"checkpoint needs random_state, a whole number, to be resumed exactly; "
                f"random_state={self.random_state!r} was given"
            )
        settings = {
            k: v for k, v in self.get_params().items() if k not in (*RUN_OPTIONS, "max_epochs")
        }
        digest = hashlib.sha256(json.dumps(settings, default=str, sort_keys=True).encode())
        for array in (X.indptr, X.indices, X.data) if sparse.issparse(X) else (X,):
            digest.update(np.ascontiguousarray(array).tobytes())
        return Checkpoint(Path(self.checkpoint), digest.hexdigest())

    def _require_net_memory(self, n_features: int) -> None:
        widths = [n_features, *self.setting("hidden"), self.n_latent]
        weights = 2 * sum(a * b for a, b in pairwise(widths))
        batch = 3 * self.setting("batch_size") * n_features
        require_memory(
            4 * (5 * weights + batch),  # weights, gradient, two moments, the best so far
            f"training {type(self).__name__} on {n_features:,} features",
            "lower batch_size, hidden or n_latent",
        )


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().float().cpu().numpy()
    return array
