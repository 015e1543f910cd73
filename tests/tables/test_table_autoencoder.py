"""Autoencoders of tables: reconstruct, save, load, reduce."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.utils.estimator_checks import check_transformer_general

import likewise
from likewise import (
    AnomalyDetector,
    InputError,
    ModelFolderError,
    TableAutoencoder,
    TableEncoder,
    UndercompleteAutoencoder,
)
from likewise.data.read_table import read_table
from likewise.evaluate import embedding
from likewise.tables import reduction
from likewise.tables.autoencoder import by_column
from likewise.tables.reduction import reduce_table
from likewise.tables.settings import for_tables

HOUSES = Path(__file__).parents[1] / "shop" / "houses.csv"
SMALL = UndercompleteAutoencoder(
    n_latent=2, activation="tanh", learning_rate=0.01, batch_size=16, max_epochs=20, random_state=0
)


@pytest.fixture(scope="module")
def houses():
    return read_table(HOUSES).to_pandas()


@pytest.fixture(scope="module")
def model(houses):
    return TableAutoencoder(SMALL).fit(houses)


def test_a_table_goes_in_and_a_table_comes_out(model, houses):
    codes = model.transform(houses)
    assert codes.shape == (90, 2)
    assert model.get_feature_names_out().tolist() == ["tableautoencoder0", "tableautoencoder1"]
    for table in (model.reconstruct(houses), model.inverse_transform(codes)):
        assert (table.dtypes == houses.dtypes).all()
        assert set(table["town"].dropna()) <= set(houses["town"].dropna())
        assert (table["price"] == table["price"].round()).all()


def test_the_errors_of_the_cells_are_those_of_the_matrix(model, houses):
    rows = model.encoder_.transform(houses)
    cells = (rows - model.model_.reconstruct(rows)) ** 2
    errors = model.column_errors(houses)
    assert errors.shape == houses.shape
    np.testing.assert_allclose(errors.sum(axis=1), cells.sum(axis=1))
    np.testing.assert_allclose(errors[:, 2], cells[:, model.encoder_.source_ == 2].sum(axis=1))
    assert by_column(np.ones((2, 4)), np.array([0, 0, 1, 2])).tolist() == [[2, 1, 1], [2, 1, 1]]


def test_it_is_the_same_alone_and_in_a_batch(model, houses):
    whole = model.transform(houses)
    np.testing.assert_allclose(model.transform(houses.iloc[7:8])[0], whole[7], atol=1e-5)


def test_it_comes_back_from_a_folder(model, houses, tmp_path):
    model.save(tmp_path / "m")
    loaded = likewise.load(tmp_path / "m")
    assert isinstance(loaded, TableAutoencoder)
    np.testing.assert_array_equal(loaded.transform(houses), model.transform(houses))
    pd.testing.assert_frame_equal(loaded.reconstruct(houses), model.reconstruct(houses))
    assert loaded.feature_names_in_.tolist() == list(houses)


def test_a_number_of_categories_from_numpy_is_saved(houses, tmp_path):
    TableAutoencoder(SMALL, max_categories=np.int64(50)).fit(houses).save(tmp_path / "m")
    assert likewise.load(tmp_path / "m").max_categories == 50


def test_a_folder_whose_table_is_another_is_refused(model, tmp_path, houses, monkeypatch):
    other = TableAutoencoder(SMALL).fit(houses[["town", "price"]])
    monkeypatch.setattr(model, "encoder_", other.encoder_)
    model.save(tmp_path / "m")
    with pytest.raises(ModelFolderError, match="columns are not those of its autoencoder"):
        likewise.load(tmp_path / "m")


def test_the_autoencoder_given_is_not_changed(houses):
    given = UndercompleteAutoencoder(n_latent=1, max_epochs=1)
    assert TableAutoencoder(given).fit(houses).model_ is not given
    assert not hasattr(given, "net_")


def test_settings_for_tables_leave_out_what_a_type_does_not_have():
    assert for_tables(UndercompleteAutoencoder, 3, 100_000).n_latent == 3
    assert for_tables(likewise.LinearAutoencoder, 3, 100, l2=5.0).get_params()["l2"] == 5.0


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, np.asarray])
def test_a_curve_is_one_number_for_an_autoencoder_and_not_for_pca(frame):
    """A spiral of one dimension in three: PCA to one number must lose what a bent code keeps."""
    t = np.random.default_rng(0).uniform(0, 4, 400)
    X = np.column_stack([np.cos(2 * t), np.sin(2 * t), t])
    if frame is not np.asarray:
        X = frame({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
    model = TableAutoencoder(
        for_tables(UndercompleteAutoencoder, 1, 400, random_state=0, max_epochs=60)
    )
    reduction = reduce_table(X, model)
    assert reduction.codes.shape == reduction.pca_codes.shape == (400, 1)
    assert reduction.own.explained > 0.9 > 0.6 > reduction.pca.explained
    assert reduction.own.neighbours > reduction.pca.neighbours
    assert reduction.n_held == 80
    assert "1 dimension explain" in reduction.line()


def test_a_reduction_and_pca_are_judged_by_rows_that_neither_learned_from(
    houses, rows_seen_by, monkeypatch
):
    judged = []

    def watched(X, codes, X_hat, mean, **more):
        judged.append((X, mean))
        return embedding.faithfulness(X, codes, X_hat, mean, **more)

    monkeypatch.setattr(reduction, "faithfulness", watched)
    seen = rows_seen_by(TableEncoder, UndercompleteAutoencoder, PCA)
    table = houses.assign(number=np.arange(90))
    reduce_table(table, TableAutoencoder(SMALL))
    (part,) = seen[TableEncoder]
    assert len(part) == 72
    encoder = TableEncoder()
    rows = encoder.fit_transform(part)
    for learned in (*seen[UndercompleteAutoencoder], *seen[PCA]):
        np.testing.assert_array_equal(learned, rows)
    others = encoder.transform(table.drop(index=part["number"]))
    assert len(judged) == 2
    for X, mean in judged:
        np.testing.assert_array_equal(X, others)
        np.testing.assert_array_equal(mean, rows.mean(axis=0))


def test_a_table_too_short_to_be_judged_is_refused():
    with pytest.raises(InputError, match="a table of 9 rows was given"):
        reduce_table(np.eye(9), TableAutoencoder(SMALL))


def test_a_model_without_a_seed_is_given_the_tables(houses):
    def code(**given):
        model = UndercompleteAutoencoder(n_latent=1, max_epochs=2, **given)
        return TableAutoencoder(model, random_state=3).fit_transform(houses)

    np.testing.assert_array_equal(code(), code(random_state=3))
    assert not np.array_equal(code(), code(random_state=4))


def test_the_default_model_is_decided_by_the_random_state():
    X = np.random.default_rng(0).normal(size=(30, 3))
    model = TableAutoencoder(random_state=3)
    check_transformer_general("TableAutoencoder", TableAutoencoder())
    np.testing.assert_array_equal(model.fit_transform(X), model.fit(X).transform(X))


@pytest.mark.parametrize(
    ("fit", "said"),
    [
        (lambda: TableAutoencoder().fit(pl.LazyFrame({"a": [1]})), r"\.collect\(\)"),
        (lambda: UndercompleteAutoencoder().fit(pl.LazyFrame({"a": [1]})), r"\.collect\(\)"),
        (lambda: TableEncoder().fit(sparse.eye_array(3, format="csr")), r"\.toarray\(\)"),
        (lambda: AnomalyDetector().fit(sparse.eye_array(3, format="csr")), r"\.toarray\(\)"),
        (lambda: UndercompleteAutoencoder().fit([[np.nan], [1.0]]), r"NaN; likewise\.TableAuto"),
        (lambda: UndercompleteAutoencoder().fit([["tea"], ["ink"]]), r"'tea'; likewise\.TableAuto"),
    ],
)  # fmt: skip
def test_what_another_class_takes_is_refused_with_its_name(fit, said):
    with pytest.raises(InputError, match=said):
        fit()
