"""Probes of features: nothing leaks, and what is refused."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from likewise import InputError, TableEncoder, UndercompleteAutoencoder
from likewise.tables.features import probe

SMALL = UndercompleteAutoencoder(n_latent=2, max_epochs=5, random_state=0)


def make_table(n=120):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    columns = {"x": x, "y": -x + 0.1 * rng.normal(size=n), "noise": rng.normal(size=n)}
    return pa.table(columns), x


def test_a_target_that_a_column_tells_is_told():
    table, x = make_table()
    probes = probe(table, pa.chunked_array([x > 0]), SMALL)
    assert probes.measure == "accuracy"
    assert probes.n_codes == 2
    assert {name: len(scores) for name, scores in probes.scores.items()} == {
        "columns": 3, "PCA": 3, "codes": 3, "columns and codes": 3,
    }  # fmt: skip
    assert probes.scores["columns"].mean() > 0.9
    assert "accuracy of a linear probe" in probes.line()


def test_all_that_learns_learns_from_the_rows_of_a_fold_alone(rows_seen_by):
    table, x = make_table(60)
    seen = rows_seen_by(TableEncoder, UndercompleteAutoencoder, PCA, StandardScaler)
    probe(table, pa.chunked_array([x]), SMALL)
    parts = [part["x"].to_numpy() for part in seen[TableEncoder]]
    assert [len(part) for part in parts] == [40, 40, 40]
    assert all(len(np.intersect1d(*pair)) == 20 for pair in combinations(parts, 2))
    for n, part in enumerate(seen[TableEncoder]):
        rows = TableEncoder().fit_transform(part)
        for learned in (
            seen[UndercompleteAutoencoder][n],
            seen[PCA][n],
            seen[StandardScaler][4 * n],
        ):
            np.testing.assert_array_equal(learned, rows)


def test_numbers_are_quantities_and_few_whole_numbers_classes():
    table, x = make_table()
    assert probe(table, pa.chunked_array([x]), SMALL).measure == "R²"
    sign = (x > 0).astype(int)
    assert probe(table, pa.chunked_array([sign]), SMALL).measure == "accuracy"
    assert probe(table, pa.chunked_array([sign.astype(float)]), SMALL).measure == "accuracy"
    rare = np.where(np.arange(len(x)) < 2, 9, sign)  # counts with a tail
    assert probe(table, pa.chunked_array([rare]), SMALL).measure == "R²"
    prices = pa.chunked_array([pa.array(x.round(2)).cast(pa.decimal128(6, 2), safe=False)])
    assert probe(table, prices, SMALL).measure == "R²"
    assert probe(table, pa.chunked_array([pa.array(sign, pa.duration("s"))]), SMALL).measure == "R²"


def test_a_shuffled_target_is_not_told():
    table, x = make_table()
    shuffled = np.random.default_rng(1).permutation(x)
    for scores in probe(table, pa.chunked_array([shuffled]), SMALL).scores.values():
        assert scores.mean() < 0.1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([None, "a", "b"] * 10, "missing in 10 of 30 rows"),
        (["a"] * 30, "the same in all rows"),
        (["a"] * 28 + ["b"] * 2, "the target's rarest value is in 2 of 30 rows"),
        ([[1], [2], [3]] * 10, "the target is list"),
    ],
)
def test_what_cannot_be_a_target_is_refused(values, said):
    table, _ = make_table(30)
    with pytest.raises(InputError, match=said):
        probe(table, pa.chunked_array([values]), SMALL)


def test_components_that_are_rounding_alone_are_no_features():
    table, x = make_table()
    table = table.append_column("twice", pa.array(2 * table["x"].to_numpy()))
    wide = UndercompleteAutoencoder(n_latent=4, max_epochs=5, random_state=0)
    scores = probe(table, pa.chunked_array([x]), wide).scores
    np.testing.assert_allclose(scores["PCA"], scores["columns"], atol=0.01)
