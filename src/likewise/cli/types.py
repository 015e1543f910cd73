"""`likewise types`: the types of autoencoder there are, in one table."""

from typing import NamedTuple

from likewise.cli import options as o
from likewise.cli.output import Output


class About(NamedTuple):
    """What there is to know about a type, a line each."""

    idea: str
    penalty: str
    when: str
    use: str


FIT = "likewise fit LOG --out OUT --model {}"
REDUCE = "likewise reduce TABLE --out OUT"
FEATURES = "likewise features TABLE --out OUT --type {}"
IMAGES = "likewise images FOLDER --out OUT"

TYPES = {
    "undercomplete": About(
        "a code shorter than the row", "none", "reduction; to learn how it works", REDUCE
    ),
    "sparse": About(
        "a long code, few of its units active", "L1, KL of the mean activation, or none: top k",
        "features to be read one by one", FEATURES.format("sparse"),
    ),
    "denoising": About(
        "sees a damaged row, gives the clean one", "none",
        "recommending (Mult-DAE); features", FIT.format("denoising"),
    ),
    "contractive": About(
        "its code changes little when the row does", "squared norm of the encoder's Jacobian",
        "features that small changes must not upset", FEATURES.format("contractive"),
    ),
    "stacked": About(
        "denoising layers, one trained on the other", "none",
        "recognition with few labels", IMAGES + " --type stacked",
    ),
    "deep": About(
        "Boltzmann machines, unrolled", "none",
        "strong reduction", REDUCE + " --type deep",
    ),
    "convolutional": About(
        "filters that slide over an image", "none, or only winners pass",
        "images", IMAGES,
    ),
    "variational": About(
        "a code that is a distribution", "KL to the prior N(0, 1)",
        "recommending (Mult-VAE); samples, likelihoods", FIT.format("variational"),
    ),
    "recvae": About(
        "variational, its prior partly the last encoder", "KL to the composite prior",
        "recommending films and music", FIT.format("recvae"),
    ),
    "hvamp": About(
        "variational, two layers of codes, gates", "KL to a prior of learned pseudo-customers",
        "recommending films and music", FIT.format("hvamp"),
    ),
    "cosine": About(
        "a code and items that are directions", "all of length 1",
        "recommending beside the linear one, in a blend; a code", FIT.format("cosine"),
    ),
    "linear": About(
        "one weight for each pair of items, solved exactly", "L2, no item explains itself",
        "recommending in a shop, alone or in a blend", FIT.format("linear"),
    ),
    "neighbourhood": About(
        "the linear one, each item solved among its neighbours", "L2, no item explains itself",
        "recommending from 20,000 items up to a million", FIT.format("neighbourhood"),
    ),
    "kernel": About(
        "likeness to typical rows, decoded in closed form", "L2",
        "recommending beside the linear one, in a blend", FIT.format("kernel"),
    ),
    "spectral": About(
        "the directions in which rows differ most, by singular vectors", "",
        "recommending beside the linear one, in a blend; a code", FIT.format("spectral"),
    ),
    "lle": About(
        "items lie where those bought with them do", "L2",
        "recommending, alone or in a blend; a short code", FIT.format("lle"),
    ),
    "als": About(
        "codes and items' vectors in turns, by least squares", "L2",
        "recommending beside the linear one, in a blend; a code", FIT.format("als"),
    ),
}  # fmt: skip
"""Name to what there is to know, in the order of `likewise.autoencoders.TYPES`."""


def command(as_json: o.Json = False, quiet: o.Quiet = False) -> None:
    """Print the types of autoencoder there are: idea, penalty, when to use, how.

    Examples
    --------
      likewise types

      likewise types --json
    """
    output = Output(as_json, quiet)
    headers = ("type", "idea", "penalty", "when to use", "how")
    output.table(headers, [(name, *about) for name, about in TYPES.items()])
    output.json([{"type": name, **about._asdict()} for name, about in TYPES.items()])
