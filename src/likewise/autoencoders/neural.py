"""What the types trained by back-propagation share."""

import time
from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import check_random_state
from torch import Tensor

from likewise.autoencoders import neural_folder
from likewise.autoencoders.base import RUN_OPTIONS, Validate
from likewise.autoencoders.choices import choose, loss_for, require_learnable, start_at_the_mean
from likewise.autoencoders.neural_folder import as_array
from likewise.autoencoders.neural_memory import bytes_to_fit, require_memory_to_train
from likewise.autoencoders.neural_parameters import NeuralParameters
from likewise.nn.augmentation import augmented
from likewise.nn.checkpoint import Checkpoint
from likewise.nn.device import resolve_device
from likewise.nn.layers import ACTIVATIONS, Hourglass, LinearOutputNet, Net, exact
from likewise.nn.losses import LINKS, LOSSES, clipped, in_float64
from likewise.nn.optimizers import resumed
from likewise.nn.output import explained
from likewise.nn.plan import History
from likewise.nn.rows import Rows, SparseRows, as_rows, unit_length
from likewise.nn.scaling import Scaling
from likewise.nn.training import train


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralAutoencoder(NeuralParameters):
    """Base of the types trained by back-propagation: how they are trained, and how they answer.

    Parameters
    ----------
    **parameters
        Those of :class:`~likewise.autoencoders.neural_parameters.NeuralParameters`.

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

    stochastic: ClassVar[bool] = True
    samples: ClassVar[bool] = False
    """Whether training may look at a sample of the items."""

    # What a type provides

    @abstractmethod
    def _batch_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
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

    # The private verbs

    def _fit(self, X: Any, validate: Validate | None) -> None:
        self.net_ = self._prepare(X)
        training, validate = self._with_validation(X, validate)
        checkpoint, plan = self._checkpoint(training), self._plan()
        rows = self._scaled(training, out=None if training is X else training)
        began = time.monotonic()
        if checkpoint is None or not checkpoint.path.exists():
            self._pretrain(rows, plan.max_seconds / 2)
        self.history_ = train(
            self.net_,
            rows,
            self._training_loss,
            replace(plan, max_seconds=plan.max_seconds - (time.monotonic() - began)),
            validate=None if validate is None else lambda: self._judged(validate),
            progress=self.progress,
            checkpoint=checkpoint,
            turn=self._turn,
        )
        self.n_epochs_ = self.history_.best_epoch

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Let the rows of `X` pass once, going on from the weights as they are.

        The optimiser goes on too, from one `partial_fit` to the next, at the rate that it has then;
        after `fit` or `load`, and as another one, it starts anew.
        """
        first = not self.__sklearn_is_fitted__()
        rows = self._checked(X, reset=first)
        self._validate_params()
        if first:
            self.net_ = self._prepare(rows)
            self.history_, self.n_epochs_ = History(), 0
        else:
            self._require_as_fitted()
            self._require_learnable(rows)
        plan = replace(self._plan(), max_epochs=1, seed=self._seed + self.n_epochs_, decay=False)
        before = getattr(self, "_optimizer", None)
        self._n_steps: int = getattr(self, "_n_steps", 0) if before else 0
        self._optimizer = resumed(before, self.net_, plan)

        def loss(batch: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
            return self._training_loss(batch, generator, self._n_steps + step)

        rows = self._scaled(rows, out=rows)
        passed = train(self.net_, rows, loss, plan, optimizer=self._optimizer)
        self._n_steps += -(-rows.shape[0] // plan.batch_size)
        self.history_.epochs += passed.epochs
        self.n_epochs_ += 1
        self.is_fitted_ = True
        return self

    @torch.inference_mode()
    def _encode(self, X: Any) -> NDArray[np.float32]:
        return as_array(self._inferred(*exact(self._rows(X), self.net_)))

    @torch.inference_mode()
    def _decode(self, Z: Any) -> NDArray[np.float32]:
        dense = Z.toarray() if sparse.issparse(Z) else np.array(Z, np.float32)
        codes = torch.as_tensor(dense, device=self.device_)
        rows, net = exact(codes, self.net_)
        return self._unscaled(LINKS[self.loss_](net.decode(cast("Tensor", rows))))

    @torch.inference_mode()
    def _logits(self, X: Any) -> NDArray[np.float32]:
        rows, net = exact(self._rows(X), self.net_)
        return self._unscaled(net.decode(self._inferred(rows, net)))

    @torch.inference_mode()
    def _row_errors(self, X: Any) -> NDArray[np.float64]:
        rows, net = exact(self._rows(X), self.net_)
        logits = in_float64(net.decode(self._inferred(rows, net)))
        losses = LOSSES[self.loss_](logits, clipped(rows) if self.loss_ == "bernoulli" else rows)
        return as_array(losses).astype(np.float64) * self._loss_unit

    @property
    def _loss_unit(self) -> float:
        """A loss of 1 as the net sees it, in the units of X: scaled rows have squared errors."""
        return self.scaling_.scale**2 if self.scaling_ else 1.0

    def _link(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return as_array(LINKS[self.loss_](torch.from_numpy(logits).double()))

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return neural_folder.tensors(self)

    def _extra(self) -> dict[str, Any]:
        return super()._extra() | neural_folder.record(self)

    def _restore(self, tensors: dict[str, NDArray[Any]], extra: dict[str, Any]) -> None:
        neural_folder.restore(self, tensors, extra)

    # Parts

    def _input(self, rows: Rows) -> Rows:
        """Return rows as the encoder reads them: of unit length under the multinomial loss."""
        return unit_length(rows) if self.loss_ == "multinomial" else rows

    def _explained(self, z: Tensor, rows: Rows, generator: torch.Generator) -> Tensor:
        """Return -log p(x | z) of each row while training; the output layer goes as `output` says.

        Elsewhere, and for all but purchases under the multinomial loss, it is the plain loss of all
        logits.
        """
        net, fused = self.net_, self.net_.training and self.loss_ == "multinomial"
        if fused and isinstance(rows, SparseRows) and isinstance(net, LinearOutputNet):
            return explained(self.output, net.widen(z), net.output, rows, generator)
        return LOSSES[self.loss_](net.decode(z), rows)

    def _training_loss(self, rows: Rows, generator: torch.Generator, step: Tensor) -> Tensor:
        return self._batch_loss(self._moved(rows, generator), generator, step)

    def _moved(self, rows: Rows, generator: torch.Generator) -> Rows:
        """Return images moved a little where `augment` says so; other rows as they are."""
        augment, shape = self.setting("augment"), self._shape_of_images()
        if not augment or shape is None:
            return rows
        return augmented(cast("Tensor", rows), shape, generator, mirror=augment == "mirror")

    def _encoded(self, rows: Rows, net: Net) -> Tensor:
        """Return what the encoder says, h = f(x); by a net in one precision or another."""
        return self._code(net.encode(self._input(rows)))

    def _inferred(self, rows: Rows, net: Net) -> Tensor:
        """Return the codes that a fitted model gives: f(x), unless a type looks for nearer ones."""
        return self._encoded(rows, net)

    def _forward(self, rows: Rows) -> Tensor:
        """Return the logits of what the encoder says, g(f(x))."""
        return self.net_.decode(self._encoded(rows, self.net_))

    def _prepare(self, X: Any) -> Net:
        """Choose the loss and the device, and return a net with weights drawn."""
        self.loss_ = loss_for(X, self._sparse_loss) if self.loss == "auto" else str(self.loss)
        self.chosen_ = choose(self.get_params(), self._defaults(X))
        self._require_learnable(X)
        to_scale = self.loss_ == "squared" and not sparse.issparse(X)
        self.scaling_ = Scaling.of(X) if to_scale else None
        self.device_ = resolve_device(self.device)
        self.__dict__.pop("_optimizer", None)
        self._seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        require_memory_to_train(self, X)
        net = self._net(X.shape[1])
        self._made_by = self._of_net()
        net.initialise(torch.Generator().manual_seed(self._seed))
        start_at_the_mean(net, X, self.loss_, centred=self.scaling_ is not None)
        return net.to(self.device_).eval()

    def _require_learnable(self, X: Any) -> None:
        """Refuse rows that the loss, the output or what the type does cannot take."""
        require_learnable(self, X)

    def _pretrain(self, X: Any, seconds: float) -> None:
        """Train the layers of the net before all of them are trained together."""

    def _net(self, n_features: int) -> Net:
        hidden, activation = self.setting("hidden"), self.setting("activation")
        return Hourglass(n_features, hidden, self.n_latent, activation, self._code_width())

    def _rows(self, X: Any) -> Rows:
        return as_rows(self._scaled(X), self.device_)

    def _scaled(self, X: Any, out: Any = None) -> Any:
        """Return rows as the net and its loss see them; dense ones may be written over others."""
        if self.scaling_ is None:
            return X
        return self.scaling_.into(X.toarray() if sparse.issparse(X) else X, out)

    def _unscaled(self, rows: Tensor) -> NDArray[np.float32]:
        return self.scaling_.out_of(as_array(rows)) if self.scaling_ else as_array(rows)

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
        """Return the mean loss, sign changed, of held rows; as training's, in the net's unit."""
        blocks = (self._rows(block) for block in self._blocks(X))
        losses = torch.cat([LOSSES[self.loss_](self._forward(rows), rows) for rows in blocks])
        return -float(losses.double().mean())

    def _judged(self, validate: Validate) -> float:
        self.is_fitted_ = True  # a judge may ask for whatever a fitted model answers
        try:
            return validate(self)
        finally:
            self.is_fitted_ = False

    def _checkpoint(self, X: Any) -> Checkpoint | None:
        if self.checkpoint is None:
            return None
        settings = {
            k: v for k, v in self.get_params().items() if k not in (*RUN_OPTIONS, "max_epochs")
        }
        return Checkpoint.of(Path(self.checkpoint), settings, X)

    def _bytes_to_fit(self, X: Any) -> int:
        return bytes_to_fit(self, X)

    def _numbers_a_row(self) -> int:
        return 2 * (int(self.n_features_in_) + self.net_.numbers_a_row())  # codes are in float64
