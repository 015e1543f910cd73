"""What the types trained by back-propagation share."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

from likewise.autoencoders.base import RUN_OPTIONS, Autoencoder, Validate
from likewise.errors import InputError
from likewise.memory import require_memory
from likewise.nn.checkpoint import Checkpoint
from likewise.nn.layers import ACTIVATIONS, Hourglass, Net, Rows, as_rows, unit_length
from likewise.nn.losses import LINKS, LOSSES
from likewise.nn.training import History, Plan, Progress, make_optimizer, train

_COUNT = Interval(Integral, 1, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralAutoencoder(Autoencoder):
    """Base of the types trained by back-propagation, and the parameters that they share.

    Parameters
    ----------
    n_latent : int
        L, the length of the code.
    hidden : sequence of int
        Widths of the layers before the code; after it they come in reverse.
    activation : {"sigmoid", "tanh", "relu", "silu", "identity"}
        Between the layers, and on the code where the type says so.
    loss : {"auto", "squared", "bernoulli", "multinomial"}
        "auto": multinomial for sparse rows without negative values, bernoulli where all values of
        a table lie in [0, 1], else squared.
    optimizer : {"adam", "sgd"}
        Adam (Kingma and Ba, 2015), or plain gradient descent.
    learning_rate, weight_decay : float
        The optimiser's.
    batch_size, max_epochs : int
        Rows a step; passes over all rows.
    patience : int
        Epochs without a better validation score after which training stops.
    validation_fraction : float in [0, 1)
        Share of the rows held out to stop early; 0 for none.
    max_seconds : float, optional
        Stop training after so long. What is learned then depends on the machine's speed.
    device : str
        "auto", "cpu", "cuda", or another that torch has.
    precision : {"auto", "float32", "bfloat16"}
        "auto" is bfloat16 where the hardware has units for it.
    random_state : int, RandomState or None
        Decides weights, order and noise.
    progress : callable, optional
        Called with a :class:`~likewise.nn.training.Progress` after every batch.
    checkpoint : path, optional
        File that training is saved to after each epoch, and resumed from; needs a `random_state`.

    Attributes
    ----------
    net_ : Net
        The layers.
    loss_ : str
        The loss that was chosen.
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
    hidden: Sequence[int] = ()
    activation: str = "tanh"
    loss: str = "auto"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_size: int = 500
    max_epochs: int = 100
    patience: int = 10
    validation_fraction: float = 0.1
    max_seconds: float | None = None
    device: str = "auto"
    precision: str = "auto"
    random_state: Any = None
    progress: Callable[[Progress], None] | None = None
    checkpoint: str | Path | None = None

    stochastic: ClassVar[bool] = True
    _sparse_loss: ClassVar[str] = "multinomial"

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_latent": [_COUNT],
        "hidden": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "loss": [StrOptions({"auto", *LOSSES})],
        "optimizer": [StrOptions({"adam", "sgd"})],
        "learning_rate": [_POSITIVE],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [_COUNT],
        "max_epochs": [_COUNT],
        "patience": [_COUNT],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
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
        return ACTIVATIONS[self.activation](encoded)

    def _code_width(self) -> int:
        return int(self.n_latent)

    @property
    def _n_features_out(self) -> int:
        return int(self.n_latent)

    def _validate_params(self) -> None:
        super()._validate_params()
        if not all(isinstance(width, int | np.integer) and width >= 1 for width in self.hidden):
            raise InputError(
                f"hidden={self.hidden!r}; give the widths of layers, each 1 or more, such as (600,)"
            )

    # The private verbs

    def _fit(self, X: Any, validate: Validate | None) -> None:
        self.net_ = self._prepare(X)
        training, validate = self._with_validation(X, validate)
        self.history_ = train(
            self.net_,
            training,
            self._batch_loss,
            self._plan(),
            validate=None if validate is None else lambda: self._judged(validate),
            progress=self.progress,
            checkpoint=self._checkpoint(training),
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
        plan = self._plan(max_epochs=1, seed_shift=self.n_epochs_)
        if not hasattr(self, "_optimizer"):
            self._optimizer, self._n_steps = make_optimizer(self.net_, plan), 0

        def loss(batch: Rows, generator: torch.Generator, step: int) -> Tensor:
            return self._batch_loss(batch, generator, self._n_steps + step)

        passed = train(self.net_, rows, loss, plan, optimizer=self._optimizer)
        self._n_steps += -(-rows.shape[0] // self.batch_size)
        self.history_.epochs += passed.epochs
        self.n_epochs_ += 1
        self.is_fitted_ = True
        return self

    @torch.inference_mode()
    def _encode(self, X: Any) -> NDArray[np.float32]:
        return _array(self._code(self.net_.encode(self._input(as_rows(X, self.device_)))))

    @torch.inference_mode()
    def _decode(self, Z: Any) -> NDArray[np.float32]:
        codes = torch.as_tensor(np.array(Z, np.float32), device=self.device_)
        return _array(LINKS[self.loss_](self.net_.decode(codes)))

    @torch.inference_mode()
    def _logits(self, X: Any) -> NDArray[np.float32]:
        return _array(self._forward(as_rows(X, self.device_)))

    @torch.inference_mode()
    def _row_errors(self, X: Any) -> NDArray[np.float64]:
        rows = as_rows(X, self.device_)
        return _array(LOSSES[self.loss_](self._forward(rows), rows)).astype(np.float64)

    def _link(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return _array(LINKS[self.loss_](torch.from_numpy(logits)))

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {name: _array(tensor) for name, tensor in self.net_.state_dict().items()}

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        if extra["loss"] not in LOSSES:
            raise InputError(f"the loss {extra['loss']!r} is none of {', '.join(LOSSES)}")
        self.loss_, self.n_epochs_ = str(extra["loss"]), int(extra["n_epochs"])
        epochs = [{"loss": float(loss), "validation": None} for loss in extra["losses"]]
        self.history_ = History(epochs, best_epoch=self.n_epochs_)
        self.device_ = resolve_device(self.device)
        self._seed = 0
        try:
            if len(self.hidden) > len(tensors):
                raise RuntimeError(f"{len(tensors)} tensors for {len(self.hidden)} hidden layers")
            with torch.device("meta"):  # nothing is allocated that the tensors do not bear out
                self.net_ = self._net(self.n_features_in_)
            weights = {k: torch.tensor(v, dtype=torch.float32) for k, v in tensors.items()}
            self.net_.load_state_dict(weights, assign=True)
        except (RuntimeError, OverflowError) as error:
            raise InputError(
                f"the weights do not fit a {type(self).__name__} of these parameters"
            ) from error
        self.net_.to(self.device_).eval()

    def _extra(self) -> dict[str, Any]:
        losses = [float(epoch["loss"]) for epoch in self.history_.epochs]
        return super()._extra() | {"loss": self.loss_, "n_epochs": self.n_epochs_, "losses": losses}

    # Parts

    def _input(self, rows: Rows) -> Rows:
        """Return rows as the encoder reads them: of unit length under the multinomial loss."""
        return unit_length(rows) if self.loss_ == "multinomial" else rows

    def _forward(self, rows: Rows) -> Tensor:
        logits: Tensor = self.net_.decode(self._code(self.net_.encode(self._input(rows))))
        return logits

    def _prepare(self, X: Any) -> Net:
        """Choose the loss and the device, and return a net with weights drawn."""
        self.loss_ = loss_for(X, self._sparse_loss) if self.loss == "auto" else str(self.loss)
        _require_range(X, self.loss_)
        self.device_ = resolve_device(self.device)
        self.__dict__.pop("_optimizer", None)
        state = check_random_state(self.random_state)
        self._seed = int(state.randint(np.iinfo(np.int32).max))
        self._require_net_memory(X.shape[1])
        net = self._net(X.shape[1])
        net.initialise(torch.Generator().manual_seed(self._seed))
        _start_at_the_mean(net, X, self.loss_)
        return net.to(self.device_).eval()

    def _net(self, n_features: int) -> Net:
        return Hourglass(
            n_features, self.hidden, self.n_latent, self.activation, self._code_width()
        )

    def _plan(self, max_epochs: int | None = None, seed_shift: int = 0) -> Plan:
        return Plan(
            max_epochs=self.max_epochs if max_epochs is None else max_epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            optimizer=self.optimizer,
            patience=self.patience,
            max_seconds=float("inf") if self.max_seconds is None else self.max_seconds,
            seed=self._seed + seed_shift,
            device=self.device_,
            bfloat16=use_bfloat16(self.precision, self.device_),
        )

    def _with_validation(self, X: Any, validate: Validate | None) -> tuple[Any, Validate | None]:
        """Hold rows out for early stopping where no other judge was given."""
        n_held = int(X.shape[0] * self.validation_fraction)
        if validate is not None or not n_held:
            return X, validate
        order = np.random.default_rng(self._seed).permutation(X.shape[0])
        held = X[order[:n_held]]
        return X[order[n_held:]], lambda model: -float(model._errors(held).mean())

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
        widths = [n_features, *self.hidden, self.n_latent]
        weights = 2 * sum(a * b for a, b in pairwise(widths))
        batch = 3 * self.batch_size * n_features
        require_memory(
            4 * (5 * weights + batch),  # weights, gradient, two moments, the best so far
            f"training {type(self).__name__} on {n_features:,} features",
            "lower batch_size, hidden or n_latent",
        )


def loss_for(X: Any, sparse_loss: str = "multinomial") -> str:
    """Return the loss that fits the data's range.

    Negative values: squared. Sparse rows: the type's own loss for purchases. A table within [0, 1]:
    bernoulli. Anything else: squared.

    Examples
    --------
    >>> loss_for(np.array([[0.5, 1.0]])), loss_for(np.array([[-1.0, 3.0]]))
    ('bernoulli', 'squared')
    """
    values = X.data if sparse.issparse(X) else X
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    fits = low >= 0 and (high <= 1 or sparse_loss == "multinomial")
    if sparse.issparse(X):
        return sparse_loss if fits else "squared"
    return "bernoulli" if low >= 0 and high <= 1 else "squared"


def _require_range(X: Any, loss: str) -> None:
    values = X.data if sparse.issparse(X) else X
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if loss != "squared" and low < 0:
        raise InputError(
            f"loss={loss!r} needs values >= 0, and {low:g} is among them; use 'squared'"
        )
    if loss == "bernoulli" and high > 1:
        raise InputError(f"loss='bernoulli' needs values in [0, 1], and {high:g} is among them")


def resolve_device(name: str) -> torch.device:
    """Return the torch device of a name; "auto" is the accelerator if there is one, else the CPU.

    Raises
    ------
    InputError
        If torch has no such device here.
    """
    accelerator = (
        torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    )
    if name == "auto":
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(
            f"device={name!r} is unknown to torch; use 'auto', 'cpu' or 'cuda'"
        ) from error
    if device.type != "cpu" and (accelerator is None or device.type != accelerator.type):
        raise InputError(f"device={name!r} was asked for and is not there; use 'auto' or 'cpu'")
    return device


def use_bfloat16(precision: str, device: torch.device) -> bool:
    """Say whether to multiply in bfloat16: if asked to, or where the hardware has units for it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return bool(capabilities.get("amx_bf16"))


def _start_at_the_mean(net: Net, X: Any, loss: str) -> None:
    """Set the output bias so that the untrained net answers with the mean row (popularity)."""
    mean = np.asarray(X.mean(axis=0), dtype=np.float64).ravel()
    if loss == "bernoulli":
        share = np.clip(mean, 1e-4, 1 - 1e-4)
        mean = np.log(share / (1 - share))
    elif loss == "multinomial":
        mean = np.log(mean + 1 / X.shape[0])
        mean -= mean.mean()
    with torch.no_grad():
        net.output_bias.copy_(torch.from_numpy(mean))


def _array(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().float().cpu().numpy()
    return array
