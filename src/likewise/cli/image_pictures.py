"""The pictures that `likewise images` draws."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from likewise.autoencoders.classifier import AutoencoderClassifier
    from likewise.autoencoders.neural import NeuralAutoencoder
    from likewise.data.images import Images
    from likewise.evaluate.images import Faithful

SHOWN, MAPPED, TRAVERSED = 12, 500, 8


def pictures(
    model: "NeuralAutoencoder",
    testing: "Images",
    result: "Faithful",
    recogniser: "AutoencoderClassifier | None",
) -> dict[str, Callable[[], "Figure"]]:
    """Return file name -> what draws it."""
    from likewise import plots

    few = testing[_spread(len(testing), SHOWN)].pixels
    mapped = testing[_spread(len(testing), MAPPED)]
    known = [n for n in result.pca if n >= 2]
    drawn = {
        "reconstructions.png": lambda: plots.image_rows(
            {"given": few, "given back": model.reconstruct(few)},
            f"Images it has not seen, given back from {result.dimensions} numbers",
        ),
        "map.png": lambda: plots.image_map(
            model.transform(mapped.pixels), mapped.pixels, mapped.labels, mapped.classes
        ),
        "error.png": lambda: plots.error_by_dimension(
            {n: result.pca[n] for n in known}, {result.name: {result.dimensions: result.error}}
        ),
        "learning-curve.png": lambda: plots.learning_curve(
            {model.type_name: model.history_},
            loss="loss of an image",
            score="loss of an image",
            held_out="images",
            is_loss=True,
        ),
    }
    if (filters := _filters(model)) is not None:
        drawn["filters.png"] = partial(plots.filter_grid, filters)
    if model.type_name == "variational":
        drawn |= {
            "samples.png": lambda: plots.image_grid(
                _samples(model), "Made up: z ~ N(0, 1) decoded"
            ),
            "interpolation.png": lambda: plots.image_rows(
                _between(model, few), "From one image to another, step by step in the code"
            ),
            "traversal.png": lambda: plots.image_rows(
                _traversed(model, mapped.pixels),
                "One number of the code from -2.5 to 2.5, the others as of the first image\n"
                "(those in which images differ most come first)",
            ),
        }
    if recogniser is not None and testing.has_labels():
        drawn["confusion.png"] = lambda: plots.confusion_matrix(
            testing.labelled()[1], recogniser.predict(testing.labelled()[0]), testing.classes
        )
    return drawn


def _spread(n: int, most: int) -> Any:
    """Return at most so many of n places, evenly: a folder's images come class by class."""
    import numpy as np

    return np.unique(np.linspace(0, n - 1, most).astype(int))


def _filters(model: "NeuralAutoencoder") -> Any:
    """Return what the first layer looks for, None where its weights are no images."""
    net: Any = model.net_
    if hasattr(net, "filters"):
        return net.filters().cpu().numpy()
    if hasattr(net, "first") and model.image_shape_ is not None:
        weights = net.first.weight.detach().cpu().numpy().T
        return weights.reshape(len(weights), *model.image_shape_)
    return None


def _samples(model: "NeuralAutoencoder") -> Any:
    import numpy as np

    return model.inverse_transform(np.random.default_rng(0).normal(size=(60, model.n_latent)))


def _between(model: "NeuralAutoencoder", images: Any) -> dict[str, Any]:
    """Return rows of images decoded from points on the line between two codes."""
    import numpy as np

    codes, steps = model.transform(images), np.linspace(0, 1, 9)[:, None]
    pairs = [(0, 1), (2, 3), (4, 5)] if len(codes) > 5 else [(0, len(codes) - 1)]
    return {
        f"{a + 1} to {b + 1}": model.inverse_transform((1 - steps) * codes[a] + steps * codes[b])
        for a, b in pairs
    }


def _traversed(model: "NeuralAutoencoder", images: Any) -> dict[str, Any]:
    """Return rows of images whose codes differ in one number, that with the most to say first."""
    import numpy as np

    codes, steps = model.transform(images), np.linspace(-2.5, 2.5, 9)
    strongest = np.argsort(-codes.var(axis=0), kind="stable")[:TRAVERSED]
    rows = {}
    for number in strongest.tolist():
        moved = np.repeat(codes[:1], len(steps), axis=0)
        moved[:, number] = steps
        rows[f"h{number}"] = model.inverse_transform(moved)
    return rows
