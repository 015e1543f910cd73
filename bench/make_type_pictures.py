"""Draw the pictures of the pages on types, docs/images/types/*.png, from real data.

    LIKEWISE_DATA=... python bench/make_type_pictures.py              all of them, some minutes
    LIKEWISE_DATA=... python bench/make_type_pictures.py deep sparse  these

Images are MNIST's and Fashion-MNIST's, purchases those of Online Retail that ship with likewise.
Images that are shown were not learned from.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from scipy.sparse import csr_array
from sklearn.decomposition import PCA

import likewise
from likewise import plots
from likewise.evaluate.metrics import per_user_metrics
from likewise.nn.corruption import masking
from likewise.plots import canvas
from likewise.plots.images import image_grid, image_rows
from likewise.recommend.topk import top_k

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "images" / "types"
COLOURS = 48
RUN: dict[str, Any] = {
    "optimizer": "adam", "learning_rate": 2e-3, "batch_size": 128, "max_epochs": 20,
    "random_state": 0,
}  # fmt: skip
"""Quick enough for one core; the defaults take longer and come closer."""
SHOWN = 12
TYPICAL_BASKET = 40
"""Items that the customer bought whose code is shown."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Pictures of the types.")
    parser.add_argument("types", nargs="*", help="some of " + ", ".join(PICTURES))
    parser.add_argument("--rows", type=int, default=10_000, help="images to learn from")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in arguments.types or PICTURES:
        save(PICTURES[name](arguments.rows), FOLDER / f"{name}.png")
        print(name, (FOLDER / f"{name}.png").stat().st_size, flush=True)


def save(figure: Figure, path: Path) -> None:
    """Write a figure in few colours, which makes it small."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    Image.open(buffer).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def images(name: str, n_rows: int) -> tuple[Any, Any, Any]:
    """Return images to learn from, images not learned from, and the classes of these."""
    testing = likewise.load_images(name, "test")
    return likewise.load_images(name).pixels[:n_rows], testing.pixels, testing.labels


# Images


def undercomplete(n_rows: int) -> Figure:
    learned, seen, _ = images("fashion-mnist", n_rows)
    few, rows = seen[:SHOWN], learned.reshape(len(learned), -1)
    model = likewise.UndercompleteAutoencoder(n_latent=8, **RUN).fit(learned)
    pca = PCA(8, random_state=0).fit(rows)
    flat = pca.inverse_transform(pca.transform(few.reshape(SHOWN, -1)))
    return image_rows(
        {"given": few, "PCA, 8 numbers": flat.reshape(few.shape),
         "undercomplete, 8": model.reconstruct(few)},
    )  # fmt: skip


def sparse(n_rows: int) -> Figure:
    learned, _, _ = images("mnist", n_rows)
    model = likewise.SparseAutoencoder(n_latent=256, penalty="k-sparse", sparsity=0.1, **RUN)
    return plots.filter_grid(first_layer(model.fit(learned)), "What 64 of 256 units look for")


def denoising(n_rows: int) -> Figure:
    import torch

    learned, seen, _ = images("fashion-mnist", n_rows)
    few = seen[:SHOWN]
    model = likewise.DenoisingAutoencoder(corruption="masking", **RUN).fit(learned)
    rows = torch.from_numpy(few.reshape(SHOWN, -1).copy())
    damaged = masking(rows, 0.5, torch.Generator().manual_seed(0)).numpy().reshape(few.shape)
    return image_rows(
        {"seen: half hidden": damaged, "given back": model.reconstruct(damaged), "clean": few}
    )


def contractive(n_rows: int) -> Figure:
    """The slopes of the code at images not learned from, as Rifai et al. (2011) draw them."""
    learned, seen, _ = images("mnist", n_rows)
    figure = canvas.figure(6, 3.4)
    axes = figure.subplots()
    for penalty, colour in ((0.0, canvas.SOFT), (0.1, canvas.INK)):
        model = likewise.ContractiveAutoencoder(
            penalty_weight=penalty, hidden=(), activation="sigmoid", **RUN
        ).fit(learned)
        slopes = np.mean([singular_values(model, image) for image in seen[:50]], axis=0)
        axes.semilogy(np.arange(1, len(slopes) + 1), slopes, color=colour, label=f"λ = {penalty:g}")
    axes.set(xlabel="direction, steepest first", ylabel="how fast the code changes")
    axes.legend(frameon=False)
    canvas.clean(axes)
    return figure


def singular_values(model: Any, image: Any) -> Any:
    """Return those of the Jacobian of one sigmoid layer: h (1 - h) for each unit, times W."""
    h = model.transform(image[None])[0]
    weight = model.net_.first.weight.detach().numpy()
    return np.linalg.svd((h * (1 - h))[:, None] * weight.T, compute_uv=False)


def stacked(n_rows: int) -> Figure:
    learned, _, _ = images("mnist", n_rows)
    model = likewise.StackedAutoencoder(
        **RUN | {"max_epochs": 1}, n_latent=64, hidden=(256, 128), activation="sigmoid",
        corruption="gaussian", corruption_level=0.5, pretrain_epochs=20,
    )  # fmt: skip
    return plots.filter_grid(
        first_layer(model.fit(learned)), "What 64 of 256 units of the first layer look for"
    )


def deep(n_rows: int) -> Figure:
    """Digits as two numbers, beside PCA, as Hinton and Salakhutdinov (2006) draw them."""
    learned, seen, labels = images("mnist", n_rows)
    model = likewise.DeepAutoencoder(n_latent=2, hidden=(512, 256, 64), pretrain=False, **RUN)
    codes = model.fit(learned).transform(seen[:3000])
    flat = PCA(2, random_state=0).fit(learned.reshape(len(learned), -1))
    figure = canvas.figure(9, 4.4)
    pairs = {"PCA": flat.transform(seen[:3000].reshape(3000, -1)), "deep": codes}
    for axes, (name, places) in zip(figure.subplots(1, 2), pairs.items(), strict=True):
        for digit in range(10):
            own = labels[:3000] == digit
            axes.scatter(*places[own].T, s=3, linewidths=0, label=str(digit), color=f"C{digit}")
        axes.set_title(name)
        canvas.bare(axes)
    figure.legend(
        *figure.axes[1].get_legend_handles_labels(), loc="outside right center", frameon=False,
        markerscale=4,
    )  # fmt: skip
    return figure


def convolutional(n_rows: int) -> Figure:
    learned, seen, _ = images("mnist", n_rows)
    model = likewise.ConvolutionalAutoencoder(
        n_latent=32, filters=(32, 32), winners=0.05, **RUN
    ).fit(learned)
    del seen
    return plots.filter_grid(
        model.net_.filters().numpy(), "Winner-take-all: the 32 parts that digits are made of"
    )


def variational(n_rows: int) -> Figure:
    """The plane of codes decoded, point by point, as Kingma and Welling (2014) draw it."""
    from scipy.stats import norm

    learned, _, _ = images("fashion-mnist", n_rows)
    model = likewise.VariationalAutoencoder(n_latent=2, **RUN).fit(learned)
    steps = norm.ppf(np.linspace(0.03, 0.97, 12))
    plane = np.array([(x, y) for y in steps[::-1] for x in steps])
    return image_grid(
        model.inverse_transform(plane), "Two numbers, decoded all over the plane", columns=12
    )


# Purchases


def purchases(least: int = 5) -> likewise.Interactions:
    """Return who bought what at Online Retail, items of `least` customers or more."""
    bought = likewise.load_sample().interactions()
    return bought.only_items(bought.item_counts >= least)


def family(bought: likewise.Interactions, word: str, most: int) -> list[int]:
    """Return the columns of the items bought most that have a word in their title."""
    named = [n for n in range(bought.n_items) if word in bought.title(n)]
    return sorted(named, key=lambda n: -bought.item_counts[n])[:most]


def linear(n_rows: int) -> Figure:
    """What having one item says of another, for items of three kinds."""
    del n_rows
    bought = purchases()
    model = likewise.LinearAutoencoder(dropout=0.5).fit(bought.matrix)
    shown = [n for word in ("LUNCH BAG", "TEACUP", "DOORMAT") for n in family(bought, word, 5)]
    weights = model.B_[np.ix_(shown, shown)]
    names = [bought.title(n).title() for n in shown]
    figure = canvas.figure(8, 6.2)
    axes = figure.subplots()
    drawn = axes.imshow(weights, cmap="Blues", vmin=0)
    axes.set_xticks(range(len(shown)), names, rotation=45, ha="right", fontsize=7)
    axes.set_yticks(range(len(shown)), names, fontsize=7)
    axes.set_title("B: what having the item of the row adds to that of the column", fontsize=9)
    figure.colorbar(drawn, ax=axes, shrink=0.7, label="weights below 0, small ones, are white")
    return figure


def neighbourhood(n_rows: int) -> Figure:
    """The weights of the exact solution beside those that few neighbours leave."""
    del n_rows
    bought = purchases()
    exact = likewise.LinearAutoencoder(dropout=0.5).fit(bought.matrix).B_
    figure = canvas.figure(9, 3.2)
    for axes, k in zip(figure.subplots(1, 3, sharey=True), (10, 50, 250), strict=True):
        near = likewise.NeighbourhoodAutoencoder(n_neighbours=k, n_whole=0, dropout=0.5)
        near.fit(bought.matrix)
        kept = near.B_.tocoo()
        axes.scatter(
            exact[kept.row, kept.col], kept.data, s=1, linewidths=0, color=canvas.INK,
            rasterized=True,
        )  # fmt: skip
        low, high = float(exact.min()), float(exact.max())
        axes.plot([low, high], [low, high], color=canvas.SOFT, linewidth=0.8)
        share = kept.nnz / exact.size
        axes.set_title(f"{k} neighbours: {100 * share:.1f} % of the weights", fontsize=9)
        axes.set(xlabel="weight in the exact B")
        canvas.clean(axes)
    figure.axes[0].set(ylabel="weight here")
    return figure


def kernel(n_rows: int) -> Figure:
    """A customer's code: the landmarks most alike, and what each is made of."""
    del n_rows
    bought = purchases()
    model = likewise.KernelAutoencoder(n_landmarks=300, random_state=0).fit(bought.matrix)
    (customer,) = np.flatnonzero(np.diff(bought.matrix.indptr) == TYPICAL_BASKET)[:1]
    code = model.transform(bought.matrix[[customer]])[0]
    nearest = np.argsort(-code)[:6]
    figure = canvas.figure(9, 3)
    axes = figure.subplots()
    names = [
        ", ".join(bought.title(n).title() for n in np.argsort(-model.landmarks_[place])[:3])
        for place in nearest
    ]
    axes.barh(names[::-1], code[nearest][::-1], color=canvas.INK)
    axes.axvline(float(np.median(code)), color=canvas.SOFT, linewidth=0.8)
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel=f"likeness to the landmark (line: the median of all {len(code)})")
    canvas.clean(axes)
    return figure


def als(n_rows: int) -> Figure:
    """How good the factorisation is after so many turns, for some lengths of the code."""
    del n_rows
    given, hidden = carved(purchases().matrix)
    turns = (1, 2, 3, 4, 6, 8, 10, 14, 20)
    figure = canvas.figure(6, 3)
    axes = figure.subplots()
    for n_latent, line in ((16, ":"), (64, "--"), (128, "-")):
        models = (
            likewise.ALSAutoencoder(n_latent=n_latent, l2=0.03, n_iter=n, random_state=0)
            for n in turns
        )
        found = [ndcg(model.fit(given), given, hidden) for model in models]
        axes.plot(turns, found, color=canvas.INK, linestyle=line, label=f"{n_latent} numbers")
    axes.set(xlabel="turns (n_iter)", ylabel="nDCG@20, a fifth hidden", ylim=(0, None))
    axes.set_xticks([1, 5, 10, 15, 20])
    axes.legend(frameon=False, fontsize=8, loc="lower right", ncols=3)
    canvas.clean(axes)
    return figure


def cosine(n_rows: int) -> Figure:
    """How good the ranking is by temperature, for some shares of the row hidden while it learns."""
    del n_rows
    given, hidden = carved(purchases().matrix)
    temperatures = (0.06, 0.09, 0.12, 0.18, 0.27)
    figure = canvas.figure(6, 3)
    axes = figure.subplots()
    for level, line in ((0.0, ":"), (0.2, "-"), (0.5, "--")):
        models = (
            likewise.CosineAutoencoder(
                temperature=temperature, corruption_level=level, batch_size=100, max_epochs=12,
                validation_fraction=0.0, random_state=0,
            )
            for temperature in temperatures
        )  # fmt: skip
        found = [ndcg(model.fit(given), given, hidden) for model in models]
        axes.plot(temperatures, found, color=canvas.INK, linestyle=line, label=f"{level:g} hidden")
    axes.set(xlabel="temperature", ylabel="nDCG@20, a fifth hidden", ylim=(0, None), xscale="log")
    axes.set_xticks(temperatures, [f"{temperature:g}" for temperature in temperatures])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8, loc="lower right", ncols=3)
    canvas.clean(axes)
    return figure


def recvae(n_rows: int) -> Figure:
    """How sure the encoder is of a customer, by how much the customer bought."""
    import torch

    from likewise.nn.rows import SparseRows, unit_length

    del n_rows
    bought = purchases()
    model = likewise.RecVAE(n_latent=64, hidden=(200,) * 3, max_epochs=60, random_state=0)
    model.fit(bought.matrix)
    with torch.inference_mode():
        rows = unit_length(SparseRows.of(bought.matrix))
        _, log_variance = model.net_.encode(rows).chunk(2, dim=1)
    deviation = (0.5 * log_variance).exp().mean(1).numpy()
    figure = canvas.figure(6, 3.4)
    axes = figure.subplots()
    axes.scatter(
        np.diff(bought.matrix.indptr), deviation, s=4, linewidths=0, alpha=0.5, color=canvas.INK
    )
    axes.set(xscale="log", xlabel="items that a customer bought", ylabel="mean deviation of q(z|x)")
    canvas.clean(axes)
    return figure


def hvamp(n_rows: int) -> Figure:
    """The pseudo-rows of the prior as images: what kinds there are."""
    learned, _, _ = images("fashion-mnist", n_rows)
    model = likewise.HVamp(
        n_latent=16, hidden=(200,), n_pseudo=60, loss="bernoulli", anneal_steps=500, beta=1.0,
        input_dropout=0.0, **RUN,
    ).fit(learned)  # fmt: skip
    pseudo = model.net_.pseudo.detach().clamp(0, 1).numpy()
    return image_grid(
        model.reconstruct(pseudo.reshape(-1, 28, 28)),
        "The 60 pseudo-rows whose codes are the prior, decoded",
        columns=12,
    )


def blend(n_rows: int) -> Figure:
    """How good two parts are together, over the weight of the second."""
    del n_rows
    given, hidden = carved(purchases().matrix)
    parts = {
        "linear": likewise.LinearAutoencoder(dropout=0.5),
        "kernel": likewise.KernelAutoencoder(random_state=0),
    }
    both = likewise.Blend(parts=[*parts.values()]).fit(given)
    weights = np.linspace(0, 1, 11)
    found = [
        ndcg(both.set_params(weights=[1 - weight, weight]), given, hidden) for weight in weights
    ]
    figure = canvas.figure(6, 3)
    axes = figure.subplots()
    axes.plot(weights, found, color=canvas.INK, marker="o", markersize=4)
    first, second = parts
    axes.set(xlabel=f"weight of {second}; the rest is {first}'s", ylabel="nDCG@20, a fifth hidden")
    canvas.clean(axes)
    return figure


def ndcg(model: Any, given: Any, hidden: Any) -> float:
    """Return how well a model ranks what is hidden of each customer."""
    logits = model.logits(given)
    logits[given.nonzero()] = -np.inf
    values = per_user_metrics(top_k(logits, 20)[0], hidden, ("ndcg@20",))["ndcg@20"]
    return float(np.nanmean(values))


def carved(matrix: Any) -> tuple[Any, Any]:
    """Hide a fifth of each customer's items."""
    cells = matrix.tocoo()
    hidden = np.random.default_rng(0).random(cells.nnz) < 0.2
    return tuple(
        csr_array((cells.data[some], (cells.row[some], cells.col[some])), matrix.shape)
        for some in (~hidden, hidden)
    )


def first_layer(model: Any) -> Any:
    """Return the first layer's weights as images."""
    weights = model.net_.first.weight.detach().numpy().T
    return weights.reshape(len(weights), *model.image_shape_)


PICTURES: dict[str, Callable[[int], Figure]] = {
    "undercomplete": undercomplete,
    "sparse": sparse,
    "denoising": denoising,
    "contractive": contractive,
    "stacked": stacked,
    "deep": deep,
    "convolutional": convolutional,
    "variational": variational,
    "linear": linear,
    "neighbourhood": neighbourhood,
    "kernel": kernel,
    "als": als,
    "recvae": recvae,
    "hvamp": hvamp,
    "cosine": cosine,
    "blend": blend,
}


if __name__ == "__main__":
    main()
