"""What holds of the metrics for any lists and any held-out items."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from likewise.evaluate.metrics import METRICS, coverage, per_user_metrics

DEPTHS = (1, 2, 3, 5, 8, 50)
NAMES = [f"{kind}@{k}" for kind in METRICS for k in DEPTHS]


@st.composite
def rankings(draw):
    """Ranked lists over the whole catalogue, some places empty, and held-out items."""
    n_users, n_items = draw(st.integers(1, 8)), draw(st.integers(1, 12))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    ranked = np.argsort(random.random((n_users, n_items)), axis=1)
    ranked[random.random(ranked.shape) < draw(st.sampled_from([0.0, 0.3]))] = -1
    density = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    return ranked, sparse.csr_array(random.random(ranked.shape) < density)


@given(rankings())
def test_every_metric_is_between_0_and_1_where_something_is_held_out(case):
    ranked, held_out = case
    something = np.diff(held_out.indptr) > 0
    for value in per_user_metrics(ranked, held_out, NAMES).values():
        assert ((value >= 0) & (value <= 1))[something].all()
        assert np.isnan(value[~something]).all()


@given(rankings())
def test_recall_hit_rate_and_mrr_never_fall_with_k(case):
    values = per_user_metrics(*case, NAMES)
    for kind in ("recall", "hit_rate", "mrr"):
        rising = np.array([values[f"{kind}@{k}"] for k in DEPTHS])
        assert not (np.diff(rising, axis=0) < 0).any()


@given(rankings())
def test_capped_recall_is_never_below_recall_and_meets_it_at_n(case):
    values = per_user_metrics(*case, NAMES)
    for k in DEPTHS:
        plain, capped = values[f"recall@{k}"], values[f"recall_capped@{k}"]
        few = np.diff(case[1].indptr) <= k
        assert not (capped < plain).any()
        assert np.array_equal(capped[few], plain[few], equal_nan=True)


@given(rankings())
def test_a_perfect_ranking_gives_exactly_1(case):
    _, held_out = case
    perfect = np.argsort(-held_out.toarray().astype(int), axis=1, kind="stable")
    values = per_user_metrics(perfect, held_out, NAMES)
    something = np.diff(held_out.indptr) > 0
    for name, value in values.items():
        if not name.startswith("recall@"):  # recall@k reaches 1 only where n <= k
            assert (value[something] == 1).all(), name


@given(rankings(), st.randoms(use_true_random=False))
def test_permuting_users_permutes_the_results(case, random):
    ranked, held_out = case
    order = list(range(len(ranked)))
    random.shuffle(order)
    before = per_user_metrics(ranked, held_out, NAMES)
    after = per_user_metrics(ranked[order], held_out[order], NAMES)
    for name in NAMES:
        assert np.array_equal(before[name][order], after[name], equal_nan=True)


@given(rankings(), st.randoms(use_true_random=False))
def test_renaming_items_changes_nothing(case, random):
    ranked, held_out = case
    new_name = list(range(held_out.shape[1]))
    random.shuffle(new_name)
    renamed = np.append(new_name, -1)[ranked]
    columns = np.argsort(new_name)
    before = per_user_metrics(ranked, held_out, NAMES)
    after = per_user_metrics(renamed, sparse.csr_array(held_out[:, columns]), NAMES)
    for name in NAMES:
        assert np.array_equal(before[name], after[name], equal_nan=True)


@given(rankings())
def test_moving_a_hit_up_never_lowers_ndcg(case):
    ranked, held_out = case
    dense = np.pad(held_out.toarray(), ((0, 0), (0, 1)))  # the last column answers for -1
    hit = np.take_along_axis(dense, ranked, axis=1)
    better = np.take_along_axis(ranked, np.argsort(~hit, axis=1, kind="stable"), axis=1)
    for k in DEPTHS:
        name = f"ndcg@{k}"
        old, new = (per_user_metrics(lists, held_out, [name])[name] for lists in (ranked, better))
        assert not (new < old).any()


@given(rankings())
def test_coverage_rises_with_k_and_stays_a_share(case):
    ranked, held_out = case
    shares = [coverage(ranked, held_out.shape[1], k) for k in DEPTHS]
    assert shares == sorted(shares)
    assert 0 <= shares[0] <= shares[-1] <= 1
