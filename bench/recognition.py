"""Recognition with and without pre-training, on MNIST and Fashion-MNIST, with a paired interval.

    LIKEWISE_DATA=... python bench/recognition.py mnist --type stacked --labels 1000 --seconds 120
    LIKEWISE_DATA=... python bench/recognition.py fashion-mnist --labels all --seconds 900

The autoencoder learns from all 60,000 training images, the classifier from --labels of them, drawn
anew for each seed. Both nets are the same and learn from the same labels for as long; the one that
is pre-trained has had --seconds for it before. The settings are fixed here, the epoch is kept by
labelled images held out, and the 10,000 test images are read once. --images takes fewer of all.
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

NETS: dict[str, dict[str, Any]] = {
    "stacked": {"n_latent": 1000, "hidden": (1000, 1000), "augment": True},
    "convolutional": {
        "n_latent": 256, "filters": (32, 64, 128), "corruption": "masking", "augment": True,
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Recognition with and without pre-training.")
    parser.add_argument("data", choices=["mnist", "fashion-mnist"])
    parser.add_argument("--type", choices=NETS, default="convolutional")
    parser.add_argument("--labels", default="1000", help="how many, or all")
    parser.add_argument("--seconds", type=float, default=300.0, help="for each of the two parts")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=60_000, help="to learn from")
    arguments = parser.parse_args()
    training = load_images(arguments.data)[: arguments.images]
    testing = load_images(arguments.data, "test")[: max(100, arguments.images // 6)]
    n_labels = len(training) if arguments.labels == "all" else int(arguments.labels)
    right: dict[bool, list[np.ndarray]] = {True: [], False: []}
    rows = []
    for seed in range(arguments.seeds):
        for pretrain in (True, False):
            began = time.monotonic()
            model = learned(arguments, training, n_labels, seed, pretrain)
            pixels, names = testing.labelled()
            right[pretrain].append(model.predict(pixels) == names)
            row = {
                "data": arguments.data, "type": arguments.type, "labels": n_labels, "seed": seed,
                "pretrain": pretrain, "error": 100 * (1 - float(right[pretrain][-1].mean())),
                "epochs": model.history_.best_epoch, "seconds": time.monotonic() - began,
            }  # fmt: skip
            print(row, file=sys.stderr)
            rows.append(row)
    means = {p: np.mean(found, axis=0) for p, found in right.items()}
    gain = paired_difference(means[True], means[False])
    summary = {
        "error_pretrained": 100 * (1 - float(means[True].mean())),
        "error_without": 100 * (1 - float(means[False].mean())),
        "gain": [100 * gain.mean, 100 * gain.low, 100 * gain.high],
    }
    print(summary)
    name = f"recognition-{arguments.data}-{arguments.type}-{arguments.labels}"
    records.write(name, {"summary": summary, "runs": rows})


def learned(
    arguments: argparse.Namespace, training: Images, n_labels: int, seed: int, pretrain: bool
) -> AutoencoderClassifier:
    order = np.random.default_rng(seed).permutation(len(training))
    pixels, names = training[order[:n_labels]].labelled()
    rest = training.pixels[order[n_labels:]]
    autoencoder = TYPES[arguments.type](
        **NETS[arguments.type], max_seconds=arguments.seconds, random_state=seed
    )
    model = AutoencoderClassifier(
        autoencoder,
        pretrain=pretrain,
        max_epochs=max(20, min(300, 1_000_000 // n_labels)),
        dropout=0.3,
        label_smoothing=0.1,
        patience=300,
        max_seconds=arguments.seconds,
        random_state=seed,
    )
    return model.fit(pixels, names, X_unlabelled=rest if len(rest) else None)


if __name__ == "__main__":
    main()
