"""Checkpoints: a run that was cut in two takes the very steps of one that was not."""

import errno
import os

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file
from scipy import sparse

from likewise.autoencoders import DenoisingAutoencoder, VariationalAutoencoder
from likewise.errors import InputError, MachineError
from likewise.nn import checkpoint as module

SETTINGS = {
    "n_latent": 3,
    "batch_size": 8,
    "learning_rate": 0.01,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}
KINDS = {
    "adam": lambda **more: DenoisingAutoencoder(**SETTINGS | more),
    "sgd": lambda **more: DenoisingAutoencoder(**SETTINGS | {"optimizer": "sgd"} | more),
    "annealed": lambda **more: VariationalAutoencoder(
        hidden=(6,), anneal_steps=20, **SETTINGS | more
    ),
    "stopped early": lambda **more: DenoisingAutoencoder(
        **SETTINGS | {"patience": 3, "learning_rate": 0.1} | more
    ),
}


@pytest.fixture(params=sorted(KINDS))
def make(request):
    return KINDS[request.param]


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return sparse.csr_array((rng.random((40, 9)) < 0.4).astype(np.float32))


def weights(model):
    return {name: tensor.numpy().copy() for name, tensor in model.net_.state_dict().items()}


def assert_same_run(one, other):
    assert weights(one).keys() == weights(other).keys()
    for name, weight in weights(one).items():
        np.testing.assert_array_equal(weights(other)[name], weight, err_msg=name)
    assert one.n_epochs_ == other.n_epochs_
    assert one.history_.stopped == other.history_.stopped
    for key in ("loss", "validation"):
        assert [e[key] for e in one.history_.epochs] == [e[key] for e in other.history_.epochs]


def test_three_epochs_and_three_more_are_six(make, X, tmp_path):
    whole = make(max_epochs=6, checkpoint=tmp_path / "whole").fit(X)
    make(max_epochs=3, checkpoint=tmp_path / "parts").fit(X)
    resumed = make(max_epochs=6, checkpoint=str(tmp_path / "parts")).fit(X)
    assert_same_run(whole, resumed)
    assert_same_run(make(max_epochs=6).fit(X), resumed)
    one, other = load_file(tmp_path / "whole"), load_file(tmp_path / "parts")
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        np.testing.assert_array_equal(other[name], tensor, err_msg=name)


def test_the_state_of_adam_is_kept_with_the_weights(X, tmp_path):
    KINDS["adam"](max_epochs=2, checkpoint=tmp_path / "run").fit(X)
    kept = load_file(tmp_path / "run")
    parts = {name.split(".")[0] for name in kept}
    assert parts == {"net", "best", "optimizer"}
    moments = {name.split(".")[2] for name in kept if name.startswith("optimizer.")}
    assert moments == {"step", "exp_avg", "exp_avg_sq"}
    batches = -(-36 // 8)  # a tenth of the rows is held out
    assert {float(v) for k, v in kept.items() if k.endswith(".step")} == {2.0 * batches}


def test_a_run_cut_off_in_the_middle_of_an_epoch_goes_on_from_its_beginning(make, X, tmp_path):
    def cut(at):
        if at.epoch == 4 and at.rows_done >= 16:
            raise KeyboardInterrupt

    interrupted = make(max_epochs=6, checkpoint=tmp_path / "run", progress=cut).fit(X)
    assert interrupted.history_.stopped == "interrupt"
    resumed = make(max_epochs=6, checkpoint=tmp_path / "run").fit(X)
    assert_same_run(make(max_epochs=6).fit(X), resumed)


def test_a_run_cut_off_by_time_goes_on_too(make, X, tmp_path):
    timed = make(max_epochs=6, max_seconds=1e-9, checkpoint=tmp_path / "run").fit(X)
    assert timed.history_.stopped == "max_seconds"
    resumed = make(max_epochs=6, checkpoint=tmp_path / "run").fit(X)
    assert_same_run(make(max_epochs=6).fit(X), resumed)


def test_a_finished_run_is_taken_as_it_is(make, X, tmp_path):
    finished = make(max_epochs=3, checkpoint=tmp_path / "run").fit(X)
    told = []
    again = make(max_epochs=3, checkpoint=tmp_path / "run", progress=told.append).fit(X)
    assert told == []
    assert_same_run(finished, again)


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0.02}, {"n_latent": 4}, {"random_state": 1}, {"batch_size": 9}]
)
def test_other_settings_are_refused(make, X, tmp_path, change):
    make(max_epochs=1, checkpoint=tmp_path / "run").fit(X)
    before = (tmp_path / "run").read_bytes()
    with pytest.raises(InputError, match="belongs to other data or settings; name another file"):
        make(max_epochs=2, checkpoint=tmp_path / "run", **change).fit(X)
    assert (tmp_path / "run").read_bytes() == before


def test_other_data_are_refused(make, X, tmp_path):
    make(max_epochs=1, checkpoint=tmp_path / "run").fit(X)
    changed = X.copy()
    changed.data[0] = 2
    for other in (changed, X[:, ::-1], X[1:], X.toarray()):
        with pytest.raises(InputError, match="belongs to other data or settings"):
            make(max_epochs=2, checkpoint=tmp_path / "run").fit(other)


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)])
def test_without_a_seed_there_is_no_exact_resume(make, X, tmp_path, seed):
    with pytest.raises(InputError, match="checkpoint needs random_state"):
        make(checkpoint=tmp_path / "run", random_state=seed).fit(X)


DAMAGES = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[: len(data) // 2],
    "a few bytes": lambda data: b"PK\x03\x04",
    "no header": lambda data: b"\xff" * 8 + data[8:],
    "another history": lambda data: data.replace(rb"{\"epochs", rb"[\"epochs"),
    "another tensor": lambda data: data.replace(b"net.first.bias", b"net.first.BIAS"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused(make, X, tmp_path, damage):
    make(max_epochs=1, checkpoint=tmp_path / "run").fit(X)
    path = tmp_path / "run"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(InputError, match="run is damaged: delete it to start anew") as caught:
        make(max_epochs=2, checkpoint=path).fit(X)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_checkpoint(make, X, tmp_path):
    with pytest.raises(InputError, match="is damaged"):
        make(checkpoint=tmp_path).fit(X)


def test_folders_on_the_way_are_made_and_nothing_else_is_left(make, X, tmp_path):
    make(max_epochs=2, checkpoint=tmp_path / "a" / "b" / "run").fit(X)
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["run"]


def test_a_place_that_cannot_be_written_is_a_fault_of_the_machine(make, X, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MachineError, match=r"cannot be written.*free some space, or name another"):
        make(max_epochs=1, checkpoint=tmp_path / "file" / "run").fit(X)


@pytest.mark.parametrize(
    "fault", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), SafetensorError("I/O error")]
)
def test_on_a_full_disk_the_older_checkpoint_stays(make, X, tmp_path, monkeypatch, fault):
    make(max_epochs=1, checkpoint=tmp_path / "run").fit(X)
    before = (tmp_path / "run").read_bytes()

    def half(tensors, path, header):
        path.write_bytes(b"half of it")
        raise fault

    monkeypatch.setattr(module, "save_file", half)
    with pytest.raises(MachineError, match=r"run cannot be written: .*; free some space"):
        make(max_epochs=2, checkpoint=tmp_path / "run").fit(X)
    assert (tmp_path / "run").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    monkeypatch.undo()
    resumed = make(max_epochs=2, checkpoint=tmp_path / "run").fit(X)
    assert_same_run(make(max_epochs=2).fit(X), resumed)
