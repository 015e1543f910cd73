"""What a model folder holds of a classifier, and how it comes back."""

from typing import Any, cast

import numpy as np
import torch

from likewise.artifact import Contents
from likewise.autoencoders import TYPES
from likewise.autoencoders.base import RUN_OPTIONS
from likewise.autoencoders.folder import names_of, plain, restore_names
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.recogniser import Recogniser
from likewise.errors import InputError
from likewise.nn.plan import History

_INNER, _HEAD = "autoencoder.", "head."  # of the names of tensors


def contents_of(model: Any) -> Contents:
    """Return what is kept of a fitted classifier: its autoencoder whole, and the head."""
    model._validate_params()  # no folder is written that could not be read
    own = {k: v for k, v in model.get_params(deep=False).items() if k not in RUN_OPTIONS}
    inner = model.autoencoder_.contents()
    tensors = {_INNER + name: tensor for name, tensor in inner.tensors.items()}
    for name, tensor in model.net_.head.state_dict().items():
        tensors[_HEAD + name] = tensor.cpu().numpy()
    return Contents(
        type=model.type_name,
        parameters={k: plain(v) for k, v in own.items() if k != "autoencoder"},
        tensors=tensors,
        extra={
            "classes": model.classes_.tolist(),
            "type": inner.type,
            "parameters": inner.parameters,
            "extra": inner.extra,
            **names_of(model),
        },
        items=None,
        metrics={},
        card=f"# {type(model).__name__}\n\n{len(model.classes_)} classes.\n",
    )


def autoencoder_in(contents: Contents) -> NeuralAutoencoder:
    """Return the fitted autoencoder that the folder of a classifier holds."""
    extra = cast("dict[str, Any]", contents.extra)
    kind = TYPES.get(extra["type"])
    if kind is None or not issubclass(kind, NeuralAutoencoder):
        raise InputError(f"{extra['type']!r} is no type of neural autoencoder")
    inner = {
        name.removeprefix(_INNER): tensor
        for name, tensor in contents.tensors.items()
        if name.startswith(_INNER)
    }
    return kind.from_contents(
        Contents(extra["type"], extra["parameters"], inner, extra["extra"], None, {}, "")
    )


def restore(model: Any, contents: Contents) -> None:
    """Make a classifier that has its autoencoder what it was when it was saved."""
    autoencoder = model.autoencoder_
    model.classes_ = np.array(cast("dict[str, Any]", contents.extra)["classes"])
    model.n_features_in_ = autoencoder.n_features_in_
    restore_names(model, cast("dict[str, Any]", contents.extra))
    model.image_shape_ = autoencoder.image_shape_
    model.history_ = History()
    model.net_ = Recogniser(autoencoder, len(model.classes_), seed=0)
    head = {k: torch.tensor(v) for k, v in contents.tensors.items() if not k.startswith(_INNER)}
    try:
        model.net_.head.load_state_dict({k.removeprefix(_HEAD): v for k, v in head.items()})
    except RuntimeError as error:
        raise InputError("the weights of the head do not fit the classes") from error
