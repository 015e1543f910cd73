"""The encoder of tables: what goes in comes out, and what cannot is refused."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal as assert_polars_equal
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from likewise import InputError, TableAutoencoder, TableEncoder
from likewise.data.table_columns import Category


def there_and_back(X):
    encoder = TableEncoder().fit(X)
    matrix = encoder.transform(X)
    assert np.isfinite(matrix).all()
    return encoder.inverse_transform(matrix)


def reloaded(encoder):
    return TableEncoder.from_json(json.loads(json.dumps(encoder.as_json())))


PANDAS = pd.DataFrame(
    {
        "whole": [1, 2, -3],
        "nullable": pd.array([1, None, 3], dtype="Int64"),
        "byte": np.array([1, 2, 255], dtype="uint8"),
        "price": [0.1, 2.55, np.nan],
        "single": np.array([0.1, 1e-3, 12.7], dtype="float32"),
        "constant": [7.5] * 3,
        "text": ["a", None, "b"],
        "object": pd.Series(["p", "q", None], dtype=object),
        "ordered": pd.Categorical(["x", None, "y"], categories=["z", "y", "x"], ordered=True),
        "flag": [True, False, True],
        "maybe": pd.array([True, None, False], dtype="boolean"),
        "at": pd.to_datetime(["2020-01-01", "2021-02-03 04:05:06.123456", None], format="ISO8601"),
        "zoned": pd.to_datetime(["2020-01-01", "2021-02-03", "2022-01-01"], utc=True),
        "took": pd.to_timedelta([1, 2, 3], unit="h"),
        "nothing": [None, None, None],
        "nan": [np.nan] * 3,
    }
)  # fmt: skip
POLARS = pl.DataFrame(
    {
        "whole": [1, None, 3],
        "number": [0.5, None, 1.25],
        "text": ["a", None, "b"],
        "enum": pl.Series(["x", None, "y"], dtype=pl.Enum(["y", "x", "never"])),
        "coded": pl.Series(["x", None, "y"], dtype=pl.Categorical),
        "flag": [True, None, False],
        "day": [dt.date(2020, 1, 1), None, dt.date(1921, 3, 4)],
        "at": [dt.datetime(2020, 1, 1, 3), None, dt.datetime(2021, 3, 4)],  # noqa: DTZ001
        "clock": [dt.time(1), None, dt.time(2, 3)],
        "took": [dt.timedelta(1), None, dt.timedelta(2, 3)],
        "nothing": [None] * 3,
        "money": pl.Series(["1.25", None, "3.50"]).cast(pl.Decimal(10, 2)),
    }
)


def test_a_pandas_frame_comes_back_as_it_was():
    pd.testing.assert_frame_equal(there_and_back(PANDAS), PANDAS)


def test_a_polars_frame_comes_back_as_it_was():
    assert_polars_equal(there_and_back(POLARS), POLARS, categorical_as_str=True)


def test_an_arrow_table_comes_back_as_it_was():
    table = pa.table({"n": pa.array([1, None], pa.int16()), "t": pa.array(["a", "b"])})
    assert there_and_back(table).equals(table)


def test_a_saved_encoder_gives_the_same_back():
    for frame in (PANDAS, POLARS):
        encoder = TableEncoder().fit(frame)
        again = reloaded(encoder)
        assert (again.transform(frame) == encoder.transform(frame)).all()
        assert type(again.inverse_transform(encoder.transform(frame))) is type(frame)
    pd.testing.assert_frame_equal(
        reloaded(TableEncoder().fit(PANDAS)).inverse_transform(
            TableEncoder().fit(PANDAS).transform(PANDAS)
        ),
        PANDAS,
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(-(2**50), 2**50)),
            st.one_of(st.none(), st.text(max_size=3)),
            st.one_of(st.none(), st.booleans()),
            st.one_of(st.none(), st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2015, 1, 1))),  # noqa: DTZ001
            st.decimals(-9_999, 9_999, places=2).map(float),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_whole_numbers_texts_flags_times_and_decimals_come_back_exactly(rows):
    types = [pa.int64(), pa.string(), pa.bool_(), pa.timestamp("us"), pa.float64()]
    columns = [
        pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)
    ]
    table = pa.table(columns, names=list("abcde"))
    assert there_and_back(table).to_pylist() == table.to_pylist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=20))
def test_other_floats_come_back_to_the_last_bits(values):
    X = np.array(values)[:, None]
    back = there_and_back(X)
    assert np.abs(back - X).max() <= 8 * np.spacing(np.abs(X).max())


def test_it_is_scikit_learns_scaler_and_one_hot_encoder():
    rng = np.random.default_rng(0)
    numbers, texts = rng.normal(3, 2, size=(50, 1)), rng.choice(list("abc"), size=(50, 1))
    frame = pd.DataFrame({"number": numbers[:, 0], "text": texts[:, 0]})
    expected = np.hstack(
        [
            StandardScaler().fit_transform(numbers),
            OneHotEncoder(sparse_output=False).fit_transform(texts),
        ]
    )
    np.testing.assert_allclose(TableEncoder().fit_transform(frame), expected, atol=1e-12)


def test_each_matrix_column_knows_its_source():
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", "y"], "c": [True, False]})
    encoder = TableEncoder().fit(frame)
    names = ["a", "a is missing", "b=x", "b=y", "c"]
    assert encoder.get_feature_names_out().tolist() == names
    assert encoder.source_.tolist() == [0, 0, 1, 1, 2]
    assert encoder.set_output(transform="pandas").transform(frame).columns.tolist() == names


def test_what_was_not_seen_before_is_handled_as_documented():
    encoder = TableEncoder().fit(pd.DataFrame({"town": ["Rome", "Oslo"], "n": [1, 3]}))
    strange = pd.DataFrame({"town": ["Paris"], "n": pd.array([None], dtype="Int64")})
    matrix = encoder.transform(strange)
    assert matrix.tolist() == [[0.0, 0.0, 0.0]]
    back = encoder.inverse_transform(matrix)
    assert back["town"].isna().all()
    assert back["n"].tolist() == [2]


def test_reconstructions_stay_within_the_columns_type():
    frame = pd.DataFrame({"byte": np.array([0, 255], dtype="uint8"), "flag": [True, False]})
    back = TableEncoder().fit(frame).inverse_transform([[99.0, 2.0], [-99.0, -2.0]])
    assert back["byte"].tolist() == [255, 0]
    assert back["flag"].tolist() == [True, False]


def test_one_row_and_huge_values():
    assert there_and_back(pd.DataFrame({"a": [3], "b": ["x"]})).to_dict("list") == {
        "a": [3],
        "b": ["x"],
    }
    huge = np.array([[1e308], [-1e308], [5e307]])
    np.testing.assert_allclose(there_and_back(huge), huge, rtol=1e-15)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": [1.0, np.inf]}, "'a' holds infinite values"),
        ({"a": [1, "x"]}, "'a' mixes kinds of values"),
        ({"a": [[1], [2]]}, "'a' is of type list"),
        ({"a": pd.Categorical([1.5, 2])}, "'a' has categories that are neither texts nor whole"),
        ({"a": pd.Categorical([True])}, "'a' has categories that are neither texts nor whole"),
        ({"a": []}, "a table of 0 rows and 1 columns"),
        ({"name": [str(n) for n in range(101)]}, "'name' has 101 different texts in 101 rows"),
    ],
)
def test_what_cannot_be_encoded_is_refused(columns, said):
    with pytest.raises(InputError, match=said):
        TableEncoder().fit(pd.DataFrame(columns))


@pytest.mark.parametrize(
    "column",
    [
        pd.Categorical([7, 10, 7, None]),
        pd.Categorical([2, 10, 2, 2], categories=[10, 2, 3], ordered=True),
        pa.array([7, 10, 7, None]).dictionary_encode(),
        pa.array(["x", "y", "x", None]).dictionary_encode(),
    ],
)
def test_categories_may_be_whole_numbers_and_come_back_as_such(column):
    make = pa.table if isinstance(column, pa.Array) else pd.DataFrame
    table = make({"code": column, "price": [1.0, 2.0, 3.0, 5.0]})
    encoder = TableEncoder().fit(table)
    matrix = encoder.transform(table)
    assert isinstance(encoder.columns_[0], Category)
    for one in (encoder, TableEncoder.from_json(json.loads(json.dumps(encoder.as_json())))):
        assert one.inverse_transform(matrix).equals(table)


def test_a_category_may_have_no_value():
    table = pd.DataFrame({"code": pd.Categorical([None, None])})
    encoder = TableEncoder().fit(table)
    assert encoder.inverse_transform(encoder.transform(table))["code"].isna().all()


def test_every_column_that_cannot_be_encoded_is_named():
    with pytest.raises(InputError, match=r"'a' holds infinite .*'b' is of type list"):
        TableEncoder().fit(pd.DataFrame({"a": [np.inf], "b": [[1]]}))


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(InputError, match="two columns are named 'a'"):
        TableEncoder().fit(pd.DataFrame([[1, 2]], columns=["a", "a"]))


def test_another_kind_of_values_or_matrix_is_refused():
    encoder = TableEncoder().fit(pd.DataFrame({"a": [1.0, 2.0]}))
    with pytest.raises(InputError, match="'a' was learned as double and is string now"):
        encoder.transform(pd.DataFrame({"a": ["x"]}))
    with pytest.raises(InputError, match="infinite or far beyond"):
        encoder.transform(pd.DataFrame({"a": [np.inf]}))
    with pytest.raises(InputError, match=r"of shape \(1, 2\) was given"):
        encoder.inverse_transform([[1.0, 2.0]])


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0.0}, {"scale": "x"}, {"mean": float("inf")}, {"type": "list<int>"},
        {"kind": "category"}, {"unit": 0}, {"more": 1},
    ],
)  # fmt: skip
def test_an_unsound_record_is_refused(change):
    record = TableEncoder().fit(pd.DataFrame({"a": [1.0, 2.0]})).as_json()
    record["columns"][0] |= change
    with pytest.raises(InputError, match="of the folder is not sound"):
        TableEncoder.from_json(record)


def test_an_unsound_shape_is_refused():
    record = TableEncoder().fit(pd.DataFrame({"a": [1.0, 2.0]})).as_json()
    for change in ({"kind": "pickle"}, {"dtypes": []}):
        with pytest.raises(InputError, match="does not fit its columns"):
            TableEncoder.from_json(record | {"shape": record["shape"] | change})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([TableEncoder()])
def test_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", ["int64", "uint64"])
def test_whole_numbers_beyond_floats_come_back_as_the_nearest(kind):
    limits = np.iinfo(kind)
    ids = np.array([limits.min, 2**53 + 1, limits.max // 2, limits.max], dtype=kind)
    again = there_and_back(pd.DataFrame({"id": ids}))["id"].to_numpy()
    assert again.dtype == ids.dtype
    far = [abs(int(a) - int(b)) for a, b in zip(again, ids, strict=True)]
    assert max(far) <= 2 ** (ids.itemsize * 8 - 50)


@pytest.mark.parametrize("far", [-1e30, 1e30, 1e15])
@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("us"), pa.timestamp("ns")])
def test_what_is_made_of_a_date_is_one_that_can_be_told(kind, far):
    days = pa.array([dt.date(2020, 1, day) for day in (1, 2, 5, 9)]).cast(kind)
    encoder = TableEncoder().fit(pa.table({"day": days}))
    (made,) = encoder.inverse_transform(np.array([[far]]))["day"].to_pylist()
    assert made.year < 1900 if far < 0 else made.year > 2100


def test_columns_of_the_matrix_have_names_of_their_own():
    table = pa.table({"a=b": [1.0, 2.0], "a": ["b", "c"], "a=b (2)": [3.0, 1.0]})
    names = TableEncoder().fit(table).get_feature_names_out().tolist()
    assert names == ["a=b", "a=b (2)", "a=c", "a=b (2) (2)"]


@pytest.mark.parametrize("kind", [TableEncoder, TableAutoencoder])
@pytest.mark.parametrize("wrong", ["a", 0, 2.5, None, True])
def test_a_number_of_categories_that_is_none_is_refused(kind, wrong):
    with pytest.raises(InputError, match=r"max_categories=.*; give a whole number, 1 or more"):
        kind(max_categories=wrong).fit(PANDAS)


def test_a_misspelt_argument_is_refused():
    with pytest.raises(TypeError, match="sample_wieght"):
        TableEncoder().fit_transform(PANDAS, sample_wieght=3)
