"""What is said before a fit is what it takes: never less memory, and not far more."""

import math

import numpy as np
import pytest
import torch
from scipy import sparse

from likewise import memory
from likewise.autoencoders import (
    ALSAutoencoder,
    CosineAutoencoder,
    DenoisingAutoencoder,
    HVamp,
    KernelAutoencoder,
    LinearAutoencoder,
    LocallyLinearAutoencoder,
    NeighbourhoodAutoencoder,
    RecVAE,
    SpectralAutoencoder,
)
from likewise.autoencoders.density import BLOCK_BYTES, Sizes
from likewise.autoencoders.linear import GRAM_BYTES
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.autoencoders.ties import PRODUCTS_AT_A_TIME, ties_bytes
from likewise.data.interactions import Interactions
from likewise.errors import NotEnoughMemoryError
from likewise.evaluate.resources import measured
from likewise.recommend import durations, support, weights
from likewise.recommend.auto import auto
from likewise.recommend.baselines import ItemNeighbours, Popularity, RP3Beta
from likewise.recommend.candidates import neural_candidates
from likewise.recommend.durations import seconds_to_fit, step_products
from likewise.recommend.estimate import WHILE_JUDGED, estimate, model_bytes, scores_bytes
from likewise.recommend.folder import load
from likewise.recommend.recommender import Recommender
from likewise.recommend.search import Search
from likewise.recommend.searches import ALONE, SEARCHES, closed_forms
from likewise.recommend.support import Support
from likewise.recommend.weights import table_bytes

KEPT_BY_THE_ALLOCATOR = 2**22


@pytest.fixture
def steady(monkeypatch):
    """Let the machine be as fast whenever it is measured: a busy one seems slower."""
    monkeypatch.setattr(durations, "_seconds_per_operation", lambda: 1e-11)


def interactions(n_users, n_items, n_values):
    random = np.random.default_rng(0)
    pairs = (random.integers(0, n_users, n_values), random.integers(0, n_items, n_values))
    ones = np.ones(n_values, np.float32)
    return Interactions.of_matrix(sparse.csr_array((ones, pairs), shape=(n_users, n_items)))


@pytest.mark.parametrize(
    ("model", "n_items", "slack"),
    [
        (LinearAutoencoder(), 3_000, 5 * GRAM_BYTES),
        (NeighbourhoodAutoencoder(n_neighbours=50), 3_000, 2**30),
        (NeighbourhoodAutoencoder(n_neighbours=10), 20_000, 2**28),
        (NeighbourhoodAutoencoder(), 20_000, 2**28),
        (ALSAutoencoder(n_latent=200, n_iter=1), 20_000, 2**24),
        (SpectralAutoencoder(n_latent=100), 20_000, 2**24),
        (LocallyLinearAutoencoder(n_latent=100), 20_000, 2**24),
        (LocallyLinearAutoencoder(n_latent=20), 300, 2**24),
        (KernelAutoencoder(n_landmarks=300), 20_000, 2**24),
        (KernelAutoencoder(n_landmarks=1000), 3_000, 2**24),
        (ItemNeighbours(n_neighbours=500), 20_000, 2**24),
        (RP3Beta(n_neighbours=100), 3_000, 2**24),
        (NeighbourhoodAutoencoder(n_neighbours=10, n_whole=2_000), 20_000, 2**28),
    ],
    ids=lambda value: getattr(value, "type_name", ""),
)
def test_the_peak_is_not_above_the_estimate_nor_far_below(model, n_items, slack):
    X = interactions(2_000, n_items, 60_000).matrix
    model.fit(X[:50])  # so that what is loaded and compiled once is not counted
    with measured() as cost:
        model.fit(X)
    said = model_bytes(model, X)
    assert cost.added_bytes <= said + KEPT_BY_THE_ALLOCATOR
    assert said <= 3 * cost.added_bytes + slack


@pytest.fixture
def stated_and_taken(monkeypatch):
    """Return what a type's own file states that a fit will have taken, and its peak."""

    def _stated_and_taken(model, X, file):
        stated = []

        def state(needed, what, instead):
            stated.append(memory._resident() + needed)

        model.fit(X[:50])
        monkeypatch.setattr(f"likewise.autoencoders.{file}.require_memory", state)
        with measured() as cost:
            model.fit(X)
        return stated[0], cost.peak_bytes

    return _stated_and_taken


@pytest.mark.parametrize("kind", [SpectralAutoencoder, LocallyLinearAutoencoder])
def test_of_dense_rows_no_more_is_taken_than_is_stated(kind, stated_and_taken):
    X = interactions(8_000, 800, 200_000).matrix.toarray()
    stated, taken = stated_and_taken(kind(n_latent=20), X, "spectral")
    assert taken <= stated + KEPT_BY_THE_ALLOCATOR
    assert stated <= taken + 2**27


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_array.toarray])
def test_of_many_rows_and_few_items_the_blocks_of_likenesses_are_counted(kind, stated_and_taken):
    X = kind(interactions(20_000, 300, 200_000).matrix)
    stated, taken = stated_and_taken(KernelAutoencoder(), X, "kernel")
    assert taken <= stated + KEPT_BY_THE_ALLOCATOR
    assert stated <= taken + 2**28


@pytest.mark.parametrize(
    "model",
    [
        LinearAutoencoder(),
        NeighbourhoodAutoencoder(),
        KernelAutoencoder(),
        SpectralAutoencoder(),
        LocallyLinearAutoencoder(),
        ALSAutoencoder(),
        DenoisingAutoencoder(max_seconds=7.0),
        RecVAE(),
        HVamp(),
        CosineAutoencoder(),
        ItemNeighbours(),
        Popularity(),
    ],
    ids=lambda model: model.type_name,
)
def test_more_items_take_more(model, steady):
    log = interactions(900, 300, 9_000)
    small, large = (estimate(one, model) for one in (log, interactions(900, 2_000, 9_000)))
    assert (small.model, small.why) == (model.type_name, "named")
    assert (small.users, small.items, small.purchases) == (900, 300, log.matrix.nnz)
    assert 0 < small.memory_bytes < large.memory_bytes
    if isinstance(model, DenoisingAutoencoder) and model.max_seconds:
        assert small.seconds == 7
    elif isinstance(model, NeuralAutoencoder):
        assert small.seconds is None  # it ends when it no longer learns
    elif isinstance(model, ItemNeighbours | Popularity):
        assert small.seconds > 0  # the purchases decide
    else:
        assert 0 < small.seconds < large.seconds


@pytest.mark.parametrize(
    "model",
    [
        DenoisingAutoencoder(hidden=(40, 20), max_epochs=1),
        DenoisingAutoencoder(loss="squared", output="blocked", n_latent=9, max_epochs=1),
        RecVAE(hidden=(60, 60), n_latent=9, max_epochs=1),
        CosineAutoencoder(n_latent=90, max_epochs=1),
        HVamp(hidden=(60,), n_latent=9, n_pseudo=30, max_epochs=1),
        SpectralAutoencoder(n_latent=20),
        LocallyLinearAutoencoder(n_latent=20),
        ALSAutoencoder(n_latent=20, n_iter=1),
        ItemNeighbours(),
        KernelAutoencoder(n_landmarks=50),
    ],
    ids=lambda model: model.type_name,
)
def test_a_fit_asks_for_what_was_said_or_a_little_less(model, monkeypatch):
    X = interactions(200, 300, 4_000).matrix
    said = model_bytes(model, X)
    monkeypatch.setattr(memory, "available_memory", lambda: said // 3)
    with pytest.raises(NotEnoughMemoryError):
        model.fit(X)
    monkeypatch.setattr(memory, "available_memory", lambda: said)
    model.fit(X)


def test_the_output_layer_is_counted_as_it_is_learned():
    X = interactions(1_000, 100_000, 4_000).matrix
    full, blocked, sampled, auto = (
        model_bytes(DenoisingAutoencoder(output=output), X)
        for output in ("full", "blocked", "sampled", "auto")
    )
    assert auto == blocked < full
    assert sampled < full


def test_the_exact_one_is_taken_where_it_fits_and_the_neighbourhood_where_it_does_not(monkeypatch):
    log = interactions(900, 2_000, 9_000)
    needed = LinearAutoencoder.bytes_for(2_000)
    monkeypatch.setattr(memory, "_machine_available", lambda: needed + 1)
    exact, room = estimate(log), memory.size(needed)
    assert exact.model == "linear"
    assert exact.why == f"the exact one takes {room} for 2,000 items, and {room} are free"
    monkeypatch.setattr(memory, "_machine_available", lambda: needed - 1)
    sparse_one = estimate(log)
    assert sparse_one.model == "neighbourhood"
    assert sparse_one.why.endswith("each item is solved within its neighbourhood instead")
    assert sparse_one.fits
    assert sparse_one.free_bytes < needed


def test_what_a_search_tries_first_is_named(monkeypatch):
    monkeypatch.setattr(memory, "_machine_available", lambda: 2**36)
    log = interactions(900, 20_000, 9_000)
    for budget, kind in ((1e6, "linear"), (60.0, "neighbourhood")):
        found = estimate(log, budget=budget)
        assert found.model == closed_forms(log.n_items, budget)[0].type_name == kind
    assert found.why == (
        "the exact one takes about 80 s for 20,000 items, more than its share: "
        "each item is solved within its neighbourhood instead"
    )


def test_the_scores_that_a_search_holds_are_stated(monkeypatch):
    log, kept = interactions(3_000, 1_500, 60_000), []

    class Watched(Search):
        def as_found(self, *given):
            found = super().as_found(*given)
            kept.extend([found.scores.nbytes, 0 if found.alone is None else found.alone.nbytes])
            return found

    monkeypatch.setattr("likewise.recommend.auto.Search", Watched)
    auto(log, budget=4, neural=False)
    assert max(kept[1::2]) > 0
    stated = scores_bytes(log.n_users, log.n_items, 4)
    n_found = len(closed_forms(log.n_items, 4)) + len(neural_candidates(log.n_users)) + len(ALONE)
    assert n_found * (max(kept[::2]) + max(kept[1::2])) + WHILE_JUDGED * max(kept[::2]) <= stated
    assert stated <= 20 * sum(kept[:2])
    assert estimate(log, budget=4).memory_bytes > stated
    assert estimate(log, LinearAutoencoder()).memory_bytes + stated <= estimate(log).memory_bytes


def test_the_scores_that_are_held_are_bounded(monkeypatch):
    monkeypatch.setattr(weights, "available_memory", lambda: 1 << 50)
    assert table_bytes(2_000, 1_000_000) <= weights.MOST_BYTES < table_bytes(2_000, 30_000) * 1.2
    monkeypatch.setattr(weights, "available_memory", lambda: 0)
    assert table_bytes(2_000, 1_000_000) <= weights.LEAST_BYTES
    assert table_bytes(2_000, 1 << 30) == 1 << 32  # of one customer at least


def test_threads_that_find_no_work_take_no_memory():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(64)
        assert ties_bytes(18, 232) < 2**16
        assert Support.bytes_for(interactions(40, 18, 232).matrix) < 2**16
        dense = NeighbourhoodAutoencoder(n_neighbours=200, n_whole=200)
        assert dense.bytes_for(Sizes(18, 232)) < 2**19
        large = Sizes(100_000, 10**8)
        many = ties_bytes(100_000, 10**8), dense.bytes_for(large)
        torch.set_num_threads(1)
        one = ties_bytes(100_000, 10**8), dense.bytes_for(large)
    finally:
        torch.set_num_threads(before)
    assert many[0] - one[0] == 8 * 64 * PRODUCTS_AT_A_TIME + 63 * 32 * 100_000
    assert many[1] - one[1] > 63 * 10 * BLOCK_BYTES


@pytest.mark.parametrize("model", [NeighbourhoodAutoencoder(n_neighbours=5), ItemNeighbours()])
def test_the_places_of_weights_and_pairs_take_four_bytes(model, tmp_path):
    fitted = Recommender(model).fit(interactions(200, 60, 900))
    fitted.save(tmp_path / "m")
    for one in (fitted, load(tmp_path / "m")):
        weights = getattr(one.model_, "B_", None)
        weights = one.model_.S_ if weights is None else weights
        for sparse_one in (weights, one.support_.pairs):
            assert sparse_one.indices.dtype == sparse_one.indptr.dtype == np.int32


def test_fewer_pairs_are_counted_where_memory_is_short(monkeypatch):
    X = interactions(900, 1_000, 50_000).matrix
    few = Support.bytes_for(X, 2_000)
    monkeypatch.setattr(support, "available_memory", lambda: math.ceil(few / support.SHARE))
    assert Support.most_that_fit(X) == 2_000
    assert Support.most_that_fit(X, held=100 * support.PAIR_BYTES) == 1_910
    monkeypatch.setattr(support, "available_memory", lambda: 1 << 50)
    assert Support.most_that_fit(X) == support.MAX_PAIRS
    monkeypatch.setattr(support, "available_memory", lambda: 0)
    assert Support.most_that_fit(X) == 0


def test_pairs_that_fill_what_is_free_are_counted_without_asking_for_it_again(monkeypatch):
    X = interactions(900, 1_000, 50_000).matrix
    room = Support.bytes_for(X, 0) + 5_000 * support.PAIR_BYTES
    free = iter(
        [math.ceil(room / support.SHARE)]
    )  # one measurement to count into; none after the work
    monkeypatch.setattr(support, "available_memory", lambda: next(free, 0))
    assert 1_000 < Support.that_fits(X).pairs.nnz < 1_000 + 5_000


def test_a_refusal_of_pairs_says_what_to_do(monkeypatch):
    X = interactions(900, 1_000, 50_000).matrix
    monkeypatch.setattr(memory, "available_memory", lambda: 0)
    with pytest.raises(NotEnoughMemoryError) as refusal:
        Support.of(X)
    assert "counting the pairs of 1,000 items needs" in str(refusal.value)
    assert "support=False" in str(refusal.value)


def test_a_model_is_not_lost_for_pairs_that_memory_has_no_room_for(monkeypatch):
    log = interactions(900, 1_000, 50_000)
    with_pairs = Recommender(Popularity()).fit(log)
    monkeypatch.setattr(support, "available_memory", lambda: 0)
    without = Recommender(Popularity()).fit(log)
    assert with_pairs.support_.pairs.nnz > 0 == without.support_.pairs.nnz
    item = with_pairs.catalogue_.items.decode([0])[0]
    assert [r.support for r in without.also_bought([item], 3)[item]] == [0, 0, 0]


def test_no_more_pairs_are_foreseen_than_the_rows_hold():
    X = interactions(400, 50_000, 4_000).matrix  # 44,000 additions at most, of 1.2 billion pairs
    with measured() as cost:
        Support.of(X)
    slack = 2**23  # what is measured is the process's, in whole pages and arenas
    assert cost.added_bytes <= Support.bytes_for(X) + slack < 2**25


@pytest.mark.parametrize(
    ("n_values", "n_systems", "measured_ms"),
    [
        pytest.param(908_576, 104_632, [102, 120, 192, 511, 1_271], id="belgian-retail"),
        pytest.param(796_244, 9_065, [30, 38, 61, 128, 280], id="ml-1m-ultragcn"),
        pytest.param(810_128, 70_839, [76, 116, 139, 287, 1_060], id="gowalla"),
    ],
)
def test_turns_take_as_long_as_they_were_measured_to(n_values, n_systems, measured_ms):
    # of four products' worth of steps, on one thread
    foreseen = [step_products(n_values, n_systems, 2**n) for n in range(4, 9)]
    said = 4e3 * durations.STEP_PRODUCT * np.array(foreseen)
    np.testing.assert_allclose(said, measured_ms, rtol=0.3)


def test_a_search_and_a_dry_run_foresee_the_same_of_a_factorisation():
    logs = [interactions(n_users, 500, 9_000) for n_users in (900, 3_000)]
    seconds, work = [], []
    for log in logs:
        for n_latent in (16, 64, 256):
            seconds.append(seconds_to_fit(ALSAutoencoder(n_latent=n_latent), log))
            work.append(SEARCHES[ALSAutoencoder].work({"n_latent": n_latent}, log))
    np.testing.assert_allclose(np.array(seconds) / seconds[0], np.array(work) / work[0])


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (ALSAutoencoder, "n_latent"),
        (SpectralAutoencoder, "n_latent"),
        (KernelAutoencoder, "n_landmarks"),
    ],
)
def test_no_more_is_foreseen_than_the_rows_and_items_leave_room_for(kind, size, steady):
    log = interactions(40, 18, 232)
    most, far_more = (estimate(log, kind(**{size: n})) for n in (40, 10**9))
    assert far_more.memory_bytes == most.memory_bytes
    assert far_more.seconds < 10


def test_a_machine_is_as_fast_as_the_quicker_of_two_measurements(monkeypatch):
    looks = iter([10.0, 13.0, 20.0, 22.0])
    monkeypatch.setattr(durations, "perf_counter", lambda: next(looks))
    monkeypatch.setattr(durations, "PROBE", 10)
    assert durations._seconds_per_operation() == 2 / 10**3
