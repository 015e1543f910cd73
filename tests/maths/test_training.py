"""The training loop: what an epoch depends on, when it stops, and which weights it keeps."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import nn

from likewise.autoencoders import UndercompleteAutoencoder
from likewise.errors import InputError
from likewise.nn import training
from likewise.nn.optimizers import make_optimizer
from likewise.nn.plan import History, Plan, Progress
from likewise.nn.training import train

N = 10


class Line(nn.Module):
    """l = w x, so that everything can be worked out by hand."""

    def __init__(self, start=0.0):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([start]))

    def loss(self, rows, generator, step):
        return (rows[:, 0] - self.w).square()


def plan(**changes):
    settings = {
        "max_epochs": 5,
        "batch_size": 4,
        "learning_rate": 0.1,
        "weight_decay": 0.0,
        "optimizer": "sgd",
        "patience": 2,
        "max_seconds": float("inf"),
        "seed": 0,
        "device": torch.device("cpu"),
        "bfloat16": False,
    }
    return Plan(**settings | changes)


@pytest.fixture
def X():
    return np.arange(N, dtype=np.float32)[:, None]


def test_a_single_step_changes_the_weights(X):
    line = Line()
    train(line, X, line.loss, plan(max_epochs=1, batch_size=N, decay=True))
    assert line.w.item() > 0


class Watched(Line):
    """Remembers which rows came, with which noise, at which step."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def loss(self, rows, generator, step):
        noise = float(torch.rand((), generator=generator))
        self.seen.append((step, rows[:, 0].tolist(), noise))
        return super().loss(rows, generator, step)


def seen_by(X, **changes):
    net = Watched()
    train(net, X, net.loss, plan(**changes))
    return net.seen


# An epoch


def test_every_row_passes_once_an_epoch_in_batches(X):
    seen = seen_by(X, max_epochs=3)
    assert [len(rows) for _, rows, _ in seen] == [4, 4, 2] * 3
    for epoch in range(3):
        rows = [row for _, batch, _ in seen[3 * epoch : 3 * epoch + 3] for row in batch]
        assert sorted(rows) == list(range(N))
        assert rows != sorted(rows)
    assert [step for step, _, _ in seen] == list(range(9))


def test_order_and_noise_depend_on_the_seed_and_the_epoch_alone(X):
    seen = seen_by(X, max_epochs=3)
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 - the global state must not matter
    assert seen_by(X, max_epochs=3, learning_rate=0.5, optimizer="adam") == seen
    assert seen_by(X, max_epochs=2) == seen[:6]
    assert seen_by(X, max_epochs=3, seed=1) != seen
    epochs = [seen[n : n + 3] for n in (0, 3, 6)]
    assert epochs[0][0][1:] != epochs[1][0][1:] != epochs[2][0][1:]


def test_one_step_is_gradient_descent_on_the_mean_loss(X):
    net = Line()
    train(net, X, net.loss, plan(max_epochs=1, batch_size=N, learning_rate=0.25))
    assert net.w.item() == pytest.approx(0.25 * 2 * X.mean())


def test_adam_and_its_weight_decay_are_torchs_own(X):
    for decay in (0.0, 0.1):
        settings = plan(max_epochs=1, batch_size=N, optimizer="adam", weight_decay=decay)
        ours, theirs = Line(1.0), Line(1.0)
        train(ours, X, ours.loss, settings)
        adam = torch.optim.Adam(theirs.parameters(), lr=0.1, weight_decay=decay)
        theirs.loss(torch.tensor(X), None, 0).mean().backward()
        adam.step()
        assert ours.w.item() == pytest.approx(theirs.w.item(), rel=1e-6)
    assert isinstance(make_optimizer(Line(), plan()), torch.optim.SGD)


def test_adamw_lets_weights_decay_beside_the_gradient():
    line = Line(1.0)
    optimizer = make_optimizer(line, plan(optimizer="adamw", weight_decay=0.5))
    line.w.grad = torch.zeros(1)
    optimizer.step()
    assert line.w.item() == pytest.approx(1 - 0.1 * 0.5)


def test_the_loss_falls_and_history_tells_it(X, monkeypatch):
    monkeypatch.setattr(training, "time", Clock())
    net = Line()
    history = train(net, X, net.loss, plan(max_epochs=20))
    losses = [epoch["loss"] for epoch in history.epochs]
    assert len(losses) == history.best_epoch == 20
    assert losses[-1] < losses[0]
    assert losses[-1] == pytest.approx(X.var(), rel=0.1)
    assert history.stopped == "max_epochs"
    for epoch in history.epochs:
        assert epoch.keys() == {"loss", "seconds", "rows_per_second", "validation"}
        assert epoch["rows_per_second"] > 0


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(X):
    net = Line()
    history = train(net, X, net.loss, plan(max_epochs=1, learning_rate=1e-12))
    assert history.epochs[0]["loss"] == pytest.approx((X**2).mean())


def test_the_net_is_in_training_mode_while_it_is_trained(X):
    net, modes = Line(), []

    def loss(rows, generator, step):
        modes.append(net.training)
        return net.loss(rows, generator, step)

    def validate():
        modes.append(net.training)
        return 0.0

    train(net, X, loss, plan(max_epochs=1, batch_size=N), validate=validate)
    assert modes == [True, False]
    assert not net.training


def test_sparse_rows_are_trained_on_as_sparse_rows():
    matrix, kinds = sparse.csr_array(np.eye(N, dtype=np.float32)), set()
    net = Line()

    def loss(rows, generator, step):
        kinds.add(type(rows).__name__)
        return (rows.row_sums(rows.values) - net.w).square()

    train(net, matrix, loss, plan())
    assert kinds == {"SparseRows"}


def test_products_in_bfloat16_leave_the_weights_in_float32(X):
    layer, dtypes = nn.Linear(1, 1), set()

    def loss(rows, generator, step):
        out = layer(rows / N)
        dtypes.add(out.dtype)
        return (out.float() - 1).square().sum(1)

    history = train(layer, X, loss, plan(bfloat16=True, max_epochs=10))
    assert dtypes == {torch.bfloat16}
    assert {p.dtype for p in layer.parameters()} == {torch.float32}
    assert history.epochs[-1]["loss"] < history.epochs[0]["loss"]


# Stopping


def scripted(scores, net, weights):
    """Score the epochs as written down, and remember the weights that were scored."""

    def validate():
        weights.append(net.w.item())
        return scores[len(weights) - 1]

    return validate


@pytest.mark.parametrize(
    ("scores", "patience", "best", "ran", "why"),
    [
        ([1, 3, 2, 2, 9], 2, 2, 4, "patience"),
        ([1, 3, 2, 9, 1], 2, 4, 5, "max_epochs"),
        ([5, 4, 3, 2, 1], 1, 1, 2, "patience"),
        ([1, 2, 3, 4, 5], 1, 5, 5, "max_epochs"),
        ([2, 2, 2, 2, 2], 3, 1, 4, "patience"),  # as good is not better
        ([-5, -3, -4, -6, -1], 9, 5, 5, "max_epochs"),
    ],
)
def test_the_best_epochs_weights_are_kept(X, scores, patience, best, ran, why):
    net, weights = Line(), []
    history = train(
        net, X, net.loss, plan(patience=patience), validate=scripted(scores, net, weights)
    )
    assert history.best_epoch == best
    assert len(history.epochs) == len(weights) == ran
    assert history.stopped == why
    assert net.w.item() == weights[best - 1]
    assert [epoch["validation"] for epoch in history.epochs] == scores[:ran]
    assert history.best_validation() == scores[best - 1]


def test_before_the_first_epoch_nothing_is_best():
    assert History().best_validation() == -np.inf


class Clock:
    """Each look at it finds it a second later."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 1
        return self.now


def test_time_is_up_in_the_middle_of_an_epoch(X, monkeypatch):
    monkeypatch.setattr(training, "time", Clock())
    net = Watched()
    history = train(net, X, net.loss, plan(max_epochs=100, max_seconds=6))
    assert history.stopped == "max_seconds"
    assert 0 < len(net.seen) < 10
    assert net.w.item() != 0


def test_time_is_up_after_the_first_batch_at_the_soonest(X, monkeypatch):
    monkeypatch.setattr(training, "time", Clock())
    net = Watched()
    history = train(net, X, net.loss, plan(max_seconds=1e-9))
    assert len(net.seen) == len(history.epochs) == 1
    assert history.best_epoch == 1


def test_time_counts_from_the_beginning_and_the_best_weights_stay(X, monkeypatch):
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: clock["now"]))
    clock, net, weights = {"now": 0.0}, Line(), []
    score = scripted([1, 5, 2, 3, 4], net, weights)

    def validate():
        clock["now"] += 10
        return score()

    history = train(net, X, net.loss, plan(patience=9, max_seconds=35), validate=validate)
    assert history.stopped == "max_seconds"
    assert history.best_epoch == 2
    assert net.w.item() == weights[1]


# Progress and interruption


def test_progress_is_told_after_every_batch(X, monkeypatch):
    monkeypatch.setattr(training, "time", Clock())
    net, told = Line(), []
    train(net, X, net.loss, plan(max_epochs=2), progress=told.append, validate=lambda: 0.5)
    assert all(isinstance(at, Progress) for at in told)
    assert [(at.epoch, at.rows_done) for at in told] == [
        (1, 4), (1, 8), (1, 10), (2, 4), (2, 8), (2, 10),
    ]  # fmt: skip
    assert {(at.max_epochs, at.n_rows) for at in told} == {(2, N)}
    assert [at.validation for at in told] == [None] * 3 + [0.5] * 3
    assert all(at.rows_per_second > 0 and at.seconds_left >= 0 for at in told)
    assert told[-1].seconds_left == 0


def test_time_left_is_that_of_the_rows_left_or_of_the_limit(X, monkeypatch):
    monkeypatch.setattr(training, "time", Clock())
    told, net = [], Line()
    train(net, X, net.loss, plan(max_epochs=3), progress=told.append)
    first = told[0]
    assert first.seconds_left == pytest.approx((3 * N - 4) / first.rows_per_second)
    monkeypatch.setattr(training, "time", Clock())
    limited, net = [], Line()
    train(net, X, net.loss, plan(max_epochs=3, max_seconds=8), progress=limited.append)
    assert 0 < limited[0].seconds_left < first.seconds_left


def interrupting(epoch, rows_done):
    def progress(at):
        if (at.epoch, at.rows_done) == (epoch, rows_done):
            raise KeyboardInterrupt

    return progress


def test_ctrl_c_keeps_the_last_whole_epoch(X):
    net, expected = Line(), Line()
    history = train(net, X, net.loss, plan(), progress=interrupting(3, 8))
    train(expected, X, expected.loss, plan(max_epochs=2))
    assert history.stopped == "interrupt"
    assert len(history.epochs) == history.best_epoch == 2
    assert net.w.item() == expected.w.item()
    assert not net.training


def test_ctrl_c_keeps_the_best_weights(X):
    net, weights = Line(), []
    score = scripted([1, 5, 2, 3, 4], net, weights)
    history = train(net, X, net.loss, plan(patience=9), validate=score, progress=interrupting(5, 4))
    assert history.stopped == "interrupt"
    assert history.best_epoch == 2
    assert net.w.item() == weights[1]


@pytest.mark.parametrize("rows_done", [4, 8, 10])
def test_ctrl_c_before_the_first_epoch_ends_is_raised_again(X, rows_done):
    net = Line()
    with pytest.raises(KeyboardInterrupt):
        train(net, X, net.loss, plan(), progress=interrupting(1, rows_done))


def test_an_autoencoder_that_was_interrupted_is_fitted():
    X = np.eye(20, dtype=np.float32)
    model = UndercompleteAutoencoder(
        n_latent=2, device="cpu", random_state=0, progress=interrupting(3, 18), batch_size=18
    )
    assert model.fit(X).history_.stopped == "interrupt"
    assert len(model.history_.epochs) == 2
    assert np.isfinite(model.reconstruct(X)).all()
    with pytest.raises(KeyboardInterrupt):
        model.set_params(progress=interrupting(1, 18)).fit(X)


# Divergence


@pytest.mark.parametrize("rate", [1e3, 1e30])
def test_a_loss_that_is_no_number_is_refused_in_words(X, rate):
    net = Line()
    advice = re.escape(f"lower learning_rate (it is {rate:g})")
    with pytest.raises(InputError, match=rf"diverged in epoch \d+ .*{advice}") as caught:
        train(net, X, net.loss, plan(max_epochs=200, learning_rate=rate))
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_are_refused_though_the_loss_was_one(X):
    net = Line()
    with pytest.raises(InputError, match=r"epoch 1 \(mean loss 28.5\)"):
        train(net, X, net.loss, plan(max_epochs=1, batch_size=N, learning_rate=1e38))


def test_a_diverging_autoencoder_says_so():
    X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    model = UndercompleteAutoencoder(
        n_latent=2, activation="identity", optimizer="sgd", learning_rate=1e6, device="cpu"
    )
    with pytest.raises(InputError, match="lower learning_rate"):
        model.fit(X)
