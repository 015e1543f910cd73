"""Types in scikit-learn's own company: searches, column transformers, frames, passes row by row."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from likewise import (
    ContractiveAutoencoder,
    ConvolutionalAutoencoder,
    DeepAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    StackedAutoencoder,
    TableAutoencoder,
    UndercompleteAutoencoder,
    VariationalAutoencoder,
)

RUN = {"n_latent": 2, "max_epochs": 2, "device": "cpu", "random_state": 0}
TYPES = [
    UndercompleteAutoencoder(**RUN),
    UndercompleteAutoencoder(**RUN, neighbour_weight=1.0),
    SparseAutoencoder(**RUN),
    DenoisingAutoencoder(**RUN),
    ContractiveAutoencoder(**RUN),
    StackedAutoencoder(**RUN, hidden=(4,), pretrain_epochs=1),
    DeepAutoencoder(**RUN, hidden=(4,), pretrain_epochs=1),
    ConvolutionalAutoencoder(**RUN, filters=(4,)),
    VariationalAutoencoder(**RUN, hidden=(4,)),
]


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 1))
    values = np.hstack([x, 2 * x, -x, x**2]) + 0.1 * rng.normal(size=(60, 4))
    return pd.DataFrame(values, columns=["a", "b", "c", "d"])


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("model", TYPES, ids=repr)
def test_codes_come_as_frames_with_the_names_of_the_features_out(model, frame, kind):
    given = frame if kind == "pandas" else pl.from_pandas(frame)
    pipeline = make_pipeline(StandardScaler(), model).set_output(transform=kind)
    codes = pipeline.fit(given).transform(given)
    assert isinstance(codes, {"pandas": pd.DataFrame, "polars": pl.DataFrame}[kind])
    name = type(model).__name__.lower()
    assert list(codes.columns) == [f"{name}0", f"{name}1"]
    assert pipeline.get_feature_names_out().tolist() == list(codes.columns)


@pytest.mark.parametrize("model", TYPES, ids=repr)
def test_a_grid_is_searched_by_what_comes_after_the_code(model, frame):
    pipeline = make_pipeline(StandardScaler(), model, StandardScaler(), LogisticRegression())
    step = type(model).__name__.lower()
    search = GridSearchCV(pipeline, {f"{step}__n_latent": [1, 2]}, cv=2)
    assert search.fit(frame, frame["a"] > 0).best_score_ > 0.75  # half of them are right by chance


@pytest.mark.parametrize("model", [*TYPES, TableAutoencoder(TYPES[0])], ids=repr)
def test_some_columns_are_encoded_beside_others(model, frame):
    frame["kind"] = ["tea", "ink"] * 30
    columns = ColumnTransformer(
        [("code", model, ["a", "b", "c", "d"]), ("kind", OneHotEncoder(), ["kind"])]
    )
    assert columns.fit_transform(frame).shape == (60, 4)
    assert columns.get_feature_names_out()[0].startswith("code__")


@pytest.mark.parametrize("images", [False, True], ids=["table", "images"])
@pytest.mark.parametrize("model", TYPES, ids=repr)
def test_rows_can_pass_part_by_part(model, images):
    X = np.random.default_rng(0).random((64, 6, 6) if images else (64, 36), dtype=np.float32)
    model = type(model)(**model.get_params())
    model.partial_fit(X[:32])
    before = model.transform(X)
    model.partial_fit(X[32:])
    assert model.n_epochs_ == 2
    assert not np.array_equal(model.transform(X), before)
    assert model.inverse_transform(model.transform(X)).shape == X.shape


def test_huge_values_are_learned_without_a_warning():
    X = np.repeat(np.float32([[1e38], [-1e38]]), 600, axis=0) * np.float32([[1, 0.5, -1]])
    model = UndercompleteAutoencoder(**RUN).fit(X)
    assert np.isfinite(model.reconstruct(X)).all()


def test_values_beyond_float32_are_refused_without_a_warning():
    with pytest.raises(ValueError, match="too large for dtype"):
        UndercompleteAutoencoder(**RUN).fit(np.full((40, 3), 1e200))
