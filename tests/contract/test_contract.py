"""The contract of the autoencoders, kept by every type there is."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from likewise.autoencoders import base, gram
from likewise.errors import InputError
from likewise.nn.rows import SparseRows
from likewise.recommend.baselines import ItemNeighbours, Popularity
from likewise.recommend.blend import Blend
from likewise.recommend.folder import ALL_TYPES, load
from likewise.recommend.recommender import Recommender

KINDS = {
    "array": lambda X: X.toarray(),
    "float64": lambda X: X.toarray().astype(np.float64),
    "integers": lambda X: X.toarray().astype(np.int64),
    "lists": lambda X: X.toarray().tolist(),
    "csr_array": lambda X: X,
    "csr_matrix": sparse.csr_matrix,
    "csc_array": sparse.csc_array,
    "pandas": lambda X: pd.DataFrame(X.toarray(), columns=names(X)),
    "polars": lambda X: pl.DataFrame(X.toarray(), schema=names(X)),
}
VERBS = ("transform", "reconstruct", "logits", "reconstruction_error")


def names(X):
    return [f"f{column}" for column in range(X.shape[1])]


def as_array(answer):
    return answer.toarray() if sparse.issparse(answer) else np.asarray(answer)


def answers(model, X):
    return {verb: as_array(getattr(model, verb)(X)) for verb in VERBS}


def assert_same(one, other, **tolerance):
    for verb, expected in one.items():
        np.testing.assert_allclose(other[verb], expected, err_msg=verb, **tolerance)


def assert_identical(one, other):
    for verb, expected in one.items():
        np.testing.assert_array_equal(other[verb], expected, err_msg=verb)


def test_the_table_of_types_names_each_by_its_own_name():
    assert {name: model.type_name for name, model in ALL_TYPES.items()} == {
        name: name for name in ALL_TYPES
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_input_has_answers_of_the_right_shapes(make, purchases, kind):
    X = KINDS[kind](purchases)
    model = make()
    assert model.fit(X) is model
    n, F = purchases.shape
    code = model.transform(X)
    assert code.shape == (n, model._n_features_out)
    assert model.inverse_transform(code).shape == (n, F)
    assert model.reconstruct(X).shape == model.logits(X).shape == (n, F)
    errors = model.reconstruction_error(X)
    assert errors.shape == (n,)
    assert model.score(X) == pytest.approx(-errors.mean())
    assert all(np.isfinite(answer).all() for answer in answers(model, X).values())


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_answers_every_kind_of_input_alike(make, purchases, kind):
    model = make().fit(purchases)
    answer = answers(model, purchases)
    if kind in {"pandas", "polars"}:  # scikit-learn warns of names where it learned without
        model = make().fit(KINDS[kind](purchases))
        answer = answers(model, KINDS[kind](purchases))
        assert model.feature_names_in_.tolist() == names(purchases)
        model.feature_names_in_ = np.array(names(purchases), dtype=object)
    assert_same(answer, answers(model, KINDS[kind](purchases)), atol=1e-5, rtol=1e-5)


def test_real_numbers_are_learned_too(make, table):
    model = make().fit(table)
    assert model.reconstruct(table).shape == table.shape
    assert np.isfinite(model.reconstruction_error(table)).all()


def test_what_is_decoded_is_the_reconstruction(make, purchases):
    model = make().fit(purchases)
    decoded = model.inverse_transform(model.transform(purchases))
    np.testing.assert_allclose(decoded, model.reconstruct(purchases), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("width", [1, 40])
def test_codes_of_another_width_are_refused(make, purchases, width):
    model = make().fit(purchases)
    with pytest.raises(ValueError, match=rf"\(2, {width}\).*\(n, {model._n_features_out}\)"):
        model.inverse_transform(np.zeros((2, width)))


def test_codes_that_are_not_finite_numbers_are_refused(make, purchases):
    model = make().fit(purchases)
    codes = as_array(model.transform(purchases[:2])).astype(np.float64)
    for bad in (np.nan, np.inf, 1e300):
        codes[0, 0] = bad
        for given in (codes, sparse.csr_array(codes)):
            with pytest.raises(InputError, match=r"codes contains (NaN|infinity)"):
                model.inverse_transform(given)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_matrix, pd.DataFrame, pl.DataFrame])
def test_codes_of_every_kind_are_decoded_alike(make, purchases, kind):
    model = make().fit(purchases)
    codes = as_array(model.transform(purchases[:5]))
    found, expected = (model.inverse_transform(given) for given in (kind(codes), codes))
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)


def test_the_same_seed_twice_gives_the_same_bits(make, purchases):
    first, second = (answers(make().fit(purchases), purchases) for _ in range(2))
    assert_identical(first, second)


def test_another_seed_gives_another_model_where_there_is_one(make, purchases):
    model = make()
    assert model.stochastic == ("random_state" in model.get_params())
    if model.stochastic:
        other = make(random_state=1).fit(purchases)
        assert not np.array_equal(model.fit(purchases).logits(purchases), other.logits(purchases))


def test_a_row_is_answered_the_same_alone_and_in_a_batch(make, purchases):
    model = make().fit(purchases)
    together = answers(model, purchases)
    for n in range(0, 60, 7):
        alone = answers(model, purchases[[n]])
        assert_same({k: v[[n]] for k, v in together.items()}, alone, atol=1e-5, rtol=1e-5)


def test_answers_do_not_depend_on_the_size_of_the_blocks(make, purchases, monkeypatch):
    model = make().fit(purchases)
    whole = answers(model, purchases)
    monkeypatch.setattr(base, "BLOCK_BYTES", 7 * 12 * 4)
    assert_same(whole, answers(model, purchases), atol=1e-5, rtol=1e-5)


def test_a_saved_model_answers_the_same(make, name, purchases, tmp_path):
    model = make().fit(purchases)
    model.save(tmp_path / "a.model")
    for again in (load(tmp_path / "a.model"), ALL_TYPES[name].load(tmp_path / "a.model")):
        assert type(again) is type(model)
        assert (
            again.get_params().items()
            >= {k: v for k, v in model.get_params().items() if k not in base.RUN_OPTIONS}.items()
        )
        assert_identical(answers(model, purchases), answers(again, purchases))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["array", "csr_array", "pandas"])
def test_what_is_not_finite_is_refused(make, purchases, bad, kind):
    broken = purchases.copy()
    broken.data[3] = bad
    X = KINDS[kind](broken)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        make().fit(X)
    model = make().fit(KINDS[kind](purchases))
    for verb in VERBS:
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            getattr(model, verb)(X)


def test_empty_rows_are_learned_from_and_answered_with_finite_numbers(make, purchases):
    empty = sparse.csr_array((3, purchases.shape[1]), dtype=np.float32)
    model = make().fit(sparse.vstack([purchases, empty], format="csr"))
    for X in (empty, empty.toarray()):
        for verb, answer in answers(model, X).items():
            assert np.isfinite(answer).all(), verb
            same = np.broadcast_to(answer[:1], answer.shape)
            np.testing.assert_allclose(answer, same, rtol=1e-5, atol=1e-6, err_msg=verb)


def test_columns_and_rows_of_ones_are_no_trouble(make, purchases):
    X = purchases.toarray()
    X[:, 3], X[5] = 1, 1
    assert np.isfinite(make().fit(X).logits(X)).all()


@pytest.mark.parametrize("kind", ["array", "csr_array"])
def test_what_was_given_is_left_as_it_was(make, purchases, kind):
    X, before = KINDS[kind](purchases), KINDS[kind](purchases.copy())
    answers(make().fit(X), X)
    if kind == "array":
        np.testing.assert_array_equal(X, before)
    else:
        for part in ("data", "indices", "indptr"):
            np.testing.assert_array_equal(getattr(X, part), getattr(before, part))


def test_duplicates_are_summed_and_left_where_they_are(make, purchases):
    data = np.repeat(purchases.data, 2) / 2
    backwards = np.concatenate(
        [np.repeat(row, 2)[::-1] for row in np.split(purchases.indices, purchases.indptr[1:-1])]
    )
    doubled = sparse.csr_array((data, backwards, 2 * purchases.indptr), shape=purchases.shape)
    model = make().fit(doubled)
    assert doubled.nnz == 2 * purchases.nnz
    np.testing.assert_array_equal(doubled.indices, backwards)
    assert_identical(answers(make().fit(purchases), purchases), answers(model, doubled))


def test_zeros_that_are_stored_change_nothing_and_stay(make, purchases):
    first = purchases.toarray()
    stored = sparse.csr_array(np.where(first == 0, 2, first))
    stored.data[stored.data == 2] = 0
    model = make().fit(stored)
    assert stored.nnz == first.size
    assert_identical(answers(make().fit(purchases), purchases), answers(model, stored))


def test_what_may_not_be_written_to_is_learned_from(make, purchases):
    dense = purchases.toarray()
    dense.flags.writeable = False
    locked = purchases.copy()
    for part in (locked.data, locked.indices, locked.indptr):
        part.flags.writeable = False
    assert_identical(
        answers(make().fit(purchases.toarray()), purchases.toarray()),
        answers(make().fit(dense), dense),
    )
    assert_identical(answers(make().fit(purchases), purchases), answers(make().fit(locked), locked))


def test_rows_may_come_in_parts(make, purchases):
    model = make()
    if not hasattr(model, "partial_fit"):
        return
    first, second = purchases[:30], purchases[30:]
    assert model.partial_fit(first) is model
    before = model.logits(purchases)
    model.partial_fit(second)
    assert not np.array_equal(model.logits(purchases), before)
    assert np.isfinite(model.logits(purchases)).all()
    with pytest.raises(ValueError, match="5 features"):
        model.partial_fit(np.ones((4, 5)))


class Densified:
    """Writes down how large the tables are that sparse matrices are made into."""

    def __init__(self, monkeypatch):
        self.sizes = [0]
        for kind in (sparse.csr_array, sparse.csc_array, sparse.csr_matrix):
            for verb in ("toarray", "todense"):
                monkeypatch.setattr(kind, verb, self._noting(getattr(kind, verb)))

    def _noting(self, verb):
        def noted(matrix, *args, **kwargs):
            self.sizes.append(4 * int(np.prod(matrix.shape)))
            return verb(matrix, *args, **kwargs)

        return noted


def test_a_narrow_code_is_found_without_a_table_as_wide_as_the_catalogue(make, monkeypatch):
    tall = sparse.random_array((20_000, 5_000), density=2e-4, rng=0, dtype=np.float32).tocsr()
    tall.data[:] = 1
    small = make().fit(make_small())
    if small._n_features_out >= small.n_features_in_:
        return  # the code is the row itself
    brief = {"max_epochs": 1, "max_seconds": 5}
    model = make(**{k: v for k, v in brief.items() if k in small.get_params()}).fit(tall[:50])
    densified = Densified(monkeypatch)
    monkeypatch.setattr(SparseRows, "dense", lambda _: pytest.fail("the rows were made dense"))
    assert model.transform(tall).shape[0] == 20_000
    assert max(densified.sizes) == 0


def make_small():
    return sparse.csr_array(np.kron(np.eye(4), np.ones((8, 2))), dtype=np.float32)


def test_sparse_rows_are_made_dense_in_small_blocks_only(make, monkeypatch):
    X = sparse.random_array((3_000, 40), density=0.1, rng=0, dtype=np.float32).tocsr()
    X.data[:] = 1
    limit = 64 * 1024
    monkeypatch.setattr(base, "BLOCK_BYTES", limit)
    monkeypatch.setattr(gram, "GRAM_BYTES", limit)
    densified = Densified(monkeypatch)
    model = make().fit(X)
    for verb in VERBS:
        getattr(model, verb)(X)
    assert max(densified.sizes) <= limit


def test_a_copy_has_the_same_settings_and_nothing_learned(make, purchases):
    model = make().fit(purchases)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    with pytest.raises(ValueError, match="not fitted"):
        copy.transform(purchases)
    assert repr(copy) == repr(make())


SAY_HOW_TO_ANSWER = {"blend": ["weights"], "deep": ["projection_steps"], "sparse": ["sparsity"]}
"""Settings that may be changed after a fit, and are heeded."""


def others(value):
    """Return values that a setting might be set to instead; not all may be allowed."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1, value / 2]
    if isinstance(value, tuple):
        return [tuple(width + 1 for width in value)]
    return ["relu", (4,), 2, 0.3] if value == "auto" else []


def changed(model):
    """Yield a setting after the other, changed to what is allowed, and set it back."""
    for setting, value in model.get_params(deep=False).items():
        for other in others(value):
            if setting in SAY_HOW_TO_ANSWER.get(model.type_name, []):
                continue
            model.set_params(**{setting: other})
            if not refusal(model._validate_params):
                yield setting
        model.set_params(**{setting: value})


def refusal(work):
    """Return what a refusal says; nothing if there is none."""
    try:
        work()
    except InputError as error:
        return str(error)
    return ""


def test_what_is_set_after_a_fit_is_refused_by_all_verbs_or_changes_no_answer(make, purchases):
    model = make().fit(purchases)
    before = answers(model, purchases)
    codes = model.transform(purchases)
    for setting in changed(model):
        works = [lambda verb=verb: getattr(model, verb)(purchases) for verb in VERBS]
        works += [lambda: model.inverse_transform(codes), lambda: model.save("never.model")]
        said = {refusal(work) for work in works[:-1]}
        assert len(said) == 1, setting
        if "" in said:
            for verb, answer in answers(model, purchases).items():
                np.testing.assert_array_equal(answer, before[verb], err_msg=setting)
            again = type(model).from_contents(model.contents())
            np.testing.assert_array_equal(again.logits(purchases), before["logits"])
        else:
            assert said.pop().startswith(f"{setting}=")
            assert refusal(works[-1]).startswith(f"{setting}=")
    for verb, answer in answers(model, purchases).items():
        np.testing.assert_array_equal(answer, before[verb])


@pytest.mark.parametrize(
    ("kind", "setting", "other"),
    [
        ("denoising", "n_latent", 4),
        ("undercomplete", "activation", "relu"),
        ("variational", "n_latent", 4),
        ("kernel", "gamma", 2.0),
        ("als", "l2", 1.0),
    ],
)
def test_a_setting_that_answers_rest_on_is_refused_after_a_fit(
    make_any, purchases, kind, setting, other
):
    recommender = Recommender(make_any(kind)).fit(purchases)
    recommender.model_.set_params(**{setting: other})
    for work in (lambda: recommender.model_.transform(purchases),
                 lambda: recommender.recommend([[0]], 1)):  # fmt: skip
        assert refusal(work).startswith(f"{setting}={other!r} was set after a fit that had ")


@pytest.mark.parametrize("share", [1.0, 1.5, 0, -0.5, "many", None])
def test_a_share_of_active_units_that_is_none_is_refused_after_a_fit(make_any, purchases, share):
    model = make_any("sparse").fit(purchases)
    codes = model.transform(purchases)
    model.set_params(sparsity=share)
    for verb in VERBS:
        said = refusal(lambda verb=verb: getattr(model, verb)(purchases))
        assert said.startswith(f"sparsity={share!r} was set after the fit; give the share of the ")
    for work in (lambda: model.inverse_transform(codes), model.contents):
        assert refusal(work).startswith(f"sparsity={share!r} was set")
    model.set_params(sparsity=0.9)
    assert np.count_nonzero(model.transform(purchases)) > np.count_nonzero(codes)


@pytest.mark.parametrize(("setting", "other"), [("l2", 1.0), ("unobserved_weight", 0.5)])
def test_what_a_folder_would_hold_is_refused_as_answers_are(make_any, purchases, setting, other):
    recommender = Recommender(make_any("als")).fit(purchases)
    recommender.model_.set_params(**{setting: other})
    for work in (recommender.contents, recommender.model_.contents):
        assert refusal(work).startswith(f"{setting}={other!r} was set after a fit that had ")


def test_no_folder_is_written_whose_settings_could_not_be_read(make_any, purchases, tmp_path):
    model = make_any("linear").fit(purchases)
    model.set_params(l2=-1.0)
    assert "l2=-1.0 of LinearAutoencoder; give" in refusal(lambda: model.save(tmp_path / "model"))
    assert not (tmp_path / "model").exists()


def test_a_blend_refuses_a_part_whose_setting_was_changed_after_the_fit(make_any, purchases):
    blend = Blend(parts=[make_any("als"), make_any("linear")]).fit(purchases)
    blend.parts_[0].set_params(l2=1.0)
    for verb in VERBS:
        assert refusal(lambda verb=verb: getattr(blend, verb)(purchases)).startswith(
            "l2=1.0 was set"
        )


def test_settings_can_be_changed_by_name(make):
    model = make()
    for setting, value in model.get_params().items():
        assert model.set_params(**{setting: value}) is model
    with pytest.raises(ValueError, match="no_such_setting"):
        model.set_params(no_such_setting=1)
    with pytest.raises(TypeError, match=r"no_such_setting|no arguments"):
        make(no_such_setting=1)


@pytest.mark.parametrize("frame", ["pandas", "polars"])
def test_codes_can_come_out_as_frames_with_names(make, purchases, frame):
    X = purchases.toarray()
    model = make().set_output(transform=frame).fit(X)
    code = model.transform(X)
    assert isinstance(code, pd.DataFrame if frame == "pandas" else pl.DataFrame)
    assert list(code.columns) == model.get_feature_names_out().tolist()
    kind = type(model).__name__.lower()
    assert list(code.columns)[:2] == [f"{kind}0", f"{kind}1"]


def test_features_feed_a_pipeline(make, table):
    y = table[:, 0] > 0
    pipeline = make_pipeline(StandardScaler(), make(), LogisticRegression()).fit(table, y)
    assert pipeline.predict(table).shape == y.shape
    assert pipeline[:-1].transform(table).shape == (60, pipeline[1]._n_features_out)


WRONG = {
    "activation": ["no such", None, 3],
    "anneal_steps": [0, 1.5],
    "augment": ["yes"],
    "alpha": [-0.1, 2.1],
    "batch_size": [0, -1, 2.5, "all"],
    "beta": [-0.1, "a", float("nan")],
    "calibration": ["no such", None],
    "checkpoint": [3],
    "corruption": ["no such", None],
    "corruption_level": [-0.1, 1.0, "half"],
    "device": ["nowhere", "cuda:99", 0, None],
    "discount": [-0.1, 1.1],
    "dropout": [-0.1, 1.0],
    "gamma": [-0.1, "a", float("nan")],
    "gram_gib": [0, -1.0, "a"],
    "filters": [(0,), (True,)],
    "hidden": [(0,), (True,), (-3,), (2.5,), ("a",), 5, None, [[2]]],
    "input_dropout": [-0.1, 1.0],
    "item_power": [-0.1, 1.1],
    "l2": [-1.0, 0, "a", None, float("nan"), float("inf")],
    "learning_rate": [0, -1.0, float("nan"), float("inf")],
    "loss": ["no such", None],
    "max_epochs": [0, 1.5],
    "max_seconds": [0, -1],
    "n_importance": [0, 1.5],
    "n_iter": [0, 1.5],
    "n_latent": [0, -1, 2.0],
    "n_neighbours": [0, 1.5, "all"],
    "n_pseudo": [0, 1.5],
    "n_whole": [-1, 1.5, "all", None],
    "optimizer": ["no such"],
    "patience": [0, 2.5],
    "penalty": ["no such"],
    "penalty_weight": [-0.1],
    "precision": ["float16"],
    "pretrain": ["yes"],
    "pretrain_epochs": [-1, 1.5],
    "parts": [[], [3], [Blend()], {"a": 1}],
    "progress": [True],
    "random_state": ["a", -1, 1.5],
    "relaxation": [-0.1, 1.0],
    "shrinkage": [-1],
    "sparsity": [0, 1.0],
    "unobserved_weight": [0, -1.0, "a", float("nan"), float("inf")],
    "user_power": [-0.1, 2.1],
    "validation_fraction": [-0.1, 1.0],
    "weight_decay": [-0.1],
    "weights": [[1], [True, 1], [1, -1], [0, 0], [1, float("nan")], ["a", "b"], {"a": 1}],
}


def test_wrong_settings_are_refused_by_name_before_work_starts(make, name, purchases):
    for setting in make().get_params():
        for value in [*WRONG.get(setting, []), object()]:
            with pytest.raises(InputError, match=setting) as caught:
                make(**{setting: value}).fit(purchases)
            assert "\n" not in str(caught.value)


def test_a_truth_value_is_no_number(make, purchases):
    allowed = make()._parameter_constraints
    for setting in make().get_params():
        if "boolean" not in allowed[setting]:
            with pytest.raises(InputError, match=setting):
                make(**{setting: True}).fit(purchases)


def test_what_is_no_table_is_refused(make):
    for X in (np.ones(4), np.ones((2,) * 5), np.empty((0, 3)), np.empty((3, 0)), [["a", "b"]]):
        with pytest.raises(ValueError, match=r"\S"):
            make().fit(X)


def test_other_columns_than_learned_are_refused(make, purchases):
    model = make().fit(purchases)
    for verb in VERBS:
        with pytest.raises(ValueError, match="11 features"):
            getattr(model, verb)(purchases[:, :11])


def test_nothing_is_answered_before_fit(make, purchases, tmp_path):
    model = make()
    for verb in VERBS:
        with pytest.raises(ValueError, match="not fitted"):
            getattr(model, verb)(purchases)
    with pytest.raises(ValueError, match="not fitted"):
        model.inverse_transform(purchases)
    with pytest.raises(ValueError, match="not fitted"):
        model.save(tmp_path / "a.model")
    assert not (tmp_path / "a.model").exists()


def test_additive_types_are(make, purchases):
    model = make().fit(purchases)
    units = model._unit_logits(np.arange(12))
    np.testing.assert_allclose(units, model.logits(np.eye(12)), atol=1e-5, rtol=1e-5)
    if model.additive:
        np.testing.assert_allclose(
            model.logits(3 * purchases), 3 * (purchases @ units), atol=1e-4, rtol=1e-5
        )


def test_the_baselines_are_among_the_types():
    assert ALL_TYPES["popularity"] is Popularity
    assert ALL_TYPES["item-knn"] is ItemNeighbours


@pytest.mark.parametrize("place", [12, 50_000_000, -1])
def test_sparse_rows_that_name_places_outside_of_them_are_refused(make, purchases, place):
    model = make()
    if not model.sparse_rows:
        pytest.skip("it learns no sparse rows")
    broken = purchases.copy()
    broken.indices[3] = place
    with pytest.raises(InputError, match=r"sparse matrix is broken|learns images"):
        model.fit(broken)
