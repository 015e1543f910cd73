"""The parameters that all types trained by back-propagation share."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar

from scipy import sparse
from sklearn.utils._param_validation import Interval, StrOptions

from likewise.autoencoders.base import RUN_OPTIONS, Autoencoder
from likewise.autoencoders.choices import PURCHASES, for_table, is_auto, precision_for
from likewise.autoencoders.folder import plain
from likewise.autoencoders.rows import Shape
from likewise.errors import InputError, is_count
from likewise.nn.device import use_bfloat16
from likewise.nn.layers import ACTIVATIONS
from likewise.nn.losses import LOSSES
from likewise.nn.optimizers import RATES
from likewise.nn.output import OUTPUTS, output_for
from likewise.nn.plan import Plan, Progress

_COUNT = Interval(Integral, 1, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_AUTO = StrOptions({"auto"})
_NOT_CHOSEN = {"loss", "output", "precision", *RUN_OPTIONS}
"""Parameters whose "auto" is another matter than what suits purchases or tables."""


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralParameters(Autoencoder):
    """The parameters that the types trained by back-propagation share, and what they become.

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
        "auto": multinomial for sparse rows without negative values, which are taken for purchases
        (give a sparse table as a dense one), bernoulli where all values of a table lie in [0, 1],
        else squared.
    output : {"auto", "full", "blocked", "sampled"}
        How `fit` takes the logits of a batch of purchases under the multinomial loss: all at once;
        by blocks of items, for the same loss in less memory; or those of the items that the batch
        holds and of a sample of the others, an estimate whose cost hardly grows with the catalogue,
        with Adam for the weights of those items alone. "auto" is full, and blocked where a batch
        has more than 2²⁵ logits (on CUDA 2²⁹).
    optimizer : {"auto", "adam", "adamw", "muon", "sgd"}
        Adam (Kingma and Ba, 2015); AdamW, whose `weight_decay` stands apart from the gradient;
        :class:`~likewise.nn.optimizers.Muon`, whose learning rate rises at first and falls to 0 by
        the end of `fit`; or plain gradient descent.
    learning_rate : float or "auto"
        "auto" is 0.001 for Adam and AdamW, 0.005 for Muon and 0.1 for gradient descent.
    weight_decay : float
        The optimiser's.
    batch_size, max_epochs : int or "auto"
        Rows a step; passes over all rows.
    patience : int or "auto"
        Epochs without a better validation score after which training stops.
    validation_fraction : float in [0, 1)
        Share of the rows held out to stop early; 0 for none.
    augment : bool or "mirror"
        For images: shift, turn and stretch each a little each time that `fit` passes it; "mirror"
        also turns half of them round, left to right: for things, not for writing.
    max_seconds : float, optional
        Stop training after so long. What is learned then depends on the machine's speed.
    device : str
        "auto", "cpu", "cuda", or another that torch has.
    precision : {"auto", "float32", "bfloat16"}
        "auto" is bfloat16 for purchases under the multinomial loss, where the hardware has units
        for it, else float32, but for the steps of Muon, which it makes in bfloat16 there too.
        Weights and sums are float32 always.
    random_state : int, RandomState or None
        Decides weights, order and noise.
    progress : callable, optional
        Called with a :class:`~likewise.nn.plan.Progress` after every batch.
    checkpoint : path, optional
        File that training is saved to after each epoch, and resumed from; needs a `random_state`.
    """

    n_latent: int = 32
    hidden: Sequence[int] | str = "auto"
    activation: str = "auto"
    loss: str = "auto"
    output: str = "auto"
    optimizer: str = "auto"
    learning_rate: float | str = "auto"
    weight_decay: float = 0.0
    batch_size: int | str = "auto"
    max_epochs: int | str = "auto"
    patience: int | str = "auto"
    validation_fraction: float = 0.1
    augment: bool | str = False
    max_seconds: float | None = None
    device: str = "auto"
    precision: str = "auto"
    random_state: Any = None
    progress: Callable[[Progress], None] | None = None
    checkpoint: str | Path | None = None

    _purchases: ClassVar[dict[str, Any]] = {}
    """The type's own settings for sparse rows, where they are not those of `PURCHASES`."""
    _tables: ClassVar[dict[str, Any]] = {}
    """The type's own settings for dense rows, where they are not those of `for_table`."""
    _sparse_loss: ClassVar[str] = "multinomial"
    _net_settings: ClassVar[tuple[str, ...]] = ("n_latent", "hidden", "activation")
    """The parameters that the net is made by, which stay until the next fit."""
    lighter: ClassVar[str] = "lower batch_size, hidden or n_latent, or give fewer rows"
    """What takes less memory, in refusals."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_latent": [_COUNT],
        "hidden": ["array-like", _AUTO],
        "activation": [StrOptions({"auto", *ACTIVATIONS})],
        "loss": [StrOptions({"auto", *LOSSES})],
        "output": [StrOptions({"auto", *OUTPUTS})],
        "optimizer": [StrOptions({"auto", *RATES})],
        "learning_rate": [_POSITIVE, _AUTO],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [_COUNT, _AUTO],
        "max_epochs": [_COUNT, _AUTO],
        "patience": [_COUNT, _AUTO],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "augment": ["boolean", StrOptions({"mirror"})],
        "max_seconds": [_POSITIVE, None],
        "device": [str],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "random_state": ["random_state"],
        "progress": [callable, None],
        "checkpoint": [str, Path, None],
    }

    def setting(self, name: str) -> Any:
        """Return a parameter as it was used: what was given, or what "auto" became.

        Raises
        ------
        InputError
            If it was set to "auto" after a fit that had it from the user.
        """
        given = getattr(self, name)
        if is_auto(given) and name not in self.chosen_:
            raise InputError(
                f"{name}='auto' was set after a fit that did not have to choose it; give a value, "
                "or fit anew"
            )
        return self.chosen_[name] if is_auto(given) else given

    def _autos(self) -> list[str]:
        """Return the parameters that are "auto" and become what suits purchases or tables."""
        given = self.get_params(deep=False)
        return [name for name, v in given.items() if is_auto(v) and name not in _NOT_CHOSEN]

    def _as_used(self, name: str) -> Any:
        return plain(self.setting(name))

    def _of_net(self) -> dict[str, Any]:
        return {name: self._as_used(name) for name in self._net_settings}

    def _require_as_fitted(self) -> None:
        """Refuse parameters set after a fit that are not those of its net, or are still to choose.

        Raises
        ------
        InputError
            If there is one.
        """
        self._require_fitted()
        for name in self._autos():
            self.setting(name)

    def _validate_params(self) -> None:
        super()._validate_params()
        if isinstance(self.hidden, str):
            return
        if not all(map(is_count, self.hidden)):
            raise InputError(
                f"hidden={self.hidden!r}; give the widths of layers, each 1 or more, such as (600,)"
            )

    def _defaults(self, X: Any) -> dict[str, Any]:
        """Return what parameters become that are "auto"."""
        if sparse.issparse(X):
            return PURCHASES | self._purchases
        return for_table(*X.shape) | self._tables

    def _plan(self) -> Plan:
        return Plan(
            max_epochs=self.setting("max_epochs"),
            batch_size=self.setting("batch_size"),
            learning_rate=self.setting("learning_rate"),
            weight_decay=self.weight_decay,
            optimizer=self.setting("optimizer"),
            patience=self.setting("patience"),
            max_seconds=float("inf") if self.max_seconds is None else self.max_seconds,
            seed=self._seed,
            device=self.device_,
            sampled=self.output == "sampled",
            bfloat16=use_bfloat16(precision_for(self.precision, self.loss_), self.device_),
            bfloat16_steps=use_bfloat16(self.precision, self.device_),
            decay=self.setting("optimizer") == "muon",
            recordable=self._recordable(),
        )

    def _shape_of_images(self) -> Shape | None:
        """Return the shape of the images that rows are; None where they are none."""
        shape: Shape | None = self.image_shape_
        return shape

    def _turn(self, epoch: int) -> Hashable:
        """Say what tells apart the epochs in which different weights learn; here all always do."""

    def _recordable(self) -> bool:
        """Say whether a row's loss is its own, and waits for nothing while it is worked out."""
        how = self.output
        if how == "auto":
            shape = self.setting("batch_size"), self.n_features_in_
            how = output_for(*shape, self.device_.type)
        return how == "full"
