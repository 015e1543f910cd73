"""Places on the map: in the square, like beside like, kept in the model folder."""

import dataclasses

import numpy as np
import pytest

from likewise import LinearAutoencoder, NeighbourhoodAutoencoder, Popularity, Recommender
from likewise.errors import InputError
from likewise.recommend import places as module
from likewise.recommend.folder import ALL_TYPES, load
from likewise.recommend.places import item_places


@pytest.fixture(scope="module")
def baskets():
    """Four groups of ten items, each bought with items of its own group."""
    rng = np.random.default_rng(0)
    return [
        [f"{group}-{n}" for n in rng.choice(10, 4, replace=False)]
        for group in "abcd"
        for _ in range(60)
    ]


def separation(recommender, places):
    """Return how much nearer items of the same group are than others, as a ratio of means."""
    group = np.array([item[0] for item in recommender.catalogue_.items.ids.tolist()])
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    same = group[:, None] == group
    return apart[~same].mean() / apart[same].mean()


@pytest.mark.parametrize("model", [LinearAutoencoder(l2=5.0), NeighbourhoodAutoencoder(l2=5.0)])
@pytest.mark.parametrize("wide", [1, 1_000])
@pytest.mark.parametrize("landmarks", [12, 1_000])
def test_items_that_are_bought_together_lie_together(baskets, monkeypatch, model, wide, landmarks):
    monkeypatch.setattr(module, "WIDE", wide)
    monkeypatch.setattr(module, "N_LANDMARKS", landmarks)
    recommender = Recommender(model).fit(baskets)
    places = item_places(recommender)
    assert places.shape == (40, 2)
    assert places.dtype == np.float32
    assert np.abs(places).max() == pytest.approx(1.0)
    assert separation(recommender, places) > 1.5
    np.testing.assert_array_equal(places, item_places(recommender))


def test_directions_keep_the_likeness_of_codes(baskets):
    recommender = Recommender(LinearAutoencoder(l2=5.0)).fit(baskets)
    codes = module.unit(recommender.item_codes())
    short = module._directed(recommender.model_)
    np.testing.assert_allclose(short @ short.T, codes @ codes.T, atol=1e-3)


def test_a_model_folder_keeps_them(baskets, tmp_path):
    recommender = Recommender(LinearAutoencoder()).fit(baskets)
    assert load_after_save(recommender, tmp_path / "none").places_ is None
    recommender.places_ = item_places(recommender)
    again = load_after_save(recommender, tmp_path / "some")
    np.testing.assert_array_equal(again.places_, recommender.places_)
    assert recommender.fit(baskets).places_ is None


def load_after_save(recommender, folder):
    recommender.save(folder)
    return load(folder)


@pytest.mark.parametrize(
    "places", [np.zeros((3, 2), np.float32), np.zeros((40, 2)), np.full((40, 2), 2.0, np.float32)]
)
def test_places_that_are_no_places_are_refused(baskets, places):
    recommender = Recommender(LinearAutoencoder()).fit(baskets)
    contents = recommender.contents()
    forged = dataclasses.replace(contents, tensors=contents.tensors | {"places": places})
    with pytest.raises(InputError, match="places of the items"):
        Recommender.from_contents(LinearAutoencoder, forged)


@pytest.mark.parametrize("n_items", [2, 40])
def test_items_whose_codes_are_all_the_same_share_a_place(n_items):
    baskets = [[f"i{n}", f"i{(n + 1) % n_items}"] for n in range(n_items)]
    places = item_places(Recommender(Popularity()).fit(baskets))
    np.testing.assert_array_equal(places, np.zeros((n_items, 2), np.float32))


@pytest.mark.parametrize("name", [name for name in ALL_TYPES if name != "convolutional"])
def test_every_type_has_places(baskets, name):
    model = ALL_TYPES[name]()
    quick = {"max_epochs": 1, "n_latent": 3, "random_state": 0, "device": "cpu"}
    model.set_params(**{k: v for k, v in quick.items() if k in model.get_params()})
    places = item_places(Recommender(model).fit(baskets))
    assert np.isfinite(places).all()
    assert np.abs(places).max() <= 1
