"""The splits by time, by last visit and from outside: nobody learns from what is to be found."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from likewise.data.fold import FoldIn, held_out_items
from likewise.data.interactions import Interactions
from likewise.data.liang import strong_generalisation
from likewise.data.log import Log
from likewise.data.split import fixed_lists, global_time, leave_last_out
from likewise.data.vocabulary import Vocabulary
from likewise.errors import InputError
from likewise.evaluate.protocol import future_items

DAY = 24 * 3600 * 10**6


def make_log(seed=0, n=400, n_users=30, n_items=25, n_days=40):
    """Visits with one to four lines, items that come and go, and repeats."""
    rng = np.random.default_rng(seed)
    day = rng.integers(0, n_days, n)
    item = (rng.integers(0, 12, n) + day // 3) % n_items
    user = rng.integers(0, n_users, n)
    return Log.of(
        user=[f"u{u}" for u in user], item=[f"i{i}" for i in item], time=DAY * (1000 + day)
    )


@pytest.fixture
def log():
    return make_log()


def events(log, keep):
    """The (user, item) pairs of the events kept, by their ids."""
    users, items = log.users.decode(log.user[keep]), log.items.decode(log.item[keep])
    return set(zip(users.tolist(), items.tolist(), strict=True))


def cells(matrix, users, items):
    rows = matrix.tocoo()
    return set(zip(users.decode(rows.row).tolist(), items.decode(rows.col).tolist(), strict=True))


def cells_of(interactions):
    return cells(interactions.matrix, interactions.users, interactions.items)


def check_fold(fold, history, items):
    assert len(fold) > 0
    assert fold.given.shape == fold.held_out.shape == (len(fold), len(items))
    assert (np.diff(fold.given.indptr) > 0).all()
    assert (np.diff(fold.held_out.indptr) > 0).all()
    assert cells(fold.given, fold.users, items) <= cells_of(history)


# Global time


def test_a_fold_says_what_it_is_made_of():
    given_ = sparse.csr_array(np.eye(2, 3, dtype=np.float32))
    with pytest.raises(InputError, match=r"given is \(2, 3\), held_out is \(2, 2\), for 2 users"):
        FoldIn(given_, given_[:, :2], Vocabulary.of([1, 2]))
    with pytest.raises(InputError, match="for 1 users"):
        FoldIn(given_, given_, Vocabulary.of([1]))
    assert len(FoldIn(given_, given_, Vocabulary.of([1, 2]))) == 2


@pytest.mark.parametrize("seed", range(4))
def test_nothing_learned_from_is_as_late_as_what_is_to_be_found(seed):
    log = make_log(seed)
    split = global_time(log)
    ordered = np.sort(log.time)
    first, second = ordered[int(len(ordered) * 0.8)], ordered[int(len(ordered) * 0.9)]
    assert cells_of(split.train) == events(log, log.time < first)
    assert cells_of(split.refit) == events(log, log.time < second)
    check_fold(split.validation, split.train, split.train.items)
    check_fold(split.test, split.refit, split.refit.items)
    between = (log.time >= first) & (log.time < second)
    assert cells(split.validation.held_out, split.validation.users, split.train.items) <= events(
        log, between
    )
    assert cells(split.test.held_out, split.test.users, split.refit.items) <= events(
        log, log.time >= second
    )
    assert future_items(split) == 0
    assert (split.train.item_counts > 0).all()
    assert (np.diff(split.train.matrix.indptr) > 0).all()


def test_everything_that_can_be_found_is_to_be_found(log):
    split = global_time(log)
    first, second = np.sort(log.time)[[int(len(log) * 0.8), int(len(log) * 0.9)]]
    for history, fold, start, end in (
        (split.train, split.validation, first, second),
        (split.refit, split.test, second, log.time.max() + 1),
    ):
        before = events(log, log.time < start)
        known_users, known_items = {u for u, _ in before}, {i for _, i in before}
        later = events(log, (log.time >= start) & (log.time < end))
        findable = {(u, i) for u, i in later if u in known_users and i in known_items}
        assert cells(fold.held_out, fold.users, history.items) == findable
        assert later - findable, "the log should have items or users that come too late"
        assert findable & before, "the log should have repeats, which stay"


def test_recent_is_the_latest_tenth_before_the_test(log):
    split = global_time(log)
    second = np.sort(log.time)[int(len(log) * 0.9)]
    before = log.time < second
    late = before & (log.time >= np.quantile(log.time[before], 0.9))
    assert cells_of(split.recent) == events(log, late)
    assert split.recent.items == split.refit.items
    assert future_items(split) == 0


def test_other_shares_cut_elsewhere(log):
    split = global_time(log, validation_fraction=0.2, test_fraction=0.3)
    ordered = np.sort(log.time)
    assert cells_of(split.refit) == events(log, log.time < ordered[int(len(log) * 0.7)])
    assert cells_of(split.train) == events(log, log.time < ordered[int(len(log) * 0.5)])


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, float("nan"), True, "0.1", None])
@pytest.mark.parametrize(
    ("cut", "name"),
    [
        (global_time, "test_fraction"),
        (global_time, "validation_fraction"),
        (lambda log, **shares: fixed_lists(log, log, **shares), "validation_fraction"),
        (strong_generalisation, "held_fraction"),
    ],
)
def test_what_is_no_share_is_refused(log, cut, name, share):
    says = f"{name}={share!r}; give a share above 0 and below 1"
    with pytest.raises(InputError, match=re.escape(says)):
        cut(log, **{name: share})


def test_shares_that_leave_nothing_are_refused(log):
    with pytest.raises(InputError, match=r"=0\.5 and test_fraction=0\.5 leave nothing to learn"):
        global_time(log, validation_fraction=0.5, test_fraction=0.5)


def test_times_are_needed_and_must_differ():
    without = Log.of(user=[1, 1, 2], item=[1, 2, 1])
    for cut in (global_time, leave_last_out):
        with pytest.raises(InputError, match="needs times, and the log has none"):
            cut(without)
    for times in ([5] * 6, [5, 5, 5, 5, 5, 6], [5, 5, 5, 9, 9, 9]):
        at_once = Log.of(user=[1, 2, 3] * 2, item=[1, 2, 3, 2, 3, 1], time=times)
        with pytest.raises(InputError, match="too few distinct times to be cut twice"):
            global_time(at_once)


def test_users_on_one_side_only_are_refused():
    strangers = Log.of(user=range(40), item=[n % 3 for n in range(40)], time=range(40))
    for cut in (global_time, leave_last_out):
        with pytest.raises(InputError, match="no user has purchases on both sides of the cut"):
            cut(strangers)


# Last visit


@pytest.mark.parametrize("seed", range(4))
def test_the_last_visit_is_held_out_whole(seed):
    log = make_log(seed)
    split = leave_last_out(log)
    found = cells(split.test.held_out, split.test.users, split.refit.items)
    to_find, before, last_but_one = set(), set(), set()
    for user in range(len(log.users)):
        times = np.unique(log.time[log.user == user])
        if len(times) >= 2:
            to_find |= events(log, (log.user == user) & (log.time == times[-1]))
            before |= events(log, (log.user == user) & (log.time < times[-1]))
        else:
            before |= events(log, log.user == user)
        if len(times) >= 3:
            last_but_one |= events(log, (log.user == user) & (log.time == times[-2]))
    known = {item for _, item in before}
    assert found == {(user, item) for user, item in to_find if item in known}
    assert cells_of(split.refit) == before
    validated = cells(split.validation.held_out, split.validation.users, split.train.items)
    learned = {item for _, item in cells_of(split.train)}
    assert validated == {(user, item) for user, item in last_but_one if item in learned}
    check_fold(split.validation, split.train, split.train.items)
    check_fold(split.test, split.refit, split.refit.items)
    assert future_items(split) == 0


def test_a_last_visit_by_hand():
    log = Log.of(
        user=["ann"] * 6 + ["bob"] * 2 + ["cid"],
        item=["tea", "cup", "ink", "tea", "cup", "pen", "pen", "tea", "cup"],
        time=[1, 1, 2, 2, 3, 3, 7, 8, 9],
    )
    split = leave_last_out(log)
    assert cells_of(split.train) == {
        ("ann", "tea"), ("ann", "cup"), ("bob", "pen"), ("cid", "cup"),
    }  # fmt: skip
    assert cells(split.test.held_out, split.test.users, split.refit.items) == {
        ("ann", "cup"), ("ann", "pen"), ("bob", "tea"),
    }  # fmt: skip
    # ink is new in the visit before the last: nobody could find it
    assert cells(split.validation.held_out, split.validation.users, split.train.items) == {
        ("ann", "tea")
    }


# Lists from outside


def test_lists_from_outside_are_taken_as_they_are():
    train = Interactions.of([[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], list(range(1, 21)), [1, 2]])
    test = Interactions.of([[11, 99], [], [3]])
    split = fixed_lists(train, test)
    assert split.refit is train
    assert split.test.users.ids.tolist() == [0, 2]
    assert cells(split.test.held_out, split.test.users, train.items) == {(0, 11), (2, 3)}
    assert cells(split.test.given, split.test.users, train.items) == {
        (user, item) for user, item in cells_of(train) if user != 1
    }
    held = cells(split.validation.held_out, split.validation.users, train.items)
    assert cells_of(split.train) | held == cells_of(train)
    assert not cells_of(split.train) & held
    assert sorted(user for user, _ in held) == [0, 1, 1]
    assert split.train.users == train.users
    assert split.train.items == train.items


@given(st.integers(0, 99), st.sampled_from([0.1, 0.25, 0.5]))
def test_the_share_of_each_user_is_held_out(seed, fraction):
    rng = np.random.default_rng(seed)
    lists = [rng.choice(30, rng.integers(10, 25), replace=False).tolist() for _ in range(6)]
    train = Interactions.of(lists)
    split = fixed_lists(train, train, validation_fraction=fraction, seed=seed)
    expected = [int(fraction * len(items)) for items in lists]
    assert np.diff(split.validation.held_out.indptr).tolist() == expected
    assert split.train.matrix.nnz + split.validation.held_out.nnz == train.matrix.nnz
    again = fixed_lists(train, train, validation_fraction=fraction, seed=seed)
    assert (again.train.matrix != split.train.matrix).nnz == 0


def test_logs_are_lists_too():
    log = make_log()
    split = fixed_lists(log, log)
    assert (split.refit.matrix != log.interactions().matrix).nnz == 0
    assert (split.test.held_out != split.test.given).nnz == 0


def test_test_lists_of_others_are_refused():
    train = Interactions.of([list(range(20))] * 3)
    for test in (Interactions.of([[77], [88]]), Interactions.of([[], [], [], [1, 2]])):
        with pytest.raises(InputError, match="no user of the training lists"):
            fixed_lists(train, test)


def test_training_lists_too_short_to_validate_on_are_refused():
    short = Interactions.of([[1, 2, 3], [2, 3, 4]])
    with pytest.raises(InputError, match="raise validation_fraction"):
        fixed_lists(short, short)
    assert len(fixed_lists(short, short, validation_fraction=0.4).validation) == 2


# Items to stop training on


@given(st.integers(0, 99), st.integers(1, 8))
def test_some_users_are_held_out_to_stop_training_on(seed, at_most):
    rng = np.random.default_rng(seed)
    lists = [rng.choice(12, rng.integers(1, 12), replace=False).tolist() for _ in range(40)]
    whole = Interactions.of(lists)
    rest, fold = held_out_items(whole, at_most=at_most, seed=seed)
    eligible = sum(len(items) >= 2 for items in lists)
    assert len(fold) == min(at_most, max(1, eligible // 10))
    assert not set(rest.users.ids) & set(fold.users.ids)
    assert rest.n_users + len(fold) == whole.n_users
    assert rest.items == whole.items
    for row, user in enumerate(fold.users.ids):
        n = len(lists[user])
        assert fold.held_out[[row]].nnz == max(1, int(0.2 * n))
        assert fold.given[[row]].nnz == n - fold.held_out[[row]].nnz
        assert fold.given[[row]].multiply(fold.held_out[[row]]).nnz == 0
    again, _ = held_out_items(whole, at_most=at_most, seed=seed)
    assert again.users == rest.users


@pytest.mark.parametrize("baskets", [[[1, 2]], [[1], [2]], [[1, 2], [3]]])
def test_too_few_users_to_hold_one_out_are_refused(baskets):
    with pytest.raises(InputError, match="users have two items or more, too few"):
        held_out_items(Interactions.of(baskets))
