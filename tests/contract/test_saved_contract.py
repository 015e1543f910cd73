"""A model folder that is sound, signed by its own manifest, and yet no model of its type."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from likewise.artifact import read_folder, write_folder
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.errors import InputError, ModelFolderError
from likewise.recommend.folder import ALL_TYPES, load


@pytest.fixture
def bare(make, purchases, tmp_path):
    """The contents of a bare autoencoder's folder, and a function that tries to load a change."""
    make().fit(purchases).save(tmp_path / "a.model")
    contents = read_folder(tmp_path / "a.model", known_types=ALL_TYPES)

    def refusal(**changes):
        write_folder(tmp_path / "changed.model", replace(contents, **changes))
        with pytest.raises(ModelFolderError, match=r"^model folder .*changed\.model") as caught:
            load(tmp_path / "changed.model")
        return str(caught.value)

    return contents, refusal


def test_parameters_that_the_type_does_not_have_or_allow_are_refused(bare):
    contents, refused = bare
    assert "'colour'" in refused(parameters=contents.parameters | {"colour": "red"})
    for setting in contents.parameters:
        assert setting in refused(parameters=contents.parameters | {setting: {"a": 1}})


def test_another_number_of_features_is_refused(bare):
    contents, refused = bare
    for n in (11, 13, -1, 10**9, "many", None, [12]):
        assert refused(extra=contents.extra | {"n_features": n})


def test_what_is_missing_is_named(bare):
    contents, refused = bare
    for key in contents.extra.keys() - {"seed"}:  # which folders of older versions lack
        assert key in refused(extra={k: v for k, v in contents.extra.items() if k != key})


def test_weights_that_do_not_fit_are_refused(bare):
    contents, refused = bare
    for name, tensor in contents.tensors.items():
        others = {k: v for k, v in contents.tensors.items() if k != name}
        assert refused(tensors=others)
        assert refused(tensors=others | {f"{name}.other": tensor})
        assert refused(tensors={**contents.tensors, "more": np.ones(1, np.float32)})
        assert refused(tensors=others | {name: np.ones((*tensor.shape, 2), np.float32)})


OF_THE_NET = {"n_latent": 5, "hidden": (4, 4), "activation": "relu", "n_pseudo": 7}


def test_settings_that_are_no_longer_those_of_the_net_are_refused(make, purchases, tmp_path):
    model = make().fit(purchases)
    if not isinstance(model, NeuralAutoencoder):
        return
    given = model.get_params()
    for setting, other in {**OF_THE_NET, "learning_rate": "auto"}.items():
        if setting in given:
            model.set_params(**{setting: other})
            with pytest.raises(InputError, match=f"^{setting}="):
                model.save(tmp_path / "a.model")
            with pytest.raises(InputError, match=f"^{setting}="):
                model.partial_fit(purchases)
            model.set_params(**{setting: given[setting]})
    assert not (tmp_path / "a.model").exists()
    model.save(tmp_path / "a.model")
    load(tmp_path / "a.model").partial_fit(purchases)


def test_what_auto_became_may_be_given_after_a_fit(purchases, tmp_path):
    model = ALL_TYPES["denoising"](n_latent=3, max_epochs=1, device="cpu").fit(purchases)
    model.set_params(**model.chosen_).partial_fit(purchases).save(tmp_path / "a.model")
    np.testing.assert_array_equal(load(tmp_path / "a.model").logits(purchases),
                                  model.logits(purchases))  # fmt: skip


def test_widths_that_would_fill_the_memory_are_refused_before_they_do(bare):
    contents, refused = bare
    for setting, vast in {"n_latent": 10**9, "hidden": [10**9, 10**9]}.items():
        at_most = contents.type in {"spectral", "lle", "als"}  # whose setting allocates nothing
        if setting in contents.parameters and not at_most:
            assert "do not fit" in refused(parameters=contents.parameters | {setting: vast})


def test_a_recommender_of_other_items_than_its_model_is_refused(recommender, tmp_path):
    contents = recommender.contents()
    for items in (contents.items[:11], None):
        write_folder(tmp_path / "changed.model", replace(contents, items=items))
        with pytest.raises(ModelFolderError, match=r"items|recommender"):
            load(tmp_path / "changed.model")
    for extra in ({"weighting": "sqrt"}, {}, None, "binary"):
        changed = replace(contents, extra=contents.extra | {"recommender": extra})
        write_folder(tmp_path / "changed.model", changed)
        with pytest.raises(ModelFolderError, match=r"weighting|recommender"):
            load(tmp_path / "changed.model")


@pytest.mark.parametrize(
    "name",
    [n for n, t in ALL_TYPES.items() if issubclass(t, NeuralAutoencoder) and t.sparse_rows],
)
def test_weights_lie_where_they_were_read_and_can_be_trained_further(bare, name, purchases):
    """What is learned on memory that processes share is what a copy of its own would learn."""
    contents, _ = bare
    kind = ALL_TYPES[name]
    copies = {key: tensor.copy() for key, tensor in contents.tensors.items()}
    shared = kind.from_contents(contents)
    for key, weight in shared.net_.state_dict().items():
        if key in contents.tensors:
            assert weight.data_ptr() == contents.tensors[key].ctypes.data, key
    own = kind.from_contents(replace(contents, tensors=copies))
    for model in (shared, own):
        model.partial_fit(purchases)
    for key, weight in own._tensors().items():
        np.testing.assert_allclose(shared._tensors()[key], weight, rtol=1e-4, atol=1e-6)
    assert any((own._tensors()[key] != copies[key]).any() for key in copies)


def test_settings_from_numpy_are_saved_as_plain_numbers(make, purchases, tmp_path):
    model = make()
    as_numpy = {
        k: np.asarray(v)[()]
        for k, v in model.get_params().items()
        if isinstance(v, int | float | tuple) and not isinstance(v, bool)
    }
    model.set_params(**as_numpy).fit(purchases).save(tmp_path / "a.model")
    again = load(tmp_path / "a.model")
    np.testing.assert_array_equal(again.logits(purchases), model.logits(purchases))
    for setting, value in again.get_params().items():
        assert type(value).__module__ == "builtins", setting


def test_a_random_state_is_written_as_none(make, purchases, tmp_path):
    model = make()
    if not model.stochastic:
        return
    model.set_params(random_state=np.random.RandomState(0)).fit(purchases).save(tmp_path / "a")
    again = load(tmp_path / "a")
    assert again.random_state is None
    np.testing.assert_array_equal(again.logits(purchases), model.logits(purchases))


def test_names_of_columns_are_kept_and_columns_in_another_order_refused(make, purchases, tmp_path):
    frame = pd.DataFrame(purchases.toarray()).rename(columns=lambda n: f"f{n}")
    model = make().fit(frame)
    model.save(tmp_path / "a.model")
    again = load(tmp_path / "a.model")
    assert again.feature_names_in_.tolist() == list(frame)
    np.testing.assert_array_equal(again.logits(frame), model.logits(frame))
    with pytest.raises(InputError, match="feature names"):
        again.transform(frame[frame.columns[::-1]])
    contents = read_folder(tmp_path / "a.model", known_types=ALL_TYPES)
    for wrong in (["f0"], "f" * 12, [*range(12)]):
        changed = replace(contents, extra=contents.extra | {"feature_names": wrong})
        write_folder(tmp_path / "b.model", changed)
        with pytest.raises(ModelFolderError, match="feature_names"):
            load(tmp_path / "b.model")


def test_models_that_were_loaded_go_on_with_noise_of_their_own(make_any, purchases, tmp_path):
    """And folders of versions that did not keep the seed still load."""
    for seed in (1, 2):
        model = make_any("denoising", random_state=seed).fit(purchases)
        model.save(tmp_path / f"{seed}.model")
        assert load(tmp_path / f"{seed}.model")._seed == model._seed
    contents = read_folder(tmp_path / "2.model", known_types=ALL_TYPES)
    older = {k: v for k, v in contents.extra.items() if k != "seed"}
    write_folder(tmp_path / "old.model", replace(contents, extra=older))
    assert load(tmp_path / "old.model").partial_fit(purchases).n_epochs_ == model.n_epochs_ + 1
    for wrong in (-1, "many", None):
        write_folder(tmp_path / "b.model", replace(contents, extra=older | {"seed": wrong}))
        with pytest.raises(ModelFolderError, match=r"seed|many|NoneType"):
            load(tmp_path / "b.model")
