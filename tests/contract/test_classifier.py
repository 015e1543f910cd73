"""The classifier on an autoencoder: it recognises, pre-trained or not, and keeps the contract."""

import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from likewise import AutoencoderClassifier, UndercompleteAutoencoder, load
from likewise.artifact import read_folder, write_folder
from likewise.autoencoders import TYPES
from likewise.autoencoders import classifier as module
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.recogniser import Recogniser, held_out
from likewise.errors import InputError, ModelFolderError, NotEnoughMemoryError
from likewise.nn.optimizers import RATES
from likewise.nn.training import train

NEURAL_TYPES = sorted(name for name, kind in TYPES.items() if issubclass(kind, NeuralAutoencoder))


@pytest.fixture
def data():
    """Bars of light in one of three places, with noise."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 120)
    bright = np.where(np.arange(12) // 4 == y[:, None], 0.9, 0.1)
    X = bright + rng.uniform(-0.1, 0.1, (120, 12))
    return X.astype(np.float32).reshape(120, 3, 4), np.array(["bag", "boot", "coat"])[y]


@pytest.fixture
def classifier(make_any):
    """Make one on an autoencoder of a type, unfitted."""
    settings = {"max_epochs": 25, "batch_size": 16, "learning_rate": 0.01, "random_state": 0}

    def make(name="undercomplete", **changes):
        return AutoencoderClassifier(make_any(name), **settings | changes)

    return make


@pytest.mark.parametrize("pretrain", [True, False])
@pytest.mark.parametrize("name", NEURAL_TYPES)
def test_every_neural_type_learns_to_recognise(classifier, name, pretrain, data):
    X, y = data
    model = classifier(name, pretrain=pretrain, max_epochs=50).fit(X[:90], y[:90])
    assert model.score(X[90:], y[90:]) > 0.9
    p = model.predict_proba(X)
    assert p.shape == (120, 3)
    np.testing.assert_allclose(p.sum(1), 1)
    np.testing.assert_array_equal(model.classes_[p.argmax(1)], model.predict(X))
    assert bool(model.autoencoder_.history_.epochs) == pretrain


@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4)])
def test_an_image_and_its_mirror_image_are_the_same_where_either_was_learned_from(
    classifier, data, shape
):
    X, y = data
    X = X.reshape(-1, *shape)
    model = classifier("convolutional", max_epochs=2)
    p, turned = (model.fit(X, y).predict_proba(rows) for rows in (X, X[..., ::-1]))
    assert np.abs(p - turned).max() > 1e-3
    model.autoencoder.set_params(augment="mirror")
    p, turned = (model.fit(X, y).predict_proba(rows) for rows in (X, X[..., ::-1]))
    np.testing.assert_allclose(p, turned, atol=1e-6)


@pytest.mark.parametrize("name", ["undercomplete", "convolutional"])
def test_muon_learns_to_recognise(classifier, name, data):
    X, y = data
    model = classifier(name, optimizer="muon", learning_rate=0.05, max_epochs=50)
    assert model.fit(X[:90], y[:90]).score(X[90:], y[90:]) > 0.9
    assert model.set_params(learning_rate="auto")._plan(0).learning_rate == RATES["muon"]


@pytest.mark.parametrize("name", ["undercomplete", "convolutional"])
def test_a_saved_classifier_answers_the_same(classifier, name, data, tmp_path):
    X, y = data
    model = classifier(name).fit(X, y)
    model.save(tmp_path / "a.model")
    for again in (load(tmp_path / "a.model"), AutoencoderClassifier.load(tmp_path / "a.model")):
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
        assert again.classes_.tolist() == ["bag", "boot", "coat"]
        assert again.image_shape_ == (3, 4)
        np.testing.assert_array_equal(
            again.autoencoder_.transform(X), model.autoencoder_.transform(X)
        )


def test_no_folder_is_written_whose_settings_could_not_be_read(classifier, data, tmp_path):
    fitted = classifier("undercomplete").fit(*data).set_params(dropout=2.0)
    with pytest.raises(ValueError, match=r"dropout=.* give a number, 0 or more"):
        fitted.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_rows_without_labels_teach_the_autoencoder(classifier, data):
    X, y = data
    alone = classifier().fit(X[:30], y[:30])
    with_more = classifier().fit(X[:30], y[:30], X_unlabelled=X[30:])
    assert not np.array_equal(alone.predict_proba(X), with_more.predict_proba(X))
    with pytest.raises(InputError, match=r"images of shape \(4, 3\)"):
        classifier().fit(X[:30], y[:30], X_unlabelled=X.reshape(120, 4, 3))


def test_the_same_seed_twice_gives_the_same_bits_and_what_is_given_stays_unfitted(classifier, data):
    X, y = data
    model = classifier()
    first = model.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict_proba(X), first)
    with pytest.raises(ValueError, match="not fitted"):
        model.autoencoder.transform(X)


def test_it_works_in_searches_and_pipelines(classifier, data):
    X, y = data
    rows = X.reshape(120, -1)
    search = GridSearchCV(classifier(), {"autoencoder__n_latent": [2, 4]}, cv=2).fit(rows, y)
    assert search.best_score_ > 0.9
    assert make_pipeline(StandardScaler(), classifier()).fit(rows, y).score(rows, y) > 0.9


def test_an_epoch_is_kept_by_held_out_accuracy_where_classes_allow(classifier, data):
    X, y = data
    assert classifier().fit(X, y).history_.epochs[0]["validation"] is not None
    few = np.flatnonzero(y == "bag")[:1]
    some = np.concatenate([np.flatnonzero(y != "bag"), few])
    assert classifier().fit(X[some], y[some]).history_.epochs[0]["validation"] is None


@pytest.mark.parametrize("seed", range(3))
def test_of_each_class_the_same_share_is_held_out(seed):
    labels = np.repeat([0, 1, 2], [60, 20, 20])
    assert np.bincount(labels[held_out(labels, 0.1, seed)]).tolist() == [6, 2, 2]


def test_the_rate_falls_to_nothing_by_the_end(classifier, data, monkeypatch):
    plans = []
    monkeypatch.setattr(
        module, "train", lambda *given, **more: plans.append(given[3]) or train(*given, **more)
    )
    classifier(pretrain=False, max_epochs=1).fit(*data)
    assert [plan.decay for plan in plans] == [True]


def test_weights_decay_beside_the_gradient(classifier, data):
    """AdamW takes a share of the rate of them each step, whatever the loss says."""
    X, y = data
    size = {
        decay: float(classifier(weight_decay=decay).fit(X, y).net_.head.weight.detach().norm())
        for decay in (0.0, 1.0)
    }
    assert size[1.0] < 0.9 * size[0.0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"y": None}, "requires y to be passed"),
        ({"y": np.array(["bag"] * 120)}, "y has one class only, .*bag.*; give two or more"),
        ({"y": np.zeros(120, int)}, "one class only, 0; give"),
        ({"y": [None] * 40 + ["bag", "boot"] * 40}, "y lacks 40 of 120 labels"),
        ({"y": pd.array([pd.NA] * 40 + ["bag", "boot"] * 40, dtype="string")}, "y lacks 40 of 120"),
        ({"y": np.arange(119) % 3}, "inconsistent numbers of samples"),
        ({"y": np.linspace(0, 1, 120)}, "Unknown label type"),
        ({"X": np.full((120, 12), np.nan)}, "NaN"),
        ({"X": sparse.csr_array(np.ones((120, 12)))}, "sparse rows"),
    ],
)
def test_what_cannot_be_learned_is_refused(classifier, given, says, data):
    X, y = data
    with pytest.raises(ValueError, match=says):
        classifier().fit(**{"X": X, "y": y} | given)


@pytest.mark.parametrize(
    "wrong",
    [{"pretrain": "yes"}, {"learning_rate": 0}, {"optimizer": "lion"}, {"weight_decay": -1},
     {"batch_size": 0}, {"max_epochs": 0},
     {"patience": 0}, {"validation_fraction": 1.0}, {"max_seconds": 0}, {"dropout": 1.0},
     {"label_smoothing": -0.1}, {"adversarial": -0.1}, {"adversarial": True}, {"autoencoder": 3}],
)  # fmt: skip
def test_wrong_settings_are_refused_by_name(classifier, wrong, data):
    with pytest.raises(InputError, match=next(iter(wrong))):
        classifier().set_params(**wrong).fit(*data)


def test_folders_that_are_no_classifier_are_refused(classifier, data, tmp_path):
    classifier().fit(*data).save(tmp_path / "a.model")
    contents = read_folder(tmp_path / "a.model", known_types=["classifier"])

    def refusal(**changes):
        write_folder(tmp_path / "b.model", replace(contents, **changes))
        with pytest.raises(ModelFolderError) as caught:
            load(tmp_path / "b.model")
        return str(caught.value)

    tensors = contents.tensors
    assert "'linear' is no type" in refusal(extra=contents.extra | {"type": "linear"})
    assert "head" in refusal(extra=contents.extra | {"classes": ["bag", "boot"]})
    assert "head" in refusal(tensors={k: v for k, v in tensors.items() if k != "head.bias"})
    assert "weights" in refusal(tensors={k: v for k, v in tensors.items() if k[0] == "h"})
    assert "colour" in refusal(parameters=contents.parameters | {"colour": 1})
    for key in contents.extra:
        assert key in refusal(extra={k: v for k, v in contents.extra.items() if k != key})


def test_a_fitted_autoencoder_can_go_on_and_is_left_as_it_was(classifier, data):
    X, y = data
    fitted = classifier().autoencoder.fit(X)
    before = fitted.transform(X)
    model = AutoencoderClassifier(fitted, pretrain="prefit", max_epochs=20, random_state=0)
    model.fit(X, y)
    np.testing.assert_array_equal(fitted.transform(X), before)
    assert not np.array_equal(model.autoencoder_.transform(X), before)
    with pytest.raises(ValueError, match="not fitted"):
        classifier(pretrain="prefit").fit(X, y)


def test_labelled_images_are_moved_where_the_autoencoder_moves_images(classifier, data):
    X, y = data
    model = classifier(pretrain=False)
    still = model.fit(X, y).history_.epochs[0]["loss"]
    model.autoencoder.set_params(augment=True)
    assert model.fit(X, y).history_.epochs[0]["loss"] != still


def test_hidden_codes_and_smoothed_labels_matter_while_it_learns_and_not_after(classifier, data):
    X, y = data
    plain = classifier(pretrain=False).fit(X, y)
    for setting in ({"dropout": 0.5}, {"adversarial": 0.1}, {"label_smoothing": 0.2}):
        model = classifier(pretrain=False, **setting).fit(X, y)
        assert model.history_.epochs[0]["loss"] != plain.history_.epochs[0]["loss"]
        np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))
        assert model.score(X, y) > 0.9
    smooth = model.predict_proba(X).max(axis=1).mean()
    assert smooth < plain.predict_proba(X).max(axis=1).mean()


def test_an_adversarial_row_is_the_steepest_way_to_a_larger_loss(data):
    X, _ = data
    fitted = UndercompleteAutoencoder(n_latent=2, max_epochs=1, random_state=0).fit(X)
    net = Recogniser(fitted, 3, 0, adversarial=0.02)
    rows, labels = torch.tensor(X[:3].reshape(3, -1)), torch.arange(3)

    def error(rows):
        return torch.nn.functional.cross_entropy(net(rows), labels, reduction="none")

    each = 1e-3 * torch.eye(rows.shape[1])
    slope = torch.stack([error(rows + by) - error(rows - by) for by in each], dim=1)
    moved = error(rows + 0.02 * slope.sign())
    batch = torch.cat([rows, labels[:, None].float()], 1)
    found = net.loss(batch, torch.Generator(), torch.tensor(0.0))
    torch.testing.assert_close(found, (error(rows) + moved) / 2, rtol=1e-4, atol=1e-6)
    assert (moved > error(rows)).all()
    found.mean().backward()
    wanted = torch.autograd.grad(((error(rows) + moved) / 2).mean(), net.head.weight)
    torch.testing.assert_close(net.head.weight.grad, wanted[0], rtol=1e-3, atol=1e-6)


def test_it_multiplies_in_the_precision_of_its_autoencoder(classifier, data, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    for precision, bfloat16 in (("auto", False), ("bfloat16", True)):
        model = classifier()
        model.autoencoder.set_params(precision=precision)
        assert model.fit(*data)._plan(0).bfloat16 == bfloat16


def test_smoothing_gives_a_share_of_each_label_to_all_classes(data):
    X, _ = data
    net = Recogniser(UndercompleteAutoencoder(n_latent=2, max_epochs=1).fit(X), 3, 0, smoothing=0.3)
    rows = torch.tensor(X[:4].reshape(4, -1))
    batch = torch.cat([rows, torch.tensor([[0.0], [1], [2], [0]])], 1)
    p = torch.softmax(net(rows), 1).detach().numpy()
    wanted = 0.7 * np.eye(3)[[0, 1, 2, 0]] + 0.1
    found = net.loss(batch, torch.Generator(), 0).detach().numpy()
    np.testing.assert_allclose(found, -(wanted * np.log(p)).sum(1), rtol=1e-5)


def test_a_fitted_autoencoder_of_other_rows_is_refused():
    X = np.random.default_rng(0).random((40, 6), dtype=np.float32)
    fitted = UndercompleteAutoencoder(n_latent=2, max_epochs=1, random_state=0).fit(X)
    with pytest.raises(InputError, match="X has 5 features; the autoencoder learned from 6"):
        AutoencoderClassifier(fitted, pretrain="prefit").fit(X[:, :5], np.arange(40) % 2)


class Display:
    """What a model reports to, and no copy can be made of."""

    def __init__(self):
        self.lock, self.told = threading.Lock(), []

    def move(self, progress):
        with self.lock:
            self.told.append(progress)


def test_a_fitted_autoencoder_may_report_to_what_cannot_be_copied(data):
    X, y = data
    display = Display()
    fitted = UndercompleteAutoencoder(n_latent=2, max_epochs=1, random_state=0).fit(X)
    fitted.set_params(progress=display.move)
    model = AutoencoderClassifier(fitted, pretrain="prefit", max_epochs=2).fit(X, y)
    assert model.autoencoder_.progress.__self__ is display


def test_what_goes_on_from_a_fitted_autoencoder_learns_by_itself(data):
    """Its optimiser moves its own weights, and the history that was given stays as long."""
    X, y = data
    fitted = UndercompleteAutoencoder(n_latent=2, max_epochs=1, random_state=0).partial_fit(X)
    length, before = len(fitted.history_.epochs), fitted.transform(X)
    model = AutoencoderClassifier(fitted, pretrain="prefit", max_epochs=2).fit(X, y).autoencoder_
    codes = model.transform(X)
    model.partial_fit(X)
    assert not np.array_equal(model.transform(X), codes)
    np.testing.assert_array_equal(fitted.transform(X), before)
    assert len(fitted.history_.epochs) == length


def test_rows_without_labels_are_refused_where_nothing_learns_from_them(data):
    X, y = data
    fitted = UndercompleteAutoencoder(n_latent=2, max_epochs=1, random_state=0).fit(X)
    with pytest.raises(InputError, match="X_unlabelled was given"):
        AutoencoderClassifier(fitted, pretrain="prefit").fit(X, y, X_unlabelled=X)


def test_rows_without_labels_scale_those_of_a_net_that_does_not_learn_first(data):
    X, y = data
    rest = 9 * X + 5
    net = UndercompleteAutoencoder(n_latent=2, loss="squared", max_epochs=1)
    model = AutoencoderClassifier(net, pretrain=False, max_epochs=1, random_state=0)
    model.fit(X, y, X_unlabelled=rest)
    flat = np.concatenate([X, rest]).reshape(2 * len(X), -1)
    np.testing.assert_allclose(model.autoencoder_.scaling_.mean, flat.mean(0), rtol=1e-5)


def test_a_copy_of_rows_without_labels_is_stated_before_it_is_taken(classifier, data, monkeypatch):
    X, y = data

    def refuse(needed, what, instead):
        assert needed == 4 * (X.size + X[:7].size)
        raise NotEnoughMemoryError(f"{what}; {instead}")

    monkeypatch.setattr("likewise.autoencoders.recogniser.require_memory", refuse)
    with pytest.raises(NotEnoughMemoryError, match="120 labelled rows and 7 others; give fewer"):
        classifier().fit(X, y, X_unlabelled=X[:7])
    classifier().fit(X, y)


def test_a_share_held_out_that_leaves_too_few_rows_is_refused_before_work(data, monkeypatch):
    X, y = data
    monkeypatch.setattr(UndercompleteAutoencoder, "_fit", lambda *_: pytest.fail("it has begun"))
    says = r"validation_fraction=0.99 leaves 1 of 120 rows to learn 3 classes from; lower it"
    with pytest.raises(InputError, match=says):
        AutoencoderClassifier(validation_fraction=0.99).fit(X, y)


def test_an_interrupt_while_the_autoencoder_learns_ends_it(classifier, data):
    def interrupt(progress):
        assert progress.stage == "autoencoder", "it has gone on to the labels"
        if progress.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        classifier(progress=interrupt).fit(*data)


def test_settings_from_numpy_are_saved_as_plain_numbers(classifier, data, tmp_path):
    X, y = data
    numbers = {"batch_size": np.int64(16), "max_epochs": np.int64(2), "dropout": np.float32(0.1)}
    model = classifier(**numbers, random_state=np.random.RandomState(0)).fit(X, y)
    model.save(tmp_path / "a.model")
    again = load(tmp_path / "a.model")
    assert (again.batch_size, again.random_state) == (16, None)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_names_of_columns_are_kept_and_columns_in_another_order_refused(classifier, data, tmp_path):
    X, y = data
    frame = pd.DataFrame(X.reshape(120, -1)).rename(columns=lambda n: f"pixel {n}")
    model = classifier(max_epochs=2).fit(frame, y)
    model.save(tmp_path / "a.model")
    again = load(tmp_path / "a.model")
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))
    with pytest.raises(InputError, match="feature names"):
        again.predict(frame[frame.columns[::-1]])


def test_rows_that_are_no_images_are_not_moved_in_silence(data):
    X, y = data
    rows = X.reshape(120, -1)
    given = UndercompleteAutoencoder(n_latent=2, max_epochs=1, augment=True, random_state=0)
    with pytest.raises(InputError, match="augment=True needs images"):
        AutoencoderClassifier(given, pretrain=False).fit(rows, y)
    fitted = UndercompleteAutoencoder(n_latent=2, max_epochs=1, random_state=0).fit(rows)
    fitted.set_params(augment=True)
    with pytest.raises(InputError, match="augment=True needs images"):
        AutoencoderClassifier(fitted, pretrain="prefit").fit(rows, y)


def test_rows_whose_shape_is_given_are_moved_and_mirrored_as_images_are(make_any, data):
    X, y = data
    rows = X.reshape(120, -1)
    p = []
    for given, changes in ((X, {}), (rows, {"image_shape": (3, 4)})):
        model = make_any("convolutional", augment="mirror", **changes)
        p.append(AutoencoderClassifier(model, max_epochs=2, random_state=0).fit(given, y))
    first, second = p[0].predict_proba(X), p[1].predict_proba(rows)
    np.testing.assert_array_equal(first, second)
