"""`likewise images`: an autoencoder of images, its pictures and, with labels, a recogniser."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from likewise.cli import options as o
from likewise.cli import table as t
from likewise.cli.output import Output, named, write_picture
from likewise.errors import InputError, counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from likewise.autoencoders.classifier import AutoencoderClassifier
    from likewise.autoencoders.neural import NeuralAutoencoder
    from likewise.data.images import Images

MODEL, RECOGNISER = "images.model", "classifier.model"


def command(
    images: Annotated[
        str,
        typer.Argument(
            metavar="IMAGES",
            help="A folder of PNG and JPEG files, an .npz, .npy or idx file, mnist, fashion-mnist.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the models and the pictures.")],
    test: Annotated[
        str | None,
        typer.Option(help="Images to judge by; else those to test of an .npz, or a fifth."),
    ] = None,
    kind: t.Type = "convolutional",
    dimensions: Annotated[int, typer.Option(help="Numbers that stand for an image.")] = 32,
    size: o.ImageSize = None,
    mode: o.ImageMode = None,
    settings: t.Settings = None,
    seconds: t.Seconds = 60.0,
    seed: o.Seed = 0,
    as_json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Learn from images; draw what was learned.

    Writes the model and pictures: images beside what comes back, what is looked for, the map of
    the codes, the error beside PCA's and the learning curve; of a variational one also what it
    makes up. Where images have labels (subfolders are classes) it learns to recognise them too.

    Examples
    --------
      likewise images clothes.npz --out clothes

      likewise images clothes.npz --type variational --dimensions 2 --out clothes
    """
    from likewise.artifact import require_replaceable
    from likewise.cli.image_pictures import pictures
    from likewise.cli.models import cut_short, how_learned, show_progress, stopped
    from likewise.evaluate.images import judged

    output = Output(as_json, quiet)
    o.require_seconds(seconds, "--seconds")
    model = _model(kind, settings, dimensions, seed, seconds)
    _make_folder(out)
    for name in (MODEL, RECOGNISER):
        require_replaceable(out / name)
    training, testing = _read(images, test, o.image_size(size), mode, seed, output)
    with output.bar("learning to reconstruct") as move:
        show_progress(model, move)
        model.fit(training.pixels)
    output.note(how_learned(model))
    output.note(*cut_short(model, "images come back sharper"))
    model.set_params(progress=None)
    model.save(out / MODEL)
    result = judged(model, training.pixels, testing.pixels)
    output.lines(result.line())
    recogniser = _recogniser(model, training, seconds, seed, output)
    accuracy, untested = None, _untested(testing)
    if recogniser is not None:
        recogniser.save(out / RECOGNISER)
    if recogniser is not None and testing.has_labels():
        accuracy = recogniser.score(*testing.labelled())
        none = f" (none of them is of {named(untested)})" if untested else ""
        output.lines(f"recognised {accuracy:.1%} of the images it has not seen{none}")
    drawn = pictures(model, testing, result, recogniser)
    written = _write(drawn, out, output)
    models = [str(out / MODEL), *([] if recogniser is None else [str(out / RECOGNISER)])]
    output.lines(f"wrote {' and '.join(models)}, and {', '.join(written)}")
    if older := [str(path) for path in _ours(out) if str(path) not in {*models, *written}]:
        output.note(f"left there from before: {', '.join(older)}")
    output.json(
        {
            "model": str(out / MODEL),
            "type": model.type_name,
            "dimensions": model._n_features_out,
            "training_images": len(training),
            "test_images": len(testing),
            "stopped": stopped(model),
            **result.as_dict(),
            "accuracy": accuracy,
            "untested_classes": None if accuracy is None else untested,
            "classifier": None if recogniser is None else str(out / RECOGNISER),
            "pictures": written,
        }
    )


def _model(
    kind: str, settings: list[str] | None, dimensions: int, seed: int, seconds: float
) -> "NeuralAutoencoder":
    from likewise.autoencoders import TYPES
    from likewise.autoencoders.neural import NeuralAutoencoder
    from likewise.cli.models import configured

    known = {name: type_ for name, type_ in TYPES.items() if issubclass(type_, NeuralAutoencoder)}
    if kind not in known:
        raise InputError(f"--type {kind} is none of {', '.join(known)}")
    t.require_dimensions(dimensions)
    model = known[kind](n_latent=dimensions)
    own = model.get_params()
    model.set_params(**{k: v for k, v in SUITED.items() if k in own})
    return configured(model, settings, random_state=seed, max_seconds=seconds)


SUITED = {"input_dropout": 0.0, "beta": 1.0, "anneal_steps": 500}
"""What suits images better than RecVAE's and H+Vamp's own settings, which are for purchases."""


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise InputError(f"--out {out} is a file; name a folder") from error


def _ours(out: Path) -> list[Path]:
    """Return what this command may have written into a folder."""
    return sorted([*(p for p in (out / MODEL, out / RECOGNISER) if p.exists()), *out.glob("*.png")])


def _read(
    images: str,
    test: str | None,
    size: tuple[int, int] | None,
    mode: str | None,
    seed: int,
    output: Output,
) -> tuple["Images", "Images"]:
    """Return the images to learn from and those to judge by."""
    from likewise.data import npz
    from likewise.data.image_sets import SETS, load_images
    from likewise.data.images import is_parted, like, parted, read_images

    place, read = Path(images), partial(read_images, size=size, mode=mode)
    if images in SETS and not place.exists():
        training, testing = load_images(images), load_images(images, "test")
    elif test is not None:
        training, testing = read(images), read(test)
    elif is_parted(place):
        training, testing = read(place / "train"), read(place / "test")
    elif npz.holds(place, "test"):
        training, testing = read(images), read(images, part="test")
    else:
        training, testing = parted(read(images), seed)
    testing = like(training, testing)
    shape = " x ".join(str(n) for n in training.pixels.shape[1:])
    n = len(training.classes)
    classes = f" of {n:,} class{'es' * (n != 1)}" if n else ""
    output.note(
        f"read {counted(len(training), 'image')}{classes} to learn from and {len(testing):,} to "
        f"judge by, {shape}"
    )
    return training, testing


def _recogniser(
    model: "NeuralAutoencoder", training: "Images", seconds: float, seed: int, output: Output
) -> "AutoencoderClassifier | None":
    from likewise.autoencoders.classifier import AutoencoderClassifier
    from likewise.cli.models import show_progress
    from likewise.data.images import UNLABELLED

    if training.labels is None:
        return None
    if len(set(training.labels.tolist()) - {UNLABELLED}) < 2:
        output.note("the images have labels of fewer than two classes: nothing is recognised")
        return None
    with output.bar("learning to recognise") as move:
        recogniser = AutoencoderClassifier(
            model, pretrain="prefit", max_seconds=seconds, random_state=seed
        )
        show_progress(recogniser, move)
        try:
            recogniser.fit(*training.labelled())
        except InputError as error:
            raise InputError(f"{error} (of the recogniser; the autoencoder was saved)") from error
    return recogniser


def _untested(testing: "Images") -> list[str]:
    """Return the classes of which there is no image to judge by."""
    there = set() if testing.labels is None else set(testing.labels.tolist())
    return [name for number, name in enumerate(testing.classes) if number not in there]


def _write(drawn: dict[str, Callable[[], "Figure"]], out: Path, output: Output) -> list[str]:
    """Draw the pictures into the folder; return their paths."""
    with output.bar("drawing") as move:
        for number, (name, draw) in enumerate(drawn.items()):
            move(number / len(drawn), name)
            write_picture(draw(), out / name)
    return [str(out / name) for name in drawn]
