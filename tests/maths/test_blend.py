"""The blend: calibrations by hand, the sum, its folder, and what it answers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit

import likewise
from likewise.artifact import read_folder, write_folder
from likewise.autoencoders import DenoisingAutoencoder, LinearAutoencoder
from likewise.errors import InputError, ModelFolderError
from likewise.recommend.baselines import PersonalFrequency, Popularity
from likewise.recommend.blend import CALIBRATIONS, Blend, z_score
from likewise.recommend.folder import ALL_TYPES, load
from likewise.recommend.recommender import Recommender

ROW = np.array([[1.0, 3.0, 3.0, 5.0]], dtype=np.float32)
Z = np.array([[-2.0, 0, 0, 2]]) / np.sqrt(2)
BY_HAND = {
    "z-score": Z,
    "rank": [[0, 0.5, 0.5, 1]],
    "softmax": np.exp(Z) / np.exp(Z).sum(),
    "product": np.log(expit(Z)),
}


def neural():
    return DenoisingAutoencoder(n_latent=3, max_epochs=2, batch_size=16, random_state=0)


@pytest.fixture
def X():
    rows = np.random.default_rng(0).random((40, 9)) < 0.3
    return sparse.csr_array(rows.astype(np.float32))


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_calibrations_by_hand(calibration):
    calibrate = CALIBRATIONS[calibration]
    np.testing.assert_allclose(calibrate(ROW), BY_HAND[calibration], rtol=1e-6)
    assert calibrate(ROW).dtype == np.float32
    for scale, shift in ((7, 0), (1, -20), (0.01, 4)):
        np.testing.assert_allclose(calibrate(ROW * scale + shift), calibrate(ROW), atol=1e-3)
    flat = calibrate(np.full((1, 5), 3e6 / 7, dtype=np.float32))
    assert (flat == flat[0, 0]).all()


@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_the_blend_is_the_weighted_sum_of_its_calibrated_parts(X, calibration):
    parts = [LinearAutoencoder(l2=2.0), neural(), Popularity()]
    blend = Blend(parts=parts, weights=[1, 0.5, 0], calibration=calibration).fit(X)
    alone = [CALIBRATIONS[calibration](part.fit(X).logits(X)) for part in parts[:2]]
    np.testing.assert_allclose(blend.logits(X), alone[0] + 0.5 * alone[1], atol=1e-6)
    assert not hasattr(parts[2], "counts_"), "the given parts are copied"


def test_a_folder_holds_all_parts(X, tmp_path):
    blend = Blend(parts=[LinearAutoencoder(l2=2.0), neural()], weights=(1, 2)).fit(X)
    blend.save(tmp_path / "a.model")
    again = likewise.load(tmp_path / "a.model")
    np.testing.assert_array_equal(again.logits(X), blend.logits(X))
    assert [repr(part) for part in again.parts] == [repr(part) for part in again.parts_]
    assert again.parts_[0].l2 == 2.0
    assert again.fit(X).parts_[1].n_latent == 3


@pytest.fixture
def saved(X, tmp_path):
    Blend(parts=[LinearAutoencoder(l2=2.0), Popularity()]).fit(X).save(tmp_path / "a.model")
    return read_folder(tmp_path / "a.model", known_types=ALL_TYPES)


def change(record, number, **changes):
    parts = [dict(part) for part in record["parts"]]
    parts[number] |= changes
    return record | {"parts": parts}


@pytest.mark.parametrize(
    "broken",
    [
        {"type": "blend"},
        {"type": "os.system"},
        {"type": ["linear"]},
        {"type": "linear"},
        {"parameters": {"colour": 1}},
        {"extra": {"n_features": 4}},
        {"extra": {}},
    ],
)
def test_parts_that_are_none_are_refused(saved, tmp_path, broken):
    write_folder(tmp_path / "b.model", replace(saved, extra=change(saved.extra, 1, **broken)))
    with pytest.raises(ModelFolderError, match=r"b\.model"):
        likewise.load(tmp_path / "b.model")


@pytest.mark.parametrize("parts", [[], "linear", [3], [{"type": "blend", "parameters": {}}]])
def test_named_parts_that_are_none_are_refused(saved, tmp_path, parts):
    for changed in (
        replace(saved, parameters=saved.parameters | {"parts": parts}),
        replace(saved, extra=saved.extra | {"parts": parts}),
    ):
        write_folder(tmp_path / "b.model", changed)
        with pytest.raises(ModelFolderError, match=r"b\.model"):
            likewise.load(tmp_path / "b.model")


def test_a_blend_of_a_blend_is_refused(X):
    with pytest.raises(InputError, match="parts"):
        Blend(parts=[Blend()]).fit(X)


def test_a_recommender_of_a_blend_recommends_explains_and_is_saved(tmp_path):
    baskets = [["tea", "cup", "milk"], ["ink", "pen", "pad"]] * 20
    blend = Blend(parts=[LinearAutoencoder(l2=1.0), neural()])
    recommender = Recommender(blend).fit(baskets)
    assert {r.item for r in recommender.recommend([["tea"]], k=2)[0]} == {"cup", "milk"}
    reasons = recommender.explain(["tea", "ink"], "cup")
    assert [reason.item for reason in reasons] == ["tea", "ink"]
    recommender.save(tmp_path / "a.model")
    again = likewise.load(tmp_path / "a.model")
    assert again.recommend([["tea"]], k=3) == recommender.recommend([["tea"]], k=3)


def test_counts_are_for_personal_frequency_alone(tmp_path):
    rng = np.random.default_rng(3)
    X = sparse.csr_array(rng.poisson(0.7, (40, 8)).astype(np.float32))
    ones = (X.toarray() > 0).astype(np.float32)
    linear, habits = LinearAutoencoder(l2=5.0), PersonalFrequency()
    blend = Blend(parts=[linear, habits], weights=[1, 0.5], counts=True).fit(X)
    expected = z_score(linear.fit(ones).logits(ones)) + 0.5 * z_score(habits.fit(X).logits(X))
    np.testing.assert_allclose(blend.logits(X), expected, atol=1e-5)
    np.testing.assert_allclose(blend.logits(X.toarray()), expected, atol=1e-5)
    plain = Blend(parts=[linear, habits], weights=[1, 0.5]).fit(X)
    assert not np.allclose(plain.logits(X), expected, atol=1e-2)
    blend.save(tmp_path / "b.model")
    np.testing.assert_array_equal(load(tmp_path / "b.model").logits(X), blend.logits(X))
