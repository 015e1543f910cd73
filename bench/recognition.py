"""Recognition with and without pre-training, on MNIST and Fashion-MNIST, with a paired interval.

    LIKEWISE_DATA=... python bench/recognition.py mnist --net stacked --labels all
    LIKEWISE_DATA=... python bench/recognition.py mnist --net convolutional --labels 1000 --seeds 5
    LIKEWISE_DATA=... python bench/recognition.py fashion-mnist --labels all --only pretrained

The autoencoder learns from all 60,000 training images for --pretrain-seconds, the classifier from
--labels of them for --seconds, drawn anew for each seed. Both nets are the same and learn from the
same labels for as long. "stacked" sees pixels in no order (it is permutation-invariant: no image is
moved); the others move images a little, and turn clothes round. The settings are fixed here. With
1,000 labels a tenth is held out to choose the epoch, with all of them the last one is taken, and
the 10,000 test images are read once. --choose judges by the last 10,000 training images instead;
--images takes fewer of all.
"""

import argparse
import sys
import time
from typing import Any

import numpy as np

import records
from likewise import AutoencoderClassifier, Images, load_images
from likewise.autoencoders import TYPES
from likewise.evaluate.significance import paired_difference

DENSE: dict[str, Any] = {"type": "stacked", "n_latent": 1000, "hidden": (1000, 1000)}
ADVERSARIAL = 0.1
"""How far pixels that are not moved are moved against the net, where there are many labels."""
NETS: dict[str, dict[str, Any]] = {
    "stacked": DENSE,
    "stacked, moved": DENSE | {"augment": True},
    "convolutional": {
        "type": "convolutional", "n_latent": 256, "filters": (32, 64, 128), "depth": 2,
        "corruption": "masking", "augment": True, "batch_size": 128, "precision": "bfloat16",
        "optimizer": "muon", "learning_rate": 5e-3,
    },
}  # fmt: skip
MIRRORED = ("fashion-mnist",)
"""A coat turned round is a coat, a 3 is no 3."""
ARMS = {"pretrained": True, "without": False}


def main() -> None:
    parser = argparse.ArgumentParser(description="Recognition with and without pre-training.")
    parser.add_argument("data", choices=["mnist", "fashion-mnist"])
    parser.add_argument("--net", choices=NETS, default="convolutional")
    parser.add_argument("--labels", default="1000", help="how many, or all")
    parser.add_argument("--pretrain-seconds", type=float, default=300.0)
    parser.add_argument("--seconds", type=float, default=1500.0, help="of learning from labels")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=ARMS, help="one of the two nets, without a comparison")
    parser.add_argument("--images", type=int, default=60_000, help="to learn from")
    parser.add_argument("--choose", action="store_true", help="judge by held-out training images")
    parser.add_argument("--cpu", action="store_true", help="seconds are of processor time")
    arguments = parser.parse_args()
    if arguments.cpu:
        records.count_processor_seconds()
    training, testing = images(arguments)
    n_labels = len(training) if arguments.labels == "all" else int(arguments.labels)
    right: dict[str, list[np.ndarray]] = {}
    rows = []
    for seed in range(arguments.seeds):
        for arm in [arguments.only] if arguments.only else ARMS:
            began = time.monotonic()
            model = learned(arguments, training, n_labels, seed, ARMS[arm])
            pixels, names = testing.labelled()
            right.setdefault(arm, []).append(model.predict(pixels) == names)
            row = {
                "data": arguments.data, "net": arguments.net, "labels": n_labels, "seed": seed,
                "arm": arm, "error": 100 * (1 - float(right[arm][-1].mean())),
                "epochs": model.history_.best_epoch, "seconds": time.monotonic() - began,
                "epochs_before": len(model.autoencoder_.history_.epochs),
            }  # fmt: skip
            print(row, file=sys.stderr, flush=True)
            rows.append(row)
    summary = summed_up(right)
    print(summary)
    if not arguments.choose and arguments.images == 60_000:
        net = arguments.net.replace(", ", "-")
        name = f"recognition-{arguments.data}-{net}-{arguments.labels}"
        records.write(name, {"summary": summary, "runs": rows})


def images(arguments: argparse.Namespace) -> tuple[Images, Images]:
    training = load_images(arguments.data)
    if arguments.choose:
        return training[: min(arguments.images, 50_000)], training[50_000:]
    return training[: arguments.images], load_images(arguments.data, "test")


def summed_up(right: dict[str, list[np.ndarray]]) -> dict[str, Any]:
    """Return each arm's error in %, and what pre-training gains, its interval over test images."""
    means = {arm: np.mean(found, axis=0) for arm, found in right.items()}
    summary: dict[str, Any] = {
        f"error_{arm}": 100 * (1 - float(mean.mean())) for arm, mean in means.items()
    }
    if len(means) == len(ARMS):
        gain = paired_difference(means["pretrained"], means["without"])
        summary["gain"] = [100 * gain.mean, 100 * gain.low, 100 * gain.high]
    return summary


def learned(
    arguments: argparse.Namespace, training: Images, n_labels: int, seed: int, pretrain: bool
) -> AutoencoderClassifier:
    order = np.random.default_rng(seed).permutation(len(training))
    pixels, names = training[order[:n_labels]].labelled()
    rest = training.pixels[order[n_labels:]]
    net = dict(NETS[arguments.net])
    if net.get("augment") and arguments.data in MIRRORED:
        net["augment"] = "mirror"
    autoencoder = TYPES[net.pop("type")](
        **net, max_seconds=arguments.pretrain_seconds, random_state=seed
    )
    few = n_labels < 10_000
    muon = arguments.net == "convolutional" and not few
    model = AutoencoderClassifier(
        autoencoder,
        pretrain=pretrain,
        max_epochs=300 if few else 100_000,  # the time limit ends it, with the rate at 0
        batch_size=64 if few else 256,
        optimizer="muon" if muon else "adamw",
        learning_rate=3e-3 if muon else 1e-3,
        weight_decay=0.05,
        dropout=0.3,
        label_smoothing=0.1,
        adversarial=0.0 if few or arguments.net != "stacked" else ADVERSARIAL,
        validation_fraction=0.1 if few else 0.0,
        patience=300,
        max_seconds=arguments.seconds,
        random_state=seed,
    )
    return model.fit(pixels, names, X_unlabelled=rest if pretrain and len(rest) else None)


if __name__ == "__main__":
    main()
