"""MNIST and Fashion-MNIST by name."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from likewise.data import idx
from likewise.data.images import Images, scaled
from likewise.errors import InputError

_PARTS = {"train": "train", "test": "t10k"}


@dataclass(frozen=True)
class _Set:
    """Where a set comes from, its classes, and the sha256 of its unpacked values."""

    owner: str
    classes: Sequence[str]
    sums: Mapping[str, str]


SETS: Mapping[str, _Set] = {
    "mnist": _Set(
        "http://yann.lecun.com/exdb/mnist/",
        [str(digit) for digit in range(10)],
        {
            "train-images": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
            "train-labels": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
            "t10k-images": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
            "t10k-labels": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
        },
    ),
    "fashion-mnist": _Set(
        "https://github.com/zalandoresearch/fashion-mnist",
        ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
         "Ankle boot"],
        {
            "train-images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
            "train-labels": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
            "t10k-images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
            "t10k-labels": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
        },
    ),
}  # fmt: skip


def load_images(name: str, part: str = "train") -> Images:
    """Load a public set of images, 28 x 28 and grey: 60,000 to train and 10,000 to test.

    The files are those that their owners publish, plain or .gz, in a folder of the set's name in
    the folder that the environment variable LIKEWISE_DATA names. Their values are verified.

    Parameters
    ----------
    name : {"mnist", "fashion-mnist"}
        Which set.
    part : {"train", "test"}
        Which part of it.

    Raises
    ------
    InputError
        If there is no such set, its files are not there, or they hold other values.

    References
    ----------
    Y. LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the
    IEEE 86:2278-2324, 1998. DOI 10.1109/5.726791.
    H. Xiao et al., "Fashion-MNIST", arXiv:1708.07747, 2017.

    Examples
    --------
    >>> load_images("cifar")
    Traceback (most recent call last):
        ...
    likewise.errors.InputError: there is no set 'cifar'; known are mnist, fashion-mnist
    """
    if name not in SETS:
        raise InputError(f"there is no set {name!r}; known are {', '.join(SETS)}")
    if part not in _PARTS:
        raise InputError(f"part={part!r} is none of {', '.join(_PARTS)}")
    prefix = _PARTS[part]
    raw, labels = (
        _verified(name, f"{prefix}-{kind}", f"{prefix}-{kind}-{form}-ubyte")
        for kind, form in (("images", "idx3"), ("labels", "idx1"))
    )
    names = [str(n) for n in range(len(raw))]
    source = f"{name} ({part})"
    return Images(scaled(raw, Path(source)), labels.astype(int), SETS[name].classes, names, source)


def _verified(name: str, key: str, file: str) -> idx.Bytes:
    path = _file(name, file)
    array = idx.read_array(path)
    if hashlib.sha256(array.tobytes()).hexdigest() != SETS[name].sums[key]:
        raise InputError(f"{path} holds other values than {name}; fetch it again from its owner")
    return array


def _file(name: str, file: str) -> Path:
    folder = os.environ.get("LIKEWISE_DATA")
    if folder is None:
        raise InputError(
            f"{name} is not here: set LIKEWISE_DATA to a folder that has {name}/{file}.gz; "
            f"its owner publishes it at {SETS[name].owner}"
        )
    for path in (Path(folder, name, f"{file}.gz"), Path(folder, name, file)):
        if path.exists():
            return path
    raise InputError(
        f"there is no {Path(folder, name, file)} or {file}.gz; "
        f"its owner publishes it at {SETS[name].owner}"
    )
