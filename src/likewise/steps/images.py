"""The seven steps of training an autoencoder, with the numbers of one image."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.walk import Change, Walk, losses, walk
from likewise.errors import InputError
from likewise.steps.text import encoded, repeated


@dataclass(frozen=True)
class ImageSteps:
    """The numbers of the seven steps for one image.

    Parameters
    ----------
    walk : Walk
        The image's way through the model and back.
    shape : tuple of int
        Of the image.
    loss_name : str
        The reconstruction loss.
    losses : list of float
        The mean loss of an image, epoch by epoch.
    """

    walk: Walk
    shape: tuple[int, ...]
    loss_name: str
    losses: list[float]

    def changes(self, n: int = 8) -> list[Change]:
        """Return the weights that change most, in all layers."""
        return self.walk.most_changed(n)

    def largest_errors(self, n: int = 5) -> list[tuple[int, ...]]:
        """Return the places where what comes out differs most from what went in."""
        order = np.argsort(-np.abs(self.walk.x - self.walk.x_hat), kind="stable")[:n]
        places = np.stack(np.unravel_index(order, self.shape), axis=1)
        return [tuple(place) for place in places.tolist()]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        of_walk = self.walk
        return of_walk.as_dict() | {
            "shape": list(self.shape),
            "x": of_walk.x.reshape(self.shape).tolist(),
            "x_hat": of_walk.x_hat.reshape(self.shape).tolist(),
            "loss_name": self.loss_name,
            "changes": [change._asdict() for change in self.changes()],
            "losses": self.losses,
        }


def image_steps(model: NeuralAutoencoder, image: NDArray[Any]) -> ImageSteps:
    """Walk one image through the seven steps.

    Parameters
    ----------
    model : NeuralAutoencoder
        Learned from images; it is not changed.
    image : ndarray of shape (height, width) or (channels, height, width)
        The image.

    Raises
    ------
    InputError
        If the model did not learn images of that shape.
    """
    if model.image_shape_ is None:
        raise InputError("this model learned rows of a table; give one that learned images")
    if image.shape != model.image_shape_:
        raise InputError(
            f"the image has the shape {image.shape} and the model learned {model.image_shape_}; "
            "resize or convert it (--size, --mode)"
        )
    one = walk(model, np.asarray(image, dtype=np.float32).ravel())
    return ImageSteps(one, image.shape, model.loss_, losses(model))


def image_steps_lines(steps: ImageSteps) -> list[str]:
    """Return the seven steps as lines of text."""
    one, sides = steps.walk, " x ".join(map(str, steps.shape))
    changes = (f"{by.layer} {by.place} {by.told()}" for by in steps.changes())
    x, x_hat = one.x.reshape(steps.shape), one.x_hat.reshape(steps.shape)
    return [
        f"1  Take one row x: an image of {sides}, {len(one.x)} numbers from {one.x.min():.2f} to "
        f"{one.x.max():.2f}.",
        "",
        *encoded(one, 8),
        "",
        f"3  Decode: x̂ = g(h), as long as x, from {one.x_hat.min():.2f} to {one.x_hat.max():.2f}.",
        "",
        f"4  Reconstruction error x - x̂, and the {steps.loss_name} loss of the whole image: "
        f"{one.loss:.3f}. It is largest at",
        *(
            f"     {place}: {x[place]:.2f} came back as {x_hat[place]:.2f}"
            for place in steps.largest_errors()
        ),
        "",
        *repeated(one, changes, steps.losses, "an", "image"),
    ]
