"""On CUDA: recorded steps are those that are launched one by one, and closed forms are the same."""

import numpy as np
import pytest
import torch
from scipy import sparse

from likewise import AutoencoderClassifier, LinearAutoencoder
from likewise.autoencoders import TYPES, neural_folder
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.nn.plan import Plan
from likewise.nn.steps import RecordedStep

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA device: python -m pytest there"
)

NEURAL = sorted(name for name, kind in TYPES.items() if issubclass(kind, NeuralAutoencoder))
RUN = {"n_latent": 8, "max_epochs": 5, "batch_size": 50, "random_state": 0, "precision": "float32"}


RECORDED = Plan.recorded


def settings(name):
    known = TYPES[name]().get_params()
    small = RUN | ({"hidden": (16,)} if name != "convolutional" else {"filters": (4,)})
    small |= {"n_pseudo": 10} if "n_pseudo" in known else {}
    return small


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    purchases = random.random((600, 64)) < random.random(64) / 3
    return {
        "purchases": sparse.csr_array(purchases.astype(np.float32)),
        "images": random.random((600, 8, 8), dtype=np.float32),
    }


def kinds():
    for name in NEURAL:
        if name != "convolutional":
            yield name, "purchases"
        if name not in ("recvae", "hvamp"):
            yield name, "images"


@pytest.mark.parametrize(("name", "rows"), list(kinds()))
def test_recorded_steps_are_the_launched_ones(name, rows, data, monkeypatch):
    X, losses, replayed, replay = data[rows], {}, [], torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(
        torch.cuda.CUDAGraph, "replay", lambda graph: replayed.append(1) or replay(graph)
    )
    for run, recorded in (("launched", False), ("recorded", RECORDED), ("again", RECORDED)):
        monkeypatch.setattr(Plan, "recorded", recorded)
        model = TYPES[name](device="cuda", **settings(name)).fit(X)
        losses[run] = [epoch["loss"] for epoch in model.history_.epochs]
        if run == "launched":
            assert not replayed
    assert bool(replayed) == model._plan().recorded
    np.testing.assert_allclose(losses["recorded"], losses["launched"], rtol=2e-3)
    np.testing.assert_allclose(losses["recorded"], losses["again"], rtol=1e-5)
    assert losses["recorded"][-1] < losses["recorded"][0]
    assert np.isfinite(model.reconstruct(X[:5])).all()


def test_most_steps_of_an_epoch_are_replayed(data, monkeypatch):
    learned = []
    learn = RecordedStep._learn

    def counted(self, *given):
        learned.append(1)
        return learn(self, *given)

    monkeypatch.setattr(RecordedStep, "_learn", counted)
    TYPES["variational"](device="cuda", validation_fraction=0.0, **settings("variational")).fit(
        data["purchases"]
    )
    assert 4 <= len(learned) < 10  # of 60: three before the recording, and it; more than room


def test_what_is_learned_on_cuda_is_near_what_is_learned_on_the_cpu(data):
    errors = [
        TYPES["undercomplete"](device=device, **settings("undercomplete"))
        .fit(data["images"])
        .reconstruction_error(data["images"])
        .mean()
        for device in ("cpu", "cuda")
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.05)


@pytest.mark.parametrize("n_items", [64, 500])
def test_the_exact_fit_is_that_of_the_cpu(n_items):
    random = np.random.default_rng(1)
    X = sparse.csr_array((random.random((2_000, n_items)) < 0.05).astype(np.float32))
    for given in ({}, {"dropout": 0.3, "item_power": 0.2}, {"relaxation": 0.4}):
        here, there = (
            LinearAutoencoder(l2=20.0, device=device, **given).fit(X).B_
            for device in ("cpu", "cuda")
        )
        np.testing.assert_allclose(there, here, atol=1e-5)


def test_a_model_saved_from_cuda_answers_the_same_on_the_cpu(data, tmp_path, monkeypatch):
    model = TYPES["variational"](device="cuda", **settings("variational")).fit(data["purchases"])
    model.save(tmp_path / "model")
    monkeypatch.setattr(neural_folder, "resolve_device", lambda name: torch.device("cpu"))
    loaded = TYPES["variational"].load(tmp_path / "model")
    assert not any(weight.is_cuda for weight in loaded.net_.parameters())
    np.testing.assert_allclose(
        loaded.reconstruct(data["purchases"]), model.reconstruct(data["purchases"]), atol=1e-4
    )


def test_a_checkpoint_of_cuda_is_gone_on_from(data, tmp_path):
    given = settings("recvae") | {"device": "cuda", "validation_fraction": 0.0}
    whole = TYPES["recvae"](**given | {"max_epochs": 6}).fit(data["purchases"])
    path = tmp_path / "half.safetensors"
    TYPES["recvae"](**given | {"max_epochs": 4}, checkpoint=path).fit(data["purchases"])
    rest = TYPES["recvae"](**given | {"max_epochs": 6}, checkpoint=path).fit(data["purchases"])
    found = [[epoch["loss"] for epoch in model.history_.epochs] for model in (whole, rest)]
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "muon"])
def test_every_optimizer_is_recorded_in_either_precision(precision, optimizer, data, monkeypatch):
    given = settings("denoising") | {"precision": precision, "optimizer": optimizer}
    losses = losses_of_both(lambda: TYPES["denoising"](device="cuda", **given), data, monkeypatch)
    np.testing.assert_allclose(
        losses["recorded"], losses["launched"], rtol=2e-2 if precision == "bfloat16" else 2e-3
    )
    assert losses["recorded"][-1] < losses["recorded"][0]


def losses_of_both(make, data, monkeypatch):
    losses = {}
    for run, recorded in (("launched", False), ("recorded", RECORDED)):
        monkeypatch.setattr(Plan, "recorded", recorded)
        losses[run] = [epoch["loss"] for epoch in make().fit(data["images"]).history_.epochs]
    return losses


def test_images_moved_a_little_are_recorded(data, monkeypatch):
    given = settings("undercomplete") | {"augment": True, "device": "cuda"}
    losses = losses_of_both(lambda: TYPES["undercomplete"](**given), data, monkeypatch)
    np.testing.assert_allclose(losses["recorded"], losses["launched"], rtol=2e-3)


@pytest.mark.parametrize("kind", ["stacked", "convolutional"])
def test_a_classifier_learns_from_labels_by_recorded_steps(kind, data, monkeypatch):
    bright = np.arange(600) % 2 == 1
    images = data["images"] * np.where(bright, 1.0, 0.4).astype(np.float32)[:, None, None]
    found = {}
    for run, recorded in (("launched", False), ("recorded", RECORDED)):
        monkeypatch.setattr(Plan, "recorded", recorded)
        model = AutoencoderClassifier(
            TYPES[kind](device="cuda", **settings(kind)),
            dropout=0.2, batch_size=50, max_epochs=20, validation_fraction=0.0, random_state=0,
        ).fit(images, bright)  # fmt: skip
        found[run] = [epoch["loss"] for epoch in model.history_.epochs]
        assert model.score(images, bright) > 0.8
    np.testing.assert_allclose(found["recorded"], found["launched"], rtol=2e-2)


def test_rows_can_be_added_on_cuda(data):
    model = TYPES["undercomplete"](device="cuda", **settings("undercomplete"))
    errors = []
    for _ in range(20):
        model.partial_fit(data["images"])
        errors.append(model.reconstruction_error(data["images"]).mean())
    assert errors[-1] < errors[0]
