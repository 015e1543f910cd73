"""Anomalies: the score is its formula; planted rows are found; folders keep all."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import parametrize_with_checks

import likewise
from likewise import (
    AnomalyDetector,
    InputError,
    ModelFolderError,
    TableAutoencoder,
    UndercompleteAutoencoder,
)
from likewise.data.read_table import read_table
from likewise.tables.anomalies import SPREAD

HOUSES = Path(__file__).parents[1] / "shop" / "houses.csv"
QUICK = UndercompleteAutoencoder(n_latent=2, max_epochs=3, random_state=0)


@pytest.fixture(scope="module")
def houses():
    return read_table(HOUSES).to_pandas()


@pytest.fixture(scope="module")
def detector(houses):
    return AnomalyDetector(random_state=0).fit(houses)


def test_the_planted_rows_come_first_with_the_columns_that_were_changed(detector, houses):
    first, second = detector.rank(houses, 2)
    assert (first.row, first.causes[0].column, first.causes[0].value) == (41, "price", 990_000)
    assert first.causes[0].expected < 600_000
    assert (second.row, {cause.column for cause in second.causes[:2]}) == (72, {"area", "rooms"})


def test_the_ranking_is_that_of_the_scores_and_the_shares_are_theirs(detector, houses):
    ranked = detector.rank(houses, n_causes=7)
    scores = detector.score_samples(houses)
    assert [one.row for one in ranked] == np.argsort(scores, kind="stable").tolist()
    np.testing.assert_allclose([one.score for one in ranked], np.sort(-scores)[::-1])
    parts = detector.column_scores(houses)
    for one in ranked:
        for cause in one.causes:
            share = parts[one.row, houses.columns.get_loc(cause.column)] / one.score
            assert cause.share == pytest.approx(share)


def test_a_value_that_was_expected_is_no_cause_and_others_are_told_instead(detector, houses):
    ranked = detector.rank(houses)
    told = [len(one.causes) for one in detector.rank(houses, n_causes=7)]
    assert min(told) < 7  # some values are just as expected
    assert [len(one.causes) for one in ranked] == [min(3, n) for n in told]
    for one in ranked:
        assert all(cause.value != cause.expected for cause in one.causes)


@pytest.mark.parametrize("k", [0, -1, 2.5, True])
def test_a_number_of_rows_that_cannot_be_is_refused(detector, houses, k):
    with pytest.raises(InputError, match=rf"k={k}; give a whole number of rows, 1 or more"):
        detector.rank(houses, k)


def test_settings_from_numpy_are_saved_as_plain_numbers(houses, tmp_path):
    rounds, most = np.int64(2), np.int64(50)
    detector = AnomalyDetector(QUICK, n_rounds=rounds, max_categories=most).fit(houses)
    detector.save(tmp_path / "m")
    again = likewise.load(tmp_path / "m")
    assert (again.n_rounds, again.max_categories) == (2, 50)


def test_no_folder_is_written_whose_settings_could_not_be_read(houses, tmp_path):
    fitted = AnomalyDetector(QUICK, random_state=0).fit(houses.head(50)).set_params(n_rounds=0)
    with pytest.raises(
        ValueError, match="n_rounds=0 of AnomalyDetector; give a whole number, 1 or more"
    ):
        fitted.save(tmp_path / "houses.model")
    assert not (tmp_path / "houses.model").exists()


def test_one_row_has_nothing_to_be_compared_with(houses):
    with pytest.raises(InputError, match="1 row was given"):
        AnomalyDetector(QUICK).fit(houses[:1])


def test_the_score_is_its_formula():
    """A slow twin: hide the columns of a group, reconstruct, average over rounds, compare."""
    X = np.random.default_rng(0).normal(size=(40, 5))
    detector = AnomalyDetector(QUICK, n_rounds=2, masked_fraction=0.5, random_state=3).fit(X)
    rows, model = detector.table_.encoder_.transform(X), detector.table_.model_
    rng, given = np.random.default_rng(detector._seed), np.zeros_like(rows)
    for _ in range(2):
        order = rng.permutation(5)
        for group in (order[:3], order[3:]):
            seen = rows.copy()
            seen[:, group] = rows.mean(axis=0)[group]
            given[:, group] += model.reconstruct(seen)[:, group] / 2
    errors = (rows - given) ** 2
    expected = np.sqrt(errors / (errors.mean(axis=0) + SPREAD)).sum(axis=1)
    np.testing.assert_allclose(-detector.score_samples(X), expected, rtol=1e-5)


def test_a_broken_relation_is_found_where_no_single_value_is_strange():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 1))
    normal = np.hstack([x, -x, x**2]) + 0.05 * rng.normal(size=(400, 3))
    strange = rng.permutation(normal[300:])
    strange[:, 1] = rng.permutation(strange[:, 1])
    detector = AnomalyDetector(random_state=0).fit(normal[:300])
    test = np.vstack([normal[300:], strange])
    is_strange = np.repeat([0, 1], 100)
    assert roc_auc_score(is_strange, -detector.score_samples(test)) > 0.9


def test_shuffled_labels_fall_to_chance(detector, houses):
    labels = np.random.default_rng(0).permutation(np.arange(90) < 45)
    assert 0.3 < roc_auc_score(labels, detector.score_samples(houses)) < 0.7


def test_a_row_scores_the_same_alone_and_in_a_batch(detector, houses):
    whole = detector.score_samples(houses)
    np.testing.assert_allclose(detector.score_samples(houses.iloc[5:6])[0], whole[5], rtol=1e-4)


def test_contamination_is_the_share_of_training_rows_called_anomalies(houses):
    found = AnomalyDetector(QUICK, contamination=0.1, random_state=0).fit_predict(houses)
    assert (found == -1).sum() == 9


def test_it_comes_back_from_a_folder(detector, houses, tmp_path):
    detector.save(tmp_path / "m")
    loaded = likewise.load(tmp_path / "m")
    assert isinstance(loaded, AnomalyDetector)
    np.testing.assert_array_equal(
        loaded.decision_function(houses), detector.decision_function(houses)
    )
    assert loaded.rank(houses, 3) == detector.rank(houses, 3)


def test_a_folder_that_does_not_fit_is_refused(houses, tmp_path, monkeypatch):
    detector = AnomalyDetector(QUICK, random_state=0).fit(houses)
    monkeypatch.setattr(detector, "spread_", np.ones(3))
    detector.save(tmp_path / "m")
    with pytest.raises(ModelFolderError, match="does not fit its columns"):
        likewise.load(tmp_path / "m")


def test_one_column_and_constant_columns_do_not_divide_by_nothing():
    for columns in ({"a": [1.0, 2.0, 9.0] * 10}, {"a": [1.0] * 30, "b": ["x"] * 30}):
        frame = pd.DataFrame(columns)
        scores = AnomalyDetector(QUICK, random_state=0).fit(frame).score_samples(frame)
        assert np.isfinite(scores).all()


def test_what_cannot_be_is_refused(houses):
    for wrong in ({"contamination": 0.9}, {"n_rounds": 0}, {"masked_fraction": 0.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            AnomalyDetector(QUICK, **wrong).fit(houses)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([AnomalyDetector(QUICK, random_state=0), TableAutoencoder(QUICK)])
def test_estimator(estimator, check):
    check(estimator)


def test_a_constant_column_is_the_cause_of_nothing_until_it_changes(tmp_path):
    rng = np.random.default_rng(0)
    a = rng.normal(size=80)
    table = pa.table(
        {"a": a, "b": a + 0.1 * rng.normal(size=80), "land": ["DE"] * 80, "one": [7] * 80}
    )
    detector = AnomalyDetector(max_seconds=5, random_state=0).fit(table)
    detector.save(tmp_path / "m")
    other = table.slice(0, 1).set_column(3, "one", pa.array([8]))
    for one in (detector, likewise.load(tmp_path / "m")):
        scores = one.column_scores(table)
        assert (scores[:, 2:] == 0).all()
        assert (scores[:, :2] > 0).any()
        assert one.column_scores(other)[0, 3] > 5
